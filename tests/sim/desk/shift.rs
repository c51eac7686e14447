//! A driver's wish to be available or not.

use crate::desk::run::TRIES;
use crate::node::Hint;
use crate::protocol::Problem;
use crate::protocol::Reply;
use crate::sim::Here;
use beeline::domain::driver::Driver;
use beeline::domain::driver::Shift;
use beeline::domain::ids::DriverId;
use beeline::store::Conflict;
use beeline::store::StoreError;

impl Here {
    pub async fn shift(&self, driver_id: &DriverId, wanted: Shift) -> Reply {
        for _ in 0..TRIES {
            let now = self.now();
            let before = match self.read(|store| store.drivers.get(driver_id).cloned()).await {
                Ok(found) => found.unwrap_or_else(|| Driver::new(driver_id.clone())),
                Err(error) => return Reply::Refused((&error).into()),
            };
            let Ok(after) = before.ask(wanted, Some(true), now) else { return Reply::Refused(Problem::ConsentNeeded) };
            match self.driver_save(after).await {
                Ok(()) => {
                    self.hint(Hint::ReloadDriver { driver_id: driver_id.clone() });
                    return Reply::Done;
                }
                Err(StoreError::Conflict(Conflict::DriverChanged)) => {}
                Err(error) => return Reply::Refused((&error).into()),
            }
        }
        Reply::Refused(Problem::Conflict)
    }
}
