//! The cell's matching tick: the orders of its book, the drivers round about, one decision, and the offers that come of it.

use super::Cell;
use super::OfferEnded;
use crate::actors::desk;
use crate::actors::driver::DriverActor;
use crate::actors::driver::MakeOffer;
use crate::actors::driver::ReloadDriver;
use crate::actors::live::LiveDriver;
use crate::actors::live::Nearby;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::cell::CellId;
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
use crate::domain::matching::Surroundings;
use crate::domain::matching::Tuning;
use crate::domain::matching::WaitReason;
use crate::domain::order::Order;
use crate::domain::time::Millis;
use crate::limits::CELL_DRIVERS_MAX;
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
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Time between two ticks while an order is due.
const TICK: Duration = Duration::from_millis(250);
/// Time between two ticks while all orders wait for their moment: drivers move, kitchens change their word.
const CALM_TICK: Duration = Duration::from_secs(1);
/// From arriving at the door until the driver is free: both halves of what matching counts for it.
const HANDOVER_MS: i64 = 120_000;
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
        if self.deciding {
            return;
        }
        let now = clock::now();
        let wants = self.book.begin_tick(now);
        if wants.is_empty() {
            self.world.demand.put(self.id, Vec::new());
        }
        if self.book.is_empty() {
            return;
        }
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
        let world = &self.world;
        let radius_m = wants.iter().map(|want| want.radius_m).fold(0.0, f64::max);
        let own: Vec<OpenOrder<Position>> = wants.into_iter().map(|want| want.order).collect();
        world.demand.put(self.id, own.clone());
        let centre = self.id.centre().or_else(|| own.first().map(|order| order.pickup));
        let (foreign, drivers) = centre.map_or_else(Default::default, |centre| {
            (world.demand.around(self.id, centre, 2.0 * radius_m), candidates(world, self.id, centre, radius_m, now))
        });
        let tuning = Tuning { radius_m: world.tuning.match_radius_m, ..Tuning::default() };
        Scene { now, centre, around: Surroundings { own, foreign, drivers }, tuning, policy: world.tuning.policy }
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
    centre: Option<Position>,
    around: Surroundings<Position>,
    tuning: Tuning,
    policy: Policy,
}

impl Scene {
    fn decide(self) -> Plan {
        let Some(centre) = self.centre else { return Plan::default() };
        let town = Town::around(centre);
        let view = self.around.narrow(self.now, &town, &self.tuning);
        match self.policy {
            Policy::Optimal => matching::decide(&view.at(self.now), &town, &self.tuning),
            Policy::Nearest => matching::nearest(&view.at(self.now), &town, &self.tuning),
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

/// The drivers around a cell who are free or will be soon, the nearest first. Its own orders lie so close together that who is near one is near all.
fn candidates(world: &World, cell: CellId, centre: Position, radius_m: f64, now: Millis) -> Vec<Candidate<Position>> {
    let stale_ms = world.tuning.stale_ms;
    let is_candidate = |live: &LiveDriver| {
        let is_fresh = stale_ms <= 0 || now.since(live.fix.timestamp) <= stale_ms;
        is_fresh && matches!(live.status, DriverStatus::Available | DriverStatus::Busy)
    };
    // From the centre the far corner of the cell is that much farther.
    let reach_m = radius_m + cell.boundary().iter().map(|corner| corner.distance_m(centre)).fold(0.0, f64::max);
    let near = world.live.nearby(centre, cell, reach_m, CELL_DRIVERS_MAX, is_candidate);
    near.into_iter().filter_map(|near| candidate(world, near, now)).collect()
}

/// A driver as matching sees them; nothing when they are at work and nobody knows for how long, or for too long.
fn candidate(world: &World, near: Nearby, now: Millis) -> Option<Candidate<Position>> {
    let Nearby { driver_id, live, .. } = near;
    let (position, free_at) = if live.status == DriverStatus::Available {
        (live.fix.position, now)
    } else {
        let work = world.engagements.get(&driver_id).filter(|work| work.until.since(now) <= SOON_FREE_MS)?;
        // The arrival is foreseen without the handing over. One who is late is taken to be as late again: whoever could be
        // free any moment would for ever look better than somebody who is.
        (work.at, work.until.max(now + now.since(work.until)) + HANDOVER_MS)
    };
    let standing = &live.standing;
    Some(Candidate {
        driver_id,
        position,
        free_at,
        off_at: None,
        capacity: standing.room,
        vehicle: standing.vehicle,
        skills: standing.skills.clone(),
        idle_since: standing.idle_since,
        record: Record { acceptance: standing.record.acceptance(), on_time: standing.record.punctuality() },
    })
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
