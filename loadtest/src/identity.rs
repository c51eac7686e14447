//! The server's certificate in a run with TLS: made for the run, or given; the clients trust exactly that one.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Identity {
    /// A new self-signed one for this machine's loopback names.
    pub fn make() -> anyhow::Result<Self> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    /// One from two files.
    pub fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("{}", path.display()));
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    /// What clients use that trust only this certificate.
    pub fn client_config(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.certificate.as_bytes()) {
            roots.add(certificate.context("certificate")?)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    #[cfg(test)]
    pub fn server_config(&self) -> anyhow::Result<rustls::ServerConfig> {
        use rustls::pki_types::PrivateKeyDer;
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())?;
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()));
        Ok(builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?)
    }
}
