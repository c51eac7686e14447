//! Offers made, withdrawn and refused.

use super::*;
use crate::domain::ids::OrderId;

async fn refusals(store: &Store, order_id: &OrderId) -> Vec<DriverId> {
    store.orders.order_refusals(order_id.clone()).await.unwrap()
}

pub async fn an_offer_comes_back_as_it_was_stored(store: &Store) {
    // The sequence of the doors, not that of the ids.
    let (first, second) = (searching(store).await, searching(store).await);
    let offer = offered(store, &[second, first], &driver_id()).await;
    assert_eq!(store.orders.offer_fetch(offer.offer_id.clone()).await, Ok(Some(offer)));
    assert_eq!(store.orders.offer_fetch(clock::offer_id()).await, Ok(None));
}

pub async fn an_offer_holds_orders_each_once(store: &Store) {
    let order = searching(store).await;
    for orders in [vec![], vec![order.clone(), order]] {
        let offer = offer_of_all(&orders, &driver_id(), T0);
        assert!(matches!(store.orders.offer_insert(offer.clone()).await, Err(StoreError::Aborted(_))));
        assert_eq!(store.orders.offer_fetch(offer.offer_id).await, Ok(None));
    }
}

pub async fn a_driver_has_one_open_offer(store: &Store) {
    let driver_id = driver_id();
    let first = offered(store, &[searching(store).await], &driver_id).await;
    let second = offer_of(&searching(store).await, &driver_id, first.expires_at);
    assert_eq!(store.orders.offer_insert(second.clone()).await, conflict(Conflict::DriverBusy));
    assert_eq!(store.orders.offer_fetch(second.offer_id.clone()).await, Ok(None));
    store.orders.offer_withdraw(first.offer_id, T0).await.unwrap();
    assert_eq!(store.orders.offer_insert(second).await, Ok(()));
}

pub async fn a_busy_driver_gets_no_offer(store: &Store) {
    let driver = available_driver(store).await;
    carried_by(store, &driver).await;
    let offer = offer_of(&searching(store).await, &driver.driver_id, T0);
    assert_eq!(store.orders.offer_insert(offer).await, conflict(Conflict::DriverBusy));
}

pub async fn an_order_is_offered_to_one_driver_at_a_time(store: &Store) {
    let (shared, alone) = (searching(store).await, searching(store).await);
    let first = offered(store, &[searching(store).await, shared.clone()], &driver_id()).await;
    let second = offer_of_all(&[alone.clone(), shared.clone()], &driver_id(), first.expires_at);
    assert_eq!(store.orders.offer_insert(second.clone()).await, conflict(Conflict::OrderOffered));
    assert_eq!(store.orders.offer_fetch(second.offer_id.clone()).await, Ok(None));
    offered(store, std::slice::from_ref(&alone), &driver_id()).await;
    store.orders.offer_withdraw(first.offer_id, T0).await.unwrap();
    let third = offer_of(&shared, &second.driver_id, T0);
    assert_eq!(store.orders.offer_insert(third).await, Ok(()));
}

pub async fn a_lapsed_offer_makes_room_for_its_driver(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await];
    let first = offered(store, &orders, &driver.driver_id).await;
    let second = offer_of(&searching(store).await, &driver.driver_id, first.expires_at + 1);
    store.orders.offer_insert(second.clone()).await.unwrap();
    assert_eq!(outcome(store, &first).await, Some(OfferOutcome::Expired));
    let state = store.drivers.driver_load(driver.driver_id.clone(), second.created_at).await.unwrap();
    assert_eq!((state.offer, state.driver.unwrap().record.lapsed), (Some(second), 1));
    for order_id in &first.order_ids {
        assert_eq!(refusals(store, order_id).await, std::slice::from_ref(&driver.driver_id));
    }
}

pub async fn a_lapsed_offer_makes_room_for_its_orders(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await];
    let first = offered(store, &orders, &driver.driver_id).await;
    let second = offer_of(&orders[1], &driver_id(), first.expires_at + 1);
    store.orders.offer_insert(second).await.unwrap();
    assert_eq!(outcome(store, &first).await, Some(OfferOutcome::Expired));
    assert_eq!(refusals(store, &orders[0].order_id).await, std::slice::from_ref(&driver.driver_id));
    assert_eq!(fetched(store, &driver.driver_id).await.record.lapsed, 1);
}

pub async fn a_refused_offer_leaves_lapsed_ones_open(store: &Store) {
    let driver = available_driver(store).await;
    let first = offered(store, &[searching(store).await], &driver.driver_id).await;
    let taken = searching(store).await;
    let other = offer_of(&taken, &driver_id(), first.expires_at + 1);
    store.orders.offer_insert(other).await.unwrap();
    let second = offer_of(&taken, &driver.driver_id, first.expires_at + 1);
    assert_eq!(store.orders.offer_insert(second).await, conflict(Conflict::OrderOffered));
    assert_eq!(outcome(store, &first).await, None);
    assert_eq!(fetched(store, &driver.driver_id).await, driver);
}

pub async fn only_a_searching_order_is_offered(store: &Store) {
    let good = searching(store).await;
    let unknown = offer_of_all(&[good.clone(), new_order()], &driver_id(), T0);
    assert_eq!(store.orders.offer_insert(unknown).await, Err(StoreError::NotFound));
    let parked = advance(store, &searching(store).await, &Step::Park).await.unwrap();
    for bad in [placed(store).await, parked] {
        let offer = offer_of_all(&[good.clone(), bad], &driver_id(), T0);
        assert_eq!(store.orders.offer_insert(offer).await, conflict(Conflict::OrderChanged));
    }
}

pub async fn an_offer_is_withdrawn_once(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let offer = offered(store, std::slice::from_ref(&order), &driver.driver_id).await;
    let withdraw = async |offer_id: &OfferId| store.orders.offer_withdraw(offer_id.clone(), T0 + 5).await;
    assert_eq!(withdraw(&offer.offer_id).await, Ok(true));
    assert_eq!(withdraw(&offer.offer_id).await, Ok(false));
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Withdrawn));
    assert_eq!(withdraw(&clock::offer_id()).await, Err(StoreError::NotFound));
    assert!(refusals(store, &order.order_id).await.is_empty());
    assert_eq!(fetched(store, &driver.driver_id).await, driver);
    assert_eq!(store.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order)));
}

pub async fn those_who_refused_are_remembered(store: &Store) {
    let mut orders = [searching(store).await, searching(store).await];
    let mut drivers = Vec::new();
    for answer in [OfferOutcome::Declined, OfferOutcome::Expired] {
        let offer = offered(store, &orders, &driver_id()).await;
        let commit = refuse(&offer, &orders, answer);
        store.orders.order_commit(commit.clone()).await.unwrap();
        assert_eq!(outcome(store, &offer).await, Some(answer));
        for (order, change) in orders.iter_mut().zip(commit.changes) {
            *order = change.order;
        }
        drivers.push(offer.driver_id);
    }
    for order in &orders {
        assert_eq!(refusals(store, &order.order_id).await, drivers);
        assert_eq!((order.status, order.version), (Status::Searching, 5));
    }
    assert!(refusals(store, &searching(store).await.order_id).await.is_empty());
}

pub async fn an_offer_is_refused_once(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let declined = refuse(&offer, &orders, OfferOutcome::Declined);
    store.orders.order_commit(declined.clone()).await.unwrap();
    let again = refuse(&offer, &[after(&declined)], OfferOutcome::Expired);
    let why = StoreError::Conflict(Conflict::OfferClosed);
    super::commits::refused(store, again, why, &driver.driver_id).await;
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Declined));
}

pub async fn a_driver_taken_off_an_order_has_refused_it(store: &Store) {
    let driver = available_driver(store).await;
    let order = carried_by(store, &driver).await;
    let commit = Commit { refused_by: Some(driver.driver_id.clone()), ..leave(&order, &Step::Release) };
    store.orders.order_commit(commit).await.unwrap();
    assert_eq!(refusals(store, &order.order_id).await, [driver.driver_id]);
}
