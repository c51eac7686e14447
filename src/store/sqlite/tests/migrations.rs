//! A database of the first version comes along with all that is in it.

use super::*;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::Driver;
use crate::domain::driver::Shift;
use crate::domain::fleet::Needs;
use crate::domain::fleet::Profile;
use crate::domain::fleet::Record;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use refinery::Target;

/// Three orders: one that two drivers have refused and a third is asked for, one with a driver, one brought to the door. `stale` is an open offer
/// that lapsed before the next one of its order was made; `beside` runs beside a later one.
const BEFORE: &str = "
    INSERT INTO orders VALUES
        ('o-1', 'area', 'searching', 4, 'food', 'c', 'm', NULL, NULL, 43.5, 11.25, 'Via Roma', 43.75, 11.5, NULL, '[]', 0, 600, 900, NULL,
            77, 2250, 'EUR', NULL, NULL, 'door', 10, 70),
        ('o-2', 'area', 'assigned', 6, 'food', 'c', NULL, 'd-4', 'a-1', 43.5, 11.25, NULL, 43.75, 11.5, NULL, '[]', 1, 0, 20, NULL,
            20, 2250, 'EUR', 100, 200, NULL, 10, 80),
        ('o-3', 'area', 'delivered', 8, 'food', 'c', NULL, 'd-1', 'a-0', 43.5, 11.25, NULL, 43.75, 11.5, NULL, '[]', 1, 0, 20, NULL,
            20, 2250, 'EUR', 100, 200, NULL, 10, 90);
    INSERT INTO order_events VALUES
        ('o-1', 1, 'created', 'created', 10, 'customer', NULL, NULL), ('o-1', 2, 'paid', 'paid', 11, 'system', NULL, NULL),
        ('o-1', 3, 'searching', 'searching', 12, 'system', NULL, NULL), ('o-1', 4, 'ready', 'searching', 70, 'merchant', NULL, NULL),
        ('o-2', 3, 'searching', 'searching', 12, 'system', NULL, NULL), ('o-2', 4, 'assigned', 'assigned', 13, 'system', NULL, 'd-1'),
        ('o-2', 5, 'released', 'searching', 14, 'operator', NULL, NULL), ('o-2', 6, 'assigned', 'assigned', 80, 'system', NULL, 'd-4');
    INSERT INTO drivers VALUES ('d-1', 'available', 1, 5, 3), ('d-2', 'paused', 1, 6, 4), ('d-4', 'available', 1, 7, 9);
    INSERT INTO assignments VALUES ('a-0', 'd-1', 15, 90), ('a-1', 'd-4', 80, NULL);
    INSERT INTO offers VALUES
        ('declined', 'o-1', 'd-1', 20, 40, 'declined', 30), ('again', 'o-1', 'd-1', 31, 51, 'declined', 33),
        ('expired', 'o-1', 'd-2', 41, 50, 'expired', 51), ('withdrawn', 'o-1', 'd-4', 51, 60, 'withdrawn', 55),
        ('accepted', 'o-2', 'd-4', 60, 80, 'accepted', 80),
        ('stale', 'o-1', 'd-6', 61, 64, NULL, NULL), ('beside', 'o-1', 'd-7', 62, 82, NULL, NULL), ('open', 'o-1', 'd-2', 65, 85, NULL, NULL);
    INSERT INTO idempotency_keys VALUES ('customer:c', 'k', x'00', 'o-1', 10, 201, '{}');
    INSERT INTO tracks VALUES (1, 'd-1', 5, 60, 5);
    INSERT INTO fixes VALUES (1, 60, 5, 0, 435000000, 112500000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
";

/// A store over a database that the first version has left behind.
fn moved_on() -> Here {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(folder.path().join("beeline.db")).unwrap();
    files::embedded::migrations::runner().set_target(Target::Version(1)).run(&mut connection).unwrap();
    connection.execute_batch(BEFORE).unwrap();
    connection.close().unwrap();
    Here { store: open(folder.path()).unwrap(), folder }
}

fn driver(text: &str) -> DriverId {
    DriverId::parse(text).unwrap()
}

async fn order(store: &Store, text: &str) -> Order {
    store.orders.order_fetch(OrderId::parse(text).unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn orders_of_the_first_version_ask_for_nothing_and_have_searched_before() {
    let Here { store, folder: _folder } = moved_on();
    let first = order(&store, "o-1").await;
    assert_eq!(
        (first.status, first.version, first.due_at, first.note.as_deref()),
        (Status::Searching, 4, Some(Millis(77)), Some("door"))
    );
    assert_eq!((first.searches, &first.needs, first.promised_at), (1, &Needs::default(), None));
    let second = order(&store, "o-2").await;
    assert_eq!((second.searches, second.eta.dropoff_at), (2, Some(Millis(200))));
    assert_eq!(store.orders.order_events(first.order_id.clone(), 0).await.unwrap().len(), 4);
    let next = advance(&store, &first, &crate::domain::order::Step::Refuse { lapsed: false }).await.unwrap();
    assert_eq!(order(&store, "o-1").await, next);
}

#[tokio::test]
async fn drivers_of_the_first_version_keep_their_past() {
    let Here { store, folder: _folder } = moved_on();
    let carrier = store.drivers.driver_load(driver("d-4"), Millis(81)).await.unwrap();
    let (_, carried) = carrier.assignment.unwrap();
    assert_eq!(carried, [OrderId::parse("o-2").unwrap()]);
    let whole = Driver {
        driver_id: driver("d-4"),
        shift: Shift::Available,
        share_location: true,
        consented_at: Some(Millis(7)),
        profile: Profile::default(),
        record: Record { accepted: 1, ..Record::default() },
        version: 9,
    };
    assert_eq!(carrier.driver, Some(whole));
    let record = async |id: &str| store.drivers.driver_fetch(driver(id)).await.unwrap().unwrap().record;
    assert_eq!(record("d-1").await, Record { declined: 2, completed: 1, on_time: 1, ..Record::default() });
    assert_eq!(record("d-2").await, Record { lapsed: 1, ..Record::default() });
    let track = store.drivers.driver_load(driver("d-1"), Millis(81)).await.unwrap();
    assert_eq!((track.last_seq, track.newest.is_some()), (Some(5), true));
}

#[tokio::test]
async fn offers_of_the_first_version_stay_open_one_an_order_and_refusals_count() {
    let Here { store, folder: _folder } = moved_on();
    let first = OrderId::parse("o-1").unwrap();
    let ended = async |id: &str| {
        let offer = store.orders.offer_fetch(OfferId::parse(id).unwrap()).await.unwrap().unwrap();
        (offer.order_ids, offer.outcome)
    };
    for (id, outcome) in [
        ("declined", Some(OfferOutcome::Declined)),
        ("withdrawn", Some(OfferOutcome::Withdrawn)),
        ("stale", Some(OfferOutcome::Expired)),
        ("beside", Some(OfferOutcome::Withdrawn)),
        ("open", None),
    ] {
        assert_eq!(ended(id).await, (vec![first.clone()], outcome), "{id}");
    }
    let refused = store.orders.order_refusals(first.clone()).await.unwrap();
    assert_eq!(refused, [driver("d-1"), driver("d-2"), driver("d-6")]);
    let asked = store.drivers.driver_load(driver("d-2"), Millis(85)).await.unwrap();
    assert_eq!(asked.offer.map(|offer| offer.offer_id), OfferId::parse("open").ok());
    let searching = order(&store, "o-1").await;
    let second = offer_of(&searching, &driver("d-9"), Millis(85));
    assert_eq!(store.orders.offer_insert(second).await, conflict(crate::store::Conflict::OrderOffered));
    assert_eq!(store.orders.offer_insert(offer_of(&searching, &driver("d-9"), Millis(86))).await, Ok(()));
}

#[tokio::test]
async fn a_database_that_was_moved_on_opens_again() {
    let Here { store, folder } = moved_on();
    store.health.close().await.unwrap();
    let again = open(folder.path()).unwrap();
    assert_eq!(order(&again, "o-3").await.status, Status::Delivered);
}
