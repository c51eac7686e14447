//! `/healthz`, `/readyz`, `/metrics`.

use crate::http::api::Api;
use crate::http::memory::resident_bytes;
use crate::http::socket::Rails;
use crate::store::StoreHealth;
use crate::store::circuit::CircuitState;
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
    /// `ready`; `degraded` while it serves but something it leans on is behind; else `starting`, `draining` or `unavailable`.
    status: &'static str,
    /// What the node leans on.
    dependencies: Dependencies,
}

/// What the node leans on.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Dependencies {
    store: StoreState,
    steward: StewardState,
    cluster: ClusterState,
    memory: MemoryState,
}

/// The steward, who renews what customers may see.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct StewardState {
    /// `ok`, or `behind` when nothing was renewed for six seconds: positions are not shown until it has caught up.
    state: &'static str,
    /// Whole seconds since it last renewed everything; null before its first round.
    age_s: Option<u64>,
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
    /// Whether reads are tried: `closed` when they are, `open` when the store has not answered for a while, `half_open` when
    /// the next one is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reads: Option<&'static str>,
    /// The same for writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    writes: Option<&'static str>,
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

/// What decides about a node's status.
#[derive(Debug, Clone, Copy)]
struct Signs {
    draining: bool,
    rebuilt: bool,
    store_ok: bool,
    behind: bool,
}

impl Signs {
    /// The status, and whether the node should get traffic.
    fn status(self) -> (&'static str, bool) {
        match self {
            Self { draining: true, .. } => ("draining", false),
            Self { rebuilt: false, .. } => ("starting", false),
            Self { store_ok: false, .. } => ("unavailable", false),
            Self { behind: true, .. } => ("degraded", true),
            _ => ("ready", true),
        }
    }
}

/// Each dependency with its state and what an acknowledgement means there.
pub async fn readyz(api: web::Data<Api>, ready: web::Data<Readiness>, rails: web::Data<Arc<Rails>>) -> HttpResponse {
    let (store, is_tried) = match api.world.store.health.health().await {
        Ok(health) => {
            let is_tried = [health.reads, health.writes].iter().all(|circuit| *circuit == CircuitState::Closed);
            (store_state(health), is_tried)
        }
        Err(error) => (StoreState { state: "down", detail: Some(error.to_string()), ..StoreState::default() }, false),
    };
    let pulse = &api.world.steward;
    let steward = StewardState {
        state: if pulse.is_behind() { "behind" } else { "ok" },
        age_s: pulse.age().map(|age| age.as_secs()),
    };
    let signs = Signs {
        draining: rails.is_draining(),
        rebuilt: ready.get(),
        store_ok: store.state == "ok",
        behind: pulse.is_behind() || !is_tried || api.gate.memory.is_high(),
    };
    let (status, serves) = signs.status();
    let complaint = api.gate.memory.complaint();
    let memory = MemoryState { state: if complaint.is_some() { "high" } else { "ok" }, detail: complaint };
    let cluster = ClusterState { state: "local", detail: "one node, everything in process" };
    let body = ReadyState { status, dependencies: Dependencies { store, steward, cluster, memory } };
    let mut response = if serves { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !serves {
        response.insert_header(("Retry-After", "1"));
    }
    response.json(body)
}

fn store_state(health: StoreHealth) -> StoreState {
    StoreState {
        state: if health.ok { "ok" } else { "down" },
        kind: Some(health.kind),
        durability: Some(health.durability),
        lossy: Some(health.durability != "fsync"),
        queued: Some(health.queued),
        reads: Some(health.reads.as_str()),
        writes: Some(health.writes.as_str()),
        detail: health.detail,
    }
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
        let is_open = |circuit: CircuitState| circuit != CircuitState::Closed;
        world.metrics.store_looks(health.restarts, is_open(health.reads), is_open(health.writes));
    }
    let age_s = world.steward.age().map_or(0, |age| age.as_secs());
    world.metrics.steward_age.set(i64::try_from(age_s).unwrap_or(i64::MAX));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_behind_still_serves_and_says_so() {
        let well = Signs { draining: false, rebuilt: true, store_ok: true, behind: false };
        for (signs, expected) in [
            (well, ("ready", true)),
            (Signs { behind: true, ..well }, ("degraded", true)),
            (Signs { behind: true, store_ok: false, ..well }, ("unavailable", false)),
            (Signs { rebuilt: false, store_ok: false, ..well }, ("starting", false)),
            (Signs { draining: true, behind: true, ..well }, ("draining", false)),
        ] {
            assert_eq!(signs.status(), expected, "{signs:?}");
        }
    }
}
