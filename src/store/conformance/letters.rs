//! Dead letters: laid down with the order that is parked, gone when it is parked no more.

use super::*;
use crate::domain::dispatch::DeadLetter;
use crate::domain::ids::DeadLetterId;

fn letter_of(order: &Order) -> DeadLetter {
    DeadLetter {
        dead_letter_id: DeadLetterId::from_generated(clock::fresh_id()),
        queue: "orders".into(),
        order_id: Some(order.order_id.clone()),
        cause: "no_driver".into(),
        tries: 7,
        at: T0,
    }
}

async fn parked(store: &Store) -> (Order, DeadLetter) {
    let order = searching(store).await;
    let letter = letter_of(&order);
    let commit = Commit { dead_letter: Some(letter.clone()), ..commit_of(&order, &Step::Park) };
    store.orders.order_commit(commit.clone()).await.unwrap();
    (after(&commit), letter)
}

async fn fetch(store: &Store, letter: &DeadLetter) -> Option<DeadLetter> {
    store.feed.dead_letter_fetch(letter.dead_letter_id.clone()).await.unwrap()
}

pub async fn a_parked_order_has_a_dead_letter(store: &Store) {
    let (order, letter) = parked(store).await;
    assert_eq!(fetch(store, &letter).await, Some(letter.clone()));
    // A parked order whose food is ready is parked still.
    let ready = advance(store, &order, &Step::Ready).await.unwrap();
    assert!(ready.is_parked() && fetch(store, &letter).await.is_some());
}

pub async fn a_dead_letter_goes_with_its_order(store: &Store) {
    let (retried, first) = parked(store).await;
    let (failed, second) = parked(store).await;
    let (assigned, third) = parked(store).await;
    let (_, stays) = parked(store).await;
    advance(store, &retried, &Step::Retry).await.unwrap();
    advance(store, &failed, &Step::Fail).await.unwrap();
    store.orders.order_commit(assign(&assigned, &available_driver(store).await)).await.unwrap();
    for letter in [first, second, third] {
        assert_eq!(fetch(store, &letter).await, None);
    }
    assert_eq!(fetch(store, &stays).await, Some(stays));
}

pub async fn letters_page_by_queue(store: &Store) {
    let mut letters = Vec::new();
    let queue = clock::fresh_id();
    for _ in 0..3 {
        let order = searching(store).await;
        let letter = DeadLetter { queue: queue.clone(), ..letter_of(&order) };
        let commit = Commit { dead_letter: Some(letter.clone()), ..commit_of(&order, &Step::Park) };
        store.orders.order_commit(commit).await.unwrap();
        letters.push(letter);
    }
    let page = async |after: Option<&DeadLetter>, limit: usize| {
        let after = after.map(|letter| letter.dead_letter_id.clone());
        store.feed.dead_letters(queue.clone(), after, limit).await.unwrap()
    };
    assert_eq!(page(None, 2).await, letters[..2]);
    assert_eq!(page(Some(&letters[1]), 2).await, letters[2..]);
    assert!(page(Some(&letters[2]), 2).await.is_empty());
}

pub async fn an_order_has_one_dead_letter(store: &Store) {
    let (order, letter) = parked(store).await;
    let second = Commit { dead_letter: Some(letter_of(&order)), ..commit_of(&order, &Step::Ready) };
    assert!(matches!(store.orders.order_commit(second).await, Err(StoreError::Aborted(_))));
    assert_eq!(store.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order)));
    assert!(fetch(store, &letter).await.is_some());
}
