//! Offers accepted and those that come to nothing on the way: one order or several, together or not at all.

use super::commits::refused;
use super::*;

const CLOSED: StoreError = StoreError::Conflict(Conflict::OfferClosed);

pub async fn accepting_closes_the_offer(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let commit = accept(&offer, &orders, &driver);
    store.orders.order_commit(commit.clone()).await.unwrap();
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Accepted));
    // The same accept again is told that the order has moved, which the caller can look up.
    assert_eq!(store.orders.order_commit(commit).await, conflict(Conflict::OrderChanged));
}

pub async fn a_lapsed_offer_cannot_be_accepted(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let late = ended(&offer.offer_id, OfferOutcome::Accepted, offer.expires_at + 1);
    let commit = Commit { offer: Some(late), ..accept(&offer, &orders, &driver) };
    refused(store, commit, CLOSED, &driver.driver_id).await;
    store.orders.offer_withdraw(offer.offer_id.clone(), T0).await.unwrap();
    refused(store, accept(&offer, &orders, &driver), CLOSED, &driver.driver_id).await;
}

pub async fn an_offer_of_another_order_is_closed_to_this_one(store: &Store) {
    let driver = available_driver(store).await;
    let offer = offered(store, &[searching(store).await], &driver.driver_id).await;
    let commit = accept(&offer, &[searching(store).await], &driver);
    refused(store, commit, CLOSED, &driver.driver_id).await;
}

pub async fn an_offer_made_to_another_driver_is_closed_to_this_one(store: &Store) {
    let (asked, other) = (available_driver(store).await, available_driver(store).await);
    let orders = [searching(store).await];
    let offer = offered(store, &orders, &asked.driver_id).await;
    refused(store, accept(&offer, &orders, &other), CLOSED, &other.driver_id).await;
    // Nor is it accepted when nobody begins.
    let nobody = Commit { assignments: Vec::new(), ..accept(&offer, &orders, &asked) };
    refused(store, nobody, CLOSED, &asked.driver_id).await;
    // An operator who gives the order to somebody else may withdraw it.
    let change = ended(&offer.offer_id, OfferOutcome::Withdrawn, T0);
    let commit = Commit { offer: Some(change), ..assign(&orders[0], &other) };
    assert_eq!(store.orders.order_commit(commit).await, Ok(()));
}

pub async fn several_orders_are_accepted_at_once(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let commit = accept(&offer, &orders, &driver);
    store.orders.order_commit(commit.clone()).await.unwrap();
    let state = store.drivers.driver_load(driver.driver_id.clone(), T0).await.unwrap();
    assert_eq!(state.assignment, Some((after(&commit).assignment_id.unwrap(), offer.order_ids.clone())));
    assert_eq!((state.offer, state.driver.unwrap().version), (None, driver.version + 1));
    for change in commit.changes {
        let order_id = change.order.order_id.clone();
        assert_eq!(store.orders.order_fetch(order_id.clone()).await, Ok(Some(change.order)));
        assert_eq!(store.orders.order_events(order_id, change.expected_version).await, Ok(change.events));
    }
}

pub async fn one_order_that_has_changed_stops_the_bundle(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    let commit = accept(&offer, &orders, &driver);
    advance(store, &orders[1], &Step::Ready).await.unwrap();
    refused(store, commit, StoreError::Conflict(Conflict::OrderChanged), &driver.driver_id).await;
    assert_eq!(outcome(store, &offer).await, None);
    let unknown = accept(&offer, &[orders[0].clone(), Order { status: Status::Searching, ..new_order() }], &driver);
    refused(store, unknown, StoreError::NotFound, &driver.driver_id).await;
}

pub async fn a_bundle_is_accepted_whole_or_not(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    refused(store, accept(&offer, &orders[..1], &driver), CLOSED, &driver.driver_id).await;
    let more = [orders[0].clone(), orders[1].clone(), searching(store).await];
    refused(store, accept(&offer, &more, &driver), CLOSED, &driver.driver_id).await;
    assert_eq!(store.orders.order_commit(accept(&offer, &orders, &driver)).await, Ok(()));
}

pub async fn leaving_the_search_withdraws_the_offer_and_its_siblings(store: &Store) {
    let (asked, chosen) = (driver_id(), available_driver(store).await);
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &asked).await;
    store.orders.order_commit(assign(&orders[0], &chosen)).await.unwrap();
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Withdrawn));
    assert_eq!(store.drivers.driver_load(asked.clone(), T0).await.unwrap().offer, None);
    // The other order can be offered again at once, to the same driver too: nobody has refused it.
    assert_eq!(store.orders.order_refusals(orders[1].order_id.clone()).await, Ok(Vec::new()));
    let again = offered(store, &orders[1..], &asked).await;
    advance(store, &orders[1], &Step::Cancel).await.unwrap();
    assert_eq!(outcome(store, &again).await, Some(OfferOutcome::Withdrawn));
}

pub async fn parking_withdraws_the_offer(store: &Store) {
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver_id()).await;
    advance(store, &orders[0], &Step::Park).await.unwrap();
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Withdrawn));
    offered(store, &orders[1..], &driver_id()).await;
}

pub async fn a_driver_who_begins_elsewhere_loses_their_offer(store: &Store) {
    let driver = available_driver(store).await;
    let orders = [searching(store).await, searching(store).await];
    let offer = offered(store, &orders, &driver.driver_id).await;
    carried_by(store, &driver).await;
    assert_eq!(outcome(store, &offer).await, Some(OfferOutcome::Withdrawn));
    offered(store, &orders, &driver_id()).await;
}

pub async fn an_unanswered_offer_outlives_other_changes(store: &Store) {
    let order = searching(store).await;
    let offer = offered(store, std::slice::from_ref(&order), &driver_id()).await;
    advance(store, &order, &Step::Ready).await.unwrap();
    assert_eq!(outcome(store, &offer).await, None);
    let second = offer_of(&order, &driver_id(), T0);
    assert_eq!(store.orders.offer_insert(second).await, conflict(Conflict::OrderOffered));
}
