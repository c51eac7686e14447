//! Many at once on the same orders and drivers: exactly one wins each, and the losers are told why.

use super::*;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::collections::HashSet;

const RIVALS: usize = 8;

/// Sends all commits from tasks of their own, so that they meet.
async fn race(store: &Store, commits: Vec<Commit>) -> Vec<StoreResult<()>> {
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
        commits.push(assign(&order, &available_driver(store).await));
    }
    let outcomes = race(store, commits).await;
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    let lost = conflict(Conflict::OrderChanged);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), RIVALS - 1, "{outcomes:?}");
    assert_eq!(store.orders.order_events(order.order_id, 3).await.unwrap().len(), 1);
}

pub async fn one_order_is_offered_to_one_driver(store: &Store) {
    let shared = searching(store).await;
    let mut offers = Vec::new();
    for _ in 0..RIVALS {
        let bundle = [searching(store).await, shared.clone()];
        offers.push(offer_of_all(&bundle, &driver_id(), T0));
    }
    let tasks = offers.iter().cloned().map(|offer| {
        let store = store.clone();
        tokio::spawn(async move { store.orders.offer_insert(offer).await })
    });
    let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(|joined| joined.unwrap()).collect();
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    let lost = conflict(Conflict::OrderOffered);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), RIVALS - 1, "{outcomes:?}");
    for (offer, outcome) in offers.into_iter().zip(outcomes) {
        let stored = store.orders.offer_fetch(offer.offer_id).await.unwrap();
        assert_eq!(stored.is_some(), outcome.is_ok());
    }
}

pub async fn one_driver_gets_one_order(store: &Store) {
    let driver = available_driver(store).await;
    let mut commits = Vec::new();
    for _ in 0..RIVALS {
        commits.push(assign(&searching(store).await, &driver));
    }
    let outcomes = race(store, commits).await;
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    let lost = conflict(Conflict::DriverChanged);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == lost).count(), RIVALS - 1, "{outcomes:?}");
}

/// A bundle is taken while its orders are called off one by one: either all of it is taken, or none of it.
pub async fn an_accept_and_a_cancel_never_both_win(store: &Store) {
    for _ in 0..RIVALS {
        let driver = available_driver(store).await;
        let orders = [searching(store).await, searching(store).await];
        let offer = offered(store, &orders, &driver.driver_id).await;
        let cancels = orders.iter().map(|order| commit_of(order, &Step::Cancel));
        let outcomes = race(store, cancels.chain([accept(&offer, &orders, &driver)]).collect()).await;
        let (cancelled, accepted) = (winners(&outcomes[..2]), outcomes[2].is_ok());
        assert_eq!(cancelled, if accepted { 0 } else { 2 }, "{outcomes:?}");
        let (status, ended_as) = match accepted {
            true => (Status::Assigned, OfferOutcome::Accepted),
            false => (Status::Cancelled, OfferOutcome::Withdrawn),
        };
        assert_eq!(outcome(store, &offer).await, Some(ended_as));
        let stored = store.orders.orders_fetch(offer.order_ids).await.unwrap();
        assert!(stored.iter().all(|order| order.status == status));
    }
}

pub async fn many_orders_and_drivers_pair_off(store: &Store) {
    let mut orders = Vec::new();
    let mut drivers = Vec::new();
    for _ in 0..RIVALS {
        orders.push(searching(store).await);
        drivers.push(available_driver(store).await);
    }
    // Everybody tries everything, in an order that differs from order to order.
    let commits: Vec<_> =
        (0..RIVALS * RIVALS).map(|n| assign(&orders[n % RIVALS], &drivers[(n / RIVALS + n * 3) % RIVALS])).collect();
    let outcomes = race(store, commits.clone()).await;
    let mut carrier = HashMap::new();
    for (commit, outcome) in commits.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => {
                let before = carrier.insert(after(&commit).order_id, after(&commit).driver_id.unwrap());
                assert_eq!(before, None, "an order assigned twice");
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Conflict(Conflict::OrderChanged | Conflict::DriverChanged)))
            }
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
        tokio::spawn(async move { store.drivers.driver_save(paused, None).await })
    });
    let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(|joined| joined.unwrap()).collect();
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
}
