//! What others read: events and audit rows, in the transaction that makes them true.

use super::*;
use crate::domain::dispatch::Published;
use crate::domain::dispatch::PublishedKind;
use crate::domain::ids::EventId;
use crate::store::FeedEvent;

fn event_of(order: &Order, kind: PublishedKind) -> Published {
    Published {
        event_id: EventId::from_generated(clock::fresh_id()),
        occurred_at: T0,
        order_id: order.order_id.clone(),
        geo_key: order.geo_key.clone(),
        version: order.version + 1,
        correlation_id: order.order_id.as_str().to_owned(),
        kind,
    }
}

fn failed(order: &Order) -> Published {
    let kind = PublishedKind::Failed { reason: "declined".into(), retry_after_seconds: Some(0.1 + 0.2) };
    event_of(order, kind)
}

/// An order of an area that nobody else uses, with its payment and one event in one commit.
async fn paid_in(store: &Store, geo_key: &str) -> Published {
    let order = Order { geo_key: geo_key.to_owned(), ..new_order() };
    store.orders.order_insert(order.clone(), created(&order), None).await.unwrap();
    let event = failed(&order);
    let commit = Commit { published: vec![event.clone()], ..commit_of(&order, &Step::Pay) };
    store.orders.order_commit(commit).await.unwrap();
    event
}

async fn area(store: &Store, geo_key: &str, after: i64, limit: usize) -> Vec<FeedEvent> {
    store.feed.events_after(after, Some(geo_key.to_owned()), limit).await.unwrap()
}

fn bare(events: Vec<FeedEvent>) -> Vec<Published> {
    events.into_iter().map(|event| event.event).collect()
}

pub async fn events_come_back_as_they_were_published(store: &Store) {
    let geo_key = clock::fresh_id();
    let order = Order { geo_key: geo_key.clone(), ..new_order() };
    store.orders.order_insert(order.clone(), created(&order), None).await.unwrap();
    let assigned = |score, eta| PublishedKind::Assigned {
        driver_id: driver_id(),
        pickup_eta_s: eta,
        dropoff_eta_s: eta,
        assignment_score: score,
    };
    let requested = PublishedKind::Requested {
        pickup: order.pickup.clone(),
        dropoff: order.dropoff.clone(),
        prep_total: 600,
        prep_remaining: 599,
        items: order.items.clone(),
        priority: 3,
    };
    let without = PublishedKind::Failed { reason: "gave_up".into(), retry_after_seconds: None };
    let kinds = [requested, assigned(Some(1e21 / 3.0), Some(-1)), assigned(None, None), without];
    let mut events: Vec<_> = kinds.into_iter().map(|kind| event_of(&order, kind)).collect();
    events.push(failed(&order));
    let commit = Commit { published: events.clone(), ..commit_of(&order, &Step::Pay) };
    store.orders.order_commit(commit).await.unwrap();
    assert_eq!(bare(area(store, &geo_key, 0, 100).await), events);
}

pub async fn the_feed_pages_by_cursor(store: &Store) {
    let geo_key = clock::fresh_id();
    let mut published = Vec::new();
    for _ in 0..5 {
        published.push(paid_in(store, &geo_key).await);
    }
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = area(store, &geo_key, after, 2).await;
        assert!(page.len() <= 2 && page.iter().all(|event| event.cursor > after));
        let Some(last) = page.last() else { break };
        after = last.cursor;
        seen.extend(bare(page));
    }
    assert_eq!(seen, published);
    // And every area together, from before the first of these on.
    let first = area(store, &geo_key, 0, 1).await[0].cursor;
    let all = store.feed.events_after(first - 1, None, 1_000).await.unwrap();
    assert!(all.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
    let mine: Vec<_> = bare(all).into_iter().filter(|event| event.geo_key == geo_key).collect();
    assert_eq!(mine, published);
}

pub async fn the_feed_keeps_to_an_area(store: &Store) {
    let (one, other) = (clock::fresh_id(), clock::fresh_id());
    let (first, _, third) = (paid_in(store, &one).await, paid_in(store, &other).await, paid_in(store, &one).await);
    assert_eq!(bare(area(store, &one, 0, 10).await), [first, third]);
}

pub async fn a_refused_commit_tells_nobody(store: &Store) {
    let geo_key = clock::fresh_id();
    let order = Order { geo_key: geo_key.clone(), ..new_order() };
    store.orders.order_insert(order.clone(), created(&order), None).await.unwrap();
    let audit = audit_of(&order, "cancel");
    let closed = ended(&clock::offer_id(), OfferOutcome::Withdrawn, T0);
    let told =
        Commit { published: vec![failed(&order)], audit: Some(audit.clone()), ..commit_of(&order, &Step::Cancel) };
    let refused = Commit { offer: Some(closed), ..told.clone() };
    assert_eq!(store.orders.order_commit(refused).await, conflict(Conflict::OfferClosed));
    assert!(area(store, &geo_key, 0, 10).await.is_empty());
    assert!(audited(store, &audit).await.is_empty());
    store.orders.order_commit(told).await.unwrap();
    assert_eq!((area(store, &geo_key, 0, 10).await.len(), audited(store, &audit).await.len()), (1, 1));
}

/// The cursors under which a row stands.
async fn audited(store: &Store, entry: &AuditEntry) -> Vec<i64> {
    let rows = store.feed.audit_after(0, usize::MAX).await.unwrap();
    rows.into_iter().filter(|row| row.entry == *entry).map(|row| row.cursor).collect()
}

pub async fn audit_rows_come_back_by_cursor(store: &Store) {
    let mut cursors = Vec::new();
    for act in ["assign", "cancel", "purge"] {
        let order = placed(store).await;
        let entry = audit_of(&order, act);
        let commit = Commit { audit: Some(entry.clone()), ..commit_of(&order, &Step::Pay) };
        store.orders.order_commit(commit).await.unwrap();
        cursors.extend(audited(store, &entry).await);
    }
    assert!(cursors.len() == 3 && cursors.is_sorted());
    let next = store.feed.audit_after(cursors[0], 1).await.unwrap();
    assert!(next.len() == 1 && next[0].cursor > cursors[0]);
}

pub async fn a_refused_save_leaves_no_audit(store: &Store) {
    let driver = Driver::new(driver_id()).ask(Shift::Available, Some(true), T0).unwrap();
    let entry = AuditEntry {
        at: T0,
        actor: "operator:op".into(),
        act: "driver_status".into(),
        order_id: None,
        driver_id: Some(driver.driver_id.clone()),
        detail: None,
    };
    let save = async || store.drivers.driver_save(driver.clone(), Some(entry.clone())).await;
    assert_eq!((save().await, audited(store, &entry).await.len()), (Ok(()), 1));
    assert_eq!((save().await, audited(store, &entry).await.len()), (conflict(Conflict::DriverChanged), 1));
}

pub async fn old_events_are_deleted(store: &Store) {
    let geo_key = clock::fresh_id();
    // Long before the events of the other cases.
    let long_ago = Millis(1_000_000);
    let order = Order { geo_key: geo_key.clone(), ..new_order() };
    store.orders.order_insert(order.clone(), created(&order), None).await.unwrap();
    let published: Vec<_> = (0..5).map(|age| Published { occurred_at: long_ago + age, ..failed(&order) }).collect();
    let commit = Commit { published: published.clone(), ..commit_of(&order, &Step::Pay) };
    store.orders.order_commit(commit).await.unwrap();
    let last = area(store, &geo_key, 0, 10).await[4].cursor;
    assert_eq!(store.feed.events_expire(long_ago + 3).await, Ok(3));
    assert_eq!(bare(area(store, &geo_key, 0, 10).await), published[3..]);
    assert_eq!(store.feed.events_expire(long_ago + 5).await, Ok(2));
    paid_in(store, &geo_key).await;
    assert!(area(store, &geo_key, 0, 10).await[0].cursor > last, "a cursor is used once");
}
