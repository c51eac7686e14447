//! Sending to actors with bounds: `do_send` ignores a mailbox's capacity, so nothing here uses it.

use crate::limits::ASK_TIMEOUT_MS;
use actix::Actor;
use actix::Addr;
use actix::Handler;
use actix::Message;
use actix::dev::ToEnvelope;
use std::time::Duration;

/// The other side is dead, or did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actor did not answer")]
pub struct NoAnswer;

/// Sends a message that may be lost: `false` when the mailbox is full or the actor is dead.
pub fn tell<A, M>(actor: &Addr<A>, message: M) -> bool
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    actor.try_send(message).is_ok()
}

/// Sends a message and waits for the answer, for a bounded time.
pub async fn ask<A, M>(actor: &Addr<A>, message: M) -> Result<M::Result, NoAnswer>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let deadline = Duration::from_millis(ASK_TIMEOUT_MS);
    actor.send(message).timeout(deadline).await.map_err(|_| NoAnswer)
}
