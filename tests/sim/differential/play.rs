//! Who asks: the crate's own rules, on rows that were read just now or a while ago, and now and then somebody who has got it wrong.

use super::flaw::spoil;
use super::pair::Call;
use crate::desk::place::new_order;
use crate::people::customer::customer_id;
use crate::protocol::Draft;
use crate::rng::Rng;
use crate::sim::START;
use crate::store::model::Model;
use beeline::domain::dispatch::AuditEntry;
use beeline::domain::dispatch::Cause;
use beeline::domain::dispatch::Command;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Offer;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::dispatch::Refusal;
use beeline::domain::driver::Driver;
use beeline::domain::driver::Shift;
use beeline::domain::geo::Position;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order;
use beeline::domain::order::By;
use beeline::domain::order::Order;
use beeline::domain::order::Status;
use beeline::domain::order::Step;
use beeline::domain::time::Millis;
use beeline::store::Answer;
use beeline::store::Claim;

/// People of a sequence: few, so that they meet.
const DRIVERS: usize = 4;
const KEYS: usize = 6;
/// Time that passes between two calls at most, in milliseconds; and now and then, enough for a key to be forgotten.
const PAUSE_MS: i64 = 6_000;
const LONG_PAUSE_MS: i64 = 7 * 60 * 60 * 1_000;
/// A driver has so long to answer, in milliseconds.
const OFFER_MS: i64 = 20_000;

/// What somebody has read.
#[derive(Clone, Default)]
struct Rows {
    orders: Vec<Order>,
    drivers: Vec<Driver>,
    offers: Vec<Offer>,
}

impl Rows {
    fn of(model: &Model) -> Self {
        Self {
            orders: model.orders.values().cloned().collect(),
            drivers: model.drivers.values().cloned().collect(),
            offers: model.offers.values().cloned().collect(),
        }
    }
}

/// See the module.
pub struct Play {
    rng: Rng,
    pub now: Millis,
    numbers: usize,
    /// Read a while ago.
    before: Rows,
}

impl Play {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), now: START, numbers: 0, before: Rows::default() }
    }

    /// The next call; none where the rules allow nothing.
    pub fn next(&mut self, model: &Model) -> Option<Call> {
        let pause_ms = if self.rng.chance(0.01) { LONG_PAUSE_MS } else { PAUSE_MS };
        self.now = self.now + self.rng.between(0, pause_ms);
        let fresh = Rows::of(model);
        if self.rng.chance(0.2) {
            self.before = fresh.clone();
        }
        let rows = if self.rng.chance(0.25) { self.before.clone() } else { fresh };
        match self.rng.below(20) {
            0..2 => Some(self.place(&rows)),
            2 => Some(self.answer()),
            3..5 => Some(self.save(&rows)),
            5..9 => self.offer(&rows),
            9..14 => self.settle_offer(&rows),
            14 if self.rng.chance(0.4) => Some(self.withdraw(&rows)),
            _ => self.move_on(&rows),
        }
    }

    fn id(&mut self) -> String {
        self.numbers += 1;
        format!("x{:05}", self.numbers)
    }

    fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.rng.below(from.len()))
    }

    fn driver_id(&self) -> DriverId {
        DriverId::from_generated(format!("driver{}", self.rng.below(DRIVERS)))
    }

    fn claim(&self) -> Claim {
        let body = u8::from(self.rng.chance(0.2));
        let key = format!("key{}", self.rng.below(KEYS));
        Claim { principal: "customer".to_owned(), key, body_hash: [body; 32], now: self.now }
    }

    fn place(&mut self, rows: &Rows) -> Call {
        let fresh = OrderId::from_generated(self.id());
        let taken = self.pick(&rows.orders).filter(|_| self.rng.chance(0.1)).map(|order| order.order_id.clone());
        let place = |rng: &Rng| Position::new(43.77 + 0.02 * rng.unit(), 11.25 + 0.02 * rng.unit()).unwrap();
        let draft = Draft {
            customer_id: customer_id(self.rng.below(3)),
            merchant_id: None,
            pickup: place(&self.rng),
            dropoff: place(&self.rng),
            prep_seconds: u32::try_from(self.rng.below(900)).unwrap(),
            unpaid: self.rng.chance(0.1),
        };
        let order = new_order(taken.unwrap_or(fresh), &draft, self.now);
        let claim = self.rng.chance(0.5).then(|| self.claim());
        Call::Place { event: order::created(&order), order: Box::new(order), claim }
    }

    fn answer(&mut self) -> Call {
        let body = self.id();
        Call::Answer { claim: self.claim(), answer: Answer { status: 201, body } }
    }

    fn save(&mut self, rows: &Rows) -> Call {
        let driver_id = self.driver_id();
        let stored = rows.drivers.iter().find(|driver| driver.driver_id == driver_id).cloned();
        let wanted = if self.rng.chance(0.8) { Shift::Available } else { Shift::Paused };
        let driver = stored.unwrap_or_else(|| Driver::new(driver_id.clone()));
        let audit = self.rng.chance(0.2).then(|| AuditEntry {
            at: self.now,
            actor: "operator:op".to_owned(),
            act: "driver_status".to_owned(),
            order_id: None,
            driver_id: Some(driver_id),
            detail: None,
        });
        Call::Save { driver: Box::new(driver.ask(wanted, Some(true), self.now).unwrap()), audit }
    }

    fn offer(&mut self, rows: &Rows) -> Option<Call> {
        let is_careful = self.rng.chance(0.9);
        let fits = |order: &&Order| !is_careful || order.status == Status::Searching && !order.is_parked();
        let orders: Vec<&Order> = rows.orders.iter().filter(fits).collect();
        let count = if self.rng.chance(0.4) { 2 } else { 1 };
        let mut order_ids = Vec::new();
        for _ in 0..count {
            order_ids.push(self.pick(&orders)?.order_id.clone());
        }
        if self.rng.chance(0.03) {
            order_ids.push(OrderId::from_generated("nowhere".to_owned()));
        }
        let known = self.pick(&rows.offers).filter(|_| self.rng.chance(0.03)).map(|offer| offer.offer_id.clone());
        let offer_id = OfferId::from_generated(self.id());
        Some(Call::Offer(Offer {
            offer_id: known.unwrap_or(offer_id),
            driver_id: self.driver_id(),
            order_ids,
            created_at: self.now,
            expires_at: self.now + OFFER_MS,
            pickup_eta_s: 60,
            score: self.rng.unit(),
            outcome: None,
        }))
    }

    fn withdraw(&mut self, rows: &Rows) -> Call {
        let unknown = OfferId::from_generated("nowhere".to_owned());
        let any = self.rng.chance(0.3);
        let offers: Vec<&Offer> = rows.offers.iter().filter(|offer| any || offer.outcome.is_none()).collect();
        let offer_id = self.pick(&offers).filter(|_| self.rng.chance(0.9)).map(|offer| offer.offer_id.clone());
        Call::Withdraw { offer_id: offer_id.unwrap_or(unknown), at: self.now }
    }

    /// Answers one of the last offers.
    fn settle_offer(&mut self, rows: &Rows) -> Option<Call> {
        let open: Vec<&Offer> = rows.offers.iter().filter(|offer| offer.outcome.is_none()).collect();
        let offer = (*self.pick(&open)?).clone();
        let of = |order_id: &OrderId| rows.orders.iter().find(|order| order.order_id == *order_id).cloned();
        let orders: Vec<Order> = offer.order_ids.iter().filter_map(of).collect();
        let driver = rows.drivers.iter().find(|driver| driver.driver_id == offer.driver_id).cloned();
        let driver = driver.unwrap_or_else(|| Driver::new(offer.driver_id.clone()));
        let outcome = self.rng.below(4);
        self.commit(|command| match outcome {
            0 => command.refuse(&offer, &orders, OfferOutcome::Declined),
            1 => command.refuse(&offer, &orders, OfferOutcome::Expired),
            _ => command.accept(&offer, &orders, &driver),
        })
    }

    /// Whatever may be done to an order where it stands.
    fn move_on(&mut self, rows: &Rows) -> Option<Call> {
        let open: Vec<&Order> = rows.orders.iter().filter(|order| !order.status.is_terminal()).collect();
        let order = (*self.pick(&open)?).clone();
        let (operator, choice) = (By::Operator("operator:op".to_owned()), self.rng.below(12));
        let driver = self.pick(&rows.drivers).cloned();
        let carrier = order.driver_id.clone().map(By::Driver);
        self.commit(|command| match (order.status, choice) {
            (_, 0) => command.step(&order, &Step::Cancel, &operator, None),
            (_, 1) => command.step(&order, &Step::Ready, &By::Merchant, None),
            (Status::Created, _) => command.settle(&order, order.note.clone()),
            (Status::Searching, _) if order.is_parked() && choice > 8 => command.purge(&order, &operator),
            (Status::Searching, _) if order.is_parked() => command.retry(&order, &operator),
            (Status::Searching, 2..4) => command.park(&order, "no_driver", 3),
            (Status::Assigned | Status::AtPickup, 2..4) => {
                command.release(std::slice::from_ref(&order), Cause::DriverLost, &By::System)
            }
            (Status::Searching, _) | (Status::Assigned | Status::AtPickup, 4..6) => {
                command.assign(&order, driver.as_ref().ok_or(Refusal::Outdated)?, &operator)
            }
            (Status::PickedUp | Status::AtDropoff, 2) => command.step(&order, &Step::Fail, &By::System, None),
            (status, _) => {
                let step = match status {
                    Status::Assigned => Step::ArriveAtPickup,
                    Status::AtPickup => Step::PickUp,
                    Status::PickedUp => Step::ArriveAtDropoff,
                    _ => Step::Deliver,
                };
                command.step(&order, &step, carrier.as_ref().unwrap_or(&By::System), None)
            }
        })
    }

    fn commit(&mut self, decide: impl FnOnce(&mut Command<'_>) -> Result<Commit, Refusal>) -> Option<Call> {
        let (now, numbers) = (self.now, &mut self.numbers);
        let mut fresh = || {
            *numbers += 1;
            format!("x{numbers:05}")
        };
        let mut command = Command { now, fresh: &mut fresh, whereabouts: &|_| None };
        let mut commit = decide(&mut command).ok()?;
        if self.rng.chance(0.2) {
            spoil(&mut commit, &self.rng);
        }
        Some(Call::Commit(Box::new(commit)))
    }
}
