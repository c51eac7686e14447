//! Open orders of a cell: each tick pairs those that wait with free drivers of the cell and a ring that widens, and makes the offers.

use super::Cell;
use super::OfferEnded;
use crate::actors::driver::MakeOffer;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::ask;
use crate::actors::world::World;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::matching;
use crate::domain::matching::Candidate;
use crate::domain::matching::OpenOrder;
use crate::domain::matching::Pairing;
use crate::domain::order::Order;
use crate::domain::time::Millis;
use crate::limits::CANDIDATES_MAX;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::encode;
use crate::protocol::time::to_rfc3339;
use crate::store::Offer;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
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
    Asking,
    /// Waits for a driver's answer until then.
    Made(OfferId, Millis),
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
        let mut candidates: HashMap<DriverId, Candidate> = HashMap::new();
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
        let free: Vec<Candidate> = candidates.into_values().collect();
        let pairings = matching::decide(&waiting, &free, self.world.tuning.match_radius_m);
        self.widen(&waiting, &pairings, now);
        for pairing in pairings {
            self.offer(pairing, now, ctx);
        }
        self.tick_soon(ctx, TICK);
    }

    /// Orders for which nobody was found look farther next time, and in the end ask again who refused.
    fn widen(&mut self, waiting: &[OpenOrder], pairings: &[Pairing], now: Millis) {
        let limit_m = self.world.tuning.match_radius_m;
        for order in waiting {
            let Some(open) = self.open.get_mut(&order.order_id) else { continue };
            if pairings.iter().any(|pairing| pairing.order_id == order.order_id) {
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
        let Some(open) = self.open.get_mut(&pairing.order_id) else { return };
        let Ok(driver) = self.world.driver(&pairing.driver_id) else { return };
        let expires_at = now + self.world.tuning.offer_timeout_ms;
        let offer = Offer {
            offer_id: clock::offer_id(),
            order_id: pairing.order_id.clone(),
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
        open.offer = Offering::Asking;
        let offer_id = offer.offer_id.clone();
        let work = async move { ask(&driver, MakeOffer { offer, frame }).await };
        let done = wrap_future::<_, Self>(work).map(move |made, cell, _| {
            let Some(open) = cell.open.get_mut(&pairing.order_id) else { return };
            if matches!(open.offer, Offering::Asking) {
                // No answer means unknown: wait as if it had been made, the deadline frees the order.
                let is_made = made.unwrap_or(true);
                open.offer = if is_made { Offering::Made(offer_id, expires_at) } else { Offering::None };
            }
        });
        ctx.spawn(done);
    }
}

impl Open {
    fn as_open(&self) -> OpenOrder {
        OpenOrder {
            order_id: self.order.order_id.clone(),
            pickup: self.order.pickup.position,
            due_at: self.order.due_at.unwrap_or(self.order.updated_at),
            refused_by: self.refused_by.clone(),
        }
    }
}

/// Adds the free drivers near an order's pickup, as many as are weighed for one order.
fn gather(world: &World, open: &Open, now: Millis, into: &mut HashMap<DriverId, Candidate>) {
    let pickup = open.order.pickup.position;
    let stale_ms = world.tuning.stale_ms;
    let is_free = |live: &LiveDriver| {
        let is_fresh = stale_ms <= 0 || now.since(live.fix.timestamp) <= stale_ms;
        live.status == DriverStatus::Available && is_fresh
    };
    let limit = CANDIDATES_MAX + open.refused_by.len();
    for near in world.live.nearby(pickup, world.cell_at(pickup), open.radius_m, limit, is_free) {
        let position = near.live.fix.position;
        into.entry(near.driver_id.clone()).or_insert(Candidate { driver_id: near.driver_id, position });
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
        if open.order.version != message.order.version {
            open.order = message.order;
            open.offer = Offering::None;
        }
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
        if self.open.remove(&message.order_id).is_some() {
            self.report_soon(ctx);
        }
    }
}

impl Handler<OfferEnded> for Cell {
    type Result = ();

    fn handle(&mut self, message: OfferEnded, ctx: &mut Context<Self>) {
        let Some(open) = self.open.get_mut(&message.order_id) else { return };
        open.refused_by.insert(message.driver_id);
        let is_this = matches!(&open.offer, Offering::Made(offer_id, _) if *offer_id == message.offer_id);
        if is_this {
            open.offer = Offering::None;
            self.tick_soon(ctx, Duration::ZERO);
        }
    }
}
