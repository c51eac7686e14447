//! All settings, found once, checked once, and typed from then on.
//!
//! [`table`] lists them; [`sources`] decides which text wins; this file turns the texts into a [`Config`] or into the
//! list of everything that is wrong. Nothing here opens a socket or makes a file, so `check-config` is the same code.

pub mod print;
pub mod secret;
pub mod sources;
pub mod table;

mod issuers;
mod values;

pub use issuers::IssuerConfig;
pub use issuers::KeySource;
pub use secret::Secret;
pub use sources::Settings;
pub use sources::Sources;
pub use values::Network;
pub use values::Rate;

use crate::domain::cell::CellResolution;
use crate::limits;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
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
    /// Web origins that may open sockets beside the server's own, as browsers write them.
    pub origins: Vec<String>,
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
    pub policy: DispatchPolicy,
}

/// How drivers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DispatchPolicy {
    /// All open orders and free drivers of a tick together.
    Optimal,
    /// Each order its nearest free driver.
    Nearest,
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
        let mut reader = Reader { settings: &settings, problems: Vec::new() };
        let config = read_all(&mut reader, dev);
        match config {
            Ok(config) if reader.problems.is_empty() => Ok(config),
            Ok(_) | Err(Refused) => Err(reader.problems),
        }
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

/// A value could not be read; the reason is already among the reader's problems.
struct Refused;

/// Reads texts into values and collects what is wrong with them.
struct Reader<'a> {
    settings: &'a Settings,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    fn refuse(&mut self, key: &str, reason: impl Into<String>) {
        let name = table::find(key).map_or_else(|| key.to_owned(), table::SettingDoc::env_name);
        self.problems.push(ConfigProblem::new(name, reason));
    }

    fn text(&self, key: &str) -> Option<String> {
        self.settings.get(key).and_then(|setting| setting.value.clone())
    }

    fn optional<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, Refused> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match parse(text.trim()) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => {
                self.refuse(key, reason);
                Err(Refused)
            }
        }
    }

    fn required<T>(&mut self, key: &str, parse: fn(&str) -> Result<T, String>) -> Result<T, Refused> {
        self.optional(key, parse)?.ok_or_else(|| {
            self.refuse(key, "has no value");
            Refused
        })
    }
}

/// Reads each group to its end before giving up on any, so that all problems are told together.
fn read_all(reader: &mut Reader<'_>, dev: bool) -> Result<Config, Refused> {
    let listen = reader.required("listen", values::address);
    let metrics_listen = reader.optional("metrics_listen", values::address);
    let data = reader.required("data", folder);
    let ack = reader.required("ack", ack);
    let node = reader.optional("node", node);
    let log = reader.required("log", log_filter);
    let drain = reader.required("drain", values::duration);
    let tiles_url = reader.optional("tiles_url", tiles_url);
    let origins = reader.optional("origins", values::origins);
    let store = reader.optional("store", store_file);
    let identity = read_identity(reader, dev);
    let tracking = read_tracking(reader);
    let dispatch = read_dispatch(reader);
    let limits = read_limits(reader);
    refuse_unbuilt(reader);
    if dev {
        for (key, address) in [
            ("listen", listen.as_ref().ok()),
            ("metrics_listen", metrics_listen.as_ref().ok().and_then(Option::as_ref)),
        ] {
            if address.is_some_and(|address| !address.ip().is_loopback()) {
                reader.refuse(key, "must be a loopback address with --dev, such as 127.0.0.1:8080");
            }
        }
    }
    let data = data?;
    let database = store?.unwrap_or_else(|| data.join("beeline.db"));
    let unknown = reader.settings.unknown_environment.iter();
    Ok(Config {
        dev,
        listen: listen?,
        metrics_listen: metrics_listen?,
        database,
        data,
        ack: ack?,
        node: node?.unwrap_or_else(random_node),
        log: log?,
        drain: drain?,
        tiles_url: tiles_url?,
        origins: origins?.unwrap_or_default(),
        identity: identity?,
        tracking: tracking?,
        dispatch: dispatch?,
        limits: limits?,
        warnings: unknown.map(|name| format!("{name} is no setting and is ignored")).collect(),
    })
}

fn read_identity(reader: &mut Reader<'_>, dev: bool) -> Result<Identity, Refused> {
    let given = |key: &str, reader: &Reader<'_>| reader.text(key).is_some();
    let any = ["jwt_secret", "jwt_secret_file", "jwks", "issuers"].iter().any(|key| given(key, reader));
    if !any && !dev {
        reader.refuse(
            "jwt_secret",
            "is not set, nor BEELINE_JWKS nor BEELINE_ISSUERS: without one anybody could be anybody. \
             Set one (a secret of at least 32 bytes is enough), or use --dev to try Beeline on this machine only",
        );
    }
    if given("jwt_secret", reader) && given("jwt_secret_file", reader) {
        reader.refuse("jwt_secret_file", "is set beside BEELINE_JWT_SECRET: give one of them");
    }
    let secret = reader.optional("jwt_secret", Secret::parse);
    let from_file = reader.optional("jwt_secret_file", |path| Secret::read(Path::new(path)));
    let jwks = reader.optional("jwks", issuers::jwks_file);
    let issuers = reader.optional("issuers", issuers::parse);
    Ok(Identity { secret: secret?.or(from_file?), jwks: jwks?, issuers: issuers?.unwrap_or_default() })
}

fn read_tracking(reader: &mut Reader<'_>) -> Result<Tracking, Refused> {
    let fix_interval_ms = reader.required("fix_interval", values::duration_ms);
    let fix_burst = reader.required("fix_burst", values::count);
    let push_interval_ms = reader.required("push_interval", values::duration_ms);
    let stale_ms = reader.required("stale", values::limit_ms);
    let gone_ms = reader.required("gone", values::limit_ms);
    let driver_lost_ms = reader.required("driver_lost", values::limit_ms);
    let cell_resolution = reader.required("cell_resolution", cell_resolution);
    if let (Ok(Some(stale)), Ok(Some(gone))) = (&stale_ms, &gone_ms)
        && gone < stale
    {
        reader.refuse("gone", "is shorter than BEELINE_STALE: a position is stale before it is gone");
    }
    Ok(Tracking {
        fix_interval_ms: fix_interval_ms?,
        fix_burst: fix_burst?,
        push_interval_ms: push_interval_ms?,
        stale_ms: stale_ms?,
        gone_ms: gone_ms?,
        driver_lost_ms: driver_lost_ms?,
        cell_resolution: cell_resolution?,
    })
}

fn read_dispatch(reader: &mut Reader<'_>) -> Result<Dispatch, Refused> {
    let offer_timeout_ms = reader.required("offer_timeout", values::limit_ms);
    let driver_capacity = reader.required("driver_capacity", values::count);
    let match_radius_m = reader.required("match_radius", match_radius);
    let policy = reader.required("dispatch_policy", policy);
    Ok(Dispatch {
        offer_timeout_ms: offer_timeout_ms?,
        driver_capacity: driver_capacity?,
        match_radius_m: match_radius_m?,
        policy: policy?,
    })
}

fn read_limits(reader: &mut Reader<'_>) -> Result<CallerLimits, Refused> {
    let rate_browse = reader.required("rate_browse", values::rate);
    let rate_search = reader.required("rate_search", values::rate);
    let rate_orders = reader.required("rate_orders", values::rate);
    let per_principal = reader.required("max_sockets_per_principal", values::limit);
    let per_address = reader.required("max_sockets_per_address", values::limit);
    let trusted_proxies = reader.optional("trusted_proxies", values::networks);
    let memory_high = reader.required("memory_high", values::bytes);
    Ok(CallerLimits {
        rate_browse: rate_browse?,
        rate_search: rate_search?,
        rate_orders: rate_orders?,
        max_sockets_per_principal: per_principal?,
        max_sockets_per_address: per_address?,
        trusted_proxies: trusted_proxies?.unwrap_or_default(),
        memory_high: memory_high?,
    })
}

/// What a person who sets these relies on would not be true: several nodes, or encryption.
fn refuse_unbuilt(reader: &mut Reader<'_>) {
    for doc in table::SETTINGS.iter().filter(|doc| doc.effect == table::Effect::RefusedYet) {
        if reader.text(doc.key).is_some() {
            reader.refuse(doc.key, "is not available yet: leave it unset");
        }
    }
    let mode = reader.text("redis_mode").unwrap_or_default();
    if !matches!(mode.as_str(), "single" | "cluster") {
        reader.refuse("redis_mode", "is neither single nor cluster");
    }
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is empty: name a folder".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// The SQLite file, if one is named.
fn store_file(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err("is postgres, which is not available yet: leave it unset for the embedded store".to_owned());
    }
    match text.strip_prefix("sqlite:") {
        Some("") | None => Err("is not sqlite:PATH; leave it unset for the store in the data folder".to_owned()),
        Some(path) => Ok(PathBuf::from(path)),
    }
}

fn ack(text: &str) -> Result<Ack, String> {
    match text {
        "strict" => Ok(Ack::Strict),
        "fast" => Ok(Ack::Fast),
        _ => Err("is neither strict nor fast".to_owned()),
    }
}

fn node(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let fits = (1..=limits::ID_MAX_CHARS).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.to_owned()) } else { Err("is not 1 to 64 characters of A-Z a-z 0-9 _ . -".to_owned()) }
}

fn random_node() -> String {
    let number: u32 = rand::random();
    format!("node-{number:08x}")
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is not a log filter: {error}")),
    }
}

fn tiles_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b';' | b',' | b'<' | b'>');
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && text.bytes().all(plain) => Ok(text.to_owned()),
        _ => Err("is not an http(s) URL such as https://tiles.example/{z}/{x}/{y}.pbf".to_owned()),
    }
}

fn cell_resolution(text: &str) -> Result<CellResolution, String> {
    let resolution = text.parse().ok().and_then(CellResolution::new);
    resolution.ok_or_else(|| "is not an H3 resolution from 5 to 15".to_owned())
}

fn match_radius(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(limits::NEARBY_MAX_RADIUS_M),
        Ok(metres) if metres > 0.0 && metres <= limits::NEARBY_MAX_RADIUS_M => Ok(metres),
        _ => Err(format!("is not a number of metres from 0 to {}", limits::NEARBY_MAX_RADIUS_M)),
    }
}

fn policy(text: &str) -> Result<DispatchPolicy, String> {
    match text {
        "optimal" => Ok(DispatchPolicy::Optimal),
        "nearest" => Ok(DispatchPolicy::Nearest),
        _ => Err("is neither optimal nor nearest".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
