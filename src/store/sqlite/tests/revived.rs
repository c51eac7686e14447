//! Threads that die begin again; a store that does not answer is not asked for a while.

use super::group::held_up;
use super::group::until;
use super::*;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;
use crate::store::RevocationStore;
use crate::store::circuit::CircuitState;
use crate::store::sqlite::queue::Ending;
use crate::store::sqlite::queue::Job;

/// A job that takes its thread with it, past the place where panics of jobs are caught.
struct Bomb {
    work: &'static str,
}

impl Job for Bomb {
    fn run(&mut self, connection: &Connection) -> bool {
        connection.execute_batch(self.work).unwrap();
        true
    }

    fn answer(self: Box<Self>, _: Ending) {
        panic!("a bug, on purpose");
    }
}

/// A job that panics while its transaction is open.
struct MidwayBomb;

impl Job for MidwayBomb {
    fn run(&mut self, connection: &Connection) -> bool {
        connection.execute_batch("UPDATE probe SET runs = 1000").unwrap();
        panic!("a bug, on purpose");
    }

    fn answer(self: Box<Self>, _: Ending) {}
}

async fn runs(store: &SqliteStore) -> i64 {
    store.read(|connection| Ok(connection.query_row("SELECT runs FROM probe", [], |row| row.get(0))?)).await.unwrap()
}

fn restarts(store: &SqliteStore) -> u64 {
    store.restarts.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_writer_that_panics_goes_on_with_a_new_connection() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    store.writes.push(Box::new(MidwayBomb)).unwrap();
    until("the first panic", || restarts(&store) == 1).await;
    by_hand(&store, "UPDATE probe SET runs = runs + 1".into()).await.unwrap();
    assert_eq!(runs(&store).await, 1, "what was half done is rolled back, and writing goes on");
    store.writes.push(Box::new(Bomb { work: "UPDATE probe SET runs = runs + 1" })).unwrap();
    until("the second panic", || restarts(&store) == 2).await;
    by_hand(&store, "UPDATE probe SET runs = runs + 1".into()).await.unwrap();
    assert_eq!(runs(&store).await, 3, "what was committed stays");
    let health = store.health().await.unwrap();
    assert_eq!((health.ok, health.restarts), (true, 2));
    assert!(matches!(open(folder.path()), Err(StoreError::Aborted(_))), "the folder is still this process's");
    assert_eq!(store.close().await, Ok(()));
    assert!(open(folder.path()).is_ok());
}

#[tokio::test]
async fn readers_that_panic_go_on_with_new_connections() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    for _ in 0..READERS * 2 {
        store.reads.push(Box::new(Bomb { work: "SELECT 1" })).unwrap();
    }
    assert_eq!(runs(&store).await, 0);
    let health = store.health().await.unwrap();
    assert!(health.ok && health.restarts > 0, "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_thread_that_panics_is_told_that_nobody_knows() {
    let held = held_up().await;
    let store = &held.store;
    // They wait together, so they are one group: the second is answered after the bomb, which is never.
    store.writes.push(Box::new(Bomb { work: "SELECT 1" })).unwrap();
    let (call, answer) = Call::new(|_| Ok(()));
    store.writes.push(call).unwrap();
    drop(held.release);
    let told = heard(answer, &store.write_circuit, StoreError::MaybeApplied).await;
    assert!(matches!(told, Err(StoreError::MaybeApplied(_))), "{told:?}");
    assert_eq!(store.write(|_| Ok(())).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_writer_is_not_waited_for_by_everybody() {
    let held = held_up().await;
    let store = &held.store;
    // Those who came first wait for the whole deadline.
    let first: Vec<_> = (0..5)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.write(|_| Ok(())).await })
        })
        .collect();
    for waiting in first {
        assert!(matches!(waiting.await.unwrap(), Err(StoreError::MaybeApplied(_))));
    }
    let asked = std::time::Instant::now();
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Away { .. })));
    assert_eq!(runs(store).await, 0, "reads go on");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    drop(held.release);
    // After the pause one is let through, and finds that the store answers.
    let deadline = asked + Duration::from_secs(15);
    while store.write(|_| Ok(())).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "never tried again");
        tokio::task::yield_now().await;
    }
    assert_eq!(store.write_circuit.state(), CircuitState::Closed);
}

#[tokio::test]
async fn a_store_that_was_silent_refuses_at_once_and_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    while store.write_circuit.state() == CircuitState::Closed {
        store.write_circuit.timed_out();
    }
    let refused = store.write(|_| Ok(())).await;
    assert!(matches!(refused, Err(StoreError::Away { retry_after_s: 1..=5 })), "{refused:?}");
    assert_eq!(runs(&store).await, 0, "reads have a circuit of their own");
    let health = store.health().await.unwrap();
    assert_eq!((health.ok, health.reads, health.writes), (true, CircuitState::Closed, CircuitState::Open));
    store.write_circuit.answered();
    assert_eq!(store.write(|_| Ok(())).await, Ok(()));
}

#[tokio::test]
async fn a_revocation_without_its_audit_row_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = start(folder.path());
    by_hand(&store, "ALTER TABLE audit RENAME TO elsewhere".into()).await.unwrap();
    let revocation = Revocation { what: Revoked::Subject("c-1".into()), at: T0 };
    let entry = crate::domain::dispatch::AuditEntry {
        at: T0,
        actor: "admin:root".into(),
        act: "revoke".into(),
        order_id: None,
        driver_id: None,
        detail: None,
    };
    assert!(matches!(store.revocation_save(revocation, entry).await, Err(StoreError::Aborted(_))));
    assert_eq!(store.revocations_after(0, 10).await, Ok(Vec::new()));
}
