//! Which tokens are void, and whose sockets hang on them. Shared memory, read by every request, written by few.
//!
//! The store is the truth. This node adds what it stores itself at once, and the steward reads on what others have stored
//! ([`Revocations::catch_up`]), so that a revocation takes effect here within seconds whoever wrote it.
//!
//! **Invariant:** a socket whose token is revoked is closed, whichever came first: it is entered before the tokens are looked
//! up, and a revocation is entered before the sockets are.

use crate::actors::outbox::Outbox;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Marks;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::VoidTokens;
use crate::domain::time::Millis;
use crate::limits::FEED_MAX_PAGE;
use crate::protocol::close::CloseCode;
use crate::protocol::identity::Principal;
use crate::store::RevocationStore;
use crate::store::StoreResult;
use dashmap::DashMap;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

/// The reason in the close frame.
const REASON: &str = "token revoked";

/// See the module. Cheap to ask: one shared lock and two look-ups a token.
#[derive(Default)]
pub struct Revocations {
    void: RwLock<VoidTokens>,
    sockets: DashMap<u64, OpenSocket>,
    /// Everything in the store up to here is known.
    read_up_to: AtomicI64,
}

/// An open socket and the token it was opened or renewed with.
struct OpenSocket {
    subject: Box<str>,
    jti: Option<Box<str>>,
    issued_at: Option<Millis>,
    outbox: Weak<Outbox>,
}

impl OpenSocket {
    fn marks(&self) -> Marks<'_> {
        Marks { subject: &self.subject, jti: self.jti.as_deref(), issued_at: self.issued_at }
    }
}

impl Revocations {
    /// Whether a token is void.
    #[must_use]
    pub fn void(&self, token: Marks<'_>) -> bool {
        self.void.read().hold(token)
    }

    /// Stores a revocation with its audit row; from here on the tokens are void on this node. Gives what stands now, and how many
    /// sockets it closed.
    pub async fn revoke(
        &self,
        store: &dyn RevocationStore,
        revocation: Revocation,
        audit: AuditEntry,
    ) -> StoreResult<(Revocation, usize)> {
        let stands = store.revocation_save(revocation, audit).await?;
        let closed = self.apply([&stands]);
        Ok((stands, closed))
    }

    /// Reads what was stored since the last time, by whomever.
    pub async fn catch_up(&self, store: &dyn RevocationStore) -> StoreResult<()> {
        loop {
            let after = self.read_up_to.load(Ordering::Acquire);
            let page = store.revocations_after(after, FEED_MAX_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            self.apply(page.iter().map(|row| &row.revocation));
            self.read_up_to.fetch_max(last.cursor, Ordering::AcqRel);
            if page.len() < FEED_MAX_PAGE {
                return Ok(());
            }
        }
    }

    /// Enters an open socket, or its fresh token; closes it when that is void by now.
    pub fn socket_opened(&self, session: u64, principal: &Principal, outbox: &Arc<Outbox>) {
        let socket = OpenSocket {
            subject: principal.subject.as_str().into(),
            jti: principal.jti.as_deref().map(Into::into),
            issued_at: principal.issued_at,
            outbox: Arc::downgrade(outbox),
        };
        self.sockets.insert(session, socket);
        if self.void(principal.marks()) {
            outbox.cut(CloseCode::Token, REASON);
        }
    }

    /// Forgets a socket.
    pub fn socket_closed(&self, session: u64) {
        self.sockets.remove(&session);
    }

    /// Enters revocations and closes the sockets they concern; how many those were.
    fn apply<'a>(&self, revocations: impl IntoIterator<Item = &'a Revocation>) -> usize {
        {
            let mut void = self.void.write();
            revocations.into_iter().for_each(|revocation| void.add(revocation));
        }
        let void = self.void.read();
        let concerned = self.sockets.iter().filter(|socket| void.hold(socket.marks()));
        concerned
            .filter_map(|socket| socket.outbox.upgrade())
            .filter(|outbox| outbox.cut(CloseCode::Token, REASON))
            .count()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::actors::outbox::Event;
    use crate::domain::revocation::Revoked;
    use crate::protocol::identity::Role;

    fn principal(subject: &str, issued_at: Option<Millis>) -> Principal {
        Principal {
            subject: subject.into(),
            role: Role::Customer,
            expires_at: Millis(i64::MAX),
            issued_at,
            jti: Some(format!("{subject}-j")),
            issuer: None,
            tier: None,
            merchant_claim: None,
        }
    }

    fn of_subject(subject: &str, at: i64) -> Revocation {
        Revocation { what: Revoked::Subject(subject.into()), at: Millis(at) }
    }

    fn code(outbox: &Outbox) -> Option<u16> {
        outbox.state().closed
    }

    #[test]
    fn a_revocation_closes_the_sockets_of_its_subject_and_no_other() {
        let revocations = Revocations::default();
        let [old, fresh, other] = [(); 3].map(|()| Arc::new(Outbox::default()));
        revocations.socket_opened(1, &principal("c-1", Some(Millis(1_000))), &old);
        revocations.socket_opened(2, &principal("c-1", Some(Millis(9_000))), &fresh);
        revocations.socket_opened(3, &principal("c-2", Some(Millis(1_000))), &other);
        old.event(Event { text: "waits".into(), tag: None });
        assert_eq!(revocations.apply([&of_subject("c-1", 5_000)]), 1);
        assert_eq!((code(&old), code(&fresh), code(&other)), (Some(4401), None, None));
        assert_eq!(old.state().events, 0, "what waited is not sent any more");
        assert_eq!(revocations.apply([&of_subject("c-1", 5_000)]), 0, "nothing is left to close");
        let by_jti = Revocation { what: Revoked::Jti("c-2-j".into()), at: Millis(0) };
        assert_eq!((revocations.apply([&by_jti]), code(&other)), (1, Some(4401)));
    }

    #[test]
    fn a_socket_that_opens_late_finds_its_token_void() {
        let revocations = Revocations::default();
        revocations.apply([&of_subject("c-1", 5_000)]);
        let outbox = Arc::new(Outbox::default());
        revocations.socket_opened(1, &principal("c-1", None), &outbox);
        assert_eq!(code(&outbox), Some(4401));
    }

    #[test]
    fn a_renewed_socket_hangs_on_its_new_token() {
        let revocations = Revocations::default();
        let outbox = Arc::new(Outbox::default());
        revocations.socket_opened(1, &principal("c-1", Some(Millis(1_000))), &outbox);
        revocations.socket_opened(1, &principal("c-1", Some(Millis(6_000))), &outbox);
        assert_eq!((revocations.apply([&of_subject("c-1", 5_000)]), code(&outbox)), (0, None));
    }

    #[test]
    fn a_closed_socket_is_forgotten() {
        let revocations = Revocations::default();
        let (gone, dropped) = (Arc::new(Outbox::default()), Arc::new(Outbox::default()));
        revocations.socket_opened(1, &principal("c-1", None), &gone);
        revocations.socket_opened(2, &principal("c-1", None), &dropped);
        revocations.socket_closed(1);
        drop(dropped);
        assert_eq!((revocations.apply([&of_subject("c-1", 5_000)]), code(&gone)), (0, None));
    }
}
