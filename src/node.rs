//! The node: opens the store, starts the actors and the server, rebuilds what was under way, and ends in order.
//!
//! The composition root: the only module that knows everything.

mod commands;
mod compare;
mod open_files;

pub use commands::demo;
pub use commands::migrate;
pub use commands::serve;
pub use commands::simulate;
pub use compare::compare;

use crate::actors::desk;
use crate::actors::payment::InstantMock;
use crate::actors::world::Tuning;
use crate::actors::world::World;
use crate::clock;
use crate::config::Ack;
use crate::config::Config;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::http;
use crate::http::api::Api;
use crate::http::auth::Auth;
use crate::http::auth::Signer;
use crate::http::auth::Verifier;
use crate::http::gate::Gate;
use crate::http::ops::Readiness;
use crate::http::rates::Rates;
use crate::http::socket;
use crate::http::socket::Rails;
use crate::http::socket::Timings;
use crate::http::tls;
use crate::http::tls::Tls;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::telemetry::Metrics;
use actix::Arbiter;
use actix_web::App;
use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web;
use anyhow::Context as _;
use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for the worker threads to report at the start.
const WORKERS_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of the metrics' own address.
const METRICS_CONNECTIONS_MAX: usize = 32;
/// Drivers or orders rebuilt before other work gets a turn.
const REBUILD_CHUNK: usize = 200;
/// Longest time without offers' answers: what "never" comes to in milliseconds.
const NEVER_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

thread_local! {
    /// The application factory runs more than once a thread; the worker is named once.
    static NAMED: Cell<bool> = const { Cell::new(false) };
}

/// A running node.
pub struct Node {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whether it speaks TLS there.
    secure: bool,
    world: Arc<World>,
    rails: Arc<Rails>,
    ready: web::Data<Readiness>,
    handle: ServerHandle,
    drain: Duration,
}

/// The shared parts of the application, made once and cloned into every worker.
#[derive(Clone)]
struct Parts {
    api: web::Data<Api>,
    auth: web::Data<Auth>,
    metrics: web::Data<Metrics>,
    ready: web::Data<Readiness>,
    rails: web::Data<Arc<Rails>>,
    signer: Option<web::Data<Signer>>,
    own_metrics_address: bool,
    tiles_origin: Option<String>,
}

impl Node {
    /// Starts a node; it serves once this returns. The future is the server itself and must be awaited.
    pub async fn start(config: &Config) -> anyhow::Result<(Self, actix_web::dev::Server)> {
        let metrics = Metrics::new();
        let store = open_store(config, &metrics)?;
        let verifier = Verifier::from_config(&config.identity, metrics.clone())
            .map_err(|problems| anyhow::anyhow!("{}", problems.first().map(ToString::to_string).unwrap_or_default()))?;
        let world = World::new(tuning(config), store, metrics.clone(), Arc::new(InstantMock));
        // Before anybody is believed.
        world.revocations.catch_up(world.store.revocations.as_ref()).await.context("revocations not read")?;
        let verifier = verifier.heeding(world.revocations.clone());
        let rails = Arc::new(Rails::new(Timings::default()));
        let ready = web::Data::new(Readiness::default());
        let rates = Arc::new(Rates::new(&config.limits));
        actix::spawn(sweep_rates(rates.clone()));
        let auth = Auth { verifier, origins: config.origins.clone() };
        let gate = Gate::new(&config.limits);
        actix::spawn(gate.memory.clone().watch());
        let signer = config.identity.secret.as_ref().filter(|_| config.dev).map(Signer::new);
        let parts = Parts {
            api: web::Data::new(Api { world: world.clone(), auth: auth.clone(), rates: rates.clone(), gate }),
            auth: web::Data::new(auth),
            metrics: web::Data::new(metrics),
            ready: ready.clone(),
            rails: web::Data::new(rails.clone()),
            signer: signer.map(web::Data::new),
            own_metrics_address: config.metrics_listen.is_some(),
            tiles_origin: config.tiles_url.as_deref().and_then(origin_of),
        };
        let (server, addr) = bind(config, &parts, &world, &rails)?;
        if let Some(address) = config.metrics_listen {
            serve_metrics(address, &parts)?;
        }
        let handle = server.handle();
        let secure = config.tls.is_some();
        Ok((Self { addr, secure, world, rails, ready, handle, drain: config.drain }, server))
    }

    /// `http://ADDR` or `https://ADDR`.
    fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// Waits for the workers and brings back what was under way when the last process ended; then the node takes traffic.
    async fn rebuild(&self) -> anyhow::Result<()> {
        let workers = workers();
        let deadline = tokio::time::Instant::now() + WORKERS_TIMEOUT;
        while self.world.directory.workers() < workers {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "the worker threads did not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let now = clock::now();
        let gone_ms = self.world.tuning.gone_ms;
        let since = if gone_ms > 0 { now - gone_ms } else { now - NEVER_MS };
        let drivers = self.world.store.drivers.drivers_seen_since(since).await.context("drivers not read")?;
        for some in drivers.chunks(REBUILD_CHUNK) {
            for driver_id in some {
                self.world.driver(driver_id)?;
            }
            tokio::task::yield_now().await;
        }
        let orders = self.world.store.orders.orders_open().await.context("open orders not read")?;
        tracing::info!(orders = orders.len(), drivers = drivers.len(), "rebuilt from the store");
        for some in orders.chunks(REBUILD_CHUNK) {
            for order in some {
                resume(&self.world, order).await?;
            }
            tokio::task::yield_now().await;
        }
        self.ready.set(true);
        Ok(())
    }

    /// Closes sockets over the drain time, lets requests finish, writes all that waits.
    async fn drain(&self) {
        tracing::info!(window_s = self.drain.as_secs(), "draining");
        self.ready.set(false);
        self.rails.drain(self.drain);
        self.handle.stop(true).await;
    }
}

/// An order that was being placed when the process died is charged again; the provider charges it once.
async fn resume(world: &Arc<World>, order: &Order) -> anyhow::Result<()> {
    if order.status == Status::Created
        && let Err(problem) = desk::settle_payment(world, order.clone()).await
    {
        tracing::warn!(order.id = %order.order_id, code = problem.code.as_str(), "order not resumed");
    }
    world.order(&order.order_id)?;
    Ok(())
}

/// Forgets those whose budgets are full again, so that the table holds who asked lately and nobody else.
async fn sweep_rates(rates: Arc<Rates>) {
    let mut rounds = tokio::time::interval(Duration::from_secs(60));
    loop {
        rounds.tick().await;
        rates.sweep();
    }
}

/// `scheme://host[:port]` of an address.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    Some(format!("{scheme}://{host}"))
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn open_store(config: &Config, metrics: &Metrics) -> anyhow::Result<Store> {
    let observed = metrics.clone();
    let ack = match config.ack {
        Ack::Strict => crate::store::sqlite::Ack::Strict,
        Ack::Fast => crate::store::sqlite::Ack::Fast,
    };
    let on_commit = move |took: Duration, _jobs: usize| observed.store_commit.observe(took);
    Ok(SqliteStore::open(&config.database, ack, on_commit)?)
}

fn tuning(config: &Config) -> Tuning {
    let (tracking, dispatch) = (&config.tracking, &config.dispatch);
    Tuning {
        fix_interval_ms: tracking.fix_interval_ms,
        fix_burst: tracking.fix_burst,
        push_interval_ms: tracking.push_interval_ms,
        stale_ms: tracking.stale_ms.unwrap_or(0),
        gone_ms: tracking.gone_ms.unwrap_or(0),
        offer_timeout_ms: dispatch.offer_timeout_ms.unwrap_or(NEVER_MS),
        match_radius_m: dispatch.match_radius_m,
        driver_capacity: usize::try_from(dispatch.driver_capacity).unwrap_or(1),
        policy: dispatch.policy,
        driver_lost_ms: tracking.driver_lost_ms.unwrap_or(0),
        driver_stalled_ms: dispatch.stalled_ms.unwrap_or(0),
        tries_max: dispatch.tries_max.unwrap_or(0),
        cell_resolution: tracking.cell_resolution,
    }
}

fn configure(parts: &Parts, config: &mut web::ServiceConfig) {
    config.app_data(parts.api.clone()).app_data(parts.auth.clone()).app_data(parts.metrics.clone());
    config.app_data(parts.ready.clone()).app_data(parts.rails.clone());
    if let Some(signer) = &parts.signer {
        config.app_data(signer.clone());
        config.service(web::resource("/dev/tokens").route(web::get().to(http::dev::tokens)));
    }
    if !parts.own_metrics_address {
        http::metrics_route(config);
    }
    http::pages::configure(parts.tiles_origin.as_deref())(config);
    http::routes(config);
}

fn bind(
    config: &Config,
    parts: &Parts,
    world: &Arc<World>,
    rails: &Arc<Rails>,
) -> anyhow::Result<(actix_web::dev::Server, SocketAddr)> {
    let (parts, world) = (parts.clone(), world.clone());
    let server = HttpServer::new(move || {
        if !NAMED.replace(true) {
            world.directory.add_worker(Arbiter::current());
        }
        let parts = parts.clone();
        App::new()
            .configure(move |config| configure(&parts, config))
            .wrap(from_fn(http::cors::around))
            .wrap(from_fn(http::context::around))
            .wrap(from_fn(http::headers::around))
            .wrap(from_fn(socket::watch_http))
    });
    let server = socket::tune(server, rails, config.drain)
        .workers(workers())
        .max_connections(open_files::connections_per_worker(workers()))
        .backlog(8_192);
    let bound = match &config.tls {
        None => server.bind(config.listen),
        Some(files) => {
            let tls = Tls::load(files)?;
            let server = server.tls_handshake_timeout(tls::HANDSHAKE_TIMEOUT).max_connection_rate(tls::HANDSHAKES_MAX);
            let bound = server.bind_rustls_0_23(config.listen, tls.server_config());
            actix::spawn(tls.keep_fresh());
            bound
        }
    };
    let bound = bound.with_context(|| format!("cannot listen on {}", config.listen))?;
    let addr = bound.addrs().first().copied().context("no address was bound")?;
    Ok((bound.run(), addr))
}

fn serve_metrics(address: SocketAddr, parts: &Parts) -> anyhow::Result<()> {
    let parts = parts.clone();
    let server = HttpServer::new(move || {
        let parts = parts.clone();
        App::new()
            .app_data(parts.api.clone())
            .app_data(parts.rails.clone())
            .configure(http::metrics_route)
            .default_service(web::to(http::problem::no_such_route))
    });
    let running = server
        .workers(1)
        .max_connections(METRICS_CONNECTIONS_MAX)
        .disable_signals()
        .bind(address)
        .with_context(|| format!("cannot listen on {address} for metrics"))?
        .run();
    actix::spawn(async move {
        if let Err(error) = running.await {
            tracing::error!(%error, "the metrics address stopped");
        }
    });
    Ok(())
}
