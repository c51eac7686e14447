//! Other systems are told of every search once, with the version that began it, of every assignment and of every failure, and of nothing else.

use super::Seen;
use crate::history::Fact;
use beeline::domain::dispatch::Published;
use beeline::domain::dispatch::PublishedKind;
use beeline::domain::ids::OrderId;
use beeline::domain::order::OrderEvent;
use beeline::domain::order::Status;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

type Told<'a> = BTreeSet<(&'a OrderId, i64, &'static str)>;

pub fn check(seen: &Seen<'_>) -> Result<(), String> {
    let wanted = wanted(seen);
    let mut told: Told<'_> = BTreeSet::new();
    let mut last: BTreeMap<&OrderId, (i64, i64)> = BTreeMap::new();
    for event in &seen.store.published {
        if !told.insert((&event.order_id, event.version, event.kind.event_type())) {
            return Err(format!("{} was told twice: {:?}", event.order_id, event.kind));
        }
        check_growth(event, &mut last)?;
    }
    if let Some((order_id, version, kind)) = wanted.difference(&told).next() {
        return Err(format!("{kind} of {order_id} at {version} was never told"));
    }
    match told.difference(&wanted).next() {
        Some((order_id, version, kind)) => Err(format!("{kind} of {order_id} at {version} was told and is not so")),
        None => Ok(()),
    }
}

/// Versions never fall, and every search counts one more than the one before it.
fn check_growth<'a>(event: &'a Published, last: &mut BTreeMap<&'a OrderId, (i64, i64)>) -> Result<(), String> {
    let (version, priority) = last.entry(&event.order_id).or_insert((0, -1));
    let next = match &event.kind {
        PublishedKind::Requested { priority, .. } => i64::from(*priority),
        _ => *priority + 1,
    };
    if event.version < *version || next <= *priority {
        return Err(format!("{} went back from version {version}, search {priority}: {event:?}", event.order_id));
    }
    *version = event.version;
    if matches!(event.kind, PublishedKind::Requested { .. }) {
        *priority = next;
    }
    Ok(())
}

/// What should be told, from the events of the orders.
fn wanted<'a>(seen: &Seen<'a>) -> Told<'a> {
    let mut wanted = BTreeSet::new();
    for moment in seen.history {
        let Fact::Committed(commit) = &moment.fact else { continue };
        for change in &commit.changes {
            for event in &change.events {
                // One that is taken from one driver and given to the next never searches in between.
                let searches = change.order.status == Status::Searching;
                for kind in kinds(event, searches) {
                    wanted.insert((&event.order_id, event.seq, *kind));
                }
            }
        }
    }
    wanted
}

fn kinds(event: &OrderEvent, searches: bool) -> &'static [&'static str] {
    match event.event.as_str() {
        "searching" | "retried" => &["AssignmentRequested"],
        "released" | "offer_declined" | "offer_expired" if searches => &["AssignmentFailed", "AssignmentRequested"],
        "parked" => &["AssignmentFailed"],
        "assigned" => &["DriverAssigned"],
        _ => &[],
    }
}
