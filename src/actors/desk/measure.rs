//! What a commit means for the metrics of dispatch.

use crate::actors::world::World;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::PublishedKind;
use crate::domain::order::Order;
use crate::domain::order::Status;
use std::time::Duration;

/// Counts and times what was committed.
pub(super) fn measure(world: &World, before: &[Order], commit: &Commit) {
    let dispatch = &world.metrics.dispatch;
    if let Some(offer) = &commit.offer {
        dispatch.offer_ended(offer.outcome.as_str());
    }
    if commit.dead_letter.is_some() {
        dispatch.dead_letters.inc();
    }
    for event in &commit.published {
        if let PublishedKind::Failed { reason, .. } = &event.kind {
            dispatch.searches_again(reason);
        }
    }
    for (before, after) in before.iter().zip(commit.changes.iter().map(|change| &change.order)) {
        if after.status == Status::Assigned && before.status != Status::Assigned {
            dispatch.assigned.inc();
            let waited_ms = before.due_at.map_or(0, |due_at| after.updated_at.since(due_at));
            dispatch.assign.observe(Duration::from_millis(u64::try_from(waited_ms).unwrap_or(0)));
        }
        if after.status == Status::AtPickup
            && before.status == Status::Assigned
            && let Some(ready_at) = after.prep.ready_at
        {
            dispatch.slack_at_pickup(ready_at.since(after.updated_at));
        }
    }
}
