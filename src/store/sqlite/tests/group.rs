//! The writer: groups, priorities, a full queue, and jobs that fail, panic or fill the disk.

use super::*;
use crate::limits::STORE_QUEUE_MAX;
use crate::store::FixStore;
use crate::store::conformance::fixes::fix_row;
use std::sync::mpsc;
use std::time::Instant;

/// The writer, held up inside a job until `release` is dropped or sent to.
pub(super) struct HeldUp {
    pub(super) store: Arc<SqliteStore>,
    pub(super) release: mpsc::Sender<()>,
    _folder: TempDir,
}

async fn held_up_with(on_commit: impl Fn(Duration, usize) + Send + 'static) -> HeldUp {
    let folder = tempfile::tempdir().unwrap();
    let store =
        Arc::new(SqliteStore::start(&folder.path().join("beeline.db"), Ack::Strict, Box::new(on_commit)).unwrap());
    let (release, released) = mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let holder = Arc::clone(&store);
    tokio::spawn(async move {
        holder
            .write(move |_| {
                let _ = entered.send(());
                let _ = released.recv_timeout(Duration::from_secs(20));
                Ok(())
            })
            .await
    });
    inside.await.unwrap();
    HeldUp { store, release, _folder: folder }
}

pub(super) async fn held_up() -> HeldUp {
    held_up_with(|_, _| {}).await
}

pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

type Running<T> = tokio::task::JoinHandle<StoreResult<T>>;

/// Queues a job and waits until it stands in the queue.
async fn queue<T: Send + 'static>(
    store: &Arc<SqliteStore>,
    work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
) -> Running<T> {
    let before = store.writes.len();
    let owned = Arc::clone(store);
    let running = tokio::spawn(async move { owned.write(work).await });
    until("queued", || store.writes.len() > before).await;
    running
}

fn note(text: &'static str) -> impl FnOnce(&Connection) -> StoreResult<()> + Send + 'static {
    move |connection| {
        connection.execute_batch("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, note TEXT)")?;
        connection.execute("INSERT INTO notes (note) VALUES (?)", [text])?;
        Ok(())
    }
}

async fn notes(store: &SqliteStore) -> Vec<String> {
    let read = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT note FROM notes ORDER BY id")?;
        let rows = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(rows)
    };
    store.read(read).await.unwrap()
}

async fn has_notes(store: &SqliteStore) -> bool {
    let sql = "SELECT count(*) = 1 FROM sqlite_schema WHERE name = 'notes'";
    store.read(move |connection| Ok(connection.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_job_leaves_the_rest_of_its_group() {
    let (told, commits) = mpsc::channel();
    let held = held_up_with(move |_, jobs| told.send(jobs).unwrap()).await;
    let store = &held.store;
    let first = queue(store, note("first")).await;
    let failing = queue(store, |connection| {
        note("half")(connection)?;
        Err::<(), _>(StoreError::NotFound)
    });
    let failing = failing.await;
    let panicking = queue(store, |connection| {
        note("half")(connection)?;
        panic!("on purpose");
        #[allow(unreachable_code)]
        Ok(())
    });
    let panicking = panicking.await;
    let last = queue(store, note("last")).await;
    drop(held.release);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(failing.await.unwrap(), Err(StoreError::NotFound));
    assert!(matches!(panicking.await.unwrap(), Err(StoreError::Aborted(_))));
    assert_eq!(last.await.unwrap(), Ok(()));
    assert_eq!(notes(store).await, ["first", "last"]);
    assert_eq!(commits.try_iter().collect::<Vec<_>>(), [1, 4], "the holder, then all four in one commit");
    assert_eq!(store.write(note("still writing")).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_the_whole_group_back_and_says_so() {
    let held = held_up().await;
    let store = &held.store;
    let limit = |pages: &'static str| {
        move |connection: &Connection| {
            Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        }
    };
    let before = queue(store, note("before")).await;
    let limiting = queue(store, limit("1")).await;
    let filling = queue(store, |connection| {
        connection.execute_batch("CREATE TABLE big (bytes BLOB); INSERT INTO big VALUES (zeroblob(9000000))")?;
        Ok(())
    });
    let filling = filling.await;
    drop(held.release);
    assert!(matches!(filling.await.unwrap(), Err(StoreError::Aborted(_))));
    let (before, _) = (before.await.unwrap(), limiting.await.unwrap());
    // Whether SQLite took back the one statement or all of the transaction, the answers fit what is there.
    let stored = has_notes(store).await;
    assert_eq!(before.is_ok(), stored, "{before:?}");
    assert_eq!(store.write(limit("1000000")).await, Ok(()));
    assert_eq!(store.write(note("after")).await, Ok(()));
    assert!(store.health().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_lost_answers_aborted_to_all() {
    let held = held_up().await;
    let store = &held.store;
    let first = queue(store, note("first")).await;
    // What SQLite does by itself on some errors: the transaction is gone, savepoints and all.
    let losing = queue(store, |connection| {
        connection.execute_batch("ROLLBACK")?;
        Err::<(), _>(StoreError::NotFound)
    });
    let losing = losing.await;
    let never_run = queue(store, note("never run")).await;
    drop(held.release);
    for outcome in [first.await.unwrap(), losing.await.unwrap(), never_run.await.unwrap()] {
        assert!(matches!(outcome, Err(StoreError::Aborted(_))), "{outcome:?}");
    }
    assert!(!has_notes(store).await);
    assert_eq!(store.write(note("again")).await, Ok(()));
    assert_eq!(notes(store).await, ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_refused_answers_aborted_to_all() {
    let held = held_up().await;
    let store = &held.store;
    let first = queue(store, note("first")).await;
    // A foreign key that is checked at the very end only.
    let breaking = queue(store, |connection| {
        let sql = "PRAGMA defer_foreign_keys = ON; INSERT INTO assignments VALUES ('a', 'nobody', 0, NULL)";
        Ok(connection.execute_batch(sql)?)
    });
    let breaking = breaking.await;
    let misled = queue(store, |_| Err::<(), _>(StoreError::Conflict(crate::store::Conflict::DriverBusy))).await;
    drop(held.release);
    for outcome in [first.await.unwrap(), breaking.await.unwrap(), misled.await.unwrap()] {
        assert!(matches!(outcome, Err(StoreError::Aborted(_))), "{outcome:?}");
    }
    assert!(!has_notes(store).await);
    let trouble = store.trouble.lock().clone();
    assert!(trouble.is_some_and(|why| why.contains("FOREIGN KEY")));
    assert!(store.health().await.unwrap().ok, "the probe has shown that writing works");
}

#[tokio::test]
async fn a_commit_that_may_have_come_through_says_so() {
    let connection = Connection::open_in_memory().unwrap();
    let outcome = async |work: fn(&Connection) -> StoreResult<()>| {
        let (mut call, answer) = Call::new(work);
        queue::Job::run(&mut *call, &connection);
        queue::Job::answer(call, queue::Ending::Unknown("I/O".into()));
        answer.await.unwrap()
    };
    assert_eq!(outcome(|_| Ok(())).await, Err(StoreError::MaybeApplied("I/O".into())));
    assert_eq!(outcome(|_| Err(StoreError::NotFound)).await, Err(StoreError::Aborted("I/O".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_busy_at_once() {
    let held = held_up().await;
    let store = &held.store;
    for _ in 0..STORE_QUEUE_MAX {
        store.writes.push(Call::new(|_| Ok(())).0).unwrap();
    }
    assert_eq!(store.write(|_| Ok(())).await, Err(StoreError::Busy));
    assert!(!store.health().await.unwrap().ok);
    // Fixes stand in a lane of their own.
    let driver_id = driver_id();
    let fixes = tokio::spawn({
        let (store, row) = (Arc::clone(store), fix_row(&driver_id, T0, Some(1)));
        async move { store.fixes_append(vec![row]).await }
    });
    until("the fix waits too", || store.writes.len() == STORE_QUEUE_MAX + 1).await;
    drop(held.release);
    assert_eq!(fixes.await.unwrap(), Ok(()));
    until("drained", || store.writes.len() == 0).await;
    assert_eq!(store.write(|_| Ok(())).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_fixes_are_bounded_by_their_number() {
    let held = held_up().await;
    let store = &held.store;
    let batch = || Call::new(|_| Ok(())).0;
    assert_eq!(store.writes.push_bulk(batch(), 200_000), Ok(()), "one batch is always taken");
    assert_eq!(store.writes.push_bulk(batch(), 1), Err(StoreError::Busy));
    assert_eq!(store.writes.push(batch()), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_before_fixes() {
    let held = held_up().await;
    let store = &held.store;
    let (call, bulk) = Call::new(note("fixes"));
    store.writes.push_bulk(call, 10).unwrap();
    let order = queue(store, note("order")).await;
    drop(held.release);
    order.await.unwrap().unwrap();
    bulk.await.unwrap().unwrap();
    assert_eq!(notes(store).await, ["order", "fixes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_waits() {
    let held = held_up().await;
    let store = &held.store;
    let waiting = queue(store, note("waiting")).await;
    let closing = tokio::spawn({
        let store = Arc::clone(store);
        async move { store.close().await }
    });
    until("closed", || store.writes.push(Call::new(|_| Ok(())).0).is_err()).await;
    drop(held.release);
    assert_eq!(closing.await.unwrap(), Ok(()));
    assert_eq!(waiting.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let soon = Duration::from_millis(1);
    let (_keep, answer) = tokio::sync::oneshot::channel::<StoreResult<()>>();
    let Err(silence) = within(soon, answer, StoreError::MaybeApplied).await else { panic!("answered") };
    assert!(matches!(silent::<()>(silence), Err(StoreError::MaybeApplied(_))));
    let (_keep, answer) = tokio::sync::oneshot::channel::<StoreResult<()>>();
    let Err(silence) = within(soon, answer, StoreError::Aborted).await else { panic!("answered") };
    assert!(matches!(silent::<()>(silence), Err(StoreError::Aborted(_))));
}

#[tokio::test]
async fn a_dead_writer_is_told_to_those_who_wait() {
    let queue = Arc::new(Queue::default());
    let (call, answer) = Call::new(|_| Ok(()));
    queue.push(call).unwrap();
    drop(queue::Abandon(Arc::clone(&queue)));
    let told = heard(answer, &Circuit::default(), StoreError::MaybeApplied).await;
    assert!(matches!(told, Err(StoreError::MaybeApplied(_))));
    assert!(matches!(queue.push(Call::new(|_| Ok(())).0), Err(StoreError::Aborted(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_read_before_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    let (told, order) = mpsc::channel();
    // Every reader is busy, so that both kinds wait; then one is let go.
    let mut held = Vec::new();
    for _ in 0..READERS {
        let (release, released) = mpsc::channel::<()>();
        let (entered, inside) = tokio::sync::oneshot::channel();
        let (call, answer) = Call::new(move |_| {
            let _ = entered.send(());
            let _ = released.recv_timeout(Duration::from_secs(20));
            Ok(())
        });
        store.reads.push(call).unwrap();
        inside.await.unwrap();
        held.push((release, answer));
    }
    let say = |word: &'static str| {
        let told = told.clone();
        Call::new(move |_| {
            told.send(word).unwrap();
            Ok(())
        })
    };
    let (track, read_track) = say("track");
    store.reads.push_bulk(track, 1).unwrap();
    let (order_read, read_order) = say("order");
    store.reads.push(order_read).unwrap();
    let (first, _) = held.pop().unwrap();
    drop(first);
    assert_eq!((read_order.await.unwrap(), read_track.await.unwrap()), (Ok(()), Ok(())));
    assert_eq!(order.try_iter().collect::<Vec<_>>(), ["order", "track"]);
}
