//! Changes of an order: whole or not at all, and the right word for what stood in the way.

use super::*;
use crate::domain::ids::OrderId;
use crate::store::Conflict;
use crate::store::OfferOutcome;
use crate::store::StoreError;

fn conflict<T>(conflict: Conflict) -> StoreResult<T> {
    Err(StoreError::Conflict(conflict))
}

/// Commits what must be refused, and sees that neither order, events, offers nor driver have changed.
async fn refused(store: &Store, commit: OrderCommit, why: StoreError, driver_id: &DriverId) {
    let order_id: OrderId = commit.order.order_id.clone();
    let look = async || {
        let driver = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap();
        (
            store.orders.order_fetch(order_id.clone()).await.unwrap(),
            store.orders.order_events(order_id.clone(), 0).await.unwrap(),
            (driver.driver, driver.assignment, driver.offer),
        )
    };
    let before = look().await;
    assert_eq!(store.orders.order_commit(commit).await, Err(why));
    assert_eq!(look().await, before);
}

pub async fn a_stale_commit_changes_nothing(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let stale = assign(&order, &driver.driver_id);
    let cancelled = advance(store, &order, &Step::Cancel).await.unwrap();
    refused(store, stale, StoreError::Conflict(Conflict::OrderChanged), &driver.driver_id).await;
    assert_eq!(store.orders.order_fetch(order.order_id).await, Ok(Some(cancelled)));
}

pub async fn an_order_nobody_knows_is_not_found(store: &Store) {
    assert_eq!(advance(store, &new_order(), &Step::Pay).await, Err(StoreError::NotFound));
}

pub async fn numbers_out_of_step_are_refused(store: &Store) {
    let order = placed(store).await;
    let good = commit_of(&order, &Step::Pay);
    let mut skipping = good.clone();
    skipping.order.version += 1;
    let mut misnumbered = good.clone();
    misnumbered.events[0].seq += 1;
    let mut foreign = good.clone();
    foreign.events[0].order_id = clock::order_id();
    for bad in [skipping, misnumbered, foreign] {
        assert!(matches!(store.orders.order_commit(bad).await, Err(StoreError::Aborted(_))));
    }
    assert_eq!(store.orders.order_commit(good).await, Ok(()));
}

pub async fn a_driver_must_exist(store: &Store) {
    let order = searching(store).await;
    let stranger = driver_id();
    refused(store, assign(&order, &stranger), StoreError::Conflict(Conflict::DriverUnknown), &stranger).await;
}

pub async fn a_driver_must_be_available(store: &Store) {
    let order = searching(store).await;
    let mut driver = available_driver(store).await;
    for shift in [Shift::Paused, Shift::Offline] {
        driver = driver.ask(shift, None, T0).unwrap();
        store.drivers.driver_save(driver.clone()).await.unwrap();
        let why = StoreError::Conflict(Conflict::DriverUnavailable);
        refused(store, assign(&order, &driver.driver_id), why, &driver.driver_id).await;
    }
}

pub async fn a_driver_takes_one_assignment(store: &Store) {
    let driver = available_driver(store).await;
    let first = searching(store).await;
    let second = searching(store).await;
    store.orders.order_commit(assign(&first, &driver.driver_id)).await.unwrap();
    let why = StoreError::Conflict(Conflict::DriverBusy);
    refused(store, assign(&second, &driver.driver_id), why, &driver.driver_id).await;
}

pub async fn beginning_counts_as_a_change_of_the_driver(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let pause = driver.ask(Shift::Paused, None, T0).unwrap();
    store.orders.order_commit(assign(&order, &driver.driver_id)).await.unwrap();
    assert_eq!(store.drivers.driver_save(pause).await, conflict(Conflict::DriverChanged));
    let stored = store.drivers.driver_load(driver.driver_id.clone(), T0).await.unwrap().driver.unwrap();
    assert_eq!(stored, Driver { version: driver.version + 1, ..driver });
}

pub async fn the_last_order_ends_the_assignment(store: &Store) {
    let driver = available_driver(store).await;
    let first = assign(&searching(store).await, &driver.driver_id);
    store.orders.order_commit(first.clone()).await.unwrap();
    let assignment_id = first.order.assignment_id.clone().unwrap();
    let join = Step::Assign { driver_id: driver.driver_id.clone(), assignment_id: assignment_id.clone() };
    let second = advance(store, &searching(store).await, &join).await.unwrap();
    let carried = async || store.drivers.driver_load(driver.driver_id.clone(), T0).await.unwrap().assignment;
    let both = vec![first.order.order_id.clone(), second.order_id.clone()];
    assert_eq!(carried().await, Some((assignment_id.clone(), both)));

    store.orders.order_commit(leave(&first.order, &Step::Cancel)).await.unwrap();
    assert_eq!(carried().await, Some((assignment_id, vec![second.order_id.clone()])));

    let released = leave(&second, &Step::Release);
    store.orders.order_commit(released.clone()).await.unwrap();
    assert_eq!(carried().await, None);
    store.orders.order_commit(assign(&released.order, &driver.driver_id)).await.unwrap();
    assert_eq!(carried().await.unwrap().1, [second.order_id]);
}

pub async fn leaving_an_unknown_assignment_is_refused(store: &Store) {
    let driver = available_driver(store).await;
    let taken = assign(&searching(store).await, &driver.driver_id);
    store.orders.order_commit(taken.clone()).await.unwrap();
    let assignment_id = clock::assignment_id();
    let wrong = OrderCommit {
        assignment: Some(AssignmentChange::Leave { assignment_id }),
        ..leave(&taken.order, &Step::Cancel)
    };
    refused(store, wrong, StoreError::NotFound, &driver.driver_id).await;
}

pub async fn accepting_closes_the_offer(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let offer = offer_of(&order, &driver.driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let change = ended(&offer.offer_id, OfferOutcome::Accepted, offer.expires_at);
    let commit = OrderCommit { offer: Some(change), ..assign(&order, &driver.driver_id) };
    store.orders.order_commit(commit.clone()).await.unwrap();
    let stored = store.orders.offer_fetch(offer.offer_id).await.unwrap().unwrap();
    assert_eq!(stored.outcome, Some(OfferOutcome::Accepted));
    // The same accept again is told that the order has moved, which the caller can look up.
    assert_eq!(store.orders.order_commit(commit).await, conflict(Conflict::OrderChanged));
}

pub async fn a_lapsed_offer_cannot_be_accepted(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let offer = offer_of(&order, &driver.driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let late = ended(&offer.offer_id, OfferOutcome::Accepted, offer.expires_at + 1);
    let commit = OrderCommit { offer: Some(late), ..assign(&order, &driver.driver_id) };
    refused(store, commit, StoreError::Conflict(Conflict::OfferClosed), &driver.driver_id).await;
    store.orders.offer_close(ended(&offer.offer_id, OfferOutcome::Declined, T0)).await.unwrap();
    let declined = ended(&offer.offer_id, OfferOutcome::Accepted, T0 + 1);
    let commit = OrderCommit { offer: Some(declined), ..assign(&order, &driver.driver_id) };
    refused(store, commit, StoreError::Conflict(Conflict::OfferClosed), &driver.driver_id).await;
}

pub async fn an_offer_of_another_order_is_closed_to_this_one(store: &Store) {
    let driver = available_driver(store).await;
    let offered = searching(store).await;
    let order = searching(store).await;
    let offer = offer_of(&offered, &driver.driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let change = ended(&offer.offer_id, OfferOutcome::Accepted, T0);
    let commit = OrderCommit { offer: Some(change), ..assign(&order, &driver.driver_id) };
    refused(store, commit, StoreError::Conflict(Conflict::OfferClosed), &driver.driver_id).await;
}

pub async fn an_offer_made_to_another_driver_is_closed_to_this_one(store: &Store) {
    let (asked, other) = (available_driver(store).await, available_driver(store).await);
    let order = searching(store).await;
    let offer = offer_of(&order, &asked.driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    let change = ended(&offer.offer_id, OfferOutcome::Accepted, T0);
    let commit = OrderCommit { offer: Some(change), ..assign(&order, &other.driver_id) };
    refused(store, commit, StoreError::Conflict(Conflict::OfferClosed), &other.driver_id).await;
    // An operator who gives the order to somebody else may withdraw it.
    let change = ended(&offer.offer_id, OfferOutcome::Withdrawn, T0);
    let commit = OrderCommit { offer: Some(change), ..assign(&order, &other.driver_id) };
    assert_eq!(store.orders.order_commit(commit).await, Ok(()));
}

pub async fn leaving_the_search_withdraws_other_offers(store: &Store) {
    let (one, other) = (available_driver(store).await, available_driver(store).await);
    let order = searching(store).await;
    let (mine, theirs) = (offer_of(&order, &one.driver_id, T0), offer_of(&order, &other.driver_id, T0));
    store.orders.offer_insert(mine.clone()).await.unwrap();
    store.orders.offer_insert(theirs.clone()).await.unwrap();
    let change = ended(&mine.offer_id, OfferOutcome::Accepted, T0);
    let commit = OrderCommit { offer: Some(change), ..assign(&order, &one.driver_id) };
    store.orders.order_commit(commit).await.unwrap();
    let outcome =
        async |offer: &Offer| store.orders.offer_fetch(offer.offer_id.clone()).await.unwrap().unwrap().outcome;
    assert_eq!(outcome(&mine).await, Some(OfferOutcome::Accepted));
    assert_eq!(outcome(&theirs).await, Some(OfferOutcome::Withdrawn));
    assert_eq!(store.drivers.driver_load(other.driver_id, T0).await.unwrap().offer, None);
}

pub async fn the_first_obstacle_is_the_one_told(store: &Store) {
    let stranger = driver_id();
    let order = searching(store).await;
    let closed = ended(&clock::offer_id(), OfferOutcome::Accepted, T0);
    let commit = OrderCommit { offer: Some(closed), ..assign(&order, &stranger) };
    assert_eq!(store.orders.order_commit(commit.clone()).await, conflict(Conflict::OfferClosed));
    // The same once more, of an order that has moved on.
    advance(store, &order, &Step::Cancel).await.unwrap();
    assert_eq!(store.orders.order_commit(commit).await, conflict(Conflict::OrderChanged));
}
