//! A driver: one actor per driver who is connected, reporting or carrying an order.
//!
//! Owns the validation and order of fixes, the rate limit, what is settled, presence, and the reservation for one offer at a time. It outlives its
//! socket. Knows nothing of sockets but an outbox; knows orders only by id. When it dies, the next look-up makes a new one from the store: an
//! unacknowledged fix is sent again by the device, an open offer is read back.

mod attaching;
mod intake;
mod messages;
mod offering;
mod settling;

pub use messages::AttachSession;
pub use messages::DetachSession;
pub use messages::EndOffer;
pub use messages::FixesStored;
pub use messages::GetGreeting;
pub use messages::Greeting;
pub use messages::MakeOffer;
pub use messages::OrderChanged;
pub use messages::ReloadDriver;
pub use messages::ReportFix;
pub use messages::ReportFixes;
pub use messages::Reported;
#[cfg(test)]
pub use messages::TooMuch;

use crate::actors::desk;
use crate::actors::live::Standing;
use crate::actors::outbox::Event;
use crate::actors::outbox::Outbox;
use crate::actors::recorder::Recorder;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Offer;
use crate::domain::driver::Driver;
use crate::domain::driver::DriverStatus;
use crate::domain::fix::Bucket;
use crate::domain::fix::Fix;
use crate::domain::fix::Gate;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::ledger::Ledger;
use crate::domain::time::Millis;
use crate::limits::MAILBOX_MAX;
use crate::protocol::close::CloseCode;
use crate::store::DriverState;
use crate::store::FixRow;
use actix::Actor;
use actix::ActorContext;
use actix::Addr;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use bytestring::ByteString;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

/// How often an actor asks itself whether it is still needed.
const IDLE_CHECK: Duration = Duration::from_secs(60);
/// How often an actor asks itself whether its driver is lost.
const LOSS_CHECK: Duration = Duration::from_secs(1);
/// Pause before a driver who is still lost is seen to again, in milliseconds.
const LOSS_REPEAT_MS: i64 = 60_000;
/// Pause before the store is read again after it could not be.
const RELOAD_RETRY: Duration = Duration::from_secs(1);
/// Pause between two tries to load, in milliseconds; doubles.
const LOAD_RETRY_MS: u64 = 50;
/// Tries to load before the actor gives up and dies, to be made anew by the next look-up.
const LOAD_TRIES: u32 = 6;

/// The socket a driver is connected by.
struct Link {
    session: u64,
    outbox: Arc<Outbox>,
}

/// A live fix over the rate, kept until its turn comes or a newer one takes its place.
struct Held {
    fix: Arc<Fix>,
    read_at: Instant,
    /// Stored already, as part of a batch: only its publication waits.
    stored: bool,
}

/// What the store knows beyond the driver themselves.
#[derive(Default)]
struct Work {
    assignment: Option<(AssignmentId, Vec<OrderId>)>,
    offer: Option<Offer>,
}

/// See the module.
pub struct DriverActor {
    driver_id: DriverId,
    world: Arc<World>,
    driver: Driver,
    work: Work,
    /// An offer is being written: no other may begin.
    offering: bool,
    /// An offer was taken, and the assignment that came of it not read yet: not free either.
    settling: bool,
    /// Offers being closed in the store.
    concluding: Vec<OfferId>,
    link: Option<Link>,
    gate: Gate,
    ledger: Ledger,
    bucket: Bucket,
    held: Option<Held>,
    live: Option<Arc<Fix>>,
    backlog: Vec<FixRow>,
    /// A flush that found no room comes again by itself.
    flush_due: bool,
    record: u64,
    recorder: Option<Addr<Recorder>>,
    /// Records with the recorder, each with its number of fixes.
    on_way: VecDeque<(u64, usize)>,
    waiters: VecDeque<(u64, oneshot::Sender<()>)>,
    ack_due: bool,
    acked_at: Millis,
    heard_at: Millis,
    reloading: bool,
    reload_again: bool,
    standing: Arc<Standing>,
    /// When it was last seen to that nothing is heard of them.
    loss_seen_to: Millis,
}

impl DriverActor {
    /// An actor that loads before it reads its first message.
    pub fn new(driver_id: DriverId, world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        Self {
            driver: Driver::new(driver_id.clone()),
            driver_id,
            world,
            work: Work::default(),
            offering: false,
            settling: false,
            concluding: Vec::new(),
            link: None,
            gate: Gate::default(),
            ledger: Ledger::default(),
            bucket: Bucket::full(),
            held: None,
            live: None,
            backlog: Vec::new(),
            flush_due: false,
            record: 0,
            recorder: None,
            on_way: VecDeque::new(),
            waiters: VecDeque::new(),
            ack_due: false,
            acked_at: Millis(0),
            heard_at: clock::now(),
            reloading: false,
            reload_again: false,
            standing: Arc::default(),
            loss_seen_to: Millis(0),
        }
    }

    fn status(&self) -> DriverStatus {
        let has_offer = self.offering || self.settling || self.work.offer.is_some();
        DriverStatus::seen(self.driver.shift, has_offer, self.work.assignment.is_some())
    }

    /// Takes over what the store says, at the start of life.
    fn begin(&mut self, state: DriverState, ctx: &mut Context<Self>) {
        self.gate = Gate::resume(state.last_seq, state.newest.as_ref());
        self.ledger = Ledger::resume(state.last_seq);
        let now = clock::now();
        let gone_ms = self.world.tuning.gone_ms;
        let newest = state.newest.clone().filter(|fix| gone_ms <= 0 || now.since(fix.timestamp) < gone_ms);
        self.refresh(state, ctx);
        let Some(fix) = newest else { return };
        match self.world.live.get(&self.driver_id).map(|live| live.fix) {
            // The one before this actor had shown a newer one that was not stored yet.
            Some(shown) if shown.timestamp > fix.timestamp => {
                self.live = Some(shown);
                self.show_status();
            }
            _ => self.publish(Arc::new(fix), Instant::now()),
        }
    }

    /// Takes over the driver, their assignment and their offer, and shows the status that follows.
    fn refresh(&mut self, state: DriverState, ctx: &mut Context<Self>) {
        let before = self.status();
        self.settling = false;
        if let Some(driver) = state.driver {
            self.driver = driver;
        }
        self.work.assignment = state.assignment;
        if self.work.assignment.is_none() {
            self.world.engagements.end(&self.driver_id);
        }
        self.adopt_offer(state.offer, ctx);
        if self.stand(before) || self.status() != before {
            self.show_status();
        }
    }

    /// Takes over what matching wants to know; whether it has changed. Idleness counts from the end of the last work.
    fn stand(&mut self, before: DriverStatus) -> bool {
        let profile = &self.driver.profile;
        let was_at_work = matches!(before, DriverStatus::Busy | DriverStatus::Paused | DriverStatus::Offline);
        let is_at_work = self.status() != DriverStatus::Available;
        let idle_since = if was_at_work || is_at_work { clock::now() } else { self.standing.idle_since };
        let standing = Standing {
            vehicle: profile.vehicle,
            skills: profile.skills.clone(),
            room: profile.room(self.world.tuning.driver_capacity),
            record: self.driver.record,
            idle_since,
        };
        let is_new = standing != *self.standing;
        if is_new {
            self.standing = Arc::new(standing);
        }
        is_new
    }

    /// Takes a driver of whom nothing is heard any more off their orders, or tells the operators where the goods are with them already.
    fn notice_loss(&mut self) {
        let lost_ms = self.world.tuning.driver_lost_ms;
        let silent_ms = clock::now().since(self.heard_at);
        if lost_ms <= 0 || self.link.is_some() || silent_ms < lost_ms {
            return;
        }
        let now = clock::now();
        let Some((_, order_ids)) = self.work.assignment.clone() else { return };
        if now.since(self.loss_seen_to) < LOSS_REPEAT_MS {
            return;
        }
        self.loss_seen_to = now;
        let (world, driver_id) = (self.world.clone(), self.driver_id.clone());
        actix::spawn(async move { desk::lose(&world, &driver_id, order_ids).await });
    }

    /// Reads the store again; requests that come meanwhile lead to one more look.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        if self.reloading || self.offering {
            self.reload_again = true;
            return;
        }
        self.reloading = true;
        let (world, driver_id) = (self.world.clone(), self.driver_id.clone());
        let work = async move { world.store.drivers.driver_load(driver_id, clock::now()).await };
        let done = wrap_future::<_, Self>(work).map(|state, actor, ctx| match state {
            Ok(state) => {
                actor.reloading = false;
                if actor.offering {
                    actor.reload_again = true;
                } else if std::mem::take(&mut actor.reload_again) {
                    // What was read may be older than what has happened since.
                    actor.reload(ctx);
                } else {
                    actor.refresh(state, ctx);
                }
            }
            Err(error) => {
                tracing::warn!(driver.id = %actor.driver_id, %error, "driver not read again");
                ctx.run_later(RELOAD_RETRY, |actor, ctx| {
                    actor.reloading = false;
                    actor.reload(ctx);
                });
            }
        });
        ctx.spawn(done);
    }

    /// Something changed here that a read under way may not have seen: what it brings does not count.
    fn outdate_reload(&mut self) {
        self.reload_again |= self.reloading;
    }

    fn show_status(&self) {
        self.world.live.set_status(&self.driver_id, self.status(), self.standing.clone());
        self.touch_cell();
    }

    fn send(&self, text: ByteString) {
        if let Some(link) = &self.link {
            link.outbox.event(Event { text, tag: None });
        }
    }

    fn is_needed(&self) -> bool {
        let idle_ms = clock::now().since(self.heard_at);
        let patience_ms = self.world.tuning.gone_ms.max(60_000);
        self.link.is_some()
            || self.work.assignment.is_some()
            || self.status() == DriverStatus::Offered
            || !self.backlog.is_empty()
            || !self.on_way.is_empty()
            || !self.waiters.is_empty()
            || idle_ms < patience_ms
    }
}

/// Reads a driver's state, patiently; `None` when the store stays away.
async fn load(world: Arc<World>, driver_id: DriverId) -> Option<DriverState> {
    let mut pause_ms = LOAD_RETRY_MS;
    for _ in 0..LOAD_TRIES {
        match world.store.drivers.driver_load(driver_id.clone(), clock::now()).await {
            Ok(state) => return Some(state),
            Err(error) => tracing::warn!(driver.id = %driver_id, %error, "driver not loaded"),
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms *= 2;
    }
    None
}

impl Actor for DriverActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let work = load(self.world.clone(), self.driver_id.clone());
        let done = wrap_future::<_, Self>(work).map(|state, actor, ctx| match state {
            Some(state) => actor.begin(state, ctx),
            None => ctx.stop(),
        });
        // `wait`: nothing is read from the mailbox before the state is there.
        ctx.wait(done);
        ctx.run_interval(LOSS_CHECK, |actor, _| actor.notice_loss());
        ctx.run_interval(IDLE_CHECK, |actor, ctx| {
            if !actor.is_needed() {
                ctx.stop();
            }
        });
    }

    fn stopped(&mut self, ctx: &mut Context<Self>) {
        self.world.directory.remove_driver(&self.driver_id, &ctx.address());
        if let Some(link) = self.link.take() {
            link.outbox.close(CloseCode::Restarting, "retry_ms=300");
        }
    }
}

impl Handler<ReloadDriver> for DriverActor {
    type Result = ();

    fn handle(&mut self, _message: ReloadDriver, ctx: &mut Context<Self>) {
        self.reload(ctx);
    }
}

impl Handler<OrderChanged> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: OrderChanged, ctx: &mut Context<Self>) {
        self.send(message.frame);
        self.reload(ctx);
    }
}
