//! `/healthz`, `/readyz`, `/metrics`.

use crate::http::api::Api;
use crate::http::memory::resident_bytes;
use crate::http::socket::Rails;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Serialize;
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

/// Answer of `/healthz`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Alive {
    /// Always `ok`.
    status: &'static str,
}

/// The process runs.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "ok" })
}

/// Answer of `/readyz`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ReadyState {
    /// `ready`, or `degraded` while it serves but for what a dependency says; else `starting`, `draining` or
    /// `unavailable`.
    status: &'static str,
    /// What the node leans on.
    dependencies: Dependencies,
}

/// What the node leans on.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Dependencies {
    store: StoreState,
    cluster: ClusterState,
    memory: MemoryState,
}

/// The store, and what an acknowledgement means there.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct StoreState {
    /// `ok` or `down`.
    state: &'static str,
    /// `sqlite` or `postgres`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    kind: Option<&'static str>,
    /// `fsync` or `os-buffer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    durability: Option<&'static str>,
    /// Whether a crash of the machine may lose what was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    lossy: Option<bool>,
    /// Jobs waiting for the writer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize")]
    queued: Option<usize>,
    /// What is wrong, where something is.
    detail: Option<String>,
}

/// Other nodes.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ClusterState {
    /// `local`: there are none.
    state: &'static str,
    /// In words.
    detail: &'static str,
}

/// The memory of this process.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct MemoryState {
    /// `ok` or `high`.
    state: &'static str,
    /// What is wrong, where something is.
    detail: Option<String>,
}

/// Each dependency with its state and what an acknowledgement means there.
pub async fn readyz(api: web::Data<Api>, ready: web::Data<Readiness>, rails: web::Data<Arc<Rails>>) -> HttpResponse {
    let store = match api.world.store.health.health().await {
        Ok(health) => StoreState {
            state: if health.ok { "ok" } else { "down" },
            kind: Some(health.kind),
            durability: Some(health.durability),
            lossy: Some(health.durability != "fsync"),
            queued: Some(health.queued),
            detail: health.detail,
        },
        Err(error) => StoreState { state: "down", detail: Some(error.to_string()), ..StoreState::default() },
    };
    let store_ok = store.state == "ok";
    let draining = rails.is_draining();
    let serves = store_ok && ready.get() && !draining;
    let status = match (draining, ready.get(), store_ok) {
        (true, _, _) => "draining",
        (_, false, _) => "starting",
        (_, _, false) => "unavailable",
        _ if api.gate.memory.is_high() => "degraded",
        _ => "ready",
    };
    let complaint = api.gate.memory.complaint();
    let memory = MemoryState { state: if complaint.is_some() { "high" } else { "ok" }, detail: complaint };
    let cluster = ClusterState { state: "local", detail: "one node, everything in process" };
    let body = ReadyState { status, dependencies: Dependencies { store, cluster, memory } };
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
    if let Some(resident_bytes) = resident_bytes() {
        world.metrics.resident_bytes.set(i64::try_from(resident_bytes).unwrap_or(i64::MAX));
    }
    let sockets = api.gate.caps.state();
    world.metrics.socket_addresses.set(gauge(sockets.addresses));
    world.metrics.sockets_of_one_address.set(i64::from(sockets.most_of_one_address));
    let rails = rails.state();
    world.metrics.stalled_in_all(rails.stalled);
    world.metrics.rails_in_all(&rails.totals());
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(world.metrics.encode())
}
