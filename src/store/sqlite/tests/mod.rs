//! The embedded store by the conformance suite, and what is its own: group commit, one process a folder, and what a crash leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crash;
mod group;
mod migrations;
mod revived;
mod speed;

use super::*;
use crate::store::conformance::*;
use tempfile::TempDir;

/// A store in a folder of its own.
struct Here {
    store: Store,
    folder: TempDir,
}

fn open_here() -> Here {
    let folder = tempfile::tempdir().unwrap();
    Here { store: open(folder.path()).unwrap(), folder }
}

fn open(folder: &Path) -> StoreResult<Store> {
    SqliteStore::open(&folder.join("beeline.db"), Ack::Strict, |_, _| {})
}

fn start(folder: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::start(&folder.join("beeline.db"), Ack::Strict, Box::new(|_, _| {})).unwrap())
}

conformance!(open_here);

#[tokio::test]
async fn what_was_stored_is_there_after_a_close() {
    let here = open_here();
    let order = searching(&here.store).await;
    here.store.health.close().await.unwrap();
    let again = open(here.folder.path()).unwrap();
    assert_eq!(again.orders.order_fetch(order.order_id.clone()).await, Ok(Some(order)));
}

#[tokio::test]
async fn a_folder_has_one_owner_at_a_time() {
    let here = open_here();
    let Err(StoreError::Aborted(why)) = open(here.folder.path()) else { panic!("opened twice") };
    assert!(why.contains("in use by another beeline process") && why.contains("BEELINE_DATA"), "{why}");
    here.store.health.close().await.unwrap();
    assert!(open(here.folder.path()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "in the way").unwrap();
    let Err(StoreError::Aborted(why)) = open(&blocked.join("data")) else { panic!("opened below a file") };
    assert!(why.contains("cannot use the data folder"), "{why}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("beeline.db"), vec![b'x'; 8_192]).unwrap();
    let Err(StoreError::Aborted(why)) = open(folder.path()) else { panic!("opened something else") };
    assert!(why.contains("cannot open the database"), "{why}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let here = open_here();
    here.store.health.close().await.unwrap();
    here.store.health.close().await.unwrap();
    assert!(matches!(here.store.orders.orders_open().await, Err(StoreError::Aborted(_))));
    assert!(matches!(here.store.health.health().await, Err(StoreError::Aborted(_))));
    let order = new_order();
    let event = crate::domain::order::created(&order);
    assert!(matches!(here.store.orders.order_insert(order, event, None).await, Err(StoreError::Aborted(_))));
}

/// Runs SQL on the writing connection, past every check of the code above it.
async fn by_hand(store: &SqliteStore, sql: String) -> StoreResult<()> {
    store.write(move |connection| Ok(connection.execute_batch(&sql)?)).await
}

#[tokio::test]
async fn the_index_refuses_a_second_active_assignment() {
    let folder = tempfile::tempdir().unwrap();
    let inner = start(folder.path());
    let insert =
        |assignment: &str, ended: &str| format!("INSERT INTO assignments VALUES ('{assignment}', 'd', 0, {ended})");
    by_hand(
        &inner,
        "INSERT INTO drivers (driver_id, shift, share_location, version) VALUES ('d', 'available', 1, 1)".into(),
    )
    .await
    .unwrap();
    by_hand(&inner, insert("over", "5")).await.unwrap();
    by_hand(&inner, insert("first", "NULL")).await.unwrap();
    let Err(StoreError::Aborted(why)) = by_hand(&inner, insert("second", "NULL")).await else { panic!("taken") };
    assert!(why.contains("UNIQUE") && why.contains("assignments.driver_id"), "{why}");
}

#[tokio::test]
async fn the_index_refuses_a_second_open_offer() {
    let folder = tempfile::tempdir().unwrap();
    let inner = start(folder.path());
    let insert = |offer: &str| format!("INSERT INTO offers VALUES ('{offer}', 'd', 0, 1, 0, 0.0, NULL, NULL)");
    by_hand(&inner, insert("first")).await.unwrap();
    let Err(StoreError::Aborted(why)) = by_hand(&inner, insert("second")).await else { panic!("taken") };
    assert!(why.contains("UNIQUE") && why.contains("offers.driver_id"), "{why}");
}

#[tokio::test]
async fn the_index_refuses_a_second_offer_of_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let inner = start(folder.path());
    let order = searching(&SqliteStore::behind_traits(Arc::clone(&inner))).await;
    let insert = |offer: &str| {
        format!(
            "INSERT INTO offers VALUES ('{offer}', '{offer}', 0, 1, 0, 0.0, NULL, NULL);
             INSERT INTO offer_orders VALUES ('{offer}', 0, '{}', 1)",
            order.order_id
        )
    };
    by_hand(&inner, insert("first")).await.unwrap();
    let Err(StoreError::Aborted(why)) = by_hand(&inner, insert("second")).await else { panic!("taken") };
    assert!(why.contains("UNIQUE") && why.contains("offer_orders.order_id"), "{why}");
}

#[tokio::test]
async fn an_acknowledgement_means_what_it_says() {
    for (ack, level, word) in [(Ack::Strict, 2, "fsync"), (Ack::Fast, 1, "os-buffer")] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::start(&folder.path().join("beeline.db"), ack, Box::new(|_, _| {})).unwrap();
        let synchronous =
            store.write(|connection| Ok(connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?));
        assert_eq!(synchronous.await, Ok(level));
        let journal = store.write(|connection| Ok(connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?));
        assert_eq!(journal.await, Ok("wal".to_owned()));
        let health = store.health().await.unwrap();
        assert_eq!((health.ok, health.kind, health.durability, health.queued), (true, "sqlite", word, 0));
    }
}

#[tokio::test]
async fn a_flood_of_old_keys_is_deleted_in_portions() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    let count = u64::from(crate::store::sqlite::keys::EXPIRED_AT_ONCE) * 2 + 1;
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO idempotency_keys (principal, key, body_hash, order_id, claimed_at) SELECT 'p', i, x'00', 'o', i FROM n"
    );
    by_hand(&store, sql).await.unwrap();
    assert_eq!(crate::store::OrderStore::keys_expire(&*store, T0).await, Ok(count));
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    let written = store.read(|connection| Ok(connection.execute("UPDATE probe SET runs = 9", [])?)).await;
    assert!(matches!(written, Err(StoreError::Aborted(_))), "{written:?}");
}

#[tokio::test]
async fn listings_and_rebuilding_go_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    let plans = [
        (
            "SELECT * FROM orders WHERE order_id < ? AND status = ? AND merchant_id = ? ORDER BY order_id DESC",
            "orders_by_merchant_status",
        ),
        (
            "SELECT * FROM orders WHERE order_id < ? AND status = ? AND customer_id = ? ORDER BY order_id DESC",
            "orders_by_customer_status",
        ),
        ("SELECT * FROM orders WHERE order_id < ? AND driver_id = ? ORDER BY order_id DESC", "orders_by_driver"),
        ("SELECT * FROM orders WHERE order_id < ? AND status = ? ORDER BY order_id DESC", "orders_by_status"),
        ("SELECT * FROM orders WHERE status NOT IN ('delivered', 'cancelled', 'failed')", "orders_not_ended"),
        (
            "SELECT * FROM fixes WHERE driver_key = ? AND (timestamp, ordinal) > (?, ?) AND timestamp <= ? ORDER BY timestamp, ordinal",
            "(timestamp,ordinal)>(?,?)",
        ),
        (
            "SELECT * FROM published_events WHERE cursor > ? AND geo_key = ? ORDER BY cursor LIMIT 9",
            "published_events_by_area",
        ),
        ("SELECT cursor FROM published_events WHERE occurred_at < ? LIMIT 9", "published_events_by_age"),
        (
            "SELECT * FROM dead_letters WHERE queue = ? AND dead_letter_id > ? ORDER BY dead_letter_id",
            "dead_letters_by_queue",
        ),
        ("SELECT * FROM dead_letters WHERE order_id = ?", "dead_letters_by_order"),
        ("SELECT offer_id FROM offer_orders WHERE order_id = ? AND open = 1", "offer_orders_one_open"),
        ("SELECT offer_id FROM offers WHERE driver_id = ? AND outcome IS NULL", "offers_one_open"),
    ];
    for (sql, index) in plans {
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: String = store
            .read(move |connection| {
                let mut statement = connection.prepare(&explained)?;
                let rows = statement
                    .raw_query()
                    .mapped(|row| row.get::<_, String>(3))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(rows.join("; "))
            })
            .await
            .unwrap();
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
