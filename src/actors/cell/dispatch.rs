//! The cell's matching tick: the orders of its book, the drivers round about, one decision, and the offers that come of it.

use super::Cell;
use super::OfferEnded;
use crate::actors::desk;
use crate::actors::driver::DriverActor;
use crate::actors::driver::MakeOffer;
use crate::actors::driver::ReloadDriver;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::Policy;
use crate::domain::dispatch::Want;
use crate::domain::driver::DriverStatus;
use crate::domain::eta::Town;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::matching;
use crate::domain::matching::Candidate;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::Pairing;
use crate::domain::matching::Plan;
use crate::domain::matching::Record;
use crate::domain::matching::Tuning;
use crate::domain::matching::View;
use crate::domain::matching::WaitReason;
use crate::domain::order::Order;
use crate::domain::time::Millis;
use crate::limits::CANDIDATES_MAX;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use crate::store::StoreError;
use actix::Addr;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use bytestring::ByteString;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Time between two ticks while an order is due.
const TICK: Duration = Duration::from_millis(250);
/// Time between two ticks while all orders wait for their moment: drivers move, kitchens change their word.
const CALM_TICK: Duration = Duration::from_secs(1);
/// Drivers who will be free within this time are weighed with those who are, in milliseconds.
const SOON_FREE_MS: i64 = 10 * 60 * 1_000;

/// From an order: it looks for a driver, and its pickup lies here. Repeated every few seconds.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OpenOrderHere {
    /// The order.
    pub order: Arc<Order>,
    /// Who is not to be asked.
    pub refused_by: HashSet<DriverId>,
}

/// From an order: it looks for a driver no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseOrder {
    /// The order.
    pub order_id: OrderId,
}

impl Cell {
    fn tick_soon(&mut self, ctx: &mut Context<Self>, wait: Duration) {
        let due = Instant::now() + wait;
        if self.tick_due.is_some_and(|earlier| earlier <= due) {
            return;
        }
        self.tick_due = Some(due);
        ctx.run_later(wait, move |cell, ctx| {
            // An earlier one may have come in between.
            if cell.tick_due == Some(due) {
                cell.tick_due = None;
                cell.tick(ctx);
            }
        });
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.book.is_empty() || self.deciding {
            return;
        }
        let now = clock::now();
        let wants = self.book.begin_tick(now);
        if wants.is_empty() {
            self.tick_soon(ctx, TICK);
            return;
        }
        self.deciding = true;
        let scene = self.scene(wants, now);
        let work = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            (scene.decide(), began.elapsed())
        });
        let done = wrap_future::<_, Self>(work).map(move |decided, cell, ctx| {
            cell.deciding = false;
            match decided {
                Ok((plan, took)) => {
                    cell.world.metrics.dispatch.decision.observe(took);
                    cell.carry_out(plan, ctx);
                }
                Err(error) => {
                    tracing::error!(%error, cell = %cell.id, "a decision came to nothing");
                    cell.tick_soon(ctx, CALM_TICK);
                }
            }
        });
        ctx.spawn(done);
    }

    /// Makes the offers of a decision. What has changed while it was made is seen by the book and the drivers.
    fn carry_out(&mut self, plan: Plan, ctx: &mut Context<Self>) {
        let now = clock::now();
        for given_up in self.book.end_tick(&plan.waits, now, clock::jitter) {
            let world = self.world.clone();
            actix::spawn(async move { desk::park(&world, given_up.order_id, given_up.tries).await });
        }
        let is_calm = plan.waits.iter().all(|wait| {
            matches!(wait.reason, WaitReason::LaterIsBetter | WaitReason::NotDue | WaitReason::DriverSoonFree)
        });
        for pairing in plan.offers {
            self.offer(pairing, now, ctx);
        }
        self.tick_soon(ctx, if is_calm { CALM_TICK } else { TICK });
    }

    fn scene(&self, wants: Vec<Want>, now: Millis) -> Scene {
        let mut drivers: HashMap<DriverId, Candidate<Position>> = HashMap::new();
        for want in &wants {
            gather(&self.world, want, now, &mut drivers);
        }
        let mut drivers: Vec<Candidate<Position>> = drivers.into_values().collect();
        drivers.sort_unstable_by(|a, b| a.driver_id.cmp(&b.driver_id));
        let orders = wants.into_iter().map(|want| want.order).collect();
        let tuning = Tuning { radius_m: self.world.tuning.match_radius_m, ..Tuning::default() };
        Scene { now, orders, drivers, tuning, policy: self.world.tuning.policy }
    }

    fn offer(&mut self, pairing: Pairing, now: Millis, ctx: &mut Context<Self>) {
        let Ok(driver) = self.world.driver(&pairing.driver_id) else { return };
        let offer = Offer {
            offer_id: clock::offer_id(),
            driver_id: pairing.driver_id,
            order_ids: pairing.orders,
            created_at: now,
            expires_at: now + self.world.tuning.offer_timeout_ms,
            pickup_eta_s: pairing.pickup_eta_s,
            score: pairing.score,
            outcome: None,
        };
        if !self.book.ask(&offer) {
            return;
        }
        let orders = offer.order_ids.iter().filter_map(|order_id| self.book.order(order_id));
        let frame = encode(&OfferOut {
            offer_id: offer.offer_id.clone(),
            orders: orders.map(|order| order.as_ref().into()).collect(),
            expires_at: to_rfc3339(offer.expires_at),
            pickup_eta_s: offer.pickup_eta_s,
        });
        let work = ask_driver(self.world.clone(), driver, offer.clone(), frame);
        let done = wrap_future::<_, Self>(work).map(move |made, cell, ctx| {
            if made {
                cell.world.metrics.dispatch.offers_made.inc();
                return;
            }
            for order_id in &offer.order_ids {
                cell.book.end_offer(order_id, &offer.offer_id, &offer.driver_id, false);
            }
            cell.tick_soon(ctx, TICK);
        });
        ctx.spawn(done);
    }
}

/// All that a decision is made from. It is made beside the workers: their sockets do not wait for it.
struct Scene {
    now: Millis,
    orders: Vec<OpenOrder<Position>>,
    drivers: Vec<Candidate<Position>>,
    tuning: Tuning,
    policy: Policy,
}

impl Scene {
    fn decide(&self) -> Plan {
        let Some(centre) = self.orders.first().map(|order| order.pickup) else { return Plan::default() };
        let view = View { now: self.now, orders: &self.orders, drivers: &self.drivers };
        match self.policy {
            Policy::Optimal => matching::decide(&view, &Town::around(centre), &self.tuning),
            Policy::Nearest => matching::nearest(&view, &Town::around(centre), &self.tuning),
        }
    }
}

/// Asks a driver; whether the offer may now be waiting for their answer. When the driver's actor dies over it, the offer is taken back.
async fn ask_driver(world: Arc<World>, driver: Addr<DriverActor>, offer: Offer, frame: ByteString) -> bool {
    let (offer_id, driver_id) = (offer.offer_id.clone(), offer.driver_id.clone());
    if let Ok(made) = ask(&driver, MakeOffer { offer, frame }).await {
        return made;
    }
    match world.store.orders.offer_withdraw(offer_id, clock::now()).await {
        Ok(_) => {
            if let Ok(driver) = world.driver(&driver_id) {
                tell(&driver, ReloadDriver);
            }
            false
        }
        Err(StoreError::NotFound) => false,
        // Unknown: wait as if it had been made, the deadline frees the orders.
        Err(_) => true,
    }
}

/// Adds the drivers near an order's pickup who are free or will be soon, as many as are weighed for one order.
fn gather(world: &World, want: &Want, now: Millis, into: &mut HashMap<DriverId, Candidate<Position>>) {
    let pickup = want.order.pickup;
    let stale_ms = world.tuning.stale_ms;
    let is_candidate = |live: &LiveDriver| {
        let is_fresh = stale_ms <= 0 || now.since(live.fix.timestamp) <= stale_ms;
        is_fresh && matches!(live.status, DriverStatus::Available | DriverStatus::Busy)
    };
    let limit = CANDIDATES_MAX + want.order.refused_by.len();
    for near in world.live.nearby(pickup, world.cell_at(pickup), want.radius_m, limit, is_candidate) {
        let (live, driver_id) = (near.live, near.driver_id);
        let (position, free_at) = if live.status == DriverStatus::Available {
            (live.fix.position, now)
        } else {
            match world.engagements.get(&driver_id).filter(|work| work.until.since(now) <= SOON_FREE_MS) {
                // One who is late could be free any moment, but is not yet.
                Some(work) => (work.at, work.until.max(now + 1_000)),
                None => continue,
            }
        };
        let standing = &live.standing;
        into.entry(driver_id.clone()).or_insert_with(|| Candidate {
            driver_id,
            position,
            free_at,
            off_at: None,
            capacity: standing.room,
            vehicle: standing.vehicle,
            skills: standing.skills.clone(),
            idle_since: standing.idle_since,
            record: Record { acceptance: standing.record.acceptance(), on_time: standing.record.punctuality() },
        });
    }
}

impl Handler<OpenOrderHere> for Cell {
    type Result = ();

    fn handle(&mut self, message: OpenOrderHere, ctx: &mut Context<Self>) {
        self.book.note(message.order, message.refused_by);
        self.report_soon(ctx);
        self.tick_soon(ctx, Duration::ZERO);
    }
}

impl Handler<CloseOrder> for Cell {
    type Result = ();

    fn handle(&mut self, message: CloseOrder, ctx: &mut Context<Self>) {
        let asked = self.book.close(&message.order_id);
        self.report_soon(ctx);
        // Whoever was asked learns that it went another way.
        if let Some(driver) = asked.and_then(|driver_id| self.world.directory.driver(&driver_id)) {
            tell(&driver, ReloadDriver);
        }
    }
}

impl Handler<OfferEnded> for Cell {
    type Result = ();

    fn handle(&mut self, message: OfferEnded, ctx: &mut Context<Self>) {
        let OfferEnded { order_id, offer_id, driver_id, outcome } = message;
        if self.book.end_offer(&order_id, &offer_id, &driver_id, outcome.is_refusal()) {
            self.tick_soon(ctx, Duration::ZERO);
        }
    }
}
