//! Orders and their events as they are read back.

use super::*;
use crate::domain::ids::OrderId;
use crate::store::OrdersOf;
use crate::store::WatchState;

pub async fn an_order_comes_back_as_it_was_stored(store: &Store) {
    let order = placed(store).await;
    assert_eq!(store.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order.clone())));
    let driver = available_driver(store).await;
    let paid = advance(store, &order, &Step::Pay).await.unwrap();
    let searching = advance(store, &paid, &Step::Search).await.unwrap();
    let commit = assign(&searching, &driver);
    store.orders.order_commit(commit.clone()).await.unwrap();
    let stored = store.orders.order_fetch(order.order_id).await.unwrap().unwrap();
    assert_eq!(stored, after(&commit));
    assert_eq!((stored.version, stored.status, stored.searches), (4, Status::Assigned, 1));
    assert_eq!(store.orders.order_fetch(clock::order_id()).await, Ok(None));
}

pub async fn the_same_id_twice_is_refused(store: &Store) {
    let order = placed(store).await;
    let twin = Order { note: None, ..order.clone() };
    let again = store.orders.order_insert(twin, created(&order), None).await;
    assert_eq!(again, conflict(Conflict::OrderChanged));
    assert_eq!(store.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order)));
}

pub async fn orders_come_in_the_sequence_asked_for(store: &Store) {
    let (one, two) = (placed(store).await, placed(store).await);
    let ids = vec![two.order_id.clone(), clock::order_id(), one.order_id.clone()];
    assert_eq!(store.orders.orders_fetch(ids).await, Ok(vec![two, one]));
    assert_eq!(store.orders.orders_fetch(Vec::new()).await, Ok(Vec::new()));
}

async fn place_for(store: &Store, customer_id: &CustomerId) -> Order {
    let order = Order { customer_id: customer_id.clone(), ..new_order() };
    store.orders.order_insert(order.clone(), created(&order), None).await.unwrap();
    order
}

pub async fn listings_page_newest_first(store: &Store) {
    let customer_id = customer_id();
    let mut ids: Vec<OrderId> = Vec::new();
    for _ in 0..7 {
        ids.push(place_for(store, &customer_id).await.order_id);
    }
    ids.reverse();
    let of = OrdersOf::Customer(customer_id);
    let (mut seen, mut before, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.orders.orders_list(of.clone(), None, before, 3).await.unwrap();
        pages += 1;
        seen.extend(page.orders.into_iter().map(|order| order.order_id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (ids.clone(), 3));
    let whole = store.orders.orders_list(of, None, None, 7).await.unwrap();
    assert_eq!((whole.orders.len(), whole.next), (7, None));
    let newest = store.orders.orders_list(OrdersOf::Everyone, None, None, 1_000).await.unwrap();
    let mine: Vec<_> = newest.orders.into_iter().map(|order| order.order_id).filter(|id| ids.contains(id)).collect();
    assert_eq!(mine, ids);
}

pub async fn listings_keep_to_owner_and_status(store: &Store) {
    let driver = available_driver(store).await;
    let taken = searching(store).await;
    let other = searching(store).await;
    store.orders.order_commit(assign(&taken, &driver)).await.unwrap();
    let list = async |of: OrdersOf, status: Option<Status>| -> Vec<OrderId> {
        let page = store.orders.orders_list(of, status, None, 100).await.unwrap();
        page.orders.into_iter().map(|order| order.order_id).collect()
    };
    let only = |order: &Order| vec![order.order_id.clone()];
    let of_driver = OrdersOf::Driver(driver.driver_id);
    assert_eq!(list(of_driver.clone(), None).await, only(&taken));
    assert_eq!(list(of_driver.clone(), Some(Status::Assigned)).await, only(&taken));
    assert!(list(of_driver, Some(Status::Searching)).await.is_empty());
    let merchant = OrdersOf::Merchant(other.merchant_id.clone().unwrap());
    assert_eq!(list(merchant.clone(), Some(Status::Searching)).await, only(&other));
    assert!(list(merchant, Some(Status::Assigned)).await.is_empty());
    let customer = OrdersOf::Customer(taken.customer_id.clone());
    assert_eq!(list(customer, Some(Status::Assigned)).await, only(&taken));
    let everyone = list(OrdersOf::Everyone, Some(Status::Searching)).await;
    assert!(everyone.contains(&other.order_id) && !everyone.contains(&taken.order_id));
}

pub async fn open_orders_are_those_not_ended(store: &Store) {
    let new = placed(store).await;
    let waiting = searching(store).await;
    let over = placed(store).await;
    advance(store, &over, &Step::Cancel).await.unwrap();
    let open: Vec<_> = store.orders.orders_open().await.unwrap();
    assert!(open.contains(&new) && open.contains(&waiting));
    assert!(open.iter().all(|order| order.order_id != over.order_id));
}

pub async fn events_follow_the_seq_asked_for(store: &Store) {
    let order = searching(store).await;
    let all = store.orders.order_events(order.order_id.clone(), 0).await.unwrap();
    let told: Vec<_> = all.iter().map(|event| (event.seq, event.event.as_str(), event.status)).collect();
    assert_eq!(told, [(1, "created", Status::Created), (2, "paid", Status::Paid), (3, "searching", Status::Searching)]);
    assert_eq!((all[0].reason.as_deref(), all[1].reason.as_deref()), (None, Some("because")));
    assert_eq!((all[0].by.as_str(), all[1].by.as_str()), ("customer", "system"));
    assert_eq!(all[1].at, T0 + 1_000);
    assert_eq!(store.orders.order_events(order.order_id.clone(), 2).await.unwrap(), all[2..]);
    assert!(store.orders.order_events(order.order_id, 3).await.unwrap().is_empty());
}

pub async fn watch_state_tells_who_may_look(store: &Store) {
    let driver = available_driver(store).await;
    let waiting = searching(store).await;
    let taken = carried_by(store, &driver).await;
    let ask = async || {
        let ids = vec![taken.order_id.clone(), clock::order_id(), waiting.order_id.clone()];
        store.orders.orders_watch_state(ids).await.unwrap()
    };
    let of = |order: &Order, shared| WatchState {
        order_id: order.order_id.clone(),
        status: order.status,
        version: order.version,
        driver_id: order.driver_id.clone(),
        shared,
    };
    assert_eq!(ask().await, [of(&taken, true), of(&waiting, false)]);
    let now = fetched(store, &driver.driver_id).await;
    store.drivers.driver_save(now.ask(Shift::Offline, Some(false), T0).unwrap(), None).await.unwrap();
    assert_eq!(ask().await, [of(&taken, false), of(&waiting, false)]);
}
