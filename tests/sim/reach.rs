//! What the seeds come across: a simulation in which nothing happens would hold as well.

use crate::history::Fact;
use crate::history::Moment;
use crate::protocol::Reply;
use crate::run::run;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::dispatch::OfferOutcome;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Far fewer than `make test` looks at.
const SEEDS: u64 = 300;

/// All of this comes to pass in some of them.
const WANTED: &[&str] = &[
    // Events of orders.
    "placed",
    "paid",
    "searching",
    "assigned",
    "at_pickup",
    "picked_up",
    "at_dropoff",
    "delivered",
    "released",
    "offer_declined",
    "offer_expired",
    "parked",
    "retried",
    "ready",
    "cancelled",
    "failed",
    // What befalls nodes and people.
    "down",
    "up",
    "parted",
    "calm",
    "silent",
    "lost",
    "given up",
    "asked",
    "offer made",
    "offer withdrawn",
    "driver saved",
    // Found in the history.
    "a bundle accepted",
    "an order taken from one driver and given to the next",
    "a command answered more than once",
    "an answer kept and told again",
    "a watcher resumed",
];

#[test]
fn the_seeds_come_across_everything() {
    let mut found = BTreeSet::new();
    for seed in 0..SEEDS {
        let outcome = run(seed, None);
        found.extend(outcome.words);
        found.extend(of_history(&outcome.history));
    }
    let missing: Vec<&&str> = WANTED.iter().filter(|what| !found.contains(**what)).collect();
    assert!(missing.is_empty(), "never seen in {SEEDS} seeds: {missing:?}");
    assert!(!found.contains("another event"), "the trace knows every event by name");
}

fn of_history(history: &[Moment]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept = BTreeSet::new();
    for moment in history {
        match &moment.fact {
            Fact::Committed(commit) => {
                let is_accepted = commit.offer.as_ref().is_some_and(|offer| offer.outcome == OfferOutcome::Accepted);
                if is_accepted && commit.changes.len() > 1 {
                    found.insert("a bundle accepted");
                }
                let leaves = |change: &AssignmentChange| matches!(change, AssignmentChange::Leave { .. });
                if commit.assignments.iter().any(leaves) && !commit.assignments.iter().all(leaves) {
                    found.insert("an order taken from one driver and given to the next");
                }
            }
            Fact::Answered { body, .. } => drop(kept.insert(body)),
            Fact::Told { command, reply, .. } => {
                let times = answers.entry(command).or_default();
                *times += 1;
                if *times > 1 {
                    found.insert("a command answered more than once");
                    if matches!(reply, Reply::Placed(receipt) if kept.contains(&receipt.body)) {
                        found.insert("an answer kept and told again");
                    }
                }
            }
            Fact::Saw { after, .. } if *after > 0 => drop(found.insert("a watcher resumed")),
            _ => {}
        }
    }
    found
}
