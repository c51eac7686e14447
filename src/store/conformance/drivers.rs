//! Drivers.

use super::fixes::fix_row;
use super::*;
use crate::domain::fleet::Profile;
use crate::domain::fleet::Record;

pub async fn nobody_has_heard_of_a_stranger(store: &Store) {
    let state = store.drivers.driver_load(driver_id(), T0).await.unwrap();
    assert!(state.driver.is_none() && state.last_seq.is_none() && state.newest.is_none());
    assert!(state.assignment.is_none() && state.offer.is_none());
}

pub async fn a_driver_is_saved_by_compare_and_set(store: &Store) {
    let save = async |driver: &Driver| store.drivers.driver_save(driver.clone(), None).await;
    let changed = conflict(Conflict::DriverChanged);
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

pub async fn a_profile_comes_back_as_it_was_stored(store: &Store) {
    let plain = available_driver(store).await;
    assert_eq!(store.drivers.driver_fetch(plain.driver_id.clone()).await, Ok(Some(plain.clone())));
    assert_eq!(store.drivers.driver_fetch(driver_id()).await, Ok(None));
    let profile = Profile {
        name: Some("Ada \"Lightning\" 🛵".into()),
        vehicle: VehicleKind::Bicycle,
        skills: ["cold_box", "age_check"].iter().map(|name| Skill::parse(name).unwrap()).collect(),
        capacity: Some(4),
    };
    let full = Driver { profile, version: plain.version + 1, ..plain };
    store.drivers.driver_save(full.clone(), None).await.unwrap();
    assert_eq!(fetched(store, &full.driver_id).await, full);
    let bare = Driver { profile: Profile::default(), version: full.version + 1, ..full };
    store.drivers.driver_save(bare.clone(), None).await.unwrap();
    assert_eq!(fetched(store, &bare.driver_id).await, bare);
}

pub async fn a_save_leaves_the_record(store: &Store) {
    let boastful = Record { accepted: 9, declined: 9, lapsed: 9, completed: 9, on_time: 9 };
    let new = Driver::new(driver_id()).ask(Shift::Available, Some(true), T0).unwrap();
    store.drivers.driver_save(Driver { record: boastful, ..new.clone() }, None).await.unwrap();
    assert_eq!(fetched(store, &new.driver_id).await.record, Record::default());
    let again = Driver { record: boastful, version: 2, ..new.clone() };
    store.drivers.driver_save(again, None).await.unwrap();
    assert_eq!(fetched(store, &new.driver_id).await, Driver { version: 2, ..new });
}

pub async fn answers_and_deliveries_are_counted(store: &Store) {
    let driver = available_driver(store).await;
    let count = async |record: RecordChange| {
        let commit = Commit { record: Some(record), ..commit_of(&placed(store).await, &Step::Pay) };
        store.orders.order_commit(commit).await.unwrap();
    };
    use OfferOutcome as O;
    for outcome in [O::Accepted, O::Declined, O::Declined, O::Expired, O::Expired, O::Expired, O::Withdrawn] {
        count(RecordChange::Answered { driver_id: driver.driver_id.clone(), outcome }).await;
    }
    for on_time in [true, false, true] {
        count(RecordChange::Delivered { driver_id: driver.driver_id.clone(), on_time }).await;
    }
    let record = Record { accepted: 1, declined: 2, lapsed: 3, completed: 3, on_time: 2 };
    assert_eq!(fetched(store, &driver.driver_id).await, Driver { record, ..driver });
    // Of somebody who was never stored nothing is kept.
    let stranger = driver_id();
    count(RecordChange::Delivered { driver_id: stranger.clone(), on_time: true }).await;
    assert_eq!(store.drivers.driver_fetch(stranger).await, Ok(None));
}

pub async fn a_driver_is_loaded_whole(store: &Store) {
    let driver = available_driver(store).await;
    let row = fix_row(&driver.driver_id, T0, Some(41));
    store.fixes.fixes_append(vec![row.clone()]).await.unwrap();
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let load = async |now: Millis| store.drivers.driver_load(driver.driver_id.clone(), now).await.unwrap();
    let state = load(offer.expires_at).await;
    assert_eq!((state.driver, state.offer, state.assignment), (Some(driver.clone()), Some(offer.clone()), None));
    assert_eq!((state.last_seq, state.newest), (Some(41), Some(row.fix)));
    assert_eq!(load(offer.expires_at + 1).await.offer, None);
    let taken = accept(&offer, &orders, &driver);
    store.orders.order_commit(taken.clone()).await.unwrap();
    let state = load(T0).await;
    assert_eq!(state.assignment, Some((after(&taken).assignment_id.unwrap(), offer.order_ids)));
    assert_eq!((state.driver.unwrap().version, state.offer), (driver.version + 1, None));
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
