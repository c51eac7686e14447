//! A driver's wish to be available, paused or offline, and their consent to be seen.

use super::TRIES;
use super::store_problem;
use super::to_its_end;
use crate::actors::driver::ReloadDriver;
use crate::actors::mailbox::tell;
use crate::actors::order::RecheckOrder;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::AuditEntry;
use crate::domain::driver::Driver;
use crate::domain::driver::DriverStatus;
use crate::domain::driver::Shift;
use crate::domain::ids::DriverId;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;
use std::sync::Arc;

/// Stores the wish, and answers with the status now seen outside: work in hand shows before wishes.
pub async fn shift(
    world: &Arc<World>,
    driver_id: &DriverId,
    wanted: Shift,
    share_location: Option<bool>,
) -> Result<DriverStatus, Problem> {
    let (world, driver_id) = (world.clone(), driver_id.clone());
    to_its_end(async move { save(&world, &driver_id, wanted, share_location, None).await }).await
}

/// The same by somebody in charge, `role:subject`: written into the audit trail in the same transaction.
pub async fn shift_by_hand(
    world: &Arc<World>,
    driver_id: &DriverId,
    wanted: Shift,
    share_location: Option<bool>,
    actor: String,
) -> Result<DriverStatus, Problem> {
    let (world, driver_id) = (world.clone(), driver_id.clone());
    to_its_end(async move { save(&world, &driver_id, wanted, share_location, Some(actor)).await }).await
}

async fn save(
    world: &Arc<World>,
    driver_id: &DriverId,
    wanted: Shift,
    share_location: Option<bool>,
    actor: Option<String>,
) -> Result<DriverStatus, Problem> {
    for _ in 0..TRIES {
        let now = clock::now();
        let loaded = world.store.drivers.driver_load(driver_id.clone(), now).await;
        let state = loaded.map_err(|error| store_problem(&error))?;
        let before = state.driver.unwrap_or_else(|| Driver::new(driver_id.clone()));
        let after = before.ask(wanted, share_location, now).map_err(|_| Problem::new(Code::ConsentNeeded))?;
        let audit = actor.clone().map(|actor| AuditEntry {
            at: now,
            actor,
            act: "driver_status".to_owned(),
            order_id: None,
            driver_id: Some(driver_id.clone()),
            detail: Some(format!("from {} to {}", before.shift.as_str(), wanted.as_str())),
        });
        match world.store.drivers.driver_save(after.clone(), audit).await {
            Ok(()) => {
                if let Ok(driver) = world.driver(driver_id) {
                    tell(&driver, ReloadDriver);
                }
                recheck_watched(world, &before, &after).await;
                // An offer is taken back from a driver who turns away.
                let has_offer = state.offer.is_some() && wanted == Shift::Available;
                return Ok(DriverStatus::seen(wanted, has_offer, state.assignment.is_some()));
            }
            Err(StoreError::Conflict(Conflict::DriverChanged)) => {}
            Err(error) => return Err(store_problem(&error)),
        }
    }
    Err(Problem::new(Code::Conflict).detail("The driver keeps changing: try again."))
}

/// Whoever watches this driver may do so from now on, or no more.
pub(super) async fn recheck_watched(world: &Arc<World>, before: &Driver, after: &Driver) {
    if before.share_location == after.share_location {
        return;
    }
    // A read that fails is made good by the watches' lease.
    let Ok(state) = world.store.drivers.driver_load(after.driver_id.clone(), clock::now()).await else { return };
    let orders = state.assignment.map(|(_, orders)| orders).unwrap_or_default();
    for addr in orders.iter().filter_map(|order_id| world.directory.order(order_id)) {
        tell(&addr, RecheckOrder);
    }
}
