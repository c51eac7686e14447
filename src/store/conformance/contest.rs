//! Many at once on the same orders and drivers: exactly one wins each, and the losers are told why.

use super::*;
use crate::store::Conflict;
use crate::store::OfferOutcome;
use crate::store::StoreError;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::collections::HashSet;

const RIVALS: usize = 8;

/// Sends all commits from tasks of their own, so that they meet.
async fn race(store: &Store, commits: Vec<OrderCommit>) -> Vec<StoreResult<()>> {
    let tasks = commits.into_iter().map(|commit| {
        let store = store.clone();
        tokio::spawn(async move { store.orders.order_commit(commit).await })
    });
    join_all(tasks).await.into_iter().map(|joined| joined.unwrap()).collect()
}

fn winners(outcomes: &[StoreResult<()>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

pub async fn one_order_goes_to_one_driver(store: &Store) {
    let order = searching(store).await;
    let mut commits = Vec::new();
    for _ in 0..RIVALS {
        let driver = available_driver(store).await;
        let offer = offer_of(&order, &driver.driver_id, T0);
        store.orders.offer_insert(offer.clone()).await.unwrap();
        let change = ended(&offer.offer_id, OfferOutcome::Accepted, T0);
        commits.push(OrderCommit { offer: Some(change), ..assign(&order, &driver.driver_id) });
    }
    let outcomes = race(store, commits).await;
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    let lost = Err(StoreError::Conflict(Conflict::OrderChanged));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), RIVALS - 1, "{outcomes:?}");
    assert_eq!(store.orders.order_events(order.order_id, 3).await.unwrap().len(), 1);
}

pub async fn one_driver_gets_one_order(store: &Store) {
    let driver = available_driver(store).await;
    let mut commits = Vec::new();
    for _ in 0..RIVALS {
        commits.push(assign(&searching(store).await, &driver.driver_id));
    }
    let outcomes = race(store, commits).await;
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    let lost = Err(StoreError::Conflict(Conflict::DriverBusy));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), RIVALS - 1, "{outcomes:?}");
}

pub async fn many_orders_and_drivers_pair_off(store: &Store) {
    let mut orders = Vec::new();
    let mut drivers = Vec::new();
    for _ in 0..RIVALS {
        orders.push(searching(store).await);
        drivers.push(available_driver(store).await.driver_id);
    }
    // Everybody tries everything, in an order that differs from order to order.
    let commits: Vec<_> =
        (0..RIVALS * RIVALS).map(|n| assign(&orders[n % RIVALS], &drivers[(n / RIVALS + n * 3) % RIVALS])).collect();
    let outcomes = race(store, commits.clone()).await;
    let mut carrier = HashMap::new();
    for (commit, outcome) in commits.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => {
                let before = carrier.insert(commit.order.order_id, commit.order.driver_id.unwrap());
                assert_eq!(before, None, "an order assigned twice");
            }
            Err(error) => assert!(matches!(error, StoreError::Conflict(Conflict::OrderChanged | Conflict::DriverBusy))),
        }
    }
    assert_eq!(carrier.values().collect::<HashSet<_>>().len(), carrier.len(), "a driver assigned twice");
    for (order_id, driver_id) in carrier {
        let order = store.orders.order_fetch(order_id.clone()).await.unwrap().unwrap();
        assert_eq!((order.version, order.driver_id), (4, Some(driver_id.clone())));
        let state = store.drivers.driver_load(driver_id, T0).await.unwrap();
        assert_eq!(state.assignment.unwrap().1, [order_id]);
        assert_eq!(state.driver.unwrap().version, 2);
    }
}

pub async fn saves_of_a_driver_never_both_win(store: &Store) {
    let driver = available_driver(store).await;
    let paused = driver.ask(Shift::Paused, None, T0).unwrap();
    let tasks = (0..RIVALS).map(|_| {
        let (store, paused) = (store.clone(), paused.clone());
        tokio::spawn(async move { store.drivers.driver_save(paused).await })
    });
    let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(|joined| joined.unwrap()).collect();
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
}
