//! A certificate chain and its private key: read from two files, checked to belong together.

use super::validity::Validity;
use crate::clock;
use crate::config::ConfigProblem;
use crate::config::TlsFiles;
use crate::domain::time::Millis;
use crate::protocol::time::to_rfc3339;
use rustls::Error;
use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use sha2::Digest as _;
use sha2::Sha256;
use std::path::Path;
use std::sync::Arc;

const CERTIFICATE: &str = "BEELINE_TLS_CERT";
const KEY: &str = "BEELINE_TLS_KEY";
/// A certificate that ends within this is warned of: two weeks, in milliseconds.
const SOON_MS: i64 = 14 * 24 * 60 * 60 * 1_000;

/// The text of both files, not yet looked at.
pub(super) struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate chain and the key that belongs to it.
pub struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// Tells these texts from others without keeping the key a second time.
    pub(super) digest: [u8; 32],
    validity: Option<Validity>,
}

impl Texts {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, ConfigProblem> {
        Ok(Self { certificate: read(CERTIFICATE, &files.certificate)?, key: read(KEY, &files.key)? })
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // The length keeps the two apart.
        hash.update(self.certificate.len().to_be_bytes());
        hash.update(&self.certificate);
        hash.update(&self.key);
        hash.finalize().into()
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, ConfigProblem> {
    std::fs::read(path)
        .map_err(|error| ConfigProblem::new(setting, format!("{} cannot be read: {error}", path.display())))
}

impl Pair {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// Names the setting whose file is at fault; never says what is in a key.
    pub fn read(files: &TlsFiles) -> Result<Self, ConfigProblem> {
        Self::parse(&Texts::read(files)?)
    }

    pub(super) fn parse(texts: &Texts) -> Result<Self, ConfigProblem> {
        let wrong = |setting: &str, reason: &str| ConfigProblem::new(setting, reason);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&texts.certificate).collect();
        let chain = chain.map_err(|_| wrong(CERTIFICATE, "is not PEM"))?;
        let Some(first) = chain.first() else { return Err(wrong(CERTIFICATE, "holds no certificate in PEM")) };
        let validity = Validity::of(first);
        let key = PrivateKeyDer::from_pem_slice(&texts.key)
            .map_err(|_| wrong(KEY, "holds no private key in PEM (PKCS#8, PKCS#1 or SEC 1, not encrypted)"))?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                wrong(KEY, "is not the key of the first certificate in BEELINE_TLS_CERT")
            }
            Error::InvalidCertificate(_) => wrong(CERTIFICATE, "holds something that is no X.509 certificate"),
            _ => wrong(KEY, "holds a key of a kind that cannot be used: RSA, ECDSA (P-256, P-384, P-521) or Ed25519"),
        })?;
        Ok(Self { certified: Arc::new(certified), digest: texts.digest(), validity })
    }

    /// What is odd but no reason to stop: a certificate that clients will not, or soon not, accept.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.warning_at(clock::now())
    }

    pub(super) fn warning_at(&self, now: Millis) -> Option<String> {
        let Some(Validity { from, to }) = self.validity else {
            return Some("the dates of the certificate in BEELINE_TLS_CERT cannot be read".to_owned());
        };
        let said = |what: &str, at: Millis| format!("the certificate in BEELINE_TLS_CERT {what} {}", to_rfc3339(at));
        if to < now {
            Some(said("expired on", to))
        } else if from > now {
            Some(said("is good only from", from))
        } else if to.0 - now.0 < SOON_MS {
            Some(said("expires soon, on", to))
        } else {
            None
        }
    }

    pub(super) fn log_warning(&self) {
        if let Some(warning) = self.warning() {
            tracing::warn!("{warning}");
        }
    }
}
