//! Pairs that can be used and pairs that cannot, and renewals.

use super::*;
use crate::domain::time::Millis;
use crate::protocol::time::from_rfc3339;
use rcgen::CertificateParams;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use std::fs;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.0.path().join("cert.pem"), key: self.0.path().join("key.pem") }
    }

    fn write(&self, certificate: &str, key: &str) -> TlsFiles {
        let files = self.files();
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        files
    }
}

/// A certificate that is good from 2020 to this year, and its key, in PEM.
fn made(until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 2);
    params.not_after = date_time_ymd(until, 3, 4);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn at(text: &str) -> Millis {
    from_rfc3339(text).unwrap()
}

fn refusal(certificate: &str, key: &str) -> String {
    let folder = Folder::new();
    let Err(problem) = Pair::read(&folder.write(certificate, key)) else { return "accepted".to_owned() };
    problem.to_string()
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_with_the_setting_at_fault() {
    let ((certificate, key), (_, other_key)) = (made(2049), made(2049));
    let broken = certificate.replacen("MII", "MIJ", 1);
    for (certificate, key, reason) in [
        (&*certificate, &*other_key, "BEELINE_TLS_KEY is not the key of"),
        (&key, &key, "BEELINE_TLS_CERT holds no certificate"),
        (&certificate, &certificate, "BEELINE_TLS_KEY holds no private key"),
        ("", &key, "BEELINE_TLS_CERT holds no certificate"),
        (&certificate, "", "BEELINE_TLS_KEY holds no private key"),
        (&broken, &key, "BEELINE_TLS_CERT holds something"),
    ] {
        let said = refusal(certificate, key);
        assert!(said.starts_with(reason), "{reason}: {said}");
    }
    let missing = Pair::read(&Folder::new().files()).err().unwrap().to_string();
    assert!(missing.starts_with("BEELINE_TLS_CERT") && missing.contains("cannot be read"), "{missing}");
}

#[test]
fn the_end_of_a_certificate_is_foretold() {
    let folder = Folder::new();
    for (until, now, said) in [
        (2049, "2030-01-01T00:00:00Z", None),
        (2049, "2049-02-20T00:00:00Z", Some("expires soon, on 2049-03-04T00:00:00.000Z")),
        (2049, "2049-03-05T00:00:00Z", Some("expired on 2049-03-04T00:00:00.000Z")),
        (2049, "2019-01-01T00:00:00Z", Some("is good only from 2020-01-02T00:00:00.000Z")),
        // From 2050 on the date is written in the other form.
        (2062, "2062-03-01T00:00:00Z", Some("expires soon, on 2062-03-04T00:00:00.000Z")),
    ] {
        let (certificate, key) = made(until);
        let pair = Pair::read(&folder.write(&certificate, &key)).unwrap();
        let warning = pair.warning_at(at(now));
        assert_eq!(warning.is_some(), said.is_some(), "{until} seen at {now}: {warning:?}");
        assert!(said.is_none_or(|said| warning.as_ref().unwrap().contains(said)), "{warning:?}");
    }
}

#[test]
fn no_text_of_any_length_upsets_the_reading_of_dates() {
    let (certificate, _) = made(2049);
    let lines: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, lines).unwrap();
    assert!(validity::Validity::of(&der).is_some());
    for length in 0..der.len() {
        let _ = validity::Validity::of(&der[..length]);
        let mut changed = der.clone();
        changed[length] ^= 0xFF;
        let _ = validity::Validity::of(&changed);
    }
}

#[test]
fn a_changed_pair_is_taken_up_and_a_broken_one_is_not() {
    let folder = Folder::new();
    let (first, second) = (made(2040), made(2041));
    let files = folder.write(&first.0, &first.1);
    let fresh = Fresh::new(files.clone(), Pair::read(&files).unwrap());
    let in_use = |fresh: &Fresh| fresh.certified().cert[0].to_vec();
    let before = in_use(&fresh);
    assert_eq!(fresh.look(), Ok(false), "nothing has changed");

    fs::write(&files.certificate, &second.0).unwrap();
    assert!(fresh.look().unwrap_err().to_string().contains("is not the key"), "half of a renewal");
    assert_eq!(in_use(&fresh), before);
    fs::remove_file(&files.key).unwrap();
    assert!(fresh.look().unwrap_err().to_string().contains("cannot be read"));
    assert_eq!(in_use(&fresh), before);

    fs::write(&files.key, &second.1).unwrap();
    assert_eq!(fresh.look(), Ok(true));
    assert_ne!(in_use(&fresh), before);
    assert_eq!(fresh.look(), Ok(false));
}
