//! All settings, found once, checked once, and typed from then on.
//!
//! [`table`] lists them; [`sources`] decides which text wins; `read` turns the texts into a [`Config`] or
//! into the list of everything that is wrong. Nothing here opens a socket or makes a file, so `check-config` is the same code.

pub mod print;
pub mod secret;
pub mod sources;
pub mod table;

mod issuers;
mod parse;
mod read;
mod values;

pub use issuers::IssuerConfig;
pub use issuers::KeySource;
pub use secret::Secret;
pub use sources::Settings;
pub use sources::Sources;
pub use values::Network;
pub use values::Rate;

use crate::domain::cell::CellResolution;
use crate::domain::dispatch::Policy;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Something wrong with the configuration, said so that a person can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Which setting, flag or file.
    pub setting: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl ConfigProblem {
    /// A problem with this setting or file.
    #[must_use]
    pub fn new(setting: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { setting: setting.into(), reason: reason.into() }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.reason)
    }
}

impl std::error::Error for ConfigProblem {}

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `--dev`: loopback only, a secret of its own, ready tokens.
    pub dev: bool,
    /// Address of HTTP and WebSocket.
    pub listen: SocketAddr,
    /// Own address of /metrics, if it has one.
    pub metrics_listen: Option<SocketAddr>,
    /// Folder of the embedded store.
    pub data: PathBuf,
    /// File of the embedded store.
    pub database: PathBuf,
    /// What an ack promises.
    pub ack: Ack,
    /// Name of this node.
    pub node: String,
    /// Filter directives for the log.
    pub log: String,
    /// Time over which sockets are closed on SIGTERM.
    pub drain: Duration,
    /// Map tiles from elsewhere; none is the bundled city.
    pub tiles_url: Option<String>,
    /// Web origins that may open sockets and call the API beside the server's own, as browsers write them.
    pub origins: Vec<String>,
    /// TLS on the main address, if it has it.
    pub tls: Option<TlsFiles>,
    /// Whose tokens are believed.
    pub identity: Identity,
    /// Fixes and live positions.
    pub tracking: Tracking,
    /// Matching and offers.
    pub dispatch: Dispatch,
    /// Bounds on what callers may use.
    pub limits: CallerLimits,
    /// What is odd but no reason to stop; to be logged at the start.
    pub warnings: Vec<String>,
}

/// Where the certificate and its key lie. Whether they are any good is seen when they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// What an ack promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Fsynced.
    Strict,
    /// Written, may be lost in a crash.
    Fast,
}

/// Whose tokens are believed.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// HS256 secret for tokens of any role.
    pub secret: Option<Secret>,
    /// JWKS file for tokens of any role.
    pub jwks: Option<PathBuf>,
    /// Issuers with roles of their own.
    pub issuers: Vec<IssuerConfig>,
}

impl Identity {
    /// Whether nobody's tokens would be believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secret.is_none() && self.jwks.is_none() && self.issuers.is_empty()
    }
}

/// Fixes and live positions. Milliseconds; none means no such limit.
#[derive(Debug, Clone, Copy)]
pub struct Tracking {
    /// Least time between two live fixes of one driver, 0 for none.
    pub fix_interval_ms: i64,
    /// Fixes sent at once before the interval counts.
    pub fix_burst: u32,
    /// Least time between two pushes of one driver to one customer, 0 for none.
    pub push_interval_ms: i64,
    /// A live position is stale after this.
    pub stale_ms: Option<i64>,
    /// A live position is gone after this.
    pub gone_ms: Option<i64>,
    /// A driver is lost after this.
    pub driver_lost_ms: Option<i64>,
    /// H3 resolution of the cells.
    pub cell_resolution: CellResolution,
}

/// Matching and offers.
#[derive(Debug, Clone, Copy)]
pub struct Dispatch {
    /// An offer closes after this many milliseconds; none means never.
    pub offer_timeout_ms: Option<i64>,
    /// Orders in one assignment.
    pub driver_capacity: u32,
    /// Metres around the pickup in which drivers are looked for.
    pub match_radius_m: f64,
    /// How drivers are chosen.
    pub policy: Policy,
    /// A driver who does not get nearer to the pickup for this many milliseconds is taken off the order; none means never.
    pub stalled_ms: Option<i64>,
    /// Vain tries, at the whole match radius, after which an order becomes a dead letter; none means never.
    pub tries_max: Option<u32>,
}

/// Bounds on what callers may use; none means no such bound.
#[derive(Debug, Clone)]
pub struct CallerLimits {
    /// Reading calls of one principal.
    pub rate_browse: Option<Rate>,
    /// Searching calls of one principal.
    pub rate_search: Option<Rate>,
    /// Ordering calls of one principal.
    pub rate_orders: Option<Rate>,
    /// What each tier multiplies the rates by.
    pub rate_tiers: Vec<(String, u32)>,
    /// Open sockets of one principal.
    pub max_sockets_per_principal: Option<u32>,
    /// Open sockets of one client address.
    pub max_sockets_per_address: Option<u32>,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<Network>,
    /// Resident bytes above which upgrades are refused.
    pub memory_high: Option<u64>,
}

impl Config {
    /// Finds and checks all settings for a server. Gives everything that is wrong at once.
    pub fn load(sources: &Sources, dev: bool) -> Result<Self, Vec<ConfigProblem>> {
        let settings = Settings::resolve(sources)?;
        read::read(&settings, dev)
    }

    /// Gives a development server its own secret, kept in the data folder, unless one is configured.
    pub fn ensure_dev_secret(&mut self) -> Result<(), ConfigProblem> {
        if self.dev && self.identity.secret.is_none() {
            let made = secret::dev_secret(&self.data);
            self.identity.secret = Some(made.map_err(|reason| ConfigProblem::new("the development secret", reason))?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
