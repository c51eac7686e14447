//! TLS on the main address: the certificate and its key, read once, kept fresh while the server runs.
//!
//! TLS 1.2 and 1.3 by rustls with aws-lc-rs, HTTP/1.1 only. Knows files and rustls, nothing of requests; the node binds
//! with [`Tls::server_config`] and runs [`Tls::keep_fresh`] beside the server. A pair that cannot be used stops the start;
//! one that comes later is logged and the old one stays.

mod fresh;
mod pair;
mod validity;

pub use pair::Pair;

use crate::config::ConfigProblem;
use crate::config::TlsFiles;
use fresh::Fresh;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use std::sync::Arc;
use std::time::Duration;

/// The handshake must be done by then; a connection that says nothing, or half of it, is dropped.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// Handshakes a worker has under way at once; more wait in the kernel. Silent connections take these places for
/// [`HANDSHAKE_TIMEOUT`] each, so it is more than the framework's 256, and less than a thread gets done in that time.
pub const HANDSHAKES_MAX: usize = 1_024;

/// Makes aws-lc-rs what all of the process encrypts with. Call it first; a second call changes nothing.
pub fn install_provider() {
    // Refused only when there is one already, which is then this very one: no other is compiled in.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// What a listener needs to speak TLS.
pub struct Tls {
    config: ServerConfig,
    fresh: Arc<Fresh>,
}

impl Tls {
    /// Reads the pair and makes ready to serve with it.
    ///
    /// # Errors
    /// When a file cannot be read, holds no PEM of its kind, or the key is not that of the certificate.
    pub fn load(files: &TlsFiles) -> Result<Self, ConfigProblem> {
        let pair = Pair::read(files)?;
        pair.log_warning();
        let fresh = Arc::new(Fresh::new(files.clone(), pair));
        let unusable = |error: rustls::Error| ConfigProblem::new("TLS", format!("cannot be set up: {error}"));
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = versions.map_err(unusable)?.with_no_client_auth().with_cert_resolver(fresh.clone());
        // Sessions are resumed without being kept: after a drain thousands of phones come back at once.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        Ok(Self { config, fresh })
    }

    /// For `HttpServer::bind_rustls_0_23`.
    #[must_use]
    pub fn server_config(&self) -> ServerConfig {
        self.config.clone()
    }

    /// Takes up new files as they come, for ever. Connections that stand keep the certificate they began with.
    pub async fn keep_fresh(self) {
        self.fresh.keep().await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
