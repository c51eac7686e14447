//! What the commands make of a node: serve until a signal, with or without a city beside it.

use super::Node;
use super::open_store;
use crate::actors::steward;
use crate::config::Config;
use crate::simulate;
use crate::simulate::SimulateOptions;
use crate::telemetry::Metrics;
use actix::System;
use anyhow::Context as _;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A node that takes traffic, with all that runs beside it.
pub(super) struct Running {
    node: Node,
    serving: JoinHandle<std::io::Result<()>>,
    steward: JoinHandle<()>,
}

impl Running {
    /// Starts a node and brings back what was under way.
    pub(super) async fn start(config: &Config) -> anyhow::Result<Self> {
        let (node, server) = Node::start(config).await?;
        let serving = actix::spawn(server);
        node.rebuild().await?;
        let steward = actix::spawn(steward::run(node.world.clone()));
        tracing::info!(addr = %node.addr, node = %config.node, "ready");
        Ok(Self { node, serving, steward })
    }

    /// Where it listens: `http://ADDR` or `https://ADDR`.
    pub(super) fn url(&self) -> String {
        self.node.url()
    }

    /// Drains it, and closes its store. A signal meanwhile ends the process at once.
    pub(super) async fn end(self, ends: &mut Ends) -> anyhow::Result<()> {
        tokio::select! {
            () = self.node.drain() => {}
            () = ends.first() => {
                tracing::warn!("second signal: leaving at once");
                std::process::exit(130);
            }
        }
        self.serving.await??;
        self.steward.abort();
        self.node.world.store.health.close().await?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Serves until a signal, or until `beside` is over, which runs next to the server and is told the bound address.
async fn run<F, B>(config: Config, beside: F) -> anyhow::Result<()>
where
    F: FnOnce(String) -> B,
    B: Future<Output = ()> + 'static,
{
    let mut ends = Ends::new()?;
    let running = Running::start(&config).await?;
    say_address(&running.url());
    let mut beside = actix::spawn(beside(running.url()));
    tokio::select! {
        () = ends.first() => beside.abort(),
        _ = &mut beside => {}
    }
    running.end(&mut ends).await
}

/// The signals that end a node.
pub(super) struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The contract's first line on standard output.
#[allow(clippy::print_stdout)]
fn say_address(url: &str) {
    println!("listening on {url}");
}

/// Where a person looks next.
#[allow(clippy::print_stdout)]
fn say_pages(url: &str) {
    println!(
        "\n  Start page     {url}/\n  Operator       {url}/operator\n  Customer       {url}/track\n\nCtrl-C ends the demo.\n"
    );
}

/// `beeline serve`.
pub fn serve(config: Config) -> anyhow::Result<()> {
    System::new().block_on(run(config, |_| std::future::pending()))
}

/// The secret that a node's own city signs its people's tokens with.
pub(super) fn city_secret(config: &Config) -> anyhow::Result<Vec<u8>> {
    let secret = config.identity.secret.as_ref().context("the demo needs a secret to sign its people's tokens")?;
    Ok(secret.expose().to_vec())
}

/// `beeline demo`: a development node with a simulated city beside it, which speaks to it over real sockets like anybody else.
/// Ends on a signal, or when the city's duration is over.
pub fn demo(config: Config, city: SimulateOptions) -> anyhow::Result<()> {
    let city = SimulateOptions { secret: city_secret(&config)?, ..city };
    let (stop_city, stopped) = oneshot::channel();
    let (city_at, url) = oneshot::channel::<String>();
    let (city_over, over) = oneshot::channel::<()>();
    // A thread of its own: the people of the city must not slow the node down more than strangers would.
    let city = std::thread::spawn(move || {
        let lived = live_in(city, url, stopped);
        drop(city_over);
        lived
    });
    let beside = move |url: String| {
        say_pages(&url);
        let _ = city_at.send(url);
        async move {
            let _ = over.await;
        }
    };
    let served = System::new().block_on(run(config, beside));
    let _ = stop_city.send(());
    let summary = city.join().map_err(|_| anyhow::anyhow!("the simulated city panicked"))?;
    served?;
    if let Some(summary) = summary? {
        simulate::print_summary(&summary, false);
    }
    Ok(())
}

/// Runs the simulated city against the node at the address that comes, until told to stop.
fn live_in(
    city: SimulateOptions,
    url: oneshot::Receiver<String>,
    stopped: oneshot::Receiver<()>,
) -> anyhow::Result<Option<simulate::Summary>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Ok(url) = url.await else { return Ok(None) };
        let stop = async {
            let _ = stopped.await;
        };
        simulate::run(SimulateOptions { url, ..city }, stop).await.map(Some)
    })
}

/// `beeline simulate`: the same city against any node, until Ctrl-C or its duration.
pub fn simulate(options: SimulateOptions, json: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let summary = runtime.block_on(async {
        let mut ends = Ends::new()?;
        simulate::run(options, async move { ends.first().await }).await
    })?;
    simulate::print_summary(&summary, json);
    Ok(())
}

/// `beeline migrate`: opens the store, which brings its tables up to date.
pub fn migrate(config: &Config) -> anyhow::Result<()> {
    System::new().block_on(async {
        let store = open_store(config, &Metrics::new())?;
        store.health.close().await?;
        Ok(())
    })
}
