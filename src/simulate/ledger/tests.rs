use super::super::plane::LatLng;
use super::*;
use crate::simulate::wire::Prep;

fn ledger() -> Ledger {
    Ledger::new(Arc::new(Tally::new()))
}

fn time(second: i64) -> Option<String> {
    Some(format!("2026-03-01T12:00:{second:02}.000Z"))
}

fn order(order_id: &str, version: i64, status: Status, assignment: Option<(&str, &str)>) -> Order {
    let at = LatLng { latitude: 43.77, longitude: 11.25 };
    Order {
        order_id: order_id.to_owned(),
        status,
        version,
        customer_id: None,
        merchant_id: None,
        driver_id: assignment.map(|(driver_id, _)| driver_id.to_owned()),
        assignment_id: assignment.map(|(_, assignment_id)| assignment_id.to_owned()),
        created_at: time(0),
        due_at: time(2),
        pickup: at,
        dropoff: at,
        prep: Some(Prep { state: "ready".to_owned(), seconds: 0.0, ready_at: time(9) }),
    }
}

/// An event at a second of its own, with the order after it.
fn event(second: i64, order: Order) -> OrderEvent {
    OrderEvent {
        order_id: order.order_id.clone(),
        seq: order.version,
        status: order.status,
        at: time(second),
        driver_id: order.driver_id.clone(),
        order: Some(order),
    }
}

fn p50_ms(ledger: &Ledger, span: Span) -> Option<u64> {
    ledger.tally.span(span).percentile_ms(0.5)
}

#[test]
fn each_part_of_an_order_is_measured_once_by_the_servers_clock() {
    let ledger = ledger();
    ledger.placed(&order("o", 3, Status::Searching, None));
    assert_eq!(ledger.waiting(), 1);
    let d1 = Some(("D1", "a"));
    let events = [
        event(5, order("o", 4, Status::Assigned, d1)),
        event(8, order("o", 5, Status::AtPickup, d1)),
        event(20, order("o", 6, Status::PickedUp, d1)),
        event(40, order("o", 7, Status::AtDropoff, d1)),
    ];
    for event in &events {
        ledger.heard(event);
        ledger.heard(event);
    }
    assert_eq!(ledger.waiting(), 0);
    let end = event(50, order("o", 8, Status::Delivered, d1));
    ledger.heard(&end);
    ledger.heard(&end);
    assert_eq!(ledger.tally.get(Count::OrdersDelivered), 1);
    let spans = [
        (Span::DueToAssigned, 3_000),
        (Span::ClickToAssigned, 5_000),
        (Span::ReadyToPickup, 11_000),
        (Span::AssignedToDelivered, 45_000),
        (Span::ClickToDoor, 50_000),
    ];
    for (span, ms) in spans {
        assert_eq!((ledger.tally.span(span).count(), p50_ms(&ledger, span)), (1, Some(ms)), "{span:?}");
    }
    assert!(ledger.open_orders().is_empty());
    assert_eq!(ledger.tally.violations(), 0);
}

#[test]
fn the_first_driver_counts_and_a_second_after_a_search_is_no_double() {
    let ledger = ledger();
    ledger.placed(&order("o", 3, Status::Searching, None));
    ledger.heard(&event(5, order("o", 4, Status::Assigned, Some(("D1", "a")))));
    // The second driver hears of it before the first one hears that the order was taken away.
    ledger.heard(&event(30, order("o", 6, Status::Assigned, Some(("D2", "b")))));
    ledger.heard(&event(20, order("o", 5, Status::Searching, None)));
    assert_eq!(p50_ms(&ledger, Span::DueToAssigned), Some(3_000));
    assert_eq!((ledger.waiting(), ledger.tally.get(Count::DoubleAssignments)), (0, 0));
}

#[test]
fn an_order_with_two_drivers_is_caught() {
    for second_seq in [4, 5] {
        let ledger = ledger();
        ledger.heard(&event(5, order("o", 4, Status::Assigned, Some(("D1", "a")))));
        ledger.heard(&event(6, order("o", second_seq, Status::Assigned, Some(("D2", "b")))));
        assert_eq!(ledger.tally.get(Count::DoubleAssignments), 1);
        assert!(ledger.tally.told()[0].contains("two drivers"), "{:?}", ledger.tally.told());
    }
}

#[test]
fn a_driver_with_two_assignments_is_suspected_and_one_with_a_bundle_is_not() {
    let ledger = ledger();
    ledger.heard(&event(5, order("o-1", 4, Status::Assigned, Some(("D1", "a")))));
    ledger.heard(&event(5, order("o-2", 4, Status::Assigned, Some(("D1", "a")))));
    assert_eq!(ledger.suspicion(), None, "a bundle");
    ledger.heard(&event(9, order("o-3", 4, Status::Assigned, Some(("D1", "b")))));
    let suspicion = ledger.suspicion().unwrap();
    assert_eq!((suspicion.driver_id.as_str(), suspicion.later_order.as_str()), ("D1", "o-3"));
    assert_eq!(ledger.tally.violations(), 0, "not before the server says so");
    ledger.confirmed(&suspicion);
    assert_eq!((ledger.tally.get(Count::DoubleAssignments), ledger.tally.violations()), (1, 1));
}

#[test]
fn a_driver_who_has_delivered_may_have_another_assignment() {
    let ledger = ledger();
    for (number, assignment) in [("o-1", "a"), ("o-2", "b"), ("o-3", "c")] {
        let held = Some(("D1", assignment));
        ledger.heard(&event(5, order(number, 4, Status::Assigned, held)));
        ledger.heard(&event(6, order(number, 8, Status::Delivered, held)));
    }
    assert_eq!(ledger.suspicion(), None);
    assert_eq!(ledger.tally.get(Count::OrdersDelivered), 0, "not placed by this run");
}
