//! `/api/v1/drivers/{id}`: what a driver brings, how they did, and what waits for their answer.

use crate::actors::desk;
use crate::actors::desk::Profiled;
use crate::actors::desk::store_problem;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::fleet::Profile;
use crate::domain::ids::DriverId;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::fields::Faults;
use crate::http::json::JsonBody;
use crate::limits::DRIVER_CAPACITY_MAX;
use crate::protocol::driver::DriverOut;
use crate::protocol::driver::OpenOfferOut;
use crate::protocol::driver::ProfileIn;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::DriverState;
use actix_web::web;
use serde::Serialize;

/// `PUT /drivers/{id}`: sets the whole profile anew, of a driver known or new.
pub async fn put(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: JsonBody<ProfileIn>) -> Answer {
    let driver_id = who.driver(&path)?;
    let share_location = body.0.share_location;
    let profile = check(body.0)?;
    let wanted = Profiled { driver_id: driver_id.clone(), profile, share_location, actor: who.principal.name() };
    desk::save_profile(&api.world, wanted).await?;
    shown(&api, driver_id).await
}

/// `GET /drivers/{id}`.
pub async fn get(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let driver_id = who.driver(&path)?;
    shown(&api, driver_id).await
}

async fn shown(api: &Api, driver_id: DriverId) -> Answer {
    let state = load(api, driver_id).await?;
    let driver = state.driver.ok_or_else(|| Problem::new(Code::NotFound))?;
    let status = DriverStatus::seen(driver.shift, state.offer.is_some(), state.assignment.is_some());
    ok(&DriverOut::new(&driver, status))
}

async fn load(api: &Api, driver_id: DriverId) -> Result<DriverState, Problem> {
    api.world.store.drivers.driver_load(driver_id, clock::now()).await.map_err(|error| store_problem(&error))
}

fn check(wish: ProfileIn) -> Result<Profile, Problem> {
    let mut faults = Faults::default();
    faults.text(wish.name.as_ref(), "/name");
    let vehicle = faults.vehicle(wish.vehicle.as_ref()).unwrap_or_default();
    let skills = faults.skills(wish.skills.as_ref());
    if wish.capacity.is_some_and(|capacity| !(1..=DRIVER_CAPACITY_MAX).contains(&capacity)) {
        faults.note("/capacity", format!("1 to {DRIVER_CAPACITY_MAX}"));
    }
    faults.settle()?;
    Ok(Profile { name: wish.name, vehicle, skills, capacity: wish.capacity })
}

/// Answer of `GET /drivers/{id}/offers`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OffersAnswer {
    /// Those that wait for an answer: one at most, for now.
    offers: Vec<OpenOfferOut>,
}

/// `GET /drivers/{id}/offers`: the open ones.
pub async fn offers(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let driver_id = who.driver(&path)?;
    let Some(offer) = load(&api, driver_id).await?.offer else { return ok(&OffersAnswer { offers: Vec::new() }) };
    let orders = api.world.store.orders.orders_fetch(offer.order_ids.clone()).await;
    let orders = orders.map_err(|error| store_problem(&error))?;
    ok(&OffersAnswer { offers: vec![OpenOfferOut::new(offer, &orders)] })
}
