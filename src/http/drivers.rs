//! `/api/v1/drivers`: fixes in, positions and tracks out, shifts.

use crate::actors::desk;
use crate::actors::desk::store_problem;
use crate::actors::driver::ReportFixes;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::insist;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::geo::Position;
use crate::domain::time::Millis;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::json::JsonBody;
use crate::http::json::JsonBytes;
use crate::limits;
use crate::protocol::fix;
use crate::protocol::fix::FixOut;
use crate::protocol::inbound::ShiftChange;
use crate::protocol::outbound::LiveOut;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use crate::protocol::time;
use crate::store::TrackCursor;
use crate::store::TrackPage;
use crate::store::TrackQuery;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::time::Instant;

/// `POST /drivers/{id}/location`: one fix, or an array of up to 500. 202 once all that was accepted is stored.
pub async fn report(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: JsonBytes) -> Answer {
    let driver_id = who.driver(&path)?;
    let (read_at, now) = (Instant::now(), clock::now());
    let text = std::str::from_utf8(&body.0).map_err(|_| Problem::new(Code::Malformed))?;
    let batched = text.trim_start().starts_with('[');
    let fixes = if batched {
        let raws: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| Problem::new(Code::Malformed))?;
        if raws.len() > limits::BATCH_MAX_FIXES {
            let detail = format!("A batch holds at most {} fixes.", limits::BATCH_MAX_FIXES);
            return Err(Problem::new(Code::TooLarge).detail(detail));
        }
        raws.iter().map(|raw| fix::read(raw.get(), now)).collect()
    } else {
        serde_json::from_str::<&RawValue>(text).map_err(|_| Problem::new(Code::Malformed))?;
        vec![fix::read(text, now)]
    };
    let driver = api.world.driver(&driver_id).map_err(|_| Problem::new(Code::Unavailable))?;
    let answer = insist(&driver, ReportFixes { session: None, fixes, batched, read_at }).await;
    let reported = answer.map_err(|_| Problem::new(Code::Unavailable))?.map_err(|_| Problem::new(Code::Busy))?;
    if !batched && let Some(told) = reported.rejected.first() {
        return Err(fix_problem(told.code));
    }
    Ok(HttpResponse::Accepted().json(reported))
}

/// A single refused fix is 422, whatever its code means elsewhere.
fn fix_problem(code: &str) -> Problem {
    let known = Code::ALL.iter().find(|known| known.as_str() == code).copied();
    Problem::new(known.unwrap_or(Code::Invalid)).at_status(422)
}

/// `GET /drivers/{id}/location`: the live fix.
pub async fn location(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let started = Instant::now();
    let driver_id = who.driver(&path)?;
    let live = api.world.live.get(&driver_id).ok_or_else(|| Problem::new(Code::NotFound))?;
    let now = clock::now();
    if is_gone(&api, &live, now) {
        return Err(Problem::new(Code::NotFound));
    }
    let answer = ok(&LiveOut::new(&driver_id, &live.fix, live.cell, live.status, now, api.world.tuning.stale_ms));
    api.world.metrics.current_location.observe(started.elapsed());
    answer
}

fn is_gone(api: &Api, live: &LiveDriver, now: Millis) -> bool {
    let gone_ms = api.world.tuning.gone_ms;
    gone_ms > 0 && now.since(live.fix.timestamp) >= gone_ms
}

/// Query of `GET /drivers/nearby`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct NearbyQuery {
    /// Degrees WGS84.
    #[schemars(range(min = -90, max = 90), example = 43.7696)]
    lat: f64,
    /// Degrees WGS84.
    #[schemars(range(min = -180, max = 180), example = 11.2558)]
    lng: f64,
    /// Metres, at most 50,000.
    radius: f64,
    /// At most 200; 20 when absent.
    limit: Option<usize>,
    /// Only drivers of this status.
    #[schemars(with = "Option<schema::DriverStatus>")]
    status: Option<DriverStatus>,
}

/// One entry of `nearby`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct NearbyDriver {
    /// Metres from the point asked for.
    distance_m: f64,
    #[serde(flatten)]
    live: LiveOut,
}

/// Answer of `nearby`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct NearbyDrivers {
    /// Nearest first.
    drivers: Vec<NearbyDriver>,
}

/// `GET /drivers/nearby`: fresh drivers in a circle, nearest first.
pub async fn nearby(api: web::Data<Api>, _who: Caller, query: web::Query<NearbyQuery>) -> Answer {
    let centre = Position::new(query.lat, query.lng).map_err(|_| {
        Problem::new(Code::OutOfRange).field("/lat", "within -90 to 90").field("/lng", "within -180 to 180")
    })?;
    if !(query.radius > 0.0 && query.radius <= limits::NEARBY_MAX_RADIUS_M) {
        let detail = format!("above 0 and at most {}", limits::NEARBY_MAX_RADIUS_M);
        return Err(Problem::new(Code::Invalid).field("/radius", detail));
    }
    let limit = query.limit.unwrap_or(20);
    if limit == 0 || limit > limits::NEARBY_MAX_DRIVERS {
        return Err(Problem::new(Code::Invalid).field("/limit", format!("1 to {}", limits::NEARBY_MAX_DRIVERS)));
    }
    let (world, now) = (&api.world, clock::now());
    let stale_ms = world.tuning.stale_ms;
    let wanted = |live: &LiveDriver| {
        let is_fresh = stale_ms <= 0 || now.since(live.fix.timestamp) <= stale_ms;
        is_fresh && query.status.is_none_or(|status| status == live.status)
    };
    let found = world.live.nearby(centre, world.cell_at(centre), query.radius, limit, wanted);
    let entry = |near: crate::actors::live::Nearby| NearbyDriver {
        distance_m: (near.distance_m * 10.0).round() / 10.0,
        live: LiveOut::new(&near.driver_id, &near.live.fix, near.live.cell, near.live.status, now, stale_ms),
    };
    ok(&NearbyDrivers { drivers: found.into_iter().map(entry).collect() })
}

/// Query of `GET /drivers/{id}/route`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct RouteQuery {
    /// RFC 3339 or Unix milliseconds; a day before the end when absent.
    start_time: Option<String>,
    /// RFC 3339 or Unix milliseconds; now when absent.
    end_time: Option<String>,
    /// At most 1,000; 1,000 when absent.
    limit: Option<usize>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// `json` (default) or `geojson`; `gpx` and `csv` are not available yet.
    format: Option<String>,
    /// Not available yet.
    simplify_m: Option<String>,
}

/// Answer of `route` as JSON.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RoutePage {
    /// In true time order.
    points: Vec<FixOut>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// `GET /drivers/{id}/route`: the stored track.
pub async fn route(api: web::Data<Api>, who: Caller, path: web::Path<String>, query: web::Query<RouteQuery>) -> Answer {
    let driver_id = who.driver(&path)?;
    let format = query.format.as_deref().unwrap_or("json");
    if query.simplify_m.is_some() || matches!(format, "gpx" | "csv") {
        return Err(Problem::new(Code::NotAvailable).detail("gpx, csv and simplify_m are not built yet."));
    }
    if !matches!(format, "json" | "geojson") {
        return Err(Problem::new(Code::Invalid).field("/format", "json or geojson"));
    }
    let limit = query.limit.unwrap_or(limits::ROUTE_MAX_POINTS);
    if limit == 0 || limit > limits::ROUTE_MAX_POINTS {
        return Err(Problem::new(Code::Invalid).field("/limit", format!("1 to {}", limits::ROUTE_MAX_POINTS)));
    }
    let end = moment(query.end_time.as_deref(), "/end_time")?.unwrap_or_else(clock::now);
    let start = moment(query.start_time.as_deref(), "/start_time")?.unwrap_or(end - 24 * 60 * 60 * 1_000);
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let page = api.world.store.fixes.track(TrackQuery { driver_id, start, end, limit, after }).await;
    let page = page.map_err(|error| store_problem(&error))?;
    if format == "geojson" { geojson(&page) } else { ok(&as_json(&page)) }
}

fn moment(text: Option<&str>, pointer: &str) -> Result<Option<Millis>, Problem> {
    let read = |text| {
        time::from_text(text).ok_or_else(|| Problem::new(Code::Invalid).field(pointer, "RFC 3339 or Unix milliseconds"))
    };
    text.map(read).transpose()
}

fn read_cursor(text: &str) -> Result<TrackCursor, Problem> {
    let parts = text.split_once('.').and_then(|(at, row)| Some((at.parse().ok()?, row.parse().ok()?)));
    let (timestamp, row) = parts.ok_or_else(|| Problem::new(Code::Invalid).field("/cursor", "not one of ours"))?;
    Ok(TrackCursor { timestamp: Millis(timestamp), row })
}

fn write_cursor(cursor: TrackCursor) -> String {
    format!("{}.{}", cursor.timestamp.0, cursor.row)
}

fn as_json(page: &TrackPage) -> RoutePage {
    let point = |point: &crate::store::TrackPoint| FixOut {
        flag: point.flag.map(crate::domain::fix::Flag::code),
        ..FixOut::from(&point.fix)
    };
    RoutePage { points: page.points.iter().map(point).collect(), next_cursor: page.next.map(write_cursor) }
}

/// RFC 7946: the track as one line, without the points that were flagged; longitude first.
fn geojson(page: &TrackPage) -> Answer {
    let good: Vec<_> = page.points.iter().filter(|point| point.flag.is_none()).collect();
    let at = |point: &&crate::store::TrackPoint| [point.fix.position.longitude(), point.fix.position.latitude()];
    let coordinates: Vec<[f64; 2]> = good.iter().map(at).collect();
    let times: Vec<String> = good.iter().map(|point| time::to_rfc3339(point.fix.timestamp)).collect();
    // A line needs two positions; of fewer there is a point, or nothing to draw.
    let geometry = match coordinates.as_slice() {
        [] => serde_json::Value::Null,
        [only] => json!({ "type": "Point", "coordinates": only }),
        line => json!({ "type": "LineString", "coordinates": line }),
    };
    let body = json!({
        "type": "Feature",
        "geometry": geometry,
        "properties": { "timestamps": times, "next_cursor": page.next.map(write_cursor) },
    });
    Ok(HttpResponse::Ok().content_type("application/geo+json").json(body))
}

/// Answer of `status`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct StatusAnswer {
    /// Who.
    #[schemars(with = "schema::Id")]
    driver_id: String,
    /// The status now seen outside.
    #[schemars(with = "schema::DriverStatus")]
    status: &'static str,
}

/// `POST /drivers/{id}/status`: what the driver wants to be, or an operator wants them to be.
pub async fn status(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: JsonBody<ShiftChange>) -> Answer {
    let driver_id = who.driver(&path)?;
    let ShiftChange { status, share_location } = body.0;
    let seen = if who.principal.is_operator() {
        desk::shift_by_hand(&api.world, &driver_id, status, share_location, who.principal.name()).await?
    } else {
        desk::shift(&api.world, &driver_id, status, share_location).await?
    };
    ok(&StatusAnswer { driver_id: driver_id.to_string(), status: seen.as_str() })
}
