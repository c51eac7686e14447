//! Commands over rows made by hand.

use super::*;
use crate::domain::dispatch::AssignmentChange;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::Driver;
use crate::domain::driver::Shift;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::LEAD_MS;
use crate::domain::order::Prep;
use crate::domain::order::tests::order as an_order;

const NOW: Millis = Millis(1_000_000);

fn open(id: &str) -> Order {
    Order {
        order_id: OrderId::parse(id).unwrap(),
        due_at: Some(Millis(0)),
        prep: Prep { ready: true, seconds: 0, ready_at: Some(Millis(0)) },
        ..an_order(Status::Searching)
    }
}

fn driver(id: &str) -> Driver {
    let driver_id = DriverId::parse(id).unwrap();
    Driver { shift: Shift::Available, share_location: true, version: 7, ..Driver::new(driver_id) }
}

fn offer(to: &str, orders: &[Order]) -> Offer {
    Offer {
        offer_id: OfferId::parse("f1").unwrap(),
        driver_id: DriverId::parse(to).unwrap(),
        order_ids: orders.iter().map(|order| order.order_id.clone()).collect(),
        created_at: Millis(0),
        expires_at: NOW + 1_000,
        pickup_eta_s: 60,
        score: 12.5,
        outcome: None,
    }
}

/// Runs a command at [`NOW`] with numbered ids, drivers standing at the pickup.
fn at_now<T>(work: impl FnOnce(&mut Command<'_>) -> T) -> T {
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        format!("id-{count}")
    };
    let whereabouts = |_: &DriverId| Some(an_order(Status::Searching).pickup.position);
    work(&mut Command { now: NOW, fresh: &mut fresh, whereabouts: &whereabouts })
}

fn kinds(commit: &Commit) -> Vec<(&str, i64)> {
    commit.published.iter().map(|event| (event.kind.event_type(), event.version)).collect()
}

fn given(commit: &Commit, place: usize) -> &Order {
    &commit.changes[place].order
}

#[test]
fn accepting_takes_every_order_of_the_offer_into_one_assignment() {
    let orders = [open("a"), open("b")];
    let commit = at_now(|command| command.accept(&offer("d1", &orders), &orders, &driver("d1"))).unwrap();
    let (first, second) = (given(&commit, 0), given(&commit, 1));
    assert_eq!((first.status, second.status), (Status::Assigned, Status::Assigned));
    assert_eq!(first.assignment_id, second.assignment_id);
    let begins = matches!(&commit.assignments[..], [AssignmentChange::Begin { driver_version: 7, .. }]);
    assert!(begins, "{:?}", commit.assignments);
    assert_eq!(commit.offer.as_ref().map(|change| change.outcome), Some(OfferOutcome::Accepted));
    assert_eq!(kinds(&commit), [("DriverAssigned", 2), ("DriverAssigned", 2)]);
    assert!(first.promised_at.is_some() && first.promised_at < second.promised_at, "one door after the other");
}

#[test]
fn an_offer_that_lapsed_was_answered_or_lost_an_order_is_closed() {
    let orders = [open("a"), open("b")];
    let me = driver("d1");
    let late = Offer { expires_at: NOW - 1, ..offer("d1", &orders) };
    let answered = Offer { outcome: Some(OfferOutcome::Declined), ..offer("d1", &orders) };
    let fine = offer("d1", &orders);
    let mut gone = orders.clone();
    gone[1].status = Status::Cancelled;
    let closed = Err(Refusal::OfferClosed);
    assert_eq!(at_now(|command| command.accept(&late, &orders, &me)), closed);
    assert_eq!(at_now(|command| command.accept(&answered, &orders, &me)), closed);
    assert_eq!(at_now(|command| command.accept(&fine, &gone, &me)), closed);
    assert_eq!(at_now(|command| command.accept(&fine, &orders[..1], &me)), closed);
    assert_eq!(at_now(|command| command.accept(&fine, &orders, &driver("d2"))), closed, "another driver's");
    assert_eq!(at_now(|command| command.refuse(&answered, &orders, OfferOutcome::Expired)), closed);
}

#[test]
fn refusing_raises_the_version_and_asks_again_without_the_driver() {
    let orders = [open("a")];
    let commit = at_now(|command| command.refuse(&offer("d1", &orders), &orders, OfferOutcome::Declined)).unwrap();
    let after = given(&commit, 0);
    assert_eq!((after.status, after.version, after.searches), (Status::Searching, 2, 1));
    assert_eq!(commit.changes[0].events[0].event, "offer_declined");
    assert_eq!(commit.changes[0].events[0].driver_id, None, "nobody learns who declined");
    assert_eq!(commit.refused_by.as_ref().map(DriverId::as_str), Some("d1"));
    assert_eq!(kinds(&commit), [("AssignmentFailed", 2), ("AssignmentRequested", 2)]);
}

#[test]
fn taking_a_driver_off_ends_the_assignment_and_looks_again() {
    let carried = an_order(Status::AtPickup);
    let commit =
        at_now(|command| command.release(std::slice::from_ref(&carried), Cause::DriverLost, &By::System)).unwrap();
    let after = given(&commit, 0);
    assert_eq!((after.status, &after.driver_id, &after.assignment_id), (Status::Searching, &None, &None));
    assert!(
        matches!(&commit.assignments[..], [AssignmentChange::Leave { assignment_id }] if assignment_id.as_str() == "a0")
    );
    assert_eq!(commit.refused_by.as_ref().map(DriverId::as_str), Some("d1"));
    assert_eq!(commit.audit, None, "nobody did it by hand");
    let picked_up = an_order(Status::PickedUp);
    let too_late = at_now(|command| command.release(&[picked_up], Cause::DriverLost, &By::System));
    assert_eq!(too_late, Err(Refusal::Step(Refused::Illegal)));
}

#[test]
fn an_operator_moves_an_order_to_another_driver_in_one_commit() {
    let carried = an_order(Status::Assigned);
    let by = By::Operator("operator:op".to_owned());
    let commit = at_now(|command| command.assign(&carried, &driver("d2"), &by)).unwrap();
    let change = &commit.changes[0];
    assert_eq!((change.expected_version, change.order.version), (1, 3));
    let names: Vec<&str> = change.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["released", "assigned"]);
    assert_eq!(change.order.driver_id.as_ref().map(DriverId::as_str), Some("d2"));
    assert!(matches!(&commit.assignments[..], [AssignmentChange::Leave { .. }, AssignmentChange::Begin { .. }]));
    assert_eq!(
        commit.audit.as_ref().map(|entry| (entry.actor.as_str(), entry.act.as_str())),
        Some(("operator:op", "reassign"))
    );
    let again = at_now(|command| command.assign(&carried, &driver("d1"), &by));
    assert_eq!(again, Err(Refusal::Step(Refused::AlreadyTaken)));
}

#[test]
fn a_parked_order_waits_for_a_person() {
    let order = open("a");
    let commit = at_now(|command| command.park(&order, "no_driver", 10)).unwrap();
    let parked = given(&commit, 0).clone();
    assert!(parked.is_parked());
    assert_eq!(
        commit.dead_letter.as_ref().map(|letter| (letter.tries, letter.cause.as_str())),
        Some((10, "no_driver"))
    );
    let again = at_now(|command| command.park(&parked, "no_driver", 10));
    assert_eq!(again, Err(Refusal::Step(Refused::AlreadyTaken)));
    let by = By::Operator("op".to_owned());
    let replayed = at_now(|command| command.retry(&parked, &by)).unwrap();
    assert_eq!(given(&replayed, 0).due_at, Some(NOW));
    assert_eq!(kinds(&replayed), [("AssignmentRequested", 3)]);
    assert_eq!(at_now(|command| command.retry(&order, &by)), Err(Refusal::Step(Refused::AlreadyTaken)));
    let purged = at_now(|command| command.purge(&parked, &by)).unwrap();
    assert_eq!(given(&purged, 0).status, Status::Failed);
}

#[test]
fn matching_acts_some_time_before_the_kitchen_is_done() {
    let hour = Prep { ready: false, seconds: 3_600, ready_at: None };
    let created = Order { prep: hour, ..an_order(Status::Created) };
    let commit = at_now(|command| command.settle(&created, None)).unwrap();
    let order = given(&commit, 0).clone();
    assert_eq!(order.due_at, Some(NOW + 3_600_000 - LEAD_MS));
    let ready = at_now(|command| command.step(&order, &Step::Ready, &By::Merchant, None)).unwrap();
    assert_eq!(given(&ready, 0).due_at, Some(NOW), "a kitchen done early is due at once");
    let declined = at_now(|command| command.settle(&created, Some("no money".to_owned()))).unwrap();
    assert_eq!(given(&declined, 0).status, Status::Failed);
}

#[test]
fn a_delivery_counts_as_on_time_by_what_was_foreseen() {
    let deliver = |promised_at| {
        let order = Order { promised_at, ..an_order(Status::AtDropoff) };
        let by = By::Driver(DriverId::parse("d1").unwrap());
        at_now(|command| command.step(&order, &Step::Deliver, &by, None)).unwrap().record
    };
    let on_time = |record| matches!(record, Some(RecordChange::Delivered { on_time: true, .. }));
    assert!(on_time(deliver(Some(NOW))));
    assert!(on_time(deliver(Some(NOW - ON_TIME_GRACE_MS))));
    assert!(!on_time(deliver(Some(NOW - ON_TIME_GRACE_MS - 1))));
    assert!(on_time(deliver(None)), "nothing was foreseen");
}
