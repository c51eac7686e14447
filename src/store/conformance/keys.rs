//! Idempotency keys.

use super::*;
use crate::domain::ids::OrderId;
use crate::limits::IDEMPOTENCY_TTL_MS;
use crate::store::Answer;
use crate::store::Claim;

fn claim() -> Claim {
    Claim { principal: format!("customer:{}", clock::fresh_id()), key: "k-1".into(), body_hash: [7; 32], now: T0 }
}

async fn place(store: &Store, claim: &Claim) -> (OrderId, Placed) {
    let order = new_order();
    let placed = store.orders.order_insert(order.clone(), created(&order), Some(claim.clone())).await.unwrap();
    (order.order_id, placed)
}

pub async fn a_key_leads_to_its_first_order(store: &Store) {
    let claim = claim();
    let (order_id, first) = place(store, &claim).await;
    assert_eq!(first, Placed::New);
    let later = Claim { now: T0 + IDEMPOTENCY_TTL_MS - 1, ..claim };
    let (second_id, second) = place(store, &later).await;
    assert_eq!(second, Placed::Before { order_id, claimed_at: T0, answer: None });
    assert_eq!(store.orders.order_fetch(second_id).await, Ok(None));
}

pub async fn a_key_with_another_body_is_a_mismatch(store: &Store) {
    let claim = claim();
    place(store, &claim).await;
    let (second_id, second) = place(store, &Claim { body_hash: [8; 32], ..claim }).await;
    assert_eq!(second, Placed::Mismatch);
    assert_eq!(store.orders.order_fetch(second_id).await, Ok(None));
}

pub async fn keys_belong_to_their_principal(store: &Store) {
    let claim = claim();
    place(store, &claim).await;
    let somebody_else = Claim { principal: format!("customer:{}", clock::fresh_id()), ..claim.clone() };
    assert_eq!(place(store, &somebody_else).await.1, Placed::New);
    assert_eq!(place(store, &Claim { key: "k-2".into(), ..claim }).await.1, Placed::New);
}

pub async fn the_first_answer_stays(store: &Store) {
    let claim = claim();
    let (order_id, _) = place(store, &claim).await;
    let first = Answer { status: 402, body: "{\"code\":\"payment_declined\"}".into() };
    let second = Answer { status: 201, body: "{}".into() };
    store.orders.order_answer(claim.clone(), first.clone()).await.unwrap();
    store.orders.order_answer(claim.clone(), second).await.unwrap();
    let before = Placed::Before { order_id, claimed_at: T0, answer: Some(first.clone()) };
    assert_eq!(place(store, &claim).await.1, before);
    let unknown = Claim { key: "never".into(), ..claim };
    assert_eq!(store.orders.order_answer(unknown, first).await, Err(StoreError::NotFound));
}

pub async fn an_expired_key_is_new_again(store: &Store) {
    let claim = claim();
    place(store, &claim).await;
    let answer = Answer { status: 201, body: "{}".into() };
    store.orders.order_answer(claim.clone(), answer).await.unwrap();
    let next_day = Claim { now: T0 + IDEMPOTENCY_TTL_MS, body_hash: [9; 32], ..claim };
    let (order_id, again) = place(store, &next_day).await;
    assert_eq!(again, Placed::New);
    let before = Placed::Before { order_id, claimed_at: next_day.now, answer: None };
    assert_eq!(place(store, &next_day).await.1, before);
}

pub async fn old_keys_are_deleted(store: &Store) {
    // Long before the keys of the other cases.
    let long_ago = Millis(1_000_000);
    let mut claims = Vec::new();
    for age in 0..5 {
        claims.push(Claim { now: long_ago + age, ..claim() });
    }
    for claim in &claims {
        place(store, claim).await;
    }
    assert_eq!(store.orders.keys_expire(long_ago + 3).await, Ok(3));
    assert_eq!(store.orders.keys_expire(long_ago + 3).await, Ok(0));
    assert_eq!(place(store, &claims[0]).await.1, Placed::New);
    assert!(matches!(place(store, &claims[3]).await.1, Placed::Before { .. }));
}
