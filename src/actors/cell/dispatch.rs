//! Open orders of a cell: each tick pairs those that wait with free drivers of the cell and a ring that widens, and makes the offers.

use super::Cell;
use super::OfferEnded;
use crate::actors::driver::DriverActor;
use crate::actors::driver::MakeOffer;
use crate::actors::driver::ReloadDriver;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::eta::Town;
use crate::domain::fleet::Needs;
use crate::domain::fleet::VehicleKind;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::matching;
use crate::domain::matching::Candidate;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::Pairing;
use crate::domain::matching::Ready;
use crate::domain::matching::Record;
use crate::domain::matching::Tuning;
use crate::domain::matching::View;
use crate::domain::order::Order;
use crate::domain::time::Millis;
use crate::limits::CANDIDATES_MAX;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use crate::store::Offer;
use crate::store::OfferChange;
use crate::store::OfferOutcome;
use crate::store::StoreError;
use actix::Addr;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use bytestring::ByteString;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Time between two ticks while orders wait.
const TICK: Duration = Duration::from_millis(250);
/// An offer whose end nobody reported counts as over this long after its deadline, in milliseconds.
const OVERDUE_MS: i64 = 2_000;
/// Drivers who refused are asked again after this long without anybody else, in milliseconds.
const FORGIVE_MS: i64 = 60_000;
/// First radius, in metres; doubles with each tick that finds nobody, up to the match radius.
const FIRST_RADIUS_M: f64 = 1_000.0;

/// An order whose pickup lies here.
pub(super) struct Open {
    order: Arc<Order>,
    refused_by: HashSet<DriverId>,
    radius_m: f64,
    nobody_since: Option<Millis>,
    offer: Offering,
}

enum Offering {
    None,
    /// A driver is being asked whether they are free.
    Asking(Asked),
    /// Waits for a driver's answer until then.
    Made(Asked, Millis),
}

struct Asked {
    offer_id: OfferId,
    driver_id: DriverId,
}

impl Offering {
    fn asked(&self) -> Option<&Asked> {
        match self {
            Self::None => None,
            Self::Asking(asked) | Self::Made(asked, _) => Some(asked),
        }
    }

    fn is_of(&self, offer_id: &OfferId) -> bool {
        self.asked().is_some_and(|asked| asked.offer_id == *offer_id)
    }
}

/// From an order: it looks for a driver, and its pickup lies here. Repeated every few seconds.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OpenOrderHere {
    /// The order.
    pub order: Arc<Order>,
    /// Who has refused it already.
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
        if !self.tick_due {
            self.tick_due = true;
            ctx.run_later(wait, |cell, ctx| {
                cell.tick_due = false;
                cell.tick(ctx);
            });
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.open.is_empty() {
            return;
        }
        let now = clock::now();
        let mut waiting = Vec::new();
        let mut candidates: HashMap<DriverId, Candidate<Position>> = HashMap::new();
        for open in self.open.values_mut() {
            let overdue = matches!(open.offer, Offering::Made(_, until) if until + OVERDUE_MS < now);
            if overdue {
                open.offer = Offering::None;
            }
            if matches!(open.offer, Offering::None) {
                waiting.push(open.as_open());
                gather(&self.world, open, now, &mut candidates);
            }
        }
        let free: Vec<Candidate<Position>> = candidates.into_values().collect();
        let pairings = self.decide(now, &waiting, &free);
        self.widen(&waiting, &pairings, now);
        for pairing in pairings {
            self.offer(pairing, now, ctx);
        }
        self.tick_soon(ctx, TICK);
    }

    fn decide(&self, now: Millis, orders: &[OpenOrder<Position>], drivers: &[Candidate<Position>]) -> Vec<Pairing> {
        let Some(first) = orders.first() else { return Vec::new() };
        let tuning = Tuning { radius_m: self.world.tuning.match_radius_m, ..Tuning::default() };
        matching::decide(&View { now, orders, drivers }, &Town::around(first.pickup), &tuning).offers
    }

    /// Orders for which nobody was found look farther next time, and in the end ask again who refused.
    fn widen(&mut self, waiting: &[OpenOrder<Position>], pairings: &[Pairing], now: Millis) {
        let limit_m = self.world.tuning.match_radius_m;
        for order in waiting {
            let Some(open) = self.open.get_mut(&order.order_id) else { continue };
            if pairings.iter().any(|pairing| pairing.orders.contains(&order.order_id)) {
                open.nobody_since = None;
                continue;
            }
            open.radius_m = (open.radius_m * 2.0).min(limit_m);
            let since = *open.nobody_since.get_or_insert(now);
            if now.since(since) >= FORGIVE_MS {
                open.refused_by.clear();
                open.nobody_since = None;
            }
        }
    }

    fn offer(&mut self, pairing: Pairing, now: Millis, ctx: &mut Context<Self>) {
        let Some(order_id) = pairing.orders.into_iter().next() else { return };
        let Some(open) = self.open.get_mut(&order_id) else { return };
        let Ok(driver) = self.world.driver(&pairing.driver_id) else { return };
        let expires_at = now + self.world.tuning.offer_timeout_ms;
        let offer = Offer {
            offer_id: clock::offer_id(),
            order_id: order_id.clone(),
            driver_id: pairing.driver_id,
            created_at: now,
            expires_at,
            outcome: None,
        };
        let frame = encode(&OfferOut {
            offer_id: offer.offer_id.clone(),
            orders: vec![open.order.as_ref().into()],
            expires_at: to_rfc3339(expires_at),
            pickup_eta_s: pairing.pickup_eta_s,
        });
        let (offer_id, driver_id) = (offer.offer_id.clone(), offer.driver_id.clone());
        open.offer = Offering::Asking(Asked { offer_id: offer_id.clone(), driver_id });
        let work = ask_driver(self.world.clone(), driver, offer, frame);
        let done = wrap_future::<_, Self>(work).map(move |made, cell, _| {
            let Some(open) = cell.open.get_mut(&order_id) else { return };
            open.offer = match std::mem::replace(&mut open.offer, Offering::None) {
                Offering::Asking(asked) if asked.offer_id == offer_id => {
                    if made {
                        Offering::Made(asked, expires_at)
                    } else {
                        Offering::None
                    }
                }
                // Its end was heard of before its beginning.
                other => other,
            };
        });
        ctx.spawn(done);
    }
}

/// Asks a driver; whether the offer may now be waiting for their answer. When the driver's actor dies over it, the offer is taken back.
async fn ask_driver(world: Arc<World>, driver: Addr<DriverActor>, offer: Offer, frame: ByteString) -> bool {
    let (offer_id, driver_id) = (offer.offer_id.clone(), offer.driver_id.clone());
    if let Ok(made) = ask(&driver, MakeOffer { offer, frame }).await {
        return made;
    }
    let change = OfferChange { offer_id, outcome: OfferOutcome::Withdrawn, at: clock::now() };
    match world.store.orders.offer_close(change).await {
        Ok(_) => {
            if let Ok(driver) = world.driver(&driver_id) {
                tell(&driver, ReloadDriver);
            }
            false
        }
        Err(StoreError::NotFound) => false,
        // Unknown: wait as if it had been made, the deadline frees the order.
        Err(_) => true,
    }
}

impl Open {
    fn as_open(&self) -> OpenOrder<Position> {
        let due_at = self.order.due_at.unwrap_or(self.order.updated_at);
        OpenOrder {
            order_id: self.order.order_id.clone(),
            pickup: self.order.pickup.position,
            dropoff: self.order.dropoff.position,
            shared_pickup: self.order.merchant_id.clone(),
            placed_at: self.order.created_at,
            due_at,
            ready: Ready { at: self.order.prep.ready_at.unwrap_or(due_at), spread_s: 0.0 },
            needs: Needs::default(),
            refused_by: self.refused_by.clone(),
            mine: true,
        }
    }
}

/// Adds the free drivers near an order's pickup, as many as are weighed for one order.
fn gather(world: &World, open: &Open, now: Millis, into: &mut HashMap<DriverId, Candidate<Position>>) {
    let pickup = open.order.pickup.position;
    let stale_ms = world.tuning.stale_ms;
    let is_free = |live: &LiveDriver| {
        let is_fresh = stale_ms <= 0 || now.since(live.fix.timestamp) <= stale_ms;
        live.status == DriverStatus::Available && is_fresh
    };
    let limit = CANDIDATES_MAX + open.refused_by.len();
    for near in world.live.nearby(pickup, world.cell_at(pickup), open.radius_m, limit, is_free) {
        let position = near.live.fix.position;
        into.entry(near.driver_id.clone()).or_insert(Candidate {
            driver_id: near.driver_id,
            position,
            free_at: now,
            off_at: None,
            capacity: 1,
            vehicle: VehicleKind::Car,
            skills: BTreeSet::new(),
            idle_since: now,
            record: Record::default(),
        });
    }
}

impl Handler<OpenOrderHere> for Cell {
    type Result = ();

    fn handle(&mut self, message: OpenOrderHere, ctx: &mut Context<Self>) {
        let order_id = message.order.order_id.clone();
        let radius_m = FIRST_RADIUS_M.min(self.world.tuning.match_radius_m);
        let open = self.open.entry(order_id).or_insert_with(|| Open {
            order: message.order.clone(),
            refused_by: HashSet::new(),
            radius_m,
            nobody_since: None,
            offer: Offering::None,
        });
        // An offer that waits goes on waiting: what changed while searching is no reason to ask a second driver.
        open.order = message.order;
        if open.nobody_since.is_none() {
            open.refused_by.extend(message.refused_by);
        }
        self.report_soon(ctx);
        self.tick_soon(ctx, Duration::ZERO);
    }
}

impl Handler<CloseOrder> for Cell {
    type Result = ();

    fn handle(&mut self, message: CloseOrder, ctx: &mut Context<Self>) {
        let Some(closed) = self.open.remove(&message.order_id) else { return };
        self.report_soon(ctx);
        // Whoever was asked learns that it went another way.
        let asked = closed.offer.asked().and_then(|asked| self.world.directory.driver(&asked.driver_id));
        if let Some(driver) = asked {
            tell(&driver, ReloadDriver);
        }
    }
}

impl Handler<OfferEnded> for Cell {
    type Result = ();

    fn handle(&mut self, message: OfferEnded, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&message.order_id) else { return };
        if message.is_refusal() {
            open.refused_by.insert(message.driver_id);
        }
        if open.offer.is_of(&message.offer_id) {
            open.offer = Offering::None;
            self.tick_soon(ctx, Duration::ZERO);
        }
    }
}
