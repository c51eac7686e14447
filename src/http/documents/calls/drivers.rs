//! `/api/v1/drivers`.

use crate::actors::driver::Reported;
use crate::http::documents::call::Call;
use crate::http::documents::call::get;
use crate::http::documents::call::post;
use crate::http::documents::call::put;
use crate::http::documents::call::schema_of;
use crate::http::drivers::NearbyDrivers;
use crate::http::drivers::NearbyQuery;
use crate::http::drivers::RoutePage;
use crate::http::drivers::RouteQuery;
use crate::http::drivers::StatusAnswer;
use crate::http::profiles::OffersAnswer;
use crate::limits::BATCH_MAX_FIXES;
use crate::protocol::driver::DriverOut;
use crate::protocol::driver::ProfileIn;
use crate::protocol::fix::FixIn;
use crate::protocol::inbound::ShiftChange;
use crate::protocol::outbound::LiveOut;
use crate::protocol::problem::Code;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;

/// Why a single fix is refused.
const FIX_CODES: &[Code] = &[Code::OutOfRange, Code::Malformed, Code::BadTime, Code::Duplicate];

/// The calls.
pub fn calls() -> Vec<Call> {
    let calls = tracking().into_iter().chain(people());
    calls.map(|call| call.tag("drivers")).collect()
}

fn tracking() -> Vec<Call> {
    vec![
        post("/api/v1/drivers/{id}/location", "reportLocation", "Report one fix or a batch of up to 500")
            .about("Answered once all that was accepted is durably stored. A single bad fix is 422 with the fix's code; bad ones of a batch are listed in `rejected`. Never a takeover of a socket.")
            .body(fixes)
            .answers::<Reported>(202, "Durably stored.")
            .refuses(&[Code::NotFound])
            .refuses_at_422(FIX_CODES),
        get("/api/v1/drivers/{id}/location", "driverLocation", "The live fix of a driver")
            .about("404 when there is none, or it is so old that it is gone.")
            .answers::<LiveOut>(200, "The live fix.")
            .refuses(&[Code::NotFound]),
        get("/api/v1/drivers/nearby", "nearbyDrivers", "Fresh drivers in a circle, nearest first")
            .query::<NearbyQuery>()
            .answers::<NearbyDrivers>(200, "Those found.")
            .refuses(&[Code::OutOfRange]),
        get("/api/v1/drivers/{id}/route", "driverRoute", "The stored track of a driver, in true time order")
            .query::<RouteQuery>()
            .answers_as(
                200,
                "A page of the track; as GeoJSON one line, without the points that were flagged.",
                vec![("application/json", Some(schema_of::<RoutePage>)), ("application/geo+json", Some(track_feature))],
            )
            .refuses(&[Code::NotFound, Code::NotAvailable]),
    ]
}

fn people() -> Vec<Call> {
    vec![
        put("/api/v1/drivers/{id}", "setDriver", "Set what a driver brings")
            .about("The whole profile anew, of a driver known or new: what is left out is unset, but for `share_location`. Written to the audit trail.")
            .body(schema_of::<ProfileIn>)
            .answers::<DriverOut>(200, "The driver after it.")
            .refuses(&[Code::NotFound, Code::Conflict]),
        get("/api/v1/drivers/{id}", "driver", "What a driver brings, and how they did")
            .about("404 for a driver of whom nothing but positions is known.")
            .answers::<DriverOut>(200, "The driver.")
            .refuses(&[Code::NotFound]),
        get("/api/v1/drivers/{id}/offers", "driverOffers", "The offers that wait for a driver's answer")
            .answers::<OffersAnswer>(200, "The open ones.")
            .refuses(&[Code::NotFound]),
        post("/api/v1/drivers/{id}/status", "setDriverStatus", "What a driver wants to be")
            .about("`available` needs `share_location: true` given once, else 409 `consent_needed`. Written to the audit trail when an operator does it.")
            .body(schema_of::<ShiftChange>)
            .answers::<StatusAnswer>(200, "The status now seen outside.")
            .refuses(&[Code::NotFound, Code::ConsentNeeded, Code::Conflict]),
    ]
}

fn fixes(generator: &mut SchemaGenerator) -> Schema {
    let fix = generator.subschema_for::<FixIn>();
    json_schema!({ "anyOf": [fix, { "type": "array", "items": fix, "maxItems": BATCH_MAX_FIXES }] })
}

/// RFC 7946: written by hand, as the handler writes it.
fn track_feature(_: &mut SchemaGenerator) -> Schema {
    let position = json_schema!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 });
    json_schema!({
        "title": "Track",
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": { "const": "Feature" },
            "geometry": { "anyOf": [
                { "type": "null" },
                { "type": "object", "required": ["type", "coordinates"],
                  "properties": { "type": { "const": "Point" }, "coordinates": position } },
                { "type": "object", "required": ["type", "coordinates"],
                  "properties": { "type": { "const": "LineString" },
                                  "coordinates": { "type": "array", "items": position, "minItems": 2 } } },
            ] },
            "properties": {
                "type": "object",
                "required": ["timestamps", "next_cursor"],
                "properties": {
                    "timestamps": { "type": "array", "items": { "type": "string", "format": "date-time" },
                                    "description": "One for each position." },
                    "next_cursor": { "type": ["string", "null"], "description": "Where the next page begins." },
                },
            },
        },
    })
}
