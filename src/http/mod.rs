//! HTTP and the WebSocket doors: the route table, one file a resource.
//!
//! Handlers check who asks, call the order functions or a read of the store, and answer; they hold no state of their own.

pub mod access;
pub mod api;
pub mod auth;
pub mod context;
pub mod cors;
pub mod dead_letters;
pub mod dev;
pub mod documents;
mod doors;
pub mod drivers;
pub mod feed;
mod fields;
pub mod headers;
pub mod json;
pub mod map;
pub mod ops;
pub mod orders;
pub mod pages;
mod placing;
pub mod problem;
pub mod profiles;
pub mod sessions;
pub mod socket;
pub mod tiles;
pub mod tls;
pub mod tracking;

use crate::protocol::identity::Principal;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::Resource;
use actix_web::web;
use problem::method_not_allowed;

/// The whole route table, but for the pages. The calls not built yet are listed in [`documents::LATER`].
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(problem::path_config())
        .app_data(problem::query_config())
        .service(get("/healthz", web::get().to(ops::healthz)))
        .service(get("/health", web::get().to(ops::healthz)))
        .service(get("/readyz", web::get().to(ops::readyz)))
        .service(get("/ws/driver", web::get().to(doors::driver)))
        .service(get("/ws/customer", web::get().to(doors::customer)))
        .service(get("/ws/operator", web::get().to(doors::operator)))
        .service(get("/tiles/florence.json", web::get().to(map::tile_json)))
        .service(get("/tiles/florence/{z}/{x}/{y}.mvt", web::get().to(map::tile)))
        .service(api_v1())
        .configure(documents::configure)
        .default_service(web::to(problem::no_such_route));
}

/// `/metrics`, on the main address or its own.
pub fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(get("/metrics", web::get().to(ops::metrics)));
}

fn api_v1() -> actix_web::Scope {
    let built = web::scope("/api/v1")
        .service(get("/drivers/nearby", web::get().to(drivers::nearby)))
        .service(
            resource("/drivers/{id}/location", "GET, POST")
                .route(web::get().to(drivers::location))
                .route(web::post().to(drivers::report)),
        )
        .service(
            resource("/drivers/{id}", "GET, PUT")
                .route(web::get().to(profiles::get))
                .route(web::put().to(profiles::put)),
        )
        .service(get("/drivers/{id}/offers", web::get().to(profiles::offers)))
        .service(get("/drivers/{id}/route", web::get().to(drivers::route)))
        .service(post("/drivers/{id}/status", web::post().to(drivers::status)))
        .service(
            resource("/orders", "GET, POST").route(web::get().to(orders::list)).route(web::post().to(placing::place)),
        )
        .service(get("/orders/{id}", web::get().to(orders::get)))
        .service(get("/orders/{id}/events", web::get().to(orders::events)))
        .service(get("/orders/{id}/driver-location", web::get().to(tracking::driver_location)))
        .service(post("/orders/{id}/cancel", web::post().to(orders::cancel)))
        .service(post("/orders/{id}/ready", web::post().to(orders::ready)))
        .service(post("/orders/{id}/status", web::post().to(orders::status)))
        .service(post("/orders/{id}/assign", web::post().to(orders::assign)))
        .service(post("/orders/{id}/unassign", web::post().to(orders::unassign)))
        .service(post("/orders/{id}/offers/{offer_id}/accept", web::post().to(orders::accept)))
        .service(post("/orders/{id}/offers/{offer_id}/decline", web::post().to(orders::decline)))
        .service(get("/events", web::get().to(feed::events)))
        .service(get("/audit", web::get().to(feed::audit)))
        .service(get("/dead-letters", web::get().to(dead_letters::list)))
        .service(resource("/dead-letters/{id}", "DELETE").route(web::delete().to(dead_letters::purge)))
        .service(post("/dead-letters/{id}/replay", web::post().to(dead_letters::replay)));
    let whole = documents::LATER.iter().fold(built, |scope, later| {
        let route = if later.open { web::to(no_accounts_yet) } else { web::to(not_built) };
        scope.service(web::resource(later.path).route(route))
    });
    whole.default_service(web::to(problem::no_such_route))
}

/// Whoever is nobody learns no more here than anywhere else.
async fn not_built(_who: Principal) -> Problem {
    Problem::new(Code::NotAvailable)
}

/// Signing in is for people who have no token yet.
async fn no_accounts_yet() -> Problem {
    Problem::new(Code::NotAvailable)
}

fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(method_not_allowed(allow))
}

fn get(path: &str, route: actix_web::Route) -> Resource {
    resource(path, "GET").route(route)
}

fn post(path: &str, route: actix_web::Route) -> Resource {
    resource(path, "POST").route(route)
}
