//! Offers.

use super::*;
use crate::store::Conflict;
use crate::store::OfferOutcome;
use crate::store::StoreError;

pub async fn an_offer_comes_back_as_it_was_stored(store: &Store) {
    let order = searching(store).await;
    let offer = offer_of(&order, &driver_id(), T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    assert_eq!(store.orders.offer_fetch(offer.offer_id.clone()).await, Ok(Some(offer)));
    assert_eq!(store.orders.offer_fetch(clock::offer_id()).await, Ok(None));
}

pub async fn a_driver_has_one_open_offer(store: &Store) {
    let driver_id = driver_id();
    let first = offer_of(&searching(store).await, &driver_id, T0);
    store.orders.offer_insert(first.clone()).await.unwrap();
    let second = offer_of(&searching(store).await, &driver_id, first.expires_at);
    let busy = Err(StoreError::Conflict(Conflict::DriverBusy));
    assert_eq!(store.orders.offer_insert(second.clone()).await, busy);
    assert_eq!(store.orders.offer_fetch(second.offer_id.clone()).await, Ok(None));
    store.orders.offer_close(ended(&first.offer_id, OfferOutcome::Declined, T0)).await.unwrap();
    assert_eq!(store.orders.offer_insert(second).await, Ok(()));
}

pub async fn a_lapsed_offer_makes_room(store: &Store) {
    let driver_id = driver_id();
    let order = searching(store).await;
    let first = offer_of(&order, &driver_id, T0);
    store.orders.offer_insert(first.clone()).await.unwrap();
    let second = offer_of(&searching(store).await, &driver_id, first.expires_at + 1);
    store.orders.offer_insert(second.clone()).await.unwrap();
    let stored = store.orders.offer_fetch(first.offer_id).await.unwrap().unwrap();
    assert_eq!(stored.outcome, Some(OfferOutcome::Expired));
    let state = store.drivers.driver_load(driver_id.clone(), second.created_at).await.unwrap();
    assert_eq!(state.offer, Some(second));
    assert_eq!(store.orders.offer_refusals(order.order_id, T0).await, Ok(vec![driver_id]));
}

pub async fn only_a_searching_order_is_offered(store: &Store) {
    let unknown = offer_of(&new_order(), &driver_id(), T0);
    assert_eq!(store.orders.offer_insert(unknown).await, Err(StoreError::NotFound));
    let too_early = offer_of(&placed(store).await, &driver_id(), T0);
    let changed = Err(StoreError::Conflict(Conflict::OrderChanged));
    assert_eq!(store.orders.offer_insert(too_early).await, changed);
}

pub async fn an_offer_closes_once(store: &Store) {
    let offer = offer_of(&searching(store).await, &driver_id(), T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let declined = ended(&offer.offer_id, OfferOutcome::Declined, T0 + 5);
    assert_eq!(store.orders.offer_close(declined).await, Ok(true));
    let expired = ended(&offer.offer_id, OfferOutcome::Expired, T0 + 6);
    assert_eq!(store.orders.offer_close(expired).await, Ok(false));
    let stored = store.orders.offer_fetch(offer.offer_id).await.unwrap().unwrap();
    assert_eq!(stored.outcome, Some(OfferOutcome::Declined));
    let unknown = ended(&clock::offer_id(), OfferOutcome::Declined, T0);
    assert_eq!(store.orders.offer_close(unknown).await, Err(StoreError::NotFound));
}

pub async fn refusals_count_from_the_last_search(store: &Store) {
    let order = searching(store).await;
    let mut drivers = Vec::new();
    let outcomes = [OfferOutcome::Declined, OfferOutcome::Expired, OfferOutcome::Withdrawn, OfferOutcome::Declined];
    for (at, outcome) in (0..).zip(outcomes) {
        let offer = offer_of(&order, &driver_id(), T0 + at);
        store.orders.offer_insert(offer.clone()).await.unwrap();
        store.orders.offer_close(ended(&offer.offer_id, outcome, T0 + at * 100)).await.unwrap();
        drivers.push(offer.driver_id);
    }
    let since = async |at: i64| store.orders.offer_refusals(order.order_id.clone(), T0 + at).await.unwrap();
    assert_eq!(since(0).await, [drivers[0].clone(), drivers[1].clone(), drivers[3].clone()]);
    assert_eq!(since(100).await, [drivers[1].clone(), drivers[3].clone()]);
    assert!(since(301).await.is_empty());
}
