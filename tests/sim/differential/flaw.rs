//! Commits with a flaw, which no rule makes and a store must see through.

use crate::rng::Rng;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::dispatch::Commit;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;

/// Spoils one thing, where it is there.
pub fn spoil(commit: &mut Commit, rng: &Rng) {
    match rng.below(9) {
        0 => commit.changes.clear(),
        1 => each_version(commit, |version| version + 1),
        2 => each_version(commit, |version| version - 1),
        3 => commit.changes.iter_mut().for_each(|change| change.expected_version += 1),
        4 => {
            let order_id = OrderId::from_generated("nowhere".to_owned());
            for change in &mut commit.changes {
                change.order.order_id = order_id.clone();
                change.events.iter_mut().for_each(|event| event.order_id = order_id.clone());
            }
        }
        5 => {
            let assignment_id = AssignmentId::from_generated("nowhere".to_owned());
            commit.assignments.insert(0, AssignmentChange::Leave { assignment_id });
        }
        6 => stranger(commit),
        7 => {
            for change in &mut commit.assignments {
                if let AssignmentChange::Begin { assignment_id, driver_version, .. } = change {
                    match rng.below(2) {
                        0 => *assignment_id = AssignmentId::from_generated("nowhere".to_owned()),
                        _ => *driver_version += 1,
                    }
                }
            }
        }
        _ => {
            if let Some(offer) = &mut commit.offer {
                match rng.below(2) {
                    0 => offer.offer_id = OfferId::from_generated("nowhere".to_owned()),
                    _ => offer.at = offer.at + 60_000,
                }
            }
        }
    }
}

/// Computed from another version, and in itself consistent.
fn each_version(commit: &mut Commit, other: impl Fn(i64) -> i64) {
    for change in &mut commit.changes {
        change.expected_version = other(change.expected_version);
        change.order.version = other(change.order.version);
        change.events.iter_mut().for_each(|event| event.seq = other(event.seq));
    }
}

/// Whoever begins is somebody nobody has heard of.
fn stranger(commit: &mut Commit) {
    let stranger = DriverId::from_generated("nobody".to_owned());
    for change in &mut commit.assignments {
        if let AssignmentChange::Begin { driver_id, .. } = change {
            *driver_id = stranger.clone();
            for change in &mut commit.changes {
                change.order.driver_id = Some(stranger.clone());
            }
        }
    }
}
