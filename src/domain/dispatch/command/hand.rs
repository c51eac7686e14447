//! An operator's hand.

use super::Command;
use super::Refusal;
use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::OrderChange;
use crate::domain::driver::Driver;
use crate::domain::ids::DriverId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Refused;
use crate::domain::order::Status;
use crate::domain::order::Step;

impl Command<'_> {
    /// Gives an order to a driver at once, without an offer; one that another driver has not picked up yet is taken from them.
    pub fn assign(&mut self, order: &Order, driver: &Driver, operator: &By) -> Result<Commit, Refusal> {
        let is_carried = matches!(order.status, Status::Assigned | Status::AtPickup);
        if order.driver_id.as_ref() == Some(&driver.driver_id) && order.status.is_active() {
            return Err(Refusal::Step(Refused::AlreadyTaken));
        }
        let mut commit = Commit::default();
        let mut before = OrderChange::of(order);
        if is_carried {
            before.take(&Step::Release, operator, Some("reassigned".to_owned()), self.now)?;
            commit.leave(order, &before.order);
            commit.refused_by.clone_from(&order.driver_id);
        }
        self.give(&mut commit, &[&before.order], driver, operator, None)?;
        if let Some(change) = commit.changes.first_mut() {
            change.expected_version = order.version;
            change.events.splice(0..0, before.events);
        }
        let act = if is_carried { "reassign" } else { "assign" };
        commit.audit = Some(self.audit(operator, act, order, Some(driver.driver_id.clone())));
        Ok(commit)
    }

    pub(super) fn audit(&self, by: &By, act: &str, order: &Order, driver_id: Option<DriverId>) -> AuditEntry {
        let actor = match by {
            By::Operator(subject) => subject.clone(),
            other => other.role().to_owned(),
        };
        AuditEntry {
            at: self.now,
            actor,
            act: act.to_owned(),
            order_id: Some(order.order_id.clone()),
            driver_id,
            detail: Some(format!("from {} at version {}", order.status.as_str(), order.version)),
        }
    }
}
