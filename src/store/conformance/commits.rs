//! Changes of an order: whole or not at all, and the right word for what stood in the way.

use super::*;

/// Commits what must be refused, and sees that neither orders, events, refusals, offers nor driver have changed.
pub async fn refused(store: &Store, commit: Commit, why: StoreError, driver_id: &DriverId) {
    let ids: Vec<_> = commit.changes.iter().map(|change| change.order.order_id.clone()).collect();
    let look = async || {
        let driver = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap();
        (
            store.orders.orders_fetch(ids.clone()).await.unwrap(),
            store.orders.order_events(ids[0].clone(), 0).await.unwrap(),
            store.orders.order_refusals(ids[0].clone()).await.unwrap(),
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
    let stale = assign(&order, &driver);
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
    skipping.changes[0].order.version += 1;
    let mut misnumbered = good.clone();
    misnumbered.changes[0].events[0].seq += 1;
    let mut foreign = good.clone();
    foreign.changes[0].events[0].order_id = clock::order_id();
    for bad in [skipping, misnumbered, foreign] {
        assert!(matches!(store.orders.order_commit(bad).await, Err(StoreError::Aborted(_))));
    }
    assert_eq!(store.orders.order_commit(good).await, Ok(()));
}

pub async fn a_commit_of_nothing_is_refused(store: &Store) {
    let nothing = Commit { audit: Some(audit_of(&placed(store).await, "assign")), ..Commit::default() };
    assert!(matches!(store.orders.order_commit(nothing).await, Err(StoreError::Aborted(_))));
}

pub async fn an_assignment_of_nothing_is_refused(store: &Store) {
    let driver = available_driver(store).await;
    let order = searching(store).await;
    let empty = Commit { changes: commit_of(&order, &Step::Cancel).changes, ..assign(&order, &driver) };
    assert!(matches!(store.orders.order_commit(empty).await, Err(StoreError::Aborted(_))));
    assert_eq!(store.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order)));
}

pub async fn a_driver_must_exist(store: &Store) {
    let stranger = Driver::new(driver_id());
    let commit = assign(&searching(store).await, &stranger);
    refused(store, commit, StoreError::Conflict(Conflict::DriverUnknown), &stranger.driver_id).await;
}

pub async fn a_driver_must_be_available(store: &Store) {
    let order = searching(store).await;
    let mut driver = available_driver(store).await;
    for shift in [Shift::Paused, Shift::Offline] {
        driver = driver.ask(shift, None, T0).unwrap();
        store.drivers.driver_save(driver.clone(), None).await.unwrap();
        let why = StoreError::Conflict(Conflict::DriverUnavailable);
        refused(store, assign(&order, &driver), why, &driver.driver_id).await;
    }
}

pub async fn a_driver_must_be_as_they_were_seen(store: &Store) {
    let seen = available_driver(store).await;
    let back = seen.ask(Shift::Available, None, T0).unwrap();
    store.drivers.driver_save(back.clone(), None).await.unwrap();
    let order = searching(store).await;
    refused(store, assign(&order, &seen), StoreError::Conflict(Conflict::DriverChanged), &seen.driver_id).await;
    assert_eq!(store.orders.order_commit(assign(&order, &back)).await, Ok(()));
}

pub async fn a_driver_takes_one_assignment(store: &Store) {
    let driver = available_driver(store).await;
    let second = searching(store).await;
    carried_by(store, &driver).await;
    let now = fetched(store, &driver.driver_id).await;
    refused(store, assign(&second, &now), StoreError::Conflict(Conflict::DriverBusy), &driver.driver_id).await;
}

pub async fn beginning_counts_as_a_change_of_the_driver(store: &Store) {
    let driver = available_driver(store).await;
    carried_by(store, &driver).await;
    let pause = driver.ask(Shift::Paused, None, T0).unwrap();
    assert_eq!(store.drivers.driver_save(pause, None).await, conflict(Conflict::DriverChanged));
    assert_eq!(fetched(store, &driver.driver_id).await, Driver { version: driver.version + 1, ..driver });
}

async fn carried(store: &Store, driver: &Driver) -> Vec<Order> {
    let state = store.drivers.driver_load(driver.driver_id.clone(), T0).await.unwrap();
    store.orders.orders_fetch(state.assignment.map(|(_, order_ids)| order_ids).unwrap_or_default()).await.unwrap()
}

pub async fn the_last_order_ends_the_assignment(store: &Store) {
    let driver = available_driver(store).await;
    let taken = assign_all(&[searching(store).await, searching(store).await], &driver);
    store.orders.order_commit(taken.clone()).await.unwrap();
    let (first, second) = (taken.changes[0].order.clone(), taken.changes[1].order.clone());
    assert_eq!(carried(store, &driver).await, [first.clone(), second.clone()]);

    store.orders.order_commit(leave(&first, &Step::Cancel)).await.unwrap();
    assert_eq!(carried(store, &driver).await, std::slice::from_ref(&second));

    let released = leave(&second, &Step::Release);
    store.orders.order_commit(released.clone()).await.unwrap();
    assert!(carried(store, &driver).await.is_empty());
    let again = assign(&after(&released), &fetched(store, &driver.driver_id).await);
    store.orders.order_commit(again.clone()).await.unwrap();
    assert_eq!(carried(store, &driver).await, [after(&again)]);
}

pub async fn a_reassignment_is_one_commit(store: &Store) {
    let (first, second) = (available_driver(store).await, available_driver(store).await);
    let order = carried_by(store, &first).await;
    let release = leave(&order, &Step::Release);
    let mut commit = assign(&after(&release), &second);
    commit.changes[0].expected_version = order.version;
    commit.changes[0].events.splice(0..0, release.changes[0].events.clone());
    // Whatever the sequence, what is left is left first.
    commit.assignments.extend(release.assignments);
    commit.refused_by = Some(first.driver_id.clone());
    store.orders.order_commit(commit.clone()).await.unwrap();
    assert!(carried(store, &first).await.is_empty());
    assert_eq!(carried(store, &second).await, [after(&commit)]);
    assert_eq!(store.orders.order_refusals(order.order_id.clone()).await, Ok(vec![first.driver_id]));
    let told = store.orders.order_events(order.order_id, order.version).await.unwrap();
    assert_eq!(told.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["released", "assigned"]);
}

pub async fn the_end_of_an_assignment_counts_as_a_change_of_the_driver(store: &Store) {
    let driver = available_driver(store).await;
    let order = carried_by(store, &driver).await;
    let busy = fetched(store, &driver.driver_id).await;
    store.orders.order_commit(leave(&order, &Step::Cancel)).await.unwrap();
    assert_eq!(fetched(store, &driver.driver_id).await.version, busy.version + 1);
    let decided_before = assign(&searching(store).await, &busy);
    assert_eq!(store.orders.order_commit(decided_before).await, conflict(Conflict::DriverChanged));
}

pub async fn leaving_an_unknown_assignment_is_refused(store: &Store) {
    let driver = available_driver(store).await;
    let order = carried_by(store, &driver).await;
    let assignments = vec![AssignmentChange::Leave { assignment_id: clock::assignment_id() }];
    let wrong = Commit { assignments, ..leave(&order, &Step::Cancel) };
    refused(store, wrong, StoreError::NotFound, &driver.driver_id).await;
}

pub async fn the_first_obstacle_is_the_one_told(store: &Store) {
    let stranger = Driver::new(driver_id());
    let order = searching(store).await;
    let closed = ended(&clock::offer_id(), OfferOutcome::Accepted, T0);
    let commit = Commit { offer: Some(closed), ..assign(&order, &stranger) };
    assert_eq!(store.orders.order_commit(commit.clone()).await, conflict(Conflict::OfferClosed));
    // The same once more, of an order that has moved on.
    advance(store, &order, &Step::Cancel).await.unwrap();
    assert_eq!(store.orders.order_commit(commit).await, conflict(Conflict::OrderChanged));
}
