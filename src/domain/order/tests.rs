//! The step table, checked against a second writing of it and by properties over random histories.

use super::*;
use crate::domain::fleet::Needs;
use crate::domain::geo::Position;
use crate::domain::ids::CustomerId;
use crate::domain::ids::MerchantId;
use proptest::prelude::*;

fn driver(id: &str) -> DriverId {
    DriverId::parse(id).unwrap()
}

fn assign(id: &str) -> Step {
    Step::Assign { driver_id: driver(id), assignment_id: AssignmentId::parse("a1").unwrap() }
}

pub(crate) fn order(status: Status) -> Order {
    let place = |lat| Place { position: Position::new(lat, 11.25).unwrap(), address: None };
    let carried = status.is_active() || status == Status::Delivered;
    Order {
        order_id: OrderId::parse("o1").unwrap(),
        kind: Kind::Food,
        status,
        version: 1,
        customer_id: CustomerId::parse("c1").unwrap(),
        merchant_id: Some(MerchantId::parse("m1").unwrap()),
        driver_id: carried.then(|| driver("d1")),
        assignment_id: carried.then(|| AssignmentId::parse("a0").unwrap()),
        pickup: place(43.77),
        dropoff: place(43.78),
        items: vec![],
        prep: Prep { ready: false, seconds: 600, ready_at: None },
        scheduled_for: None,
        due_at: None,
        price: Price { amount: 0, currency: "EUR".to_owned() },
        eta: Arrivals::default(),
        promised_at: None,
        needs: Needs::default(),
        searches: 0,
        note: None,
        created_at: Millis(0),
        updated_at: Millis(0),
        geo_key: "851ea523fffffff".to_owned(),
    }
}

fn steps() -> Vec<Step> {
    vec![
        Step::Pay,
        Step::Schedule,
        Step::Search,
        assign("d1"),
        assign("d2"),
        Step::ArriveAtPickup,
        Step::PickUp,
        Step::ArriveAtDropoff,
        Step::Deliver,
        Step::Release,
        Step::Refuse { lapsed: false },
        Step::Refuse { lapsed: true },
        Step::Park,
        Step::Retry,
        Step::Ready,
        Step::Cancel,
        Step::Fail,
    ]
}

fn people() -> Vec<By> {
    vec![
        By::Customer,
        By::Merchant,
        By::Driver(driver("d1")),
        By::Driver(driver("d2")),
        By::Operator("op".to_owned()),
        By::System,
    ]
}

/// The contract's arrows, written down once more: from, to.
const ARROWS: &[(Status, Status)] = &[
    (Status::Created, Status::Paid),
    (Status::Paid, Status::Scheduled),
    (Status::Paid, Status::Searching),
    (Status::Scheduled, Status::Searching),
    (Status::Searching, Status::Assigned),
    (Status::Assigned, Status::AtPickup),
    (Status::AtPickup, Status::PickedUp),
    (Status::PickedUp, Status::AtDropoff),
    (Status::AtDropoff, Status::Delivered),
    (Status::Assigned, Status::Searching),
    (Status::AtPickup, Status::Searching),
    (Status::Created, Status::Failed),
    (Status::Searching, Status::Failed),
    (Status::PickedUp, Status::Failed),
    (Status::AtDropoff, Status::Failed),
    (Status::Created, Status::Cancelled),
    (Status::Paid, Status::Cancelled),
    (Status::Scheduled, Status::Cancelled),
    (Status::Searching, Status::Cancelled),
    (Status::Assigned, Status::Cancelled),
    (Status::AtPickup, Status::Cancelled),
    (Status::PickedUp, Status::Cancelled),
    (Status::AtDropoff, Status::Cancelled),
];

#[test]
fn every_cell_of_the_step_table_leads_along_an_arrow_and_every_arrow_is_taken() {
    let mut taken = std::collections::HashSet::new();
    for from in Status::ALL {
        for wanted in steps() {
            for by in people() {
                let Ok(done) = step(&order(from), &wanted, &by, None, Millis(5)) else { continue };
                let to = done.order.status;
                if matches!(wanted, Step::Ready | Step::Refuse { .. } | Step::Park | Step::Retry) {
                    assert_eq!(from, to);
                } else {
                    assert!(ARROWS.contains(&(from, to)), "{from:?} -> {to:?} by {by:?}");
                    taken.insert((from, to));
                }
                assert_eq!((done.order.version, done.event.seq, done.event.status), (2, 2, to));
            }
        }
    }
    assert_eq!(taken.len(), ARROWS.len());
}

#[test]
fn customers_and_merchants_cancel_before_pickup_and_operators_at_any_time() {
    for from in Status::ALL {
        let may = |by: By| step(&order(from), &Step::Cancel, &by, None, Millis(5)).is_ok();
        let before_pickup = from.is_before_pickup();
        assert_eq!(may(By::Customer), before_pickup, "{from:?}");
        assert_eq!(may(By::Merchant), before_pickup, "{from:?}");
        assert_eq!(may(By::Operator("op".to_owned())), !from.is_terminal(), "{from:?}");
        assert!(!may(By::Driver(driver("d1"))) && !may(By::System));
    }
}

#[test]
fn another_driver_never_moves_an_order() {
    for from in Status::ALL {
        for wanted in steps() {
            let other = By::Driver(driver("d2"));
            assert_eq!(step(&order(from), &wanted, &other, None, Millis(5)), Err(Refused::NotYours));
        }
    }
}

#[test]
fn a_step_taken_twice_is_the_same_step() {
    let own = By::Driver(driver("d1"));
    let picked_up = order(Status::PickedUp);
    assert_eq!(step(&picked_up, &Step::PickUp, &own, None, Millis(5)), Err(Refused::AlreadyTaken));
    assert_eq!(step(&picked_up, &Step::ArriveAtPickup, &own, None, Millis(5)), Err(Refused::AlreadyTaken));
    assert_eq!(step(&picked_up, &Step::Deliver, &own, None, Millis(5)), Err(Refused::Illegal));
    let cancelled = order(Status::Cancelled);
    assert_eq!(step(&cancelled, &Step::Cancel, &By::Customer, None, Millis(5)), Err(Refused::AlreadyTaken));
}

#[test]
fn a_released_order_forgets_its_driver_and_is_due_again() {
    let released = step(&order(Status::AtPickup), &Step::Release, &By::System, None, Millis(9)).unwrap().order;
    assert_eq!((released.driver_id, released.assignment_id), (None, None));
    assert_eq!((released.status, released.due_at), (Status::Searching, Some(Millis(9))));
}

#[test]
fn preparation_runs_from_the_payment() {
    let paid = step(&order(Status::Created), &Step::Pay, &By::System, None, Millis(1_000)).unwrap().order;
    assert_eq!(paid.prep, Prep { ready: false, seconds: 600, ready_at: Some(Millis(601_000)) });
    let mut nothing_to_do = order(Status::Created);
    nothing_to_do.prep.seconds = 0;
    let paid = step(&nothing_to_do, &Step::Pay, &By::System, None, Millis(1_000)).unwrap().order;
    assert_eq!(paid.prep, Prep { ready: true, seconds: 0, ready_at: Some(Millis(1_000)) });
}

proptest! {
    #[test]
    fn any_history_keeps_the_invariants(picks in prop::collection::vec((0usize..13, 0usize..6), 0..120)) {
        let (all_steps, all_people) = (steps(), people());
        let mut now = order(Status::Created);
        for (tick, (which, who)) in picks.into_iter().enumerate() {
            let at = Millis(i64::try_from(tick).unwrap());
            let before = now.clone();
            if let Ok(done) = step(&before, &all_steps[which], &all_people[who], None, at) {
                prop_assert!(!before.status.is_terminal());
                prop_assert_eq!(done.order.version, before.version + 1);
                prop_assert!(done.order.updated_at >= before.updated_at);
                now = done.order;
            }
            prop_assert_eq!(now.driver_id.is_some(), now.assignment_id.is_some());
            if now.status.is_active() || now.status == Status::Delivered {
                prop_assert!(now.driver_id.is_some());
            }
            if matches!(now.status, Status::Created | Status::Paid | Status::Scheduled | Status::Searching) {
                prop_assert!(now.driver_id.is_none());
            }
        }
    }
}
