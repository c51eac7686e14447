//! A commit, written whole or not at all: every test comes before the first write.

use super::model::Assignment;
use super::model::Model;
use crate::switches::Switch;
use beeline::domain::dispatch::AssignmentChange;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::DeadLetter;
use beeline::domain::dispatch::OfferChange;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::dispatch::OrderChange;
use beeline::domain::dispatch::RecordChange;
use beeline::domain::driver::Shift;
use beeline::domain::ids::AssignmentId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::Status;
use beeline::domain::time::Millis;
use beeline::store::Conflict;
use beeline::store::StoreError;
use beeline::store::StoreResult;

/// An assignment about to begin.
struct Beginning<'a> {
    assignment_id: &'a AssignmentId,
    driver_id: &'a DriverId,
    driver_version: i64,
}

impl Model {
    pub fn order_commit(&mut self, commit: &Commit) -> StoreResult<()> {
        check_shape(commit)?;
        for change in &commit.changes {
            self.check_order(change)?;
        }
        if let Some(change) = &commit.offer {
            self.check_offer(commit, change)?;
        }
        let ended = self.ended_by(commit)?;
        for beginning in begun(commit) {
            self.check_beginning(&beginning, &ended)?;
        }
        self.check_letter(commit)?;
        self.write(commit, &ended);
        Ok(())
    }

    fn check_order(&self, change: &OrderChange) -> StoreResult<()> {
        let stored = self.orders.get(&change.order.order_id).ok_or(StoreError::NotFound)?;
        if stored.version == change.expected_version || self.is_broken(Switch::NoOrderVersionTest) {
            return Ok(());
        }
        Err(StoreError::Conflict(Conflict::OrderChanged))
    }

    fn check_offer(&self, commit: &Commit, change: &OfferChange) -> StoreResult<()> {
        let open = self.offers.get(&change.offer_id).filter(|offer| offer.outcome.is_none());
        let fits = open.is_some_and(|offer| {
            let mut offered: Vec<&OrderId> = offer.order_ids.iter().collect();
            offered.sort();
            let is_taken_up = begun(commit).any(|beginning| {
                let mut orders = taken(commit, &beginning);
                orders.sort();
                *beginning.driver_id == offer.driver_id && orders == offered
            });
            change.outcome != OfferOutcome::Accepted || change.at <= offer.expires_at && is_taken_up
        });
        if fits { Ok(()) } else { Err(StoreError::Conflict(Conflict::OfferClosed)) }
    }

    /// The assignments that are over once this is written.
    fn ended_by<'a>(&self, commit: &'a Commit) -> StoreResult<Vec<&'a AssignmentId>> {
        let mut ended = Vec::new();
        for change in &commit.assignments {
            let AssignmentChange::Leave { assignment_id } = change else { continue };
            if !self.assignments.contains_key(assignment_id) {
                return Err(StoreError::NotFound);
            }
            let in_commit = |order: &Order| commit.changes.iter().any(|change| change.order.order_id == order.order_id);
            let is_left =
                |order: &Order| order.status.is_active() && order.assignment_id.as_ref() == Some(assignment_id);
            let changed = commit.changes.iter().any(|change| is_left(&change.order));
            let is_active = self.assignments.get(assignment_id).is_some_and(|assignment| !assignment.has_ended)
                && !ended.contains(&assignment_id);
            if is_active && !changed && !self.orders.values().any(|order| !in_commit(order) && is_left(order)) {
                ended.push(assignment_id);
            }
        }
        Ok(ended)
    }

    fn check_beginning(&self, beginning: &Beginning<'_>, ended: &[&AssignmentId]) -> StoreResult<()> {
        let conflict = |conflict| Err(StoreError::Conflict(conflict));
        let Some(driver) = self.drivers.get(beginning.driver_id) else { return conflict(Conflict::DriverUnknown) };
        // Leaves come first, and the end of an assignment is a change of its driver.
        let is_theirs = |ended: &&&AssignmentId| {
            self.assignments.get(**ended).is_some_and(|assignment| assignment.driver_id == *beginning.driver_id)
        };
        let leaves = i64::try_from(ended.iter().filter(is_theirs).count()).unwrap();
        if driver.version + leaves != beginning.driver_version && !self.is_broken(Switch::NoDriverVersionTest) {
            return conflict(Conflict::DriverChanged);
        }
        if driver.shift != Shift::Available {
            return conflict(Conflict::DriverUnavailable);
        }
        let is_other = |(assignment_id, assignment): (&AssignmentId, &Assignment)| {
            assignment.driver_id == *beginning.driver_id && !assignment.has_ended && !ended.contains(&assignment_id)
        };
        if self.assignments.iter().any(is_other) && !self.is_broken(Switch::NoUniqueIndex) {
            return conflict(Conflict::DriverBusy);
        }
        Ok(())
    }

    /// An order has one dead letter.
    fn check_letter(&self, commit: &Commit) -> StoreResult<()> {
        let Some(letter) = &commit.dead_letter else { return Ok(()) };
        let is_taken_up = |order_id: &OrderId| {
            commit.changes.iter().any(|change| change.order.order_id == *order_id && !change.order.is_parked())
        };
        let stands = |other: &DeadLetter| {
            other.order_id == letter.order_id && other.order_id.as_ref().is_some_and(|order_id| !is_taken_up(order_id))
        };
        if self.letters.values().any(stands) && !self.is_broken(Switch::KeptLetters) {
            return Err(StoreError::Aborted("the order has a dead letter".to_owned()));
        }
        Ok(())
    }

    fn write(&mut self, commit: &Commit, ended: &[&AssignmentId]) {
        let now = commit.changes.iter().map(|change| change.order.updated_at).max().unwrap_or(Millis(0));
        for OrderChange { order, events, .. } in &commit.changes {
            self.orders.insert(order.order_id.clone(), order.clone());
            self.events.entry(order.order_id.clone()).or_default().extend(events.iter().cloned());
            if let Some(driver_id) = &commit.refused_by {
                self.refuse(&order.order_id, driver_id, now);
            }
            if !order.is_parked() && !self.is_broken(Switch::KeptLetters) {
                self.letters.retain(|_, letter| letter.order_id.as_ref() != Some(&order.order_id));
            }
        }
        if let Some(change) = &commit.offer {
            self.close(&change.offer_id, change.outcome);
        }
        for assignment_id in ended {
            if let Some(assignment) = self.assignments.get_mut(*assignment_id) {
                assignment.has_ended = true;
                if let Some(driver) = self.drivers.get_mut(&assignment.driver_id) {
                    driver.version += 1;
                }
            }
        }
        for beginning in begun(commit) {
            let assignment = Assignment { driver_id: beginning.driver_id.clone(), has_ended: false };
            self.assignments.insert(beginning.assignment_id.clone(), assignment);
            if let Some(driver) = self.drivers.get_mut(beginning.driver_id) {
                driver.version += 1;
            }
        }
        self.withdraw_where(|offer| {
            let looks_no_more = |change: &OrderChange| {
                let order = &change.order;
                (order.status != Status::Searching || order.is_parked()) && offer.order_ids.contains(&order.order_id)
            };
            commit.changes.iter().any(looks_no_more) || begun(commit).any(|begun| *begun.driver_id == offer.driver_id)
        });
        self.record(commit);
    }

    /// What goes with it and nothing depends on.
    fn record(&mut self, commit: &Commit) {
        if let Some(change) = &commit.record {
            self.count(change);
        }
        if let Some(letter) = &commit.dead_letter {
            self.letters.insert(letter.dead_letter_id.clone(), letter.clone());
        }
        // Broken now and then, in a way that does not draw: by the version of the order.
        let is_forgotten = self.is_broken(Switch::ForgottenEvents);
        let kept = commit.published.iter().filter(|event| !is_forgotten || event.version % 3 != 0);
        self.published.extend(kept.cloned());
        if !self.is_broken(Switch::NoAudit) {
            self.audit.extend(commit.audit.clone());
        }
    }

    pub(super) fn count(&mut self, change: &RecordChange) {
        let (RecordChange::Answered { driver_id, .. } | RecordChange::Delivered { driver_id, .. }) = change;
        let Some(driver) = self.drivers.get_mut(driver_id) else { return };
        let record = &mut driver.record;
        match change {
            RecordChange::Answered { outcome, .. } => match outcome {
                OfferOutcome::Accepted => record.accepted += 1,
                OfferOutcome::Declined => record.declined += 1,
                OfferOutcome::Expired => record.lapsed += 1,
                OfferOutcome::Withdrawn => {}
            },
            RecordChange::Delivered { on_time, .. } => {
                record.completed += 1;
                record.on_time += u32::from(*on_time);
            }
        }
    }
}

/// What no caller should ask for, whatever is stored.
fn check_shape(commit: &Commit) -> StoreResult<()> {
    let is_in_step = |change: &OrderChange| {
        let seqs = (change.expected_version + 1)..;
        let mut pairs = change.events.iter().zip(seqs);
        let steps = i64::try_from(change.events.len()).unwrap();
        pairs.all(|(event, seq)| event.seq == seq && event.order_id == change.order.order_id)
            && change.order.version == change.expected_version + steps
    };
    let takes_something = |beginning: Beginning<'_>| !taken(commit, &beginning).is_empty();
    if !commit.changes.is_empty() && commit.changes.iter().all(is_in_step) && begun(commit).all(takes_something) {
        return Ok(());
    }
    Err(StoreError::Aborted("no commit that can be written".to_owned()))
}

fn begun(commit: &Commit) -> impl Iterator<Item = Beginning<'_>> {
    commit.assignments.iter().filter_map(|change| match change {
        AssignmentChange::Begin { assignment_id, driver_id, driver_version } => {
            Some(Beginning { assignment_id, driver_id, driver_version: *driver_version })
        }
        AssignmentChange::Leave { .. } => None,
    })
}

/// The orders that are assigned in this beginning.
fn taken<'a>(commit: &'a Commit, beginning: &Beginning<'_>) -> Vec<&'a OrderId> {
    let orders = commit.changes.iter().map(|change| &change.order);
    let is_taken = |order: &&Order| {
        order.status == Status::Assigned
            && order.assignment_id.as_ref() == Some(beginning.assignment_id)
            && order.driver_id.as_ref() == Some(beginning.driver_id)
    };
    orders.filter(is_taken).map(|order| &order.order_id).collect()
}
