//! From the texts that won to a checked [`Config`], or to everything that is wrong with them.

use super::CallerLimits;
use super::Config;
use super::ConfigProblem;
use super::Dispatch;
use super::Identity;
use super::Secret;
use super::Settings;
use super::TlsFiles;
use super::Tracking;
use super::issuers;
use super::parse;
use super::table;
use super::values;
use std::net::SocketAddr;
use std::path::Path;

/// Reads everything; all problems are told together.
pub(super) fn read(settings: &Settings, dev: bool) -> Result<Config, Vec<ConfigProblem>> {
    let mut reader = Reader { settings, problems: Vec::new() };
    match read_all(&mut reader, dev) {
        Ok(config) if reader.problems.is_empty() => Ok(config),
        Ok(_) | Err(Refused) => Err(reader.problems),
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
        // A secret is what it is, to the last blank.
        let is_secret = table::find(key).is_some_and(|doc| doc.secret);
        match parse(if is_secret { &text } else { text.trim() }) {
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
    let data = reader.required("data", parse::folder);
    let ack = reader.required("ack", parse::ack);
    let node = reader.optional("node", parse::node);
    let log = reader.required("log", parse::log_filter);
    let drain = reader.required("drain", values::duration);
    let tiles_url = reader.optional("tiles_url", parse::tiles_url);
    let origins = reader.optional("origins", values::origins);
    let tls = read_tls(reader);
    let store = reader.optional("store", parse::store_file);
    let identity = read_identity(reader, dev);
    let tracking = read_tracking(reader);
    let dispatch = read_dispatch(reader);
    let limits = read_limits(reader);
    refuse_unbuilt(reader);
    if dev {
        let metrics_listen = metrics_listen.as_ref().ok().and_then(Option::as_ref);
        refuse_unless_loopback(reader, "listen", listen.as_ref().ok());
        refuse_unless_loopback(reader, "metrics_listen", metrics_listen);
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
        node: node?.unwrap_or_else(parse::random_node),
        log: log?,
        drain: drain?,
        tiles_url: tiles_url?,
        origins: origins?.unwrap_or_default(),
        tls: tls?,
        identity: identity?,
        tracking: tracking?,
        dispatch: dispatch?,
        limits: limits?,
        warnings: unknown.map(|name| format!("{name} is no setting and is ignored")).collect(),
    })
}

fn refuse_unless_loopback(reader: &mut Reader<'_>, key: &str, address: Option<&SocketAddr>) {
    if address.is_some_and(|address| !address.ip().is_loopback()) {
        reader.refuse(key, "must be a loopback address with --dev, such as 127.0.0.1:8080");
    }
}

/// Both files or neither: half of it would be plain HTTP where somebody expects encryption.
fn read_tls(reader: &mut Reader<'_>) -> Result<Option<TlsFiles>, Refused> {
    let certificate = reader.optional("tls_cert", parse::file);
    let key = reader.optional("tls_key", parse::file);
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            reader.refuse("tls_key", "is not set beside BEELINE_TLS_CERT: TLS needs both");
            Err(Refused)
        }
        (None, Some(_)) => {
            reader.refuse("tls_cert", "is not set beside BEELINE_TLS_KEY: TLS needs both");
            Err(Refused)
        }
    }
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
    let cell_resolution = reader.required("cell_resolution", parse::cell_resolution);
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
    let match_radius_m = reader.required("match_radius", parse::match_radius);
    let policy = reader.required("dispatch_policy", parse::policy);
    let stalled_ms = reader.required("driver_stalled", values::limit_ms);
    let tries_max = reader.required("dispatch_tries", values::limit);
    Ok(Dispatch {
        offer_timeout_ms: offer_timeout_ms?,
        driver_capacity: driver_capacity?,
        match_radius_m: match_radius_m?,
        policy: policy?,
        stalled_ms: stalled_ms?,
        tries_max: tries_max?,
    })
}

fn read_limits(reader: &mut Reader<'_>) -> Result<CallerLimits, Refused> {
    let rate_browse = reader.required("rate_browse", values::rate);
    let rate_search = reader.required("rate_search", values::rate);
    let rate_orders = reader.required("rate_orders", values::rate);
    let rate_tiers = reader.required("rate_tiers", values::tiers);
    let per_principal = reader.required("max_sockets_per_principal", values::limit);
    let per_address = reader.required("max_sockets_per_address", values::limit);
    let trusted_proxies = reader.optional("trusted_proxies", values::networks);
    let memory_high = reader.required("memory_high", values::bytes);
    Ok(CallerLimits {
        rate_browse: rate_browse?,
        rate_search: rate_search?,
        rate_orders: rate_orders?,
        rate_tiers: rate_tiers?,
        max_sockets_per_principal: per_principal?,
        max_sockets_per_address: per_address?,
        trusted_proxies: trusted_proxies?.unwrap_or_default(),
        memory_high: memory_high?,
    })
}

/// What a person who sets these relies on would not be true: several nodes.
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
