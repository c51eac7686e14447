//! One commit, whole or not at all: its orders by compare-and-set, then the offer, then the assignments, then what goes with them.
//!
//! Runs inside a savepoint of the one writer, so whatever it has read still holds when it writes.

use super::assignments;
use super::drivers;
use super::feed;
use super::offers;
use super::orders::insert_event;
use super::rows;
use super::rows::ORDER_CHANGING;
use crate::domain::dispatch::AssignmentChange;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferChange;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::OrderChange;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::Conflict;
use crate::store::StoreError;
use crate::store::StoreResult;
use rusqlite::Connection;
use rusqlite::params_from_iter;
use rusqlite::types::ToSql;
use std::collections::HashSet;
use std::sync::LazyLock;

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let places = vec!["?"; ORDER_CHANGING.split(',').count()].join(", ");
    format!("UPDATE orders SET ({ORDER_CHANGING}) = ({places}) WHERE order_id = ? AND version = ?")
});

/// Writes the commit, or says what stood in its way; the caller rolls back then.
pub(super) fn apply(connection: &Connection, commit: &Commit) -> StoreResult<()> {
    check_shape(commit)?;
    for change in &commit.changes {
        compare_and_set(connection, change)?;
    }
    for event in commit.changes.iter().flat_map(|change| &change.events) {
        insert_event(connection, event)?;
    }
    if let Some(change) = &commit.offer {
        settle(connection, commit, change)?;
    }
    let now = commit.changes.iter().map(|change| change.order.updated_at).max().unwrap_or(Millis(0));
    change_assignments(connection, commit, now)?;
    withdraw(connection, commit, now)?;
    if let Some(change) = &commit.record {
        drivers::count(connection, change)?;
    }
    if let Some(driver_id) = &commit.refused_by {
        for change in &commit.changes {
            offers::refuse(connection, &change.order.order_id, driver_id, now)?;
        }
    }
    tell(connection, commit)
}

/// What no caller should ask for, whatever is stored.
fn check_shape(commit: &Commit) -> StoreResult<()> {
    let refused = |why: &str| Err(StoreError::Aborted(why.to_owned()));
    if commit.changes.is_empty() {
        return refused("a commit changes one order or more");
    }
    if !commit.changes.iter().all(is_in_step) {
        return refused("the change of an order and its events are not numbered in step");
    }
    let takes_nothing = |(assignment_id, driver_id, _): (&AssignmentId, &DriverId, i64)| {
        taken(commit, assignment_id, driver_id).next().is_none()
    };
    if begun(commit).any(takes_nothing) {
        return refused("an assignment begins without an order");
    }
    Ok(())
}

/// Version and events must count up without a gap: watchers resume by them.
fn is_in_step(change: &OrderChange) -> bool {
    let expected = (1_i64..).map(|step| change.expected_version.saturating_add(step));
    let in_step = change
        .events
        .iter()
        .zip(expected)
        .all(|(event, seq)| event.seq == seq && event.order_id == change.order.order_id);
    let steps = i64::try_from(change.events.len()).unwrap_or(i64::MAX);
    in_step && change.order.version == change.expected_version.saturating_add(steps)
}

/// The assignments that begin: which, whose, and on which version of the driver.
fn begun(commit: &Commit) -> impl Iterator<Item = (&AssignmentId, &DriverId, i64)> {
    commit.assignments.iter().filter_map(|change| match change {
        AssignmentChange::Begin { assignment_id, driver_id, driver_version } => {
            Some((assignment_id, driver_id, *driver_version))
        }
        AssignmentChange::Leave { .. } => None,
    })
}

/// The orders of the commit that the driver takes in this assignment.
fn taken<'a>(
    commit: &'a Commit,
    assignment_id: &'a AssignmentId,
    driver_id: &'a DriverId,
) -> impl Iterator<Item = &'a OrderId> {
    let orders = commit.changes.iter().map(|change| &change.order);
    let is_taken = move |order: &&Order| {
        order.status == Status::Assigned
            && order.assignment_id.as_ref() == Some(assignment_id)
            && order.driver_id.as_ref() == Some(driver_id)
    };
    orders.filter(is_taken).map(|order| &order.order_id)
}

fn compare_and_set(connection: &Connection, change: &OrderChange) -> StoreResult<()> {
    let order = &change.order;
    let mut values = rows::changing_values(order)?;
    values.push(order.order_id.to_sql()?);
    values.push(change.expected_version.into());
    if connection.prepare_cached(&UPDATE)?.execute(params_from_iter(values))? == 1 {
        return Ok(());
    }
    let known = connection.prepare_cached("SELECT 1 FROM orders WHERE order_id = ?")?.exists([&order.order_id])?;
    Err(if known { StoreError::Conflict(Conflict::OrderChanged) } else { StoreError::NotFound })
}

/// Closes the offer, which must still be open; to be accepted it must be about what the commit does.
fn settle(connection: &Connection, commit: &Commit, change: &OfferChange) -> StoreResult<()> {
    let closed = Err(StoreError::Conflict(Conflict::OfferClosed));
    let Some(offer) = offers::fetch(connection, &change.offer_id)? else { return closed };
    if change.outcome == OfferOutcome::Accepted && !(change.at <= offer.expires_at && is_taken_up(commit, &offer)) {
        return closed;
    }
    if offers::close(connection, &change.offer_id, change.outcome, change.at)? { Ok(()) } else { closed }
}

/// The driver who was asked begins an assignment of exactly the orders of the offer.
fn is_taken_up(commit: &Commit, offer: &Offer) -> bool {
    let offered: HashSet<&OrderId> = offer.order_ids.iter().collect();
    begun(commit).any(|(assignment_id, driver_id, _)| {
        *driver_id == offer.driver_id && taken(commit, assignment_id, driver_id).collect::<HashSet<_>>() == offered
    })
}

/// Leaves before beginnings: a driver may leave one assignment for another, and an order one driver for the next.
fn change_assignments(connection: &Connection, commit: &Commit, now: Millis) -> StoreResult<()> {
    for change in &commit.assignments {
        if let AssignmentChange::Leave { assignment_id } = change {
            assignments::leave(connection, assignment_id, now)?;
        }
    }
    for (assignment_id, driver_id, driver_version) in begun(commit) {
        assignments::begin(connection, assignment_id, (driver_id, driver_version), now)?;
    }
    Ok(())
}

/// Withdraws what is still open for orders that look for nobody now, and for drivers who have just got something else to do.
fn withdraw(connection: &Connection, commit: &Commit, now: Millis) -> StoreResult<()> {
    for change in &commit.changes {
        if change.order.status != Status::Searching || change.order.is_parked() {
            offers::withdraw_for_order(connection, &change.order.order_id, now)?;
        }
    }
    for (_, driver_id, _) in begun(commit) {
        offers::withdraw_for_driver(connection, driver_id, now)?;
    }
    Ok(())
}

/// What others read of it.
fn tell(connection: &Connection, commit: &Commit) -> StoreResult<()> {
    for change in &commit.changes {
        if !change.order.is_parked() {
            feed::take_up(connection, &change.order.order_id)?;
        }
    }
    if let Some(letter) = &commit.dead_letter {
        feed::lay_down(connection, letter)?;
    }
    for event in &commit.published {
        feed::publish(connection, event)?;
    }
    match &commit.audit {
        Some(entry) => feed::record(connection, entry),
        None => Ok(()),
    }
}
