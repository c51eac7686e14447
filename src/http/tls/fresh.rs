//! The certificate in use, and the task that exchanges it when its files change, so that a renewal needs no restart.

use super::pair::Pair;
use super::pair::Texts;
use crate::config::ConfigProblem;
use crate::config::TlsFiles;
use parking_lot::RwLock;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Between two looks at the files. Their content is compared, not their times: what is mounted changes in odd ways.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks between two warnings of a certificate that ends soon: a day.
const LOOKS_A_WARNING: u32 = 24 * 60 * 60 / 5;

/// The pair that new handshakes get.
pub(super) struct Fresh {
    files: TlsFiles,
    current: RwLock<Arc<Pair>>,
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fresh").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Fresh {
    /// There is one certificate, whatever name was asked for.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }
}

impl Fresh {
    pub(super) fn new(files: TlsFiles, pair: Pair) -> Self {
        Self { files, current: RwLock::new(Arc::new(pair)) }
    }

    /// What a handshake gets now.
    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().certified)
    }

    /// Looks at the files for ever. What is wrong with them is logged once each time it changes.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut beat = tokio::time::interval(LOOK_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        let mut looks = 0;
        loop {
            beat.tick().await;
            let this = Arc::clone(&self);
            let Ok(looked) = tokio::task::spawn_blocking(move || this.look()).await else { continue };
            looks = (looks + 1) % LOOKS_A_WARNING;
            if looks == 0 {
                self.current.read().log_warning();
            }
            told = self.tell(looked, told);
        }
    }

    /// Logs the outcome of a look, but not twice running that the same is wrong. What is wrong now.
    fn tell(&self, looked: Result<bool, ConfigProblem>, told: Option<ConfigProblem>) -> Option<ConfigProblem> {
        match looked {
            Ok(is_new) => {
                if is_new {
                    tracing::info!("the TLS certificate was renewed");
                    self.current.read().log_warning();
                }
                None
            }
            Err(problem) => {
                if told.as_ref() != Some(&problem) {
                    tracing::error!(%problem, "the new TLS certificate cannot be used, the old one stays");
                }
                Some(problem)
            }
        }
    }

    /// Takes up what is in the files if it is not what is in use; whether it did. Blocks on the disk.
    pub(super) fn look(&self) -> Result<bool, ConfigProblem> {
        let texts = Texts::read(&self.files)?;
        if texts.digest() == self.current.read().digest {
            return Ok(false);
        }
        let pair = Pair::parse(&texts)?;
        *self.current.write() = Arc::new(pair);
        Ok(true)
    }
}
