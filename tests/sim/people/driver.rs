//! A driver with a phone: says when they work, answers offers or does not, brings orders to the door step by step, hands some back, and is silent at times.

use crate::exec::Owner;
use crate::net::Command;
use crate::people::customer::step;
use crate::protocol::Reply;
use crate::protocol::Request;
use crate::sim::Sim;
use crate::trace::Subject;
use beeline::domain::dispatch::Offer;
use beeline::domain::driver::Shift;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::order::By;
use beeline::domain::order::Order;
use beeline::domain::order::Status;
use beeline::domain::order::Step;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A phone looks at least this often what there is to do, in milliseconds.
const LOOK_MS: i64 = 4_000;

/// Goes on until the run ends.
pub async fn live(sim: Rc<Sim>, driver_id: DriverId) {
    let phone = sim.phones.borrow().get(&driver_id).cloned().unwrap();
    let mut decided = BTreeSet::new();
    shift(&sim, &driver_id, Shift::Available).await;
    loop {
        let faults = sim.faults();
        if sim.rng.chance(faults.silent * 0.1) {
            be_silent(&sim, &driver_id).await;
        }
        if sim.rng.chance(faults.paused * 0.1) {
            shift(&sim, &driver_id, Shift::Paused).await;
            wait(&sim, &driver_id, 20_000).await;
            shift(&sim, &driver_id, Shift::Available).await;
        }
        be_heard(&sim, &driver_id);
        if let Some(offer) = sim.exec.take(&phone, LOOK_MS).await {
            answer(&sim, offer, &mut decided).await;
        }
        be_heard(&sim, &driver_id);
        let look = Command::new(&sim, Request::Work { driver_id: driver_id.clone() });
        let node = sim.rng.below(crate::sim::NODES);
        let Some(Reply::Work { orders, offer }) = look.ask(&sim, node).await else { continue };
        if let Some(offer) = offer {
            answer(&sim, offer, &mut decided).await;
        }
        for order in orders {
            carry(&sim, &driver_id, order).await;
        }
    }
}

fn be_heard(sim: &Sim, driver_id: &DriverId) {
    if let Some(at) = sim.streets.borrow_mut().get_mut(driver_id) {
        at.heard_at = sim.now();
    }
}

/// Passes time, with the phone on.
async fn wait(sim: &Sim, driver_id: &DriverId, mut milliseconds: i64) {
    while milliseconds > 0 {
        be_heard(sim, driver_id);
        sim.exec.sleep(milliseconds.min(10_000)).await;
        milliseconds -= 10_000;
    }
}

/// The phone is off for a while: for some until all is calm, and for some of those for good.
async fn be_silent(sim: &Sim, driver_id: &DriverId) {
    sim.note("silent", Subject::Driver(driver_id.clone()), 0);
    if sim.rng.chance(0.6) {
        sim.exec.sleep(sim.rng.between(5_000, 120_000)).await;
        return;
    }
    let comes_back = sim.rng.chance(0.5);
    while !(comes_back && sim.is_calm.get()) {
        sim.exec.sleep(60_000).await;
    }
}

async fn shift(sim: &Rc<Sim>, driver_id: &DriverId, shift: Shift) {
    Command::new(sim, Request::Shift { driver_id: driver_id.clone(), shift }).settle(sim).await;
}

/// Makes up their mind about an offer, once.
async fn answer(sim: &Rc<Sim>, offer: Offer, decided: &mut BTreeSet<OfferId>) {
    let faults = sim.faults();
    if !decided.insert(offer.offer_id.clone()) || sim.rng.chance(faults.ignored) {
        return;
    }
    let says_no = sim.rng.chance(faults.declined);
    sim.exec.sleep(sim.rng.between(100, 4_000)).await;
    let (driver_id, offer_id) = (offer.driver_id, offer.offer_id);
    let request = match says_no {
        true => Request::Decline { driver_id: driver_id.clone(), offer_id },
        false => Request::Accept { driver_id: driver_id.clone(), offer_id },
    };
    let command = Command::new(sim, request);
    // A thumb that hits twice.
    if sim.rng.chance(faults.repeated) {
        let (sim, command) = (sim.clone(), command.clone());
        sim.clone().exec.spawn(Owner::World, async move {
            command.settle(&sim).await;
        });
    }
    command.settle(sim).await;
}

/// The next step of an order in hand.
async fn carry(sim: &Rc<Sim>, driver_id: &DriverId, order: Order) {
    let faults = sim.faults();
    wait(sim, driver_id, sim.rng.between(500, 12_000)).await;
    let may_hand_back = matches!(order.status, Status::Assigned | Status::AtPickup);
    let next = match order.status {
        _ if may_hand_back && sim.rng.chance(faults.handed_back * 0.4) => Step::Release,
        Status::Assigned => Step::ArriveAtPickup,
        Status::AtPickup => Step::PickUp,
        Status::PickedUp => Step::ArriveAtDropoff,
        Status::AtDropoff if sim.rng.chance(0.03) => Step::Fail,
        Status::AtDropoff => Step::Deliver,
        _ => return,
    };
    let there = if order.status == Status::Assigned { order.pickup.position } else { order.dropoff.position };
    if order.status != Status::AtPickup
        && let Some(at) = sim.streets.borrow_mut().get_mut(driver_id)
    {
        at.position = there;
    }
    step(sim, &order.order_id, next, By::Driver(driver_id.clone())).await;
    be_heard(sim, driver_id);
}
