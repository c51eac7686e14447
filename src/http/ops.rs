//! `/healthz`, `/readyz`, `/metrics`.

use crate::http::api::Api;
use crate::http::socket::Rails;
use actix_web::HttpResponse;
use actix_web::web;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Whether the node has rebuilt its orders and takes traffic. False again while it drains.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// Says so from now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether it does.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The process runs.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Each dependency with its state and what an acknowledgement means there.
pub async fn readyz(api: web::Data<Api>, ready: web::Data<Readiness>, rails: web::Data<Arc<Rails>>) -> HttpResponse {
    let store = match api.world.store.health.health().await {
        Ok(health) => json!({
            "state": if health.ok { "ok" } else { "down" },
            "kind": health.kind,
            "durability": health.durability,
            "lossy": health.durability != "fsync",
            "queued": health.queued,
            "detail": health.detail,
        }),
        Err(error) => json!({ "state": "down", "detail": error.to_string() }),
    };
    let store_ok = store["state"] == "ok";
    let draining = rails.is_draining();
    let serves = store_ok && ready.get() && !draining;
    let status = match (draining, ready.get(), store_ok) {
        (true, _, _) => "draining",
        (_, false, _) => "starting",
        (_, _, false) => "unavailable",
        _ => "ready",
    };
    let links = json!({ "state": "local", "detail": "one node, everything in process" });
    let body = json!({ "status": status, "dependencies": { "store": store, "cluster": links } });
    let mut response = if serves { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !serves {
        response.insert_header(("Retry-After", "1"));
    }
    response.json(body)
}

/// Prometheus exposition. Gauges that are counted elsewhere are read now.
pub async fn metrics(api: web::Data<Api>, rails: web::Data<Arc<Rails>>) -> HttpResponse {
    let world = &api.world;
    let (cells, orders) = world.directory.counts();
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    world.metrics.drivers_live.set(gauge(world.live.len()));
    world.metrics.cells.set(gauge(cells));
    world.metrics.orders_active.set(gauge(orders));
    if let Ok(health) = world.store.health.health().await {
        world.metrics.store_queue_depth.set(gauge(health.queued));
    }
    world.metrics.stalled_in_all(rails.state().stalled);
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(world.metrics.encode())
}
