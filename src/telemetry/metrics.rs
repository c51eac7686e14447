//! Every metric by name. Holding a [`Metrics`] is holding all of them; recording never looks anything up by text on the
//! path of a fix.

use super::dispatch::Dispatch;
use super::instruments::ByLabel;
use super::instruments::Histogram;
use super::labels::AuthLabels;
use super::labels::Eviction;
use super::labels::FIX_CODES;
use super::labels::RailLabels;
use super::labels::RequestLabels;
use super::labels::RouteLabels;
use super::labels::UpgradeRefusal;
use super::labels::place_of;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Metric;
use prometheus_client::registry::Registry;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds in microseconds for what must stay under 1 ms or 10 ms: within 10 % of both, and from 10 µs to 10 s.
const FINE_US: &[u64] = &[
    10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_100, 1_250, 1_500, 2_000, 3_000,
    4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 11_000, 12_500, 15_000, 20_000, 30_000, 40_000, 50_000, 75_000,
    100_000, 150_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Bounds in microseconds for HTTP as a whole, where each route has its own series.
const COARSE_US: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/// The instruments, each cheap to clone and safe to record from anywhere.
#[derive(Debug)]
pub struct Instruments {
    /// Fixes read from a socket or a request.
    pub fixes_received: Counter,
    /// Fixes left out because a driver sent more than the rate.
    pub fixes_conflated: Counter,
    /// Location frames written to a viewer.
    pub fixes_pushed: Counter,
    /// Locations overwritten by a newer one before a viewer read them.
    pub pushes_conflated: Counter,
    /// Drivers with a live position.
    pub drivers_live: Gauge,
    /// Cells with an actor.
    pub cells: Gauge,
    /// Orders that have not ended.
    pub orders_active: Gauge,
    /// Jobs waiting for the store's writer.
    pub store_queue_depth: Gauge,
    /// Bytes of the process that are in memory.
    pub resident_bytes: Gauge,
    /// Client addresses with an open socket.
    pub socket_addresses: Gauge,
    /// Sockets of the client address that has most.
    pub sockets_of_one_address: Gauge,
    store_circuit: ByLabel<Gauge>,
    /// Rounds of the steward that panicked or did not end.
    pub steward_restarts: Counter,
    /// Seconds since the steward last renewed everything.
    pub steward_age: Gauge,
    store_restarts: Counter,
    /// From a fix read off the wire to the fix handled by its cell.
    pub fix_handling: Histogram,
    /// From a fix read off the wire to the frame written to a viewer.
    pub fix_push: Histogram,
    /// One group commit.
    pub store_commit: Histogram,
    /// One read of a driver's current location, inside the server.
    pub current_location: Histogram,
    /// One order placed, payment included.
    pub order_place: Histogram,
    /// How orders find their drivers.
    pub dispatch: Dispatch,
    fixes_refused: ByLabel<Counter>,
    fixes_flagged: ByLabel<Counter>,
    evictions: ByLabel<Counter>,
    rails: Family<RailLabels, Counter>,
    upgrades_refused: ByLabel<Counter>,
    sessions: ByLabel<Gauge>,
    auth_failures: Family<AuthLabels, Counter>,
    http_requests: Family<RequestLabels, Counter>,
    http_request: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

impl Instruments {
    /// Counts a fix refused with this code.
    pub fn fix_refused(&self, code: Code) {
        count(&self.fixes_refused, place_of(code));
    }

    /// Counts a fix stored with this flag.
    pub fn fix_flagged(&self, code: Code) {
        count(&self.fixes_flagged, place_of(code));
    }

    /// Counts a socket ended by the server.
    pub fn evicted(&self, why: Eviction) {
        count(&self.evictions, why as usize);
    }

    /// Brings the count of sockets reset because they did not read up to what the rails have counted.
    pub fn stalled_in_all(&self, total: u64) {
        if let Some(counter) = self.evictions.at(Eviction::Stalled as usize) {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    /// Brings the count of each rail up to what the rails themselves have counted.
    pub fn rails_in_all(&self, totals: &[(&'static str, u64)]) {
        for (rail, total) in totals {
            // The largest wins: two who read the metrics at once bring the same news.
            self.rails.get_or_create(&RailLabels { rail }).inner().fetch_max(*total, Ordering::Relaxed);
        }
    }

    /// Counts somebody with a right to a socket who was not let in.
    pub fn upgrade_refused(&self, why: UpgradeRefusal) {
        count(&self.upgrades_refused, why as usize);
    }

    /// Says how the store's threads and circuits are doing: how many restarts there were in all, and whether reads and writes are
    /// tried.
    pub fn store_looks(&self, restarts: u64, reads_open: bool, writes_open: bool) {
        self.store_restarts.inc_by(restarts.saturating_sub(self.store_restarts.get()));
        for (index, is_open) in [reads_open, writes_open].into_iter().enumerate() {
            if let Some(gauge) = self.store_circuit.at(index) {
                gauge.set(i64::from(is_open));
            }
        }
    }

    /// Counts a session of this role as open.
    pub fn session_opened(&self, role: Role) {
        if let Some(sessions) = self.sessions.at(role as usize) {
            sessions.inc();
        }
    }

    /// Counts a session of this role as closed.
    pub fn session_closed(&self, role: Role) {
        if let Some(sessions) = self.sessions.at(role as usize) {
            sessions.dec();
        }
    }

    /// Counts a token that was not believed. Both texts come from short fixed lists, never from the token.
    pub fn auth_failed(&self, alg: &'static str, reason: &'static str) {
        self.auth_failures.get_or_create(&AuthLabels { alg, reason }).inc();
    }

    /// Records one answered request. The route is a pattern such as `/api/v1/orders/{id}`, never a path.
    pub fn http_answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let status = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        let route = route.to_owned();
        self.http_request.get_or_create(&RouteLabels { route: route.clone() }).observe(took);
        self.http_requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }
}

fn count(counters: &ByLabel<Counter>, index: usize) {
    if let Some(counter) = counters.at(index) {
        counter.inc();
    }
}

/// All metrics of this process. Clones share the same numbers.
#[derive(Clone)]
pub struct Metrics {
    instruments: Arc<Instruments>,
    registry: Arc<Registry>,
}

impl Metrics {
    /// A fresh set, all at zero.
    #[must_use]
    pub fn new() -> Self {
        let codes = || FIX_CODES.map(Code::as_str);
        let instruments = Instruments {
            fixes_received: Counter::default(),
            fixes_conflated: Counter::default(),
            fixes_pushed: Counter::default(),
            pushes_conflated: Counter::default(),
            drivers_live: Gauge::default(),
            cells: Gauge::default(),
            orders_active: Gauge::default(),
            store_queue_depth: Gauge::default(),
            resident_bytes: Gauge::default(),
            socket_addresses: Gauge::default(),
            sockets_of_one_address: Gauge::default(),
            store_circuit: ByLabel::new("calls", ["reads", "writes"]),
            steward_restarts: Counter::default(),
            steward_age: Gauge::default(),
            store_restarts: Counter::default(),
            fix_handling: Histogram::new(FINE_US),
            fix_push: Histogram::new(FINE_US),
            store_commit: Histogram::new(FINE_US),
            current_location: Histogram::new(FINE_US),
            order_place: Histogram::new(FINE_US),
            dispatch: Dispatch::new(),
            fixes_refused: ByLabel::new("code", codes()),
            fixes_flagged: ByLabel::new("code", codes()),
            evictions: ByLabel::new("reason", Eviction::ALL.map(|(_, name)| name)),
            rails: Family::default(),
            upgrades_refused: ByLabel::new("reason", UpgradeRefusal::ALL.map(|(_, name)| name)),
            sessions: ByLabel::new("role", Role::ALL.map(Role::as_str)),
            auth_failures: Family::default(),
            http_requests: Family::default(),
            http_request: Family::new_with_constructor(|| Histogram::new(COARSE_US)),
        };
        let registry = Arc::new(register(&instruments));
        Self { instruments: Arc::new(instruments), registry }
    }

    /// The exposition in OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut exposition = String::new();
        // Writing into a String cannot fail, and no instrument refuses.
        let _ = text::encode(&mut exposition, &self.registry);
        exposition
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Metrics {
    type Target = Instruments;
    fn deref(&self) -> &Instruments {
        &self.instruments
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn add(registry: &mut Registry, name: &str, help: &str, metric: &(impl Metric + Clone)) {
    registry.register(name, help, metric.clone());
}

fn register(instruments: &Instruments) -> Registry {
    let mut registry = Registry::with_prefix("beeline");
    let to = &mut registry;
    let i = instruments;
    add(to, "fixes_received", "Fixes read from a socket or a request", &i.fixes_received);
    add(to, "fixes_refused", "Fixes refused, by code", &i.fixes_refused);
    add(to, "fixes_flagged", "Fixes stored but never shown, by code", &i.fixes_flagged);
    add(to, "fixes_conflated", "Fixes left out because a driver sent more than the rate", &i.fixes_conflated);
    add(to, "fixes_pushed", "Location frames written to a viewer", &i.fixes_pushed);
    add(to, "pushes_conflated", "Locations overtaken by a newer one before a viewer read them", &i.pushes_conflated);
    add(to, "evictions", "Sockets ended by the server, by reason", &i.evictions);
    add(to, "rails", "Connections ended from outside their sessions, by rail", &i.rails);
    add(to, "upgrades_refused", "Sockets not let in though allowed, by reason", &i.upgrades_refused);
    add(to, "sessions", "Open sockets, by role", &i.sessions);
    add(to, "socket_addresses", "Client addresses with an open socket", &i.socket_addresses);
    add(to, "sockets_of_one_address", "Open sockets of the client address that has most", &i.sockets_of_one_address);
    add(to, "resident_bytes", "Bytes of the process that are in memory", &i.resident_bytes);
    add(to, "drivers_live", "Drivers with a live position", &i.drivers_live);
    add(to, "cells", "Cells with an actor", &i.cells);
    add(to, "orders_active", "Orders that have not ended", &i.orders_active);
    add(to, "store_queue_depth", "Jobs waiting for the writer of the store", &i.store_queue_depth);
    add(to, "store_circuit_open", "1 while the store is not asked because it does not answer", &i.store_circuit);
    add(to, "store_thread_restarts", "Threads of the store that panicked and began again", &i.store_restarts);
    add(to, "steward_restarts", "Rounds of the steward that panicked or did not end", &i.steward_restarts);
    add(to, "steward_age_seconds", "Time since the steward last renewed everything", &i.steward_age);
    add(to, "fix_handling_seconds", "From a fix read off the wire to the fix handled by its cell", &i.fix_handling);
    add(to, "fix_push_seconds", "From a fix read off the wire to the frame written to a viewer", &i.fix_push);
    add(to, "store_commit_seconds", "One group commit", &i.store_commit);
    add(to, "current_location_seconds", "One read of a current location inside the server", &i.current_location);
    add(to, "order_place_seconds", "One order placed, payment included", &i.order_place);
    i.dispatch.register(to);
    add(to, "auth_failures", "Tokens not believed, by algorithm and reason", &i.auth_failures);
    add(to, "http_requests", "Requests answered, by route, method and class of status", &i.http_requests);
    add(to, "http_request_seconds", "Time to answer a request, by route", &i.http_request);
    registry
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn value_of(exposition: &str, series: &str) -> Option<f64> {
        let line =
            exposition.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    #[test]
    fn what_is_recorded_is_exposed_under_its_label() {
        let metrics = Metrics::new();
        metrics.fixes_received.inc();
        metrics.clone().fix_refused(Code::BadTime);
        metrics.fix_flagged(Code::Teleport);
        metrics.evicted(Eviction::Internal);
        metrics.upgrade_refused(UpgradeRefusal::Address);
        metrics.rails_in_all(&[("stalled", 3)]);
        metrics.rails_in_all(&[("stalled", 2)]);
        metrics.session_opened(Role::Service);
        metrics.session_opened(Role::Driver);
        metrics.session_closed(Role::Driver);
        metrics.auth_failed("none", "algorithm");
        metrics.http_answered("/api/v1/orders/{id}", "GET", 404, Duration::from_millis(3));
        let text = metrics.encode();
        for (series, expected) in [
            ("beeline_fixes_received_total", 1.0),
            ("beeline_fixes_refused_total{code=\"bad_time\"}", 1.0),
            ("beeline_fixes_refused_total{code=\"duplicate\"}", 0.0),
            ("beeline_fixes_flagged_total{code=\"teleport\"}", 1.0),
            ("beeline_evictions_total{reason=\"internal\"}", 1.0),
            ("beeline_upgrades_refused_total{reason=\"address\"}", 1.0),
            ("beeline_upgrades_refused_total{reason=\"memory\"}", 0.0),
            ("beeline_rails_total{rail=\"stalled\"}", 3.0),
            ("beeline_sessions{role=\"service\"}", 1.0),
            ("beeline_sessions{role=\"driver\"}", 0.0),
            ("beeline_auth_failures_total{alg=\"none\",reason=\"algorithm\"}", 1.0),
            ("beeline_http_requests_total{route=\"/api/v1/orders/{id}\",method=\"GET\",status=\"4xx\"}", 1.0),
            ("beeline_http_request_seconds_bucket{le=\"0.005\",route=\"/api/v1/orders/{id}\"}", 1.0),
            ("beeline_http_request_seconds_bucket{le=\"0.0025\",route=\"/api/v1/orders/{id}\"}", 0.0),
        ] {
            assert_eq!(value_of(&text, series), Some(expected), "{series} in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let metrics = Metrics::new();
        for micros in [10, 11, 10_000, 10_001, 60_000_000] {
            metrics.fix_handling.observe(Duration::from_micros(micros));
        }
        let text = metrics.encode();
        for (le, expected) in
            [("0.00001", 1.0), ("0.00002", 2.0), ("0.01", 3.0), ("0.011", 4.0), ("10.0", 4.0), ("+Inf", 5.0)]
        {
            let series = format!("beeline_fix_handling_seconds_bucket{{le=\"{le}\"}}");
            assert_eq!(value_of(&text, &series), Some(expected), "{series} in {text}");
        }
        assert_eq!(value_of(&text, "beeline_fix_handling_seconds_count"), Some(5.0));
        assert_eq!(metrics.fix_handling.count(), 5);
    }

    #[test]
    fn bounds_ascend() {
        for bounds in [FINE_US, COARSE_US] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
