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

/// Sends a message now and waits for the answer, for a bounded time. Two calls in a row reach the actor in their order.
pub fn ask<A, M>(actor: &Addr<A>, message: M) -> impl Future<Output = Result<M::Result, NoAnswer>> + use<A, M>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + Unpin + 'static,
    M::Result: Send,
{
    let request = actor.send(message).timeout(Duration::from_millis(ASK_TIMEOUT_MS));
    async move { request.await.map_err(|_| NoAnswer) }
}

/// The same for what must be handled even when nobody waits for the answer any more: actix passes over a message whose
/// asker is gone, and goes on with those that came after it.
pub fn insist<A, M>(actor: &Addr<A>, message: M) -> impl Future<Output = Result<M::Result, NoAnswer>> + use<A, M>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + Unpin + 'static,
    M::Result: Send,
{
    let request = actix::spawn(actor.send(message));
    async move {
        match tokio::time::timeout(Duration::from_millis(ASK_TIMEOUT_MS), request).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            _ => Err(NoAnswer),
        }
    }
}
