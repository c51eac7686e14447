//! The one list of settings. Names, flags, help, `print-config` and docs/settings.md all come from it.

/// What is said of one setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingDoc {
    /// Key in the TOML file; the environment name and the flag follow from it.
    pub key: &'static str,
    /// Value when nobody sets it, as it would be written.
    pub default: Option<&'static str>,
    /// What having no value means, shown in place of a default.
    pub unset: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// Whether it does anything yet.
    pub effect: Effect,
    /// Whether its value may be shown and given as a flag.
    pub secret: bool,
}

/// How much of a setting works today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of it.
    Works,
    /// It is read and checked, and nothing more.
    NoneYet,
    /// Setting it stops the start, because what it promises would not be true.
    RefusedYet,
    /// Works but for what is said here.
    Partly(&'static str),
}

impl SettingDoc {
    /// `BEELINE_FIX_INTERVAL` for `fix_interval`.
    #[must_use]
    pub fn env_name(&self) -> String {
        format!("BEELINE_{}", self.key.to_ascii_uppercase())
    }

    /// `fix-interval` for `fix_interval`.
    #[must_use]
    pub fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The default as people read it.
    #[must_use]
    pub fn default_text(&self) -> &'static str {
        self.default.unwrap_or(self.unset)
    }

    /// The meaning with what must be said about what is missing.
    #[must_use]
    pub fn full_meaning(&self) -> String {
        let note = match self.effect {
            Effect::Works => return self.meaning.to_owned(),
            Effect::NoneYet => "no effect yet",
            Effect::RefusedYet => "not available yet: refused at start",
            Effect::Partly(note) => note,
        };
        format!("{} ({note})", self.meaning)
    }

    const fn unset(mut self, unset: &'static str) -> Self {
        self.unset = unset;
        self
    }

    const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

const fn set(key: &'static str, default: &'static str, meaning: &'static str) -> SettingDoc {
    SettingDoc { key, default: Some(default), unset: "", meaning, effect: Effect::Works, secret: false }
}

const fn open(key: &'static str, meaning: &'static str) -> SettingDoc {
    SettingDoc { key, default: None, unset: "none", meaning, effect: Effect::Works, secret: false }
}

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[SettingDoc] = &[
    set(
        "listen",
        "127.0.0.1:8080",
        "address of HTTP and WebSocket; port 0 picks a free one; the first line on standard output says which",
    ),
    open("metrics_listen", "own address for /metrics").unset("the main address"),
    set("data", "./beeline-data", "folder of the embedded store"),
    open("store", "where the truth lies: sqlite:PATH, or postgres://...")
        .unset("sqlite: in the data folder")
        .effect(Effect::Partly("postgres is not available yet: refused at start")),
    open("redis", "redis://... links several nodes; unset is one node with everything in process")
        .effect(Effect::RefusedYet),
    set("redis_mode", "single", "single or cluster").effect(Effect::NoneYet),
    set("ack", "strict", "strict: an ack means fsynced; fast: an ack may be lost in a crash, and /readyz says so"),
    open("jwt_secret", "HS256 secret of at least 32 bytes that signs tokens of any role; serve needs this, a JWKS or issuers, or --dev")
        .secret(),
    open("jwt_secret_file", "file that holds the HS256 secret, so that no process list shows it"),
    open("jwks", "JWKS file with public keys (RS256, ES256, EdDSA) that sign tokens of any role")
        .effect(Effect::Partly("a URL is not available yet: use a file")),
    open("issuers", "issuers with their keys and the roles each may grant: a TOML or JSON file, or JSON itself"),
    open("node", "name of this node in a cluster and in logs").unset("random"),
    set("log", "info", "which log lines are written: a level, or directives such as info,beeline::store=debug"),
    set("fix_interval", "3s", "per driver, at most one live fix each; over it fixes are conflated, never refused; 0 = every fix"),
    set("fix_burst", "5", "fixes a driver may send at once before the interval counts"),
    set("push_interval", "1s", "least time between two pushes of one driver to one customer; 0 = every fix"),
    set("stale", "30s", "a live position is shown as stale after this long without a fix; 0 = never"),
    set("gone", "5m", "a live position is removed after this long without a fix; 0 = never"),
    set("driver_lost", "60s", "a driver with no socket and no fix for this long is lost: before the pickup the order looks for another; 0 = never"),
    set("driver_stalled", "5m", "a driver who gets no nearer to the pickup for this long is taken off the order; 0 = never"),
    set("offer_timeout", "20s", "an offer nobody answers closes after this long; 0 = never"),
    set("driver_capacity", "1", "orders in one assignment, at most, of a driver whose profile says nothing else"),
    set("match_radius", "5000", "metres around the pickup in which drivers are looked for; 0 = as far as 50,000"),
    set("dispatch_policy", "optimal", "optimal: all open orders and drivers of a tick together; nearest: each order its nearest free driver, for comparison"),
    set("dispatch_tries", "10", "vain tries at the whole match radius, ever farther apart, before an order becomes a dead letter; 0 = never"),
    set("cell_resolution", "8", "H3 resolution of the cell supervisors, 5 to 15; geo_key is the resolution 5 parent"),
    set("rate_browse", "1000/m", "reading calls per principal over HTTP and WebSocket together; 0 = no limit"),
    set("rate_search", "500/m", "searching calls per principal; 0 = no limit"),
    set("rate_orders", "100/m", "placing and changing orders, per principal; 0 = no limit"),
    set("rate_tiers", "premium=5,partner=20", "what the claim tier of a token multiplies those rates by; any other tier by 1"),
    set("max_sockets_per_principal", "5", "open sockets of one principal: one more is refused, but a driver's newest takes the place of their oldest; 0 = no limit"),
    set("max_sockets_per_address", "200", "open sockets of one client address (IPv6: of one /64); 0 = no limit"),
    open("trusted_proxies", "addresses or networks whose X-Forwarded-For or Forwarded is believed, separated by commas"),
    set("memory_high", "0", "resident bytes (512MiB, 2GiB) above which upgrades get 503; 0 = no limit"),
    open("origins", "web origins whose pages may open sockets and call the API (CORS), beside the server's own, separated by commas").unset("same origin"),
    open("tls_cert", "PEM file with the certificate chain, the server's own first: TLS 1.2 and 1.3 on the main address; read again when it changes"),
    open("tls_key", "PEM file with the private key of the certificate, not encrypted"),
    set("drain", "10s", "time over which sockets are closed on SIGTERM; 0 = at once"),
    open("tiles_url", "map tiles from elsewhere; its origin is added to the pages' CSP").unset("the bundled city"),
];

/// Finds a setting by its file key.
#[must_use]
pub fn find(key: &str) -> Option<&'static SettingDoc> {
    SETTINGS.iter().find(|doc| doc.key == key)
}
