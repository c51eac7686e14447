//! What every store must do, whatever it is made of. Each case makes its own people and orders, so that they may share one database.
//!
//! `conformance!(open)` makes a test of every case, where `open()` gives something with a `store` in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bundles;
pub mod commits;
pub mod contest;
pub mod drivers;
pub mod feed;
pub mod fixes;
pub mod keys;
pub mod letters;
pub mod offers;
pub mod orders;
pub mod revocations;

use crate::clock;
use crate::domain::dispatch::AssignmentChange;
use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferChange;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::OrderChange;
use crate::domain::dispatch::RecordChange;
use crate::domain::driver::Driver;
use crate::domain::driver::Shift;
use crate::domain::fleet::Needs;
use crate::domain::fleet::Skill;
use crate::domain::fleet::VehicleKind;
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
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::Placed;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreResult;

/// Makes a `#[tokio::test]` of each case.
macro_rules! conformance {
    ($open:path) => {
        conformance!(@cases $open;
            orders: an_order_comes_back_as_it_was_stored, the_same_id_twice_is_refused, orders_come_in_the_sequence_asked_for,
                listings_page_newest_first, listings_keep_to_owner_and_status, open_orders_are_those_not_ended,
                events_follow_the_seq_asked_for, watch_state_tells_who_may_look;
            keys: a_key_leads_to_its_first_order, a_key_with_another_body_is_a_mismatch, keys_belong_to_their_principal,
                the_first_answer_stays, an_expired_key_is_new_again, old_keys_are_deleted;
            commits: a_stale_commit_changes_nothing, an_order_nobody_knows_is_not_found, numbers_out_of_step_are_refused,
                a_commit_of_nothing_is_refused, an_assignment_of_nothing_is_refused, a_driver_must_exist, a_driver_must_be_available,
                a_driver_must_be_as_they_were_seen, a_driver_takes_one_assignment, beginning_counts_as_a_change_of_the_driver,
                the_last_order_ends_the_assignment, a_reassignment_is_one_commit, the_end_of_an_assignment_counts_as_a_change_of_the_driver,
                the_first_obstacle_is_the_one_told, leaving_an_unknown_assignment_is_refused;
            bundles: accepting_closes_the_offer, a_lapsed_offer_cannot_be_accepted, an_offer_of_another_order_is_closed_to_this_one,
                an_offer_made_to_another_driver_is_closed_to_this_one, several_orders_are_accepted_at_once,
                one_order_that_has_changed_stops_the_bundle, a_bundle_is_accepted_whole_or_not, leaving_the_search_withdraws_the_offer_and_its_siblings,
                parking_withdraws_the_offer, a_driver_who_begins_elsewhere_loses_their_offer, an_unanswered_offer_outlives_other_changes;
            offers: an_offer_comes_back_as_it_was_stored, an_offer_holds_orders_each_once, a_driver_has_one_open_offer,
                a_busy_driver_gets_no_offer, an_order_is_offered_to_one_driver_at_a_time, a_lapsed_offer_makes_room_for_its_driver,
                a_lapsed_offer_makes_room_for_its_orders, a_refused_offer_leaves_lapsed_ones_open, only_a_searching_order_is_offered,
                an_offer_is_withdrawn_once, those_who_refused_are_remembered, an_offer_is_refused_once, a_driver_taken_off_an_order_has_refused_it;
            drivers: nobody_has_heard_of_a_stranger, a_driver_is_saved_by_compare_and_set, a_profile_comes_back_as_it_was_stored,
                a_save_leaves_the_record, answers_and_deliveries_are_counted, a_driver_is_loaded_whole, those_seen_lately_are_found;
            feed: events_come_back_as_they_were_published, the_feed_pages_by_cursor, the_feed_keeps_to_an_area,
                a_refused_commit_tells_nobody, audit_rows_come_back_by_cursor, a_refused_save_leaves_no_audit, old_events_are_deleted;
            letters: a_parked_order_has_a_dead_letter, a_dead_letter_goes_with_its_order, letters_page_by_queue,
                an_order_has_one_dead_letter;
            revocations: a_revocation_comes_back_as_it_was_stored, a_repeated_revocation_moves_to_the_newer_moment_and_is_read_again,
                revocations_are_read_on_page_by_page, a_revocation_leaves_an_audit_row;
            fixes: a_fix_comes_back_as_it_was_stored, a_fix_stored_twice_stays_the_first, the_newest_has_no_flag,
                a_track_pages_in_true_time_order, a_track_keeps_to_its_window, a_batch_may_hold_many_drivers;
            contest: one_order_goes_to_one_driver, one_order_is_offered_to_one_driver, one_driver_gets_one_order, many_orders_and_drivers_pair_off,
                an_accept_and_a_cancel_never_both_win, saves_of_a_driver_never_both_win;
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
        promised_at: Some(T0 + 3),
        needs: Needs {
            vehicle: Some(VehicleKind::Van),
            skills: ["cold_box", "age_check"].iter().map(|name| Skill::parse(name).unwrap()).collect(),
        },
        searches: 0,
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
    store.drivers.driver_save(driver.clone(), None).await.unwrap();
    driver
}

/// The commit of one step, taken by whoever may take it.
pub fn commit_of(order: &Order, wanted: &Step) -> Commit {
    let by = match wanted {
        Step::ArriveAtPickup | Step::PickUp | Step::ArriveAtDropoff | Step::Deliver => {
            By::Driver(order.driver_id.clone().expect("an order with a driver"))
        }
        Step::Cancel => By::Operator("op".into()),
        _ => By::System,
    };
    let mut change = OrderChange::of(order);
    change.take(wanted, &by, Some("because".into()), order.updated_at + 1_000).expect("a legal step");
    Commit { changes: vec![change], ..Commit::default() }
}

/// The first order of a commit, as it is after it.
pub fn after(commit: &Commit) -> Order {
    commit.changes[0].order.clone()
}

/// Takes one step that concerns the order alone.
pub async fn advance(store: &Store, order: &Order, wanted: &Step) -> StoreResult<Order> {
    let commit = commit_of(order, wanted);
    let next = after(&commit);
    store.orders.order_commit(commit).await.map(|()| next)
}

/// The commit of one step of several orders.
pub fn commit_of_all(orders: &[Order], wanted: &Step) -> Commit {
    let changes = orders.iter().flat_map(|order| commit_of(order, wanted).changes).collect();
    Commit { changes, ..Commit::default() }
}

/// The commit by which a driver takes orders in an assignment of their own.
pub fn assign_all(orders: &[Order], driver: &Driver) -> Commit {
    let assignment_id = clock::assignment_id();
    let driver_id = driver.driver_id.clone();
    let wanted = Step::Assign { driver_id: driver_id.clone(), assignment_id: assignment_id.clone() };
    let begin = AssignmentChange::Begin { assignment_id, driver_id, driver_version: driver.version };
    Commit { assignments: vec![begin], ..commit_of_all(orders, &wanted) }
}

/// The commit by which a driver takes one order.
pub fn assign(order: &Order, driver: &Driver) -> Commit {
    assign_all(std::slice::from_ref(order), driver)
}

/// The commit of a step by which an order leaves its assignment.
pub fn leave(order: &Order, wanted: &Step) -> Commit {
    let mut commit = commit_of(order, wanted);
    let next = after(&commit);
    commit.leave(order, &next);
    commit
}

/// Stores an order that a driver carries.
pub async fn carried_by(store: &Store, driver: &Driver) -> Order {
    let taken = assign(&searching(store).await, driver);
    store.orders.order_commit(taken.clone()).await.unwrap();
    after(&taken)
}

/// The driver as stored.
pub async fn fetched(store: &Store, driver_id: &DriverId) -> Driver {
    store.drivers.driver_fetch(driver_id.clone()).await.unwrap().expect("a stored driver")
}

/// An offer of orders that lapses after 20 s.
pub fn offer_of_all(orders: &[Order], driver_id: &DriverId, now: Millis) -> Offer {
    Offer {
        offer_id: clock::offer_id(),
        driver_id: driver_id.clone(),
        order_ids: orders.iter().map(|order| order.order_id.clone()).collect(),
        created_at: now,
        expires_at: now + 20_000,
        pickup_eta_s: 240,
        // A number whose shortest text is long.
        score: 0.1 + 0.2,
        outcome: None,
    }
}

/// An offer of one order.
pub fn offer_of(order: &Order, driver_id: &DriverId, now: Millis) -> Offer {
    offer_of_all(std::slice::from_ref(order), driver_id, now)
}

/// Makes and stores an offer of orders.
pub async fn offered(store: &Store, orders: &[Order], driver_id: &DriverId) -> Offer {
    let offer = offer_of_all(orders, driver_id, T0);
    store.orders.offer_insert(offer.clone()).await.unwrap();
    offer
}

/// The end of an offer.
pub fn ended(offer_id: &OfferId, outcome: OfferOutcome, at: Millis) -> OfferChange {
    OfferChange { offer_id: offer_id.clone(), outcome, at }
}

/// The commit by which a driver takes the orders of an offer.
pub fn accept(offer: &Offer, orders: &[Order], driver: &Driver) -> Commit {
    let change = ended(&offer.offer_id, OfferOutcome::Accepted, offer.expires_at);
    Commit { offer: Some(change), record: Some(answered(offer, OfferOutcome::Accepted)), ..assign_all(orders, driver) }
}

/// The commit by which a driver does not take the orders of an offer.
pub fn refuse(offer: &Offer, orders: &[Order], outcome: OfferOutcome) -> Commit {
    let step = Step::Refuse { lapsed: outcome == OfferOutcome::Expired };
    Commit {
        offer: Some(ended(&offer.offer_id, outcome, T0)),
        refused_by: Some(offer.driver_id.clone()),
        record: Some(answered(offer, outcome)),
        ..commit_of_all(orders, &step)
    }
}

fn answered(offer: &Offer, outcome: OfferOutcome) -> RecordChange {
    RecordChange::Answered { driver_id: offer.driver_id.clone(), outcome }
}

/// How a stored offer ended.
pub async fn outcome(store: &Store, offer: &Offer) -> Option<OfferOutcome> {
    store.orders.offer_fetch(offer.offer_id.clone()).await.unwrap().expect("a stored offer").outcome
}

/// What a write comes to that meets this conflict.
pub fn conflict<T>(conflict: Conflict) -> StoreResult<T> {
    Err(StoreError::Conflict(conflict))
}

/// What an operator did to an order.
pub fn audit_of(order: &Order, act: &str) -> AuditEntry {
    AuditEntry {
        at: T0,
        actor: "operator:op".into(),
        act: act.into(),
        order_id: Some(order.order_id.clone()),
        driver_id: Some(driver_id()),
        detail: Some("'); DROP TABLE audit".into()),
    }
}
