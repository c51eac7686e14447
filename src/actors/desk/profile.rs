//! What a driver brings: name, vehicle, skills, room. Set by those in charge.

use super::TRIES;
use super::store_problem;
use super::to_its_end;
use crate::actors::driver::ReloadDriver;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::AuditEntry;
use crate::domain::driver::Driver;
use crate::domain::fleet::Profile;
use crate::domain::ids::DriverId;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Conflict;
use crate::store::StoreError;
use std::sync::Arc;

/// A profile somebody has set.
pub struct Profiled {
    /// Whose.
    pub driver_id: DriverId,
    /// What they bring.
    pub profile: Profile,
    /// Whether customers may see them, where a word was said about it.
    pub share_location: Option<bool>,
    /// Who says so.
    pub actor: String,
}

/// Stores a profile, of a driver known or new.
pub async fn save_profile(world: &Arc<World>, wanted: Profiled) -> Result<Driver, Problem> {
    let world = world.clone();
    to_its_end(async move { save(&world, &wanted).await }).await
}

async fn save(world: &Arc<World>, wanted: &Profiled) -> Result<Driver, Problem> {
    for _ in 0..TRIES {
        let now = clock::now();
        let found = world.store.drivers.driver_fetch(wanted.driver_id.clone()).await;
        let before = found.map_err(|error| store_problem(&error))?;
        let before = before.unwrap_or_else(|| Driver::new(wanted.driver_id.clone()));
        let after = before.with_profile(wanted.profile.clone(), wanted.share_location, now);
        let audit = AuditEntry {
            at: now,
            actor: wanted.actor.clone(),
            act: "profile".to_owned(),
            order_id: None,
            driver_id: Some(wanted.driver_id.clone()),
            detail: None,
        };
        match world.store.drivers.driver_save(after.clone(), Some(audit)).await {
            Ok(()) => {
                if let Some(driver) = world.directory.driver(&wanted.driver_id) {
                    tell(&driver, ReloadDriver);
                }
                super::shift::recheck_watched(world, &before, &after).await;
                return Ok(after);
            }
            Err(StoreError::Conflict(Conflict::DriverChanged)) => {}
            Err(error) => return Err(store_problem(&error)),
        }
    }
    Err(Problem::new(Code::Conflict).detail("The driver keeps changing: try again."))
}
