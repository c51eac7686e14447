//! A book by hand.

use super::*;
use crate::domain::order::Status;
use crate::domain::order::tests::order as an_order;

fn order(id: &str) -> Arc<Order> {
    let order_id = OrderId::parse(id).unwrap();
    Arc::new(Order { order_id, due_at: Some(Millis(0)), ..an_order(Status::Searching) })
}

fn driver(id: &str) -> DriverId {
    DriverId::parse(id).unwrap()
}

fn book() -> Book {
    Book::new(Rules { radius_m: 4_000.0, tries_max: 3 })
}

fn offer(to: &str, orders: &[&str]) -> Offer {
    Offer {
        offer_id: OfferId::parse(&format!("offer-to-{to}")).unwrap(),
        driver_id: driver(to),
        order_ids: orders.iter().map(|id| OrderId::parse(id).unwrap()).collect(),
        created_at: Millis(0),
        expires_at: Millis(20_000),
        pickup_eta_s: 1,
        score: 0.0,
        outcome: None,
    }
}

fn nobody(id: &str) -> Wait {
    Wait { order_id: OrderId::parse(id).unwrap(), until: None, reason: WaitReason::NobodyNear }
}

fn wanted(book: &mut Book, now: i64) -> Vec<(String, f64)> {
    let wants = book.begin_tick(Millis(now));
    wants.into_iter().map(|want| (want.order.order_id.to_string(), want.radius_m)).collect()
}

#[test]
fn an_order_that_is_asked_about_waits_for_the_answer_or_the_deadline() {
    let mut book = book();
    book.note(order("a"), HashSet::new());
    book.note(order("b"), HashSet::new());
    let both = offer("d1", &["a", "b"]);
    assert!(book.ask(&both));
    assert!(!book.ask(&offer("d2", &["b"])), "nobody else is asked meanwhile");
    assert!(wanted(&mut book, 20_000).is_empty() && !book.has_waiting());
    let a = OrderId::parse("a").unwrap();
    assert!(book.end_offer(&a, &both.offer_id, &driver("d1"), true));
    assert!(!book.end_offer(&a, &both.offer_id, &driver("d1"), true), "once");
    assert_eq!(wanted(&mut book, 20_000).len(), 1);
    assert_eq!(wanted(&mut book, 20_000 + OVERDUE_MS + 1).len(), 2, "an end nobody reported");
}

#[test]
fn the_search_widens_then_pauses_then_gives_up() {
    let mut book = book();
    book.note(order("a"), HashSet::new());
    let mut now = 0;
    for radius_m in [1_000.0, 2_000.0] {
        assert_eq!(wanted(&mut book, now), [("a".to_owned(), radius_m)]);
        assert!(book.end_tick(&[nobody("a")], Millis(now), || 1.0).is_empty());
    }
    for pause_ms in [1_000, 2_000] {
        assert_eq!(wanted(&mut book, now), [("a".to_owned(), 4_000.0)]);
        assert!(book.end_tick(&[nobody("a")], Millis(now), || 1.0).is_empty());
        assert!(wanted(&mut book, now + pause_ms - 1).is_empty(), "it pauses");
        now += pause_ms;
    }
    let given_up = book.end_tick(&[nobody("a")], Millis(now), || 1.0);
    assert_eq!(given_up, [GivenUp { order_id: OrderId::parse("a").unwrap(), tries: 3 }]);
}

#[test]
fn somebody_in_mind_starts_the_count_afresh() {
    let mut book = book();
    book.note(order("a"), HashSet::new());
    for _ in 0..20 {
        book.end_tick(&[nobody("a"), nobody("a")], Millis(0), || 0.0);
        let later = Wait { reason: WaitReason::DriverSoonFree, ..nobody("a") };
        assert!(book.end_tick(&[later], Millis(0), || 0.0).is_empty());
    }
}

#[test]
fn who_refused_is_asked_again_only_after_a_minute_without_anybody_else() {
    let mut book = Book::new(Rules { radius_m: 1_000.0, tries_max: 0 });
    book.note(order("a"), HashSet::from([driver("d1")]));
    let refused = |book: &mut Book, now| book.begin_tick(Millis(now))[0].order.refused_by.len();
    book.end_tick(&[nobody("a")], Millis(0), || 0.0);
    assert_eq!(refused(&mut book, 30_000), 1);
    book.end_tick(&[nobody("a")], Millis(FORGIVE_MS), || 0.0);
    book.note(order("a"), HashSet::from([driver("d1")]));
    assert_eq!(refused(&mut book, FORGIVE_MS + 60_000), 0, "forgiven, and an announcement does not undo it");
    let offer = offer("d1", &["a"]);
    assert!(book.ask(&offer));
    book.end_offer(&offer.order_ids[0], &offer.offer_id, &driver("d1"), true);
    book.note(order("a"), HashSet::from([driver("d1")]));
    assert_eq!(refused(&mut book, FORGIVE_MS + 60_000), 1, "until they refuse again");
}

#[test]
fn the_first_refusal_counts_though_nobody_had_been_found_before() {
    let mut book = Book::new(Rules { radius_m: 1_000.0, tries_max: 0 });
    book.note(order("a"), HashSet::new());
    book.end_tick(&[nobody("a")], Millis(0), || 0.0);
    book.note(order("a"), HashSet::from([driver("d1")]));
    book.end_tick(&[nobody("a")], Millis(FORGIVE_MS), || 0.0);
    let refused = |book: &mut Book, now| book.begin_tick(Millis(now))[0].order.refused_by.len();
    assert_eq!(refused(&mut book, 2 * FORGIVE_MS), 1, "the minute counts from the refusal");
    book.end_tick(&[nobody("a")], Millis(2 * FORGIVE_MS), || 0.0);
    assert_eq!(refused(&mut book, 3 * FORGIVE_MS), 0);
    book.note(order("a"), HashSet::from([driver("d1"), driver("d2")]));
    assert_eq!(refused(&mut book, 3 * FORGIVE_MS), 2, "a new refusal recalls what was forgiven");
}

#[test]
fn an_old_word_changes_nothing_and_a_closed_order_tells_whom_to_tell() {
    let mut book = book();
    let newer = Order { version: 5, ..order("a").as_ref().clone() };
    book.note(Arc::new(newer), HashSet::new());
    book.note(order("a"), HashSet::from([driver("d1")]));
    let a = OrderId::parse("a").unwrap();
    assert_eq!(book.order(&a).map(|order| order.version), Some(5));
    assert!(book.ask(&offer("d2", &["a"])));
    assert_eq!(book.close(&a), Some(driver("d2")));
    assert_eq!((book.close(&a), book.len()), (None, 0));
}
