//! What the program says about itself: log lines and metrics.
//!
//! Logs are JSON on standard error, because the first line of standard output is the address people and scripts wait for.
//! A log that cannot be set up is an error at the start; one that cannot be written later is lost in silence.

mod dispatch;
mod instruments;
mod labels;
mod metrics;

pub use dispatch::Dispatch;
pub use instruments::ByLabel;
pub use instruments::Histogram;
pub use labels::Eviction;
pub use labels::UpgradeRefusal;
pub use metrics::CONTENT_TYPE;
pub use metrics::Instruments;
pub use metrics::Metrics;

use tracing::Level;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends log lines as JSON to standard error, filtered by these directives (a level, or `info,beeline::store=debug`).
///
/// Whatever they say, libraries are not heard at trace level: there they print what passes through them, tokens too.
///
/// # Errors
/// When the directives cannot be read or another logger is already there.
pub fn start_logs(directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives)?;
    let format = tracing_subscriber::fmt::layer().json().flatten_event(true);
    let format = format.with_current_span(false).with_span_list(false).with_writer(std::io::stderr);
    let started = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_heard)).with(format).try_init();
    started.map_err(|error| anyhow::anyhow!("logs cannot be started: {error}"))
}

/// The part of the framework that speaks of requests it cannot read.
const CLIENTS_FAULTS: &str = "actix_http";

/// At trace level libraries print requests with their tokens and frames with their positions. Ours
/// never does. And the framework calls it an error when a client sends nonsense, which anybody can as often as they like: it is
/// answered 400, and told only to those who asked for `debug`.
fn may_be_heard(line: &Metadata<'_>) -> bool {
    if line.target().starts_with(CLIENTS_FAULTS) {
        return LevelFilter::current() >= LevelFilter::DEBUG;
    }
    *line.level() <= Level::DEBUG || line.target().starts_with("beeline")
}
