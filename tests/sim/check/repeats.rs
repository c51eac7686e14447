//! The same key leads to one order and, once its answer is kept, to that answer word for word; and a command that was obeyed once is obeyed whenever it is repeated, with the same order in the answer.

use super::Seen;
use crate::history::Fact;
use crate::protocol::Reply;
use crate::protocol::Request;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Step;
use beeline::domain::time::Millis;
use std::collections::BTreeMap;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let mut placed: BTreeMap<&str, &OrderId> = BTreeMap::new();
    let mut kept: BTreeMap<&str, (Millis, &str)> = BTreeMap::new();
    let mut first: BTreeMap<&str, &Reply> = BTreeMap::new();
    for moment in seen.history {
        match &moment.fact {
            Fact::Placed { order, key } => {
                if let Some(other) = placed.insert(key, &order.order_id) {
                    return Err(format!("{key} has led to {other} and to {}", order.order_id));
                }
            }
            Fact::Answered { key, body } => drop(kept.entry(key).or_insert((moment.at, body))),
            Fact::Told { command, request, asked_at, reply } if is_final(request) && !reply.is_passing() => {
                if let (Request::Place { key, .. }, Reply::Placed(receipt)) = (request.as_ref(), reply)
                    && let Some((at, body)) = kept.get(key.as_str())
                    && at < asked_at
                    && receipt.body != *body
                {
                    return Err(format!(
                        "{key} was asked about at {asked_at:?} and answered {}, not {body}",
                        receipt.body
                    ));
                }
                let before = first.entry(command).or_insert(reply);
                if !agree(before, reply) {
                    return Err(format!("{command} ({request:?}) was answered {before:?}, then {reply:?}"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What such a command has done nobody can undo: a repeat finds it done.
fn is_final(request: &Request) -> bool {
    match request {
        Request::Place { .. } | Request::Accept { .. } | Request::Decline { .. } => true,
        Request::Step { step, .. } => matches!(step, Step::Deliver | Step::Cancel),
        _ => false,
    }
}

/// A refusal may be followed by anything: what was refused was not done. Not so for a card, which is charged once.
fn agree(before: &Reply, now: &Reply) -> bool {
    match (before, now) {
        (Reply::Placed(before), Reply::Placed(now)) => before.order_id == now.order_id,
        (Reply::Order(before), Reply::Order(now)) => before.order_id == now.order_id,
        (Reply::Placed(_) | Reply::Order(_) | Reply::Done, Reply::Refused(_)) => false,
        (Reply::Refused(before), now) => *before != crate::protocol::Problem::PaymentDeclined || now.is_refusal(),
        _ => true,
    }
}
