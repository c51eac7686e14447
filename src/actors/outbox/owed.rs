//! What an outbox keeps for a reader who has fallen behind: where the newest is to be had, once they read again.

use super::Latest;
use crate::actors::audience::Audience;
use std::sync::Arc;
use std::sync::Weak;

/// A claim to the newest frame of an audience. It does not keep the audience alive: an order that is gone owes nothing.
pub struct Owed {
    audience: Weak<Audience>,
    session: u64,
    since: u64,
}

impl Owed {
    /// What `session` is owed from frame `since` on, the first that it had no room for.
    #[must_use]
    pub fn new(audience: &Arc<Audience>, session: u64, since: u64) -> Self {
        Self { audience: Arc::downgrade(audience), session, since }
    }

    /// The session reads again. Takes the audience's lock, so it is called with the outbox's open.
    pub(super) fn settle(self) -> Option<Latest> {
        self.audience.upgrade()?.catch_up(self.session, self.since)
    }
}

/// What became of a frame that is owed if there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It lies in the outbox.
    Taken,
    /// The one before has not been read: the outbox owes the newest, and nothing more needs to be put into it till it has asked.
    Unread,
    /// The session gets nothing any more.
    Gone,
}
