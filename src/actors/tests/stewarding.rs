//! The steward goes on whatever happens in its rounds, and brings home what others have revoked.

use super::Stage;
use super::Viewer;
use crate::actors::outbox::Outbox;
use crate::actors::steward;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;
use crate::domain::time::Millis;
use crate::protocol::close::CloseCode;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::store::FeedRevocation;
use crate::store::RevocationStore;
use crate::store::StoreError;
use crate::store::StoreFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// What becomes of a read of revocations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Panics,
    Refuses,
}

/// The store's revocations, the first few reads of which come to trouble.
struct Troubled {
    inner: Arc<dyn RevocationStore>,
    reads: AtomicUsize,
    trouble: Trouble,
    times: usize,
}

impl RevocationStore for Troubled {
    fn revocation_save(&self, revocation: Revocation, audit: AuditEntry) -> StoreFuture<'_, Revocation> {
        self.inner.revocation_save(revocation, audit)
    }

    fn revocations_after(&self, after: i64, limit: usize) -> StoreFuture<'_, Vec<FeedRevocation>> {
        let is_in_trouble = self.reads.fetch_add(1, Ordering::SeqCst) < self.times;
        match self.trouble {
            Trouble::Panics if is_in_trouble => panic!("a bug, on purpose"),
            Trouble::Refuses if is_in_trouble => Box::pin(async { Err(StoreError::Aborted("on purpose".into())) }),
            _ => self.inner.revocations_after(after, limit),
        }
    }
}

fn troubled(trouble: Trouble, times: usize) -> Stage {
    Stage::changed(|store| {
        let inner = store.revocations.clone();
        store.revocations = Arc::new(Troubled { inner, reads: AtomicUsize::new(0), trouble, times });
    })
}

fn restarts(stage: &Stage) -> u64 {
    stage.world.metrics.steward_restarts.get()
}

#[actix::test]
async fn a_round_that_panics_is_followed_by_the_next() {
    let stage = troubled(Trouble::Panics, 2);
    let running = actix::spawn(steward::run(stage.world.clone()));
    stage.until("both panics", || restarts(&stage) == 2).await;
    let phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.assign(&order.order_id, &phone.driver_id).await;
    stage.until("the driver is seen", || viewer.reader.has("location")).await;
    stage.until("a round went well", || stage.world.steward.age().is_some_and(|age| age.as_millis() < 500)).await;
    assert!(!stage.world.steward.is_behind() && !running.is_finished());
    running.abort();
}

#[actix::test]
async fn a_steward_whose_store_is_away_is_behind_and_catches_up() {
    // Four rounds, eight seconds, in which nothing is read.
    let stage = troubled(Trouble::Refuses, 4);
    assert!(stage.world.steward.age().is_none() && !stage.world.steward.is_behind(), "it has not begun");
    let running = actix::spawn(steward::run(stage.world.clone()));
    stage.until("behind", || stage.world.steward.is_behind()).await;
    stage.until("no more", || !stage.world.steward.is_behind()).await;
    assert_eq!(restarts(&stage), 0, "an error is no panic");
    running.abort();
}

#[actix::test]
async fn what_somebody_else_has_revoked_closes_sockets_here() {
    let stage = Stage::new();
    let principal = Principal {
        subject: "c-1".into(),
        role: Role::Customer,
        expires_at: Millis(i64::MAX),
        issued_at: Some(Millis(1_000)),
        jti: None,
        issuer: None,
        tier: None,
        merchant_claim: None,
    };
    let outbox = Arc::new(Outbox::default());
    stage.world.revocations.socket_opened(1, &principal, &outbox);
    let running = actix::spawn(steward::run(stage.world.clone()));
    stage.until("the first round", || stage.world.steward.age().is_some()).await;
    let entry = AuditEntry {
        at: Millis(5_000),
        actor: "admin:elsewhere".into(),
        act: "revoke".into(),
        order_id: None,
        driver_id: None,
        detail: None,
    };
    // Past this node's own memory, as another node would.
    let revocation = Revocation { what: Revoked::Subject("c-1".into()), at: Millis(5_000) };
    stage.world.store.revocations.revocation_save(revocation, entry).await.unwrap();
    let asked = std::time::Instant::now();
    stage.until("closed", || outbox.state().closed == Some(CloseCode::Token.number())).await;
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    assert!(stage.world.revocations.void(principal.marks()));
    running.abort();
}
