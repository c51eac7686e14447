//! An order that has not ended: one actor that publishes its events, grants and revokes the right to watch its driver, and keeps it announced to the
//! cell of its pickup while it looks for one.
//!
//! It writes nothing: commands are done by the functions in `desk`, wherever they arrive, and reach this actor as hints. A hint that is lost or out of
//! order is made good by reading the store. When the actor dies its members are told to subscribe again.

mod load;
mod messages;
mod replay;

pub use messages::OrderCommitted;
pub use messages::OrderStands;
pub use messages::RecheckOrder;
pub use messages::SubscribeOrder;
pub use messages::UnsubscribeOrder;

use crate::actors::audience::Audience;
use crate::actors::audience::Member;
use crate::actors::board::Alert;
use crate::actors::board::OrderSeen;
use crate::actors::cell::CloseOrder;
use crate::actors::cell::OfferEnded;
use crate::actors::cell::OpenOrderHere;
use crate::actors::cell::WatchDriver;
use crate::actors::desk;
use crate::actors::driver::OrderChanged;
use crate::actors::engagements::Engagement;
use crate::actors::mailbox::tell;
use crate::actors::watch::LEASE_MS;
use crate::actors::watch::Watch;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Cause;
use crate::domain::dispatch::Progress;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::limits::MAILBOX_MAX;
use crate::protocol::outbound::order_frame;
use actix::Actor;
use actix::ActorContext;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use bytestring::ByteString;
use load::Loaded;
use load::load;
use load::load_first;
use replay::Replay;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often a searching order is announced again, and an order that waits for its kitchen looks at the clock.
const ANNOUNCE: Duration = Duration::from_secs(5);
/// How long an order that has ended stays for stragglers who still want to read its end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Pause before an order that could not be read is read again.
const RECHECK_RETRY: Duration = Duration::from_secs(1);
/// See the module.
pub struct OrderActor {
    order_id: OrderId,
    world: Arc<World>,
    order: Option<Arc<Order>>,
    events: Vec<OrderEvent>,
    refused_by: HashSet<DriverId>,
    audience: Arc<Audience>,
    watch: Option<Arc<Watch>>,
    rechecking: bool,
    recheck_again: bool,
    ended: bool,
    /// Sessions that are still being told what they have missed.
    replays: Vec<Replay>,
    replay_due: bool,
    /// Whether the driver gets nearer.
    progress: Option<Progress>,
}

impl OrderActor {
    /// An actor that loads before it reads its first message.
    pub fn new(order_id: OrderId, world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        Self {
            order_id,
            world,
            order: None,
            events: Vec::new(),
            refused_by: HashSet::new(),
            audience: Arc::default(),
            watch: None,
            rechecking: false,
            recheck_again: false,
            ended: false,
            replays: Vec::new(),
            replay_due: false,
            progress: None,
        }
    }

    fn version(&self) -> i64 {
        self.order.as_ref().map_or(0, |order| order.version)
    }

    /// Takes over what the store says, and tells whoever is concerned what is new in it.
    fn adopt(&mut self, loaded: Loaded, ctx: &mut Context<Self>) {
        if loaded.order.version < self.version() {
            return;
        }
        self.refused_by.extend(loaded.refused_by);
        let (shared, asked_at) = (loaded.shared, loaded.asked_at);
        let known = self.version();
        let news = loaded.events.into_iter().filter(|event| event.seq > known).collect();
        self.advance(Arc::new(loaded.order), news, ctx);
        self.settle_watch(shared, asked_at);
    }

    /// Publishes events that follow the known ones without a gap.
    fn advance(&mut self, order: Arc<Order>, events: Vec<OrderEvent>, ctx: &mut Context<Self>) {
        let first_look = self.order.is_none();
        let before = self.order.replace(order.clone());
        let holder = order.driver_id.as_ref().filter(|_| order.status.is_active());
        if self.watch.as_ref().is_some_and(|watch| holder != Some(&watch.driver_id)) {
            // Before anybody reads of the end, or of the next driver: from here on no position of this one can reach them.
            self.revoke();
        }
        let last_seq = events.last().map(|event| event.seq);
        for event in events {
            if !first_look {
                let newest = (Some(event.seq) == last_seq).then_some(order.as_ref());
                let frame = order_frame(&event, newest);
                self.audience.event(&self.order_id, event.seq, &frame);
                self.tell_driver(&event, before.as_deref(), &frame);
            }
            self.events.push(event);
        }
        self.tell_board(&order);
        self.announce();
        self.engage(&order);
        if order.status.is_terminal() && !self.ended {
            self.ended = true;
            self.world.directory.remove_order(&self.order_id, &ctx.address());
            ctx.run_later(FAREWELL, |_, ctx| ctx.stop());
        }
    }

    fn tell_driver(&self, event: &OrderEvent, before: Option<&Order>, frame: &ByteString) {
        let previous = before.and_then(|order| order.driver_id.as_ref());
        let current = event.driver_id.as_ref();
        for driver_id in previous.into_iter().chain(current.filter(|id| Some(*id) != previous)) {
            if let Some(driver) = self.world.directory.driver(driver_id) {
                tell(&driver, OrderChanged { frame: frame.clone() });
            }
        }
    }

    /// Notes when and where the driver will be free, and sees to it that the driver has an actor, who notices when they are lost.
    fn engage(&mut self, order: &Order) {
        let Some(driver_id) = order.driver_id.as_ref().filter(|_| order.status.is_active()) else {
            self.progress = None;
            return;
        };
        if let Err(error) = self.world.driver(driver_id) {
            tracing::warn!(%error, "no actor for a driver at work");
        }
        if let Some(until) = order.eta.dropoff_at {
            let (order_id, at) = (order.order_id.clone(), order.dropoff.position);
            self.world.engagements.note(driver_id, Engagement { order_id, until, at });
        }
    }

    /// Looks whether the driver gets nearer to where they are going. One who does not is taken off the order, or an operator is told.
    fn check_progress(&mut self) {
        let Some(order) = self.order.clone().filter(|order| order.status.is_active()) else { return };
        let stalled_ms = self.world.tuning.driver_stalled_ms;
        let Some(live) = order.driver_id.as_ref().and_then(|driver_id| self.world.live.get(driver_id)) else { return };
        let (now, at, stop) = (clock::now(), live.fix.position, next_stop(&order));
        let known = self.progress.take().filter(|progress| progress.stop() == stop);
        let mut progress = known.unwrap_or_else(|| Progress::begin(stop, at, now));
        let still_ms = progress.note(at, now);
        if stalled_ms <= 0 || still_ms < stalled_ms {
            self.progress = Some(progress);
            return;
        }
        // Watched afresh from here: told again, or tried again, after as long.
        let Some(driver_id) = order.driver_id.clone() else { return };
        let (world, order_id) = (self.world.clone(), self.order_id.clone());
        actix::spawn(async move {
            if !desk::release(&world, &driver_id, &order_id, Cause::NoProgress).await {
                world.alert(Alert {
                    code: "driver_stalled",
                    order_id: Some(order_id),
                    driver_id: Some(driver_id),
                    detail: "The driver who carries this order gets no nearer to the door.",
                });
            }
        });
    }

    fn tell_board(&self, order: &Arc<Order>) {
        if let Ok(board) = self.world.board() {
            tell(&board, OrderSeen { order: order.clone() });
        }
    }

    /// Keeps the pickup's cell informed while the order looks for a driver, and afterwards that it does no more.
    fn announce(&self) {
        let Some(order) = &self.order else { return };
        let pickup = self.world.cell_at(order.pickup.position);
        if order.status == Status::Searching && !order.is_parked() {
            if let Ok(cell) = self.world.cell(pickup) {
                tell(&cell, OpenOrderHere { order: order.clone(), refused_by: self.refused_by.clone() });
            }
        } else if let Some(cell) = self.world.directory.cell(pickup) {
            tell(&cell, CloseOrder { order_id: self.order_id.clone() });
        }
    }

    /// Begins or ends the right to watch, as the store has just said.
    fn settle_watch(&mut self, shared: bool, asked_at: Millis) {
        let Some(order) = self.order.clone() else { return };
        let driver_id = order.driver_id.clone().filter(|_| order.status.is_active() && shared);
        let current = self.watch.as_ref().filter(|watch| !watch.is_over()).map(|watch| watch.driver_id.clone());
        if driver_id != current {
            self.revoke();
            if let Some(driver_id) = driver_id {
                self.grant(driver_id, &order, asked_at + LEASE_MS);
            }
        }
        if let Some(watch) = &self.watch {
            watch.heads_to(next_stop(&order));
        }
    }

    fn grant(&mut self, driver_id: DriverId, order: &Order, lease_until: Millis) {
        let (audience, stop) = (self.audience.clone(), next_stop(order));
        let watch = Arc::new(Watch::new(self.order_id.clone(), driver_id, audience, stop, lease_until));
        // The registry first: a cell the driver enters from now on reads it there.
        self.world.watches.add(watch.clone());
        self.show(&watch, None);
        self.watch = Some(watch);
    }

    /// Has the driver's cell show where the driver is, to everybody or to one new member.
    fn show(&self, watch: &Arc<Watch>, member: Option<&Member>) {
        let cell = self.world.live.get(&watch.driver_id).and_then(|live| self.world.cell(live.cell).ok());
        match (cell, member) {
            (Some(cell), member) => {
                tell(&cell, WatchDriver { watch: watch.clone(), member: member.cloned() });
            }
            (None, Some(member)) => watch.show(member, None, clock::now()),
            (None, None) => watch.gone(clock::now()),
        }
    }

    fn is_watched(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| !watch.is_over())
    }

    fn revoke(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.revoke();
            self.world.watches.sweep(&watch.driver_id);
        }
    }

    /// Reads the store; requests that come meanwhile lead to one more look.
    fn recheck(&mut self, ctx: &mut Context<Self>) {
        if self.rechecking {
            self.recheck_again = true;
            return;
        }
        self.rechecking = true;
        let work = load(self.world.clone(), self.order_id.clone(), self.version());
        let done = wrap_future::<_, Self>(work).map(|loaded, actor, ctx| {
            match loaded {
                Ok(Some(loaded)) => actor.adopt(loaded, ctx),
                Ok(None) => ctx.stop(),
                Err(error) => {
                    tracing::warn!(order.id = %actor.order_id, %error, "order not read");
                    ctx.run_later(RECHECK_RETRY, |actor, ctx| {
                        actor.rechecking = false;
                        actor.recheck(ctx);
                    });
                    return;
                }
            }
            actor.rechecking = false;
            if std::mem::take(&mut actor.recheck_again) {
                actor.recheck(ctx);
            }
        });
        ctx.spawn(done);
    }
}

/// The stop the driver heads for: the pickup until the goods are picked up, then the door.
fn next_stop(order: &Order) -> Position {
    if order.status.is_before_pickup() { order.pickup.position } else { order.dropoff.position }
}

impl Actor for OrderActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let work = load_first(self.world.clone(), self.order_id.clone());
        let done = wrap_future::<_, Self>(work).map(|loaded, actor, ctx| match loaded {
            Ok(Some(loaded)) => actor.adopt(loaded, ctx),
            Ok(None) => ctx.stop(),
            Err(error) => {
                tracing::warn!(order.id = %actor.order_id, %error, "order not loaded");
                ctx.stop();
            }
        });
        // `wait`: nothing is read from the mailbox before the order is there.
        ctx.wait(done);
        ctx.run_interval(ANNOUNCE, |actor, ctx| {
            actor.check_progress();
            let Some(order) = &actor.order else { return };
            if order.status == Status::Searching {
                actor.announce();
            } else if order.status.is_active() && !actor.is_watched() {
                // Nobody may watch for now: the driver may have agreed without our hearing of it.
                actor.recheck(ctx);
            }
        });
    }

    fn stopped(&mut self, ctx: &mut Context<Self>) {
        self.world.directory.remove_order(&self.order_id, &ctx.address());
        self.revoke();
        if !self.ended {
            self.audience.poke();
        }
        self.replays.iter().for_each(|replay| replay.poke());
    }
}

impl Handler<OrderCommitted> for OrderActor {
    type Result = ();

    fn handle(&mut self, message: OrderCommitted, ctx: &mut Context<Self>) {
        let known = self.version();
        if message.order.version <= known {
            return;
        }
        self.refused_by.extend(message.refused_by);
        let news: Vec<OrderEvent> = message.events.into_iter().filter(|event| event.seq > known).collect();
        let is_gapless = news.first().is_some_and(|event| event.seq == known + 1);
        if is_gapless && self.order.is_some() {
            self.advance(message.order, news, ctx);
        }
        let needs_watch = self.order.as_ref().is_some_and(|order| order.status.is_active()) && !self.is_watched();
        if let (Some(watch), Some(order)) = (&self.watch, &self.order) {
            watch.heads_to(next_stop(order));
        }
        if !is_gapless || needs_watch {
            self.recheck(ctx);
        }
    }
}

impl Handler<RecheckOrder> for OrderActor {
    type Result = ();

    fn handle(&mut self, _message: RecheckOrder, ctx: &mut Context<Self>) {
        self.recheck(ctx);
    }
}

impl Handler<OrderStands> for OrderActor {
    type Result = ();

    fn handle(&mut self, message: OrderStands, ctx: &mut Context<Self>) {
        if message.version > self.version() {
            self.recheck(ctx);
        }
    }
}

impl Handler<OfferEnded> for OrderActor {
    type Result = ();

    fn handle(&mut self, message: OfferEnded, _ctx: &mut Context<Self>) {
        if message.is_refusal() {
            self.refused_by.insert(message.driver_id.clone());
        }
        let Some(order) = &self.order else { return };
        if let Ok(cell) = self.world.cell(self.world.cell_at(order.pickup.position)) {
            tell(&cell, message);
        }
    }
}
