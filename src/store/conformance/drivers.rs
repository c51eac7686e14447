//! Drivers.

use super::fixes::fix_row;
use super::*;
use crate::store::Conflict;
use crate::store::StoreError;

pub async fn nobody_has_heard_of_a_stranger(store: &Store) {
    let state = store.drivers.driver_load(driver_id(), T0).await.unwrap();
    assert!(state.driver.is_none() && state.last_seq.is_none() && state.newest.is_none());
    assert!(state.assignment.is_none() && state.offer.is_none());
}

pub async fn a_driver_is_saved_by_compare_and_set(store: &Store) {
    let save = async |driver: &Driver| store.drivers.driver_save(driver.clone()).await;
    let changed = Err(StoreError::Conflict(Conflict::DriverChanged));
    let first = Driver::new(driver_id()).ask(Shift::Available, Some(true), T0).unwrap();
    let second = first.ask(Shift::Paused, None, T0 + 1).unwrap();
    assert_eq!(save(&second).await, changed, "the first is missing");
    assert_eq!(save(&first).await, Ok(()));
    assert_eq!(save(&first).await, changed, "twice");
    assert_eq!(save(&second).await, Ok(()));
    assert_eq!(save(&first).await, changed, "backwards");
    let stored = store.drivers.driver_load(first.driver_id.clone(), T0).await.unwrap().driver;
    assert_eq!(stored, Some(second));
}

pub async fn a_driver_is_loaded_whole(store: &Store) {
    let driver = available_driver(store).await;
    let row = fix_row(&driver.driver_id, T0, Some(41));
    store.fixes.fixes_append(vec![row.clone()]).await.unwrap();
    let taken = assign(&searching(store).await, &driver.driver_id);
    store.orders.order_commit(taken.clone()).await.unwrap();
    let offer = offer_of(&searching(store).await, &driver.driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let state = store.drivers.driver_load(driver.driver_id.clone(), offer.expires_at).await.unwrap();
    assert_eq!(state.driver, Some(Driver { version: 2, ..driver.clone() }));
    assert_eq!((state.last_seq, state.newest), (Some(41), Some(row.fix)));
    let carried = (taken.order.assignment_id.unwrap(), vec![taken.order.order_id]);
    assert_eq!(state.assignment, Some(carried));
    assert_eq!(state.offer, Some(offer.clone()));
    let later = store.drivers.driver_load(driver.driver_id, offer.expires_at + 1).await.unwrap();
    assert_eq!(later.offer, None);
}

pub async fn those_seen_lately_are_found(store: &Store) {
    let (old, new, flagged) = (driver_id(), driver_id(), driver_id());
    let mut nowhere = fix_row(&flagged, T0 + 10, Some(1));
    nowhere.flag = Some(crate::domain::fix::Flag::NullIsland);
    let rows = vec![fix_row(&old, T0 - 1, Some(1)), fix_row(&new, T0, None), nowhere];
    store.fixes.fixes_append(rows).await.unwrap();
    let seen = store.drivers.drivers_seen_since(T0).await.unwrap();
    assert!(seen.contains(&new));
    assert!(!seen.contains(&old) && !seen.contains(&flagged));
}
