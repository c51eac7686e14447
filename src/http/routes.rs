//! The routes, made from the table of rules: each row with its handler, and nothing without a row.

use crate::http::access::Action;
use crate::http::access::Asked;
use crate::http::access::Caller;
use crate::http::access::RULES;
use crate::http::access::Rule;
use crate::http::admin;
use crate::http::dead_letters;
use crate::http::documents;
use crate::http::doors;
use crate::http::drivers;
use crate::http::feed;
use crate::http::map;
use crate::http::ops;
use crate::http::orders;
use crate::http::placing;
use crate::http::problem;
use crate::http::problem::method_not_allowed;
use crate::http::profiles;
use crate::http::tracking;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::Resource;
use actix_web::Route;
use actix_web::guard;
use actix_web::guard::Guard;
use actix_web::guard::GuardContext;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web;

/// The whole route table, but for the pages, the documents' own addresses and `/metrics`.
pub fn routes(config: &mut web::ServiceConfig) {
    #[cfg(feature = "conformance")]
    config.configure(crate::http::echo::configure);
    config.app_data(problem::path_config()).app_data(problem::query_config());
    #[cfg(feature = "conformance")]
    config.configure(crate::http::echo::configure);
    for (path, rules) in by_path().into_iter().filter(|(path, _)| *path != METRICS) {
        config.service(resource(path, &rules));
    }
    for later in documents::LATER {
        let route = mark(handler(later.action), later.action);
        config.service(web::resource(format!("/api/v1{}", later.path)).route(route));
    }
    config.configure(documents::configure).default_service(web::to(problem::no_such_route));
}

const METRICS: &str = "/metrics";

/// `/metrics`, on the main address or its own.
pub fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(resource(METRICS, &[Action::Metrics.rule()]));
}

/// The calls of the table, those of one address together, in the order of the table: the router takes the first that fits.
fn by_path() -> Vec<(&'static str, Vec<&'static Rule>)> {
    let mut found: Vec<(&'static str, Vec<&'static Rule>)> = Vec::new();
    for rule in RULES {
        let Asked::Call { path, .. } = rule.asked else { continue };
        match found.iter_mut().find(|(known, _)| *known == path) {
            Some((_, rules)) => rules.push(rule),
            None => found.push((path, vec![rule])),
        }
    }
    found
}

fn resource(path: &str, rules: &[&'static Rule]) -> Resource {
    let mut methods: Vec<&str> = Vec::new();
    let mut resource = web::resource(path);
    for rule in rules {
        let Asked::Call { method, upgrade, .. } = rule.asked else { continue };
        if !methods.contains(&method) {
            methods.push(method);
        }
        let asks = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let route = handler(rule.action).method(asks);
        let route = match upgrade {
            Some(wanted) => route.guard(guard::fn_guard(move |request| is_upgrade(request) == wanted)),
            None => route,
        };
        resource = resource.route(mark(route, rule.action));
    }
    resource.default_service(method_not_allowed(methods.join(", ")))
}

fn is_upgrade(request: &GuardContext<'_>) -> bool {
    request.head().headers().contains_key(header::UPGRADE)
}

/// Notes with the request which row it is asked by, once every other guard has let it through.
fn mark(route: Route, action: Action) -> Route {
    struct Mark(Action);
    impl Guard for Mark {
        fn check(&self, request: &GuardContext<'_>) -> bool {
            request.req_data_mut().insert(self.0);
            true
        }
    }
    route.guard(Mark(action))
}

/// Who answers. A row without a line here does not compile.
fn handler(action: Action) -> Route {
    use Action as A;
    match action {
        A::Healthz | A::Health => web::to(ops::healthz),
        A::Readyz => web::to(ops::readyz),
        A::Metrics => web::to(ops::metrics),
        A::TileJson => web::to(map::tile_json),
        A::Tile => web::to(map::tile),
        A::DriverDoor => web::to(doors::driver),
        A::CustomerDoor => web::to(doors::customer),
        A::OperatorDoor => web::to(doors::operator),
        A::NearbyDrivers => web::to(drivers::nearby),
        A::DriverLocation => web::to(drivers::location),
        A::ReportLocation => web::to(drivers::report),
        A::DriverProfile => web::to(profiles::get),
        A::SetDriver => web::to(profiles::put),
        A::DriverOffers => web::to(profiles::offers),
        A::DriverRoute => web::to(drivers::route),
        A::SetDriverStatus => web::to(drivers::status),
        A::ListOrders => web::to(orders::list),
        A::PlaceOrder => web::to(placing::place),
        A::Order => web::to(orders::get),
        A::OrderEvents => web::to(orders::events),
        A::OrderDriverLocation => web::to(tracking::driver_location),
        A::FollowOrder => web::to(tracking::follow),
        A::CancelOrder => web::to(orders::cancel),
        A::OrderReady => web::to(orders::ready),
        A::OrderStatus => web::to(orders::status),
        A::AssignOrder => web::to(orders::assign),
        A::UnassignOrder => web::to(orders::unassign),
        A::AcceptOffer => web::to(orders::accept),
        A::DeclineOffer => web::to(orders::decline),
        A::PublishedEvents => web::to(feed::events),
        A::Audit => web::to(feed::audit),
        A::DeadLetters => web::to(dead_letters::list),
        A::PurgeDeadLetter => web::to(dead_letters::purge),
        A::ReplayDeadLetter => web::to(dead_letters::replay),
        A::Revoke => web::to(admin::revoke),
        A::NotBuiltOpen => web::to(not_built_open),
        // The sessions answer messages; see the match in each.
        A::NotBuilt
        | A::SayAuth
        | A::SayLocation
        | A::SayLocations
        | A::SayStatus
        | A::SayAccept
        | A::SayDecline
        | A::SayOrderStatus
        | A::SaySubscribe
        | A::SayUnsubscribe
        | A::SayWatch => web::to(not_built),
    }
}

/// Whoever is nobody learns no more here than anywhere else.
async fn not_built(_who: Caller) -> Problem {
    Problem::new(Code::NotAvailable)
}

/// Signing in is for people who have no token yet.
async fn not_built_open() -> Problem {
    Problem::new(Code::NotAvailable)
}
