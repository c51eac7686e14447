//! What the store keeps of revoked tokens.

use super::StoreFuture;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Revocation;

/// A revocation and its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRevocation {
    /// Grows by at least one with every revocation and every repetition of one, in the order of commits.
    pub cursor: i64,
    /// The revocation.
    pub revocation: Revocation,
}

/// Tokens that are void before their time. Rows stand for ever: nobody knows how long a token was meant to live.
pub trait RevocationStore: Send + Sync {
    /// Stores a revocation with its audit row, in one transaction, and gives what stands after it. Repeating one is fine: it moves to the newer
    /// of the two moments and to a new cursor.
    fn revocation_save(&self, revocation: Revocation, audit: AuditEntry) -> StoreFuture<'_, Revocation>;
    /// Revocations above `after`, in order.
    fn revocations_after(&self, after: i64, limit: usize) -> StoreFuture<'_, Vec<FeedRevocation>>;
}
