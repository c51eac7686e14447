//! Revoking tokens: by those who may, with a row in the audit trail.

use super::store_problem;
use super::to_its_end;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;
use crate::protocol::problem::Problem;
use std::sync::Arc;

/// A revocation that stands, and what came of it.
pub struct Revoking {
    /// What stands.
    pub revocation: Revocation,
    /// Sockets of this node that it closed.
    pub sessions_ended: usize,
}

/// Revokes from now on, in the name of `actor`, for a `reason` where one is given.
pub async fn revoke(
    world: &Arc<World>,
    what: Revoked,
    reason: Option<String>,
    actor: String,
) -> Result<Revoking, Problem> {
    let world = world.clone();
    to_its_end(async move {
        let at = clock::now();
        let audit = AuditEntry {
            at,
            actor,
            act: "revoke".to_owned(),
            order_id: None,
            driver_id: None,
            detail: Some(in_words(&what, reason.as_deref())),
        };
        let revocation = Revocation { what, at };
        let done = world.revocations.revoke(world.store.revocations.as_ref(), revocation, audit).await;
        let (revocation, sessions_ended) = done.map_err(|error| store_problem(&error))?;
        Ok(Revoking { revocation, sessions_ended })
    })
    .await
}

/// What the audit trail shows: `subject c-1: lost the phone`.
fn in_words(what: &Revoked, reason: Option<&str>) -> String {
    let what = match what {
        Revoked::Subject(subject) => format!("subject {subject}"),
        Revoked::Jti(jti) => format!("jti {jti}"),
    };
    match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}
