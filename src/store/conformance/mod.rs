//! What every store must do, whatever it is made of. Each case makes its own people and orders, so that they may share one database.
//!
//! `conformance!(open)` makes a test of every case, where `open()` gives something with a `store` in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod commits;
pub mod contest;
pub mod drivers;
pub mod fixes;
pub mod keys;
pub mod offers;
pub mod orders;

use crate::clock;
use crate::domain::driver::Driver;
use crate::domain::driver::Shift;
use crate::domain::geo::Position;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::order::Arrivals;
use crate::domain::order::By;
use crate::domain::order::Item;
use crate::domain::order::Kind;
use crate::domain::order::Order;
use crate::domain::order::Place;
use crate::domain::order::Prep;
use crate::domain::order::Price;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::domain::order::created;
use crate::domain::order::step;
use crate::domain::time::Millis;
use crate::store::AssignmentChange;
use crate::store::Offer;
use crate::store::OfferChange;
use crate::store::OrderCommit;
use crate::store::Placed;
use crate::store::Store;
use crate::store::StoreResult;

/// Makes a `#[tokio::test]` of each case.
macro_rules! conformance {
    ($open:path) => {
        conformance!(@cases $open;
            orders: an_order_comes_back_as_it_was_stored, the_same_id_twice_is_refused, listings_page_newest_first,
                listings_keep_to_owner_and_status, open_orders_are_those_not_ended, events_follow_the_seq_asked_for,
                watch_state_tells_who_may_look;
            keys: a_key_leads_to_its_first_order, a_key_with_another_body_is_a_mismatch, keys_belong_to_their_principal,
                the_first_answer_stays, an_expired_key_is_new_again, old_keys_are_deleted;
            commits: a_stale_commit_changes_nothing, an_order_nobody_knows_is_not_found, numbers_out_of_step_are_refused,
                a_driver_must_exist, a_driver_must_be_available, a_driver_takes_one_assignment, beginning_counts_as_a_change_of_the_driver,
                the_last_order_ends_the_assignment, accepting_closes_the_offer, a_lapsed_offer_cannot_be_accepted,
                an_offer_of_another_order_is_closed_to_this_one, an_offer_made_to_another_driver_is_closed_to_this_one, leaving_the_search_withdraws_other_offers,
                the_first_obstacle_is_the_one_told, leaving_an_unknown_assignment_is_refused;
            offers: an_offer_comes_back_as_it_was_stored, a_driver_has_one_open_offer, a_lapsed_offer_makes_room,
                only_a_searching_order_is_offered, an_offer_closes_once, refusals_count_from_the_last_search;
            drivers: nobody_has_heard_of_a_stranger, a_driver_is_saved_by_compare_and_set, a_driver_is_loaded_whole,
                those_seen_lately_are_found;
            fixes: a_fix_comes_back_as_it_was_stored, a_fix_stored_twice_stays_the_first, the_newest_has_no_flag,
                a_track_pages_in_true_time_order, a_track_keeps_to_its_window, a_batch_may_hold_many_drivers;
            contest: one_order_goes_to_one_driver, one_driver_gets_one_order, many_orders_and_drivers_pair_off, saves_of_a_driver_never_both_win;
        );
    };
    (@cases $open:path; $($module:ident: $($case:ident),+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            let place = $open();
            $crate::store::conformance::$module::$case(&place.store).await;
            place.store.health.close().await.unwrap();
        }
    )+)+};
}
pub(crate) use conformance;

/// A moment to count from.
pub const T0: Millis = Millis(1_760_000_000_000);

/// A driver id nobody else has.
pub fn driver_id() -> DriverId {
    DriverId::from_generated(clock::fresh_id())
}

/// A customer id nobody else has.
pub fn customer_id() -> CustomerId {
    CustomerId::from_generated(clock::fresh_id())
}

/// An order just placed, every field of it filled.
pub fn new_order() -> Order {
    Order {
        order_id: clock::order_id(),
        kind: Kind::Food,
        status: Status::Created,
        version: 1,
        customer_id: customer_id(),
        merchant_id: Some(MerchantId::from_generated(clock::fresh_id())),
        driver_id: None,
        assignment_id: None,
        // Numbers whose shortest texts are long.
        pickup: Place {
            position: Position::new(43.769_560_000_000_01, 0.1 + 0.2).unwrap(),
            address: Some("Via Roma".into()),
        },
        dropoff: Place { position: Position::new(-1.0 / 3.0, -179.999_999_9).unwrap(), address: None },
        items: vec![Item { name: "Ribollita \"grande\" 🍲".into(), quantity: 2, unit_price: 950 }],
        prep: Prep { ready: false, seconds: 600, ready_at: None },
        scheduled_for: Some(T0 + 3_600_000),
        due_at: None,
        price: Price { amount: 2_250, currency: "EUR".into() },
        eta: Arrivals { pickup_at: Some(T0 + 1), dropoff_at: Some(T0 + 2) },
        note: Some("second door; '); DROP TABLE orders".into()),
        created_at: T0,
        updated_at: T0,
        geo_key: "851f9633fffffff".into(),
    }
}

/// Stores a new order.
pub async fn placed(store: &Store) -> Order {
    let order = new_order();
    assert_eq!(store.orders.order_insert(order.clone(), created(&order), None).await, Ok(Placed::New));
    order
}

/// Stores a new order and takes it to `searching`.
pub async fn searching(store: &Store) -> Order {
    let order = placed(store).await;
    let paid = advance(store, &order, &Step::Pay).await.unwrap();
    advance(store, &paid, &Step::Search).await.unwrap()
}

/// Stores a driver who is ready for offers.
pub async fn available_driver(store: &Store) -> Driver {
    let driver = Driver::new(driver_id()).ask(Shift::Available, Some(true), T0).unwrap();
    store.drivers.driver_save(driver.clone()).await.unwrap();
    driver
}

/// The commit of one step, taken by whoever may take it.
pub fn commit_of(order: &Order, wanted: &Step) -> OrderCommit {
    let by = match wanted {
        Step::ArriveAtPickup | Step::PickUp | Step::ArriveAtDropoff | Step::Deliver => {
            By::Driver(order.driver_id.clone().expect("an order with a driver"))
        }
        Step::Cancel => By::Operator("op".into()),
        _ => By::System,
    };
    let taken = step(order, wanted, &by, Some("because".into()), order.updated_at + 1_000).expect("a legal step");
    OrderCommit {
        expected_version: order.version,
        order: taken.order,
        events: vec![taken.event],
        assignment: None,
        offer: None,
    }
}

/// Takes one step that concerns the order alone.
pub async fn advance(store: &Store, order: &Order, wanted: &Step) -> StoreResult<Order> {
    let commit = commit_of(order, wanted);
    let next = commit.order.clone();
    store.orders.order_commit(commit).await.map(|()| next)
}

/// The commit by which a driver takes an order in an assignment of their own.
pub fn assign(order: &Order, driver_id: &DriverId) -> OrderCommit {
    let assignment_id = clock::assignment_id();
    let wanted = Step::Assign { driver_id: driver_id.clone(), assignment_id: assignment_id.clone() };
    let begin = AssignmentChange::Begin { assignment_id, driver_id: driver_id.clone() };
    OrderCommit { assignment: Some(begin), ..commit_of(order, &wanted) }
}

/// The commit of a step by which an order leaves its assignment.
pub fn leave(order: &Order, wanted: &Step) -> OrderCommit {
    let assignment_id = order.assignment_id.clone().expect("an order in an assignment");
    OrderCommit { assignment: Some(AssignmentChange::Leave { assignment_id }), ..commit_of(order, wanted) }
}

/// An offer of the order that lapses after 20 s.
pub fn offer_of(order: &Order, driver_id: &DriverId, now: Millis) -> Offer {
    Offer {
        offer_id: clock::offer_id(),
        order_id: order.order_id.clone(),
        driver_id: driver_id.clone(),
        created_at: now,
        expires_at: now + 20_000,
        outcome: None,
    }
}

/// The end of an offer.
pub fn ended(offer_id: &OfferId, outcome: crate::store::OfferOutcome, at: Millis) -> OfferChange {
    OfferChange { offer_id: offer_id.clone(), outcome, at }
}
