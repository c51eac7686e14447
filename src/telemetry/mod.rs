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

use tracing_subscriber::EnvFilter;

/// Sends log lines as JSON to standard error, filtered by these directives (a level, or `info,beeline::store=debug`).
///
/// # Errors
/// When the directives cannot be read or another logger is already there.
pub fn start_logs(directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives)?;
    let format = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let started = format.with_writer(std::io::stderr).with_env_filter(filter).try_init();
    started.map_err(|error| anyhow::anyhow!("logs cannot be started: {error}"))
}
