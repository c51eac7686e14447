//! The floor: a relay on bare tokio that does the wire work of the live path and nothing else.
//!
//! WebSocket upgrade, a driver's `location` frame in, a `location` frame out to each of that driver's watchers. No
//! auth, no validation, no store, no clock, no conflation; the bearer token is the driver's id and an order's id is
//! its driver's. What it costs in the same minutes is what a figure of the real server is divided by. A watcher that
//! does not read is dropped at a bound; any malformed frame drops its connection.

mod hub;
mod socket;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;

use self::hub::Hub;

/// How the floor runs.
#[derive(Debug, Clone)]
pub struct Floor {
    /// Where to listen; loopback only.
    pub listen: SocketAddr,
    /// 1 = a current-thread runtime; more = that many workers.
    pub threads: usize,
    /// Answer each fix with an ack at once, as the contract's most eager server would.
    pub acks: bool,
    /// Stop relaying after this many deliveries: the fault that proves that a loss is noticed.
    pub stop_after: Option<u64>,
}

impl Floor {
    /// Serves until the process is ended; `listening` gets the bound address.
    pub fn run(self, listening: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
        anyhow::ensure!(self.listen.ip().is_loopback(), "the floor has no authentication: loopback only");
        let runtime = match self.threads {
            1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
            threads => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
        };
        runtime.context("runtime")?.block_on(self.serve(listening))
    }

    async fn serve(self, listening: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.listen).await.context("bind")?;
        listening(listener.local_addr()?);
        let hub = Arc::new(Hub::new(self.acks, self.stop_after));
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(socket::serve(stream, Arc::clone(&hub)));
                }
                // Out of descriptors: wait for some to close.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    }
}
