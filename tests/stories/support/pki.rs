//! A certificate authority of a test's own: the files a server is started with, and clients that trust it.

use super::PATIENCE;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_tungstenite::Connector;

/// See the module.
pub struct Pki {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// An authority that has made a certificate for this machine.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pki = Self { folder: tempfile::tempdir().unwrap(), authority };
        std::fs::write(pki.roots(), pki.authority.pem()).unwrap();
        let (certificate, key) = pki.issue(4096);
        pki.install(&certificate, &key);
        pki
    }

    /// A certificate for this machine that ends in this year, and its key, in PEM.
    pub fn issue(&self, until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "beeline");
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &self.authority).unwrap().pem(), key.serialize_pem())
    }

    /// Puts these texts where the server looks.
    pub fn install(&self, certificate: &str, key: &str) {
        std::fs::write(self.folder.path().join("key.pem"), key).unwrap();
        std::fs::write(self.folder.path().join("cert.pem"), certificate).unwrap();
    }

    /// The file with the authority's own certificate.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("roots.pem")
    }

    /// The settings that name the server's files.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        [("BEELINE_TLS_CERT", file("cert.pem")), ("BEELINE_TLS_KEY", file("key.pem"))]
    }

    /// What a client that trusts this authority, and no other, goes by.
    pub fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // Whoever resumes a session is shown no certificate.
        config.resumption = Resumption::disabled();
        config
    }

    /// For sockets.
    pub fn connector(&self) -> Connector {
        Connector::Rustls(Arc::new(self.client(rustls::ALL_VERSIONS)))
    }

    /// For calls, each on a connection of its own.
    pub fn http(&self) -> reqwest::Client {
        self.http_with(self.client(rustls::ALL_VERSIONS))
    }

    pub fn http_with(&self, config: ClientConfig) -> reqwest::Client {
        let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE).tls_backend_preconfigured(config);
        builder.pool_max_idle_per_host(0).tls_info(true).build().unwrap()
    }
}
