//! Tokens that must be believed and tokens that must not, by the rows of the hostile list that are about identity.
//!
//! Here: an identity provider with keys of its own, and the means to make any token at all.

mod keys;
mod requests;
mod strict;
mod tokens;

use super::*;
use crate::config::Config;
use crate::config::Identity;
use crate::config::Sources;
use crate::domain::time::Millis;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::Metrics;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use std::path::PathBuf;
use std::sync::OnceLock;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Millis = Millis(1_800_000_000_000);
const NOW_S: i64 = 1_800_000_000;

/// Keys of an identity provider, made for this run.
struct Provider {
    rsa: rsa::KeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    folder: tempfile::TempDir,
}

fn provider() -> &'static Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        Provider { rsa, ec, ed, folder: tempfile::tempdir().unwrap() }
    })
}

impl Provider {
    fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let modulus = self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])},
            {"kty": "OKP", "kid": "d", "crv": "Ed25519", "alg": "EdDSA", "x": b64(self.ed.public_key().as_ref())},
            {"kty": "RSA", "kid": "r-enc", "use": "enc", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "RSA", "kid": "r-512", "alg": "RS512", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "EC", "kid": "e-384", "crv": "P-384", "x": "AA", "y": "AA"},
        ]})
    }

    fn jwks_file(&self) -> PathBuf {
        self.file("jwks.json", &self.jwks())
    }

    fn file(&self, name: &str, content: &Value) -> PathBuf {
        // Tests run side by side: each write is whole before the name is there.
        let path = self.folder.path().join(name);
        let fresh = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        std::fs::write(fresh.path(), content.to_string()).unwrap();
        fresh.persist(&path).unwrap();
        path
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        match alg {
            "RS256" => {
                let mut bytes = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut bytes).unwrap();
                bytes
            }
            "ES256" => self.ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            _ => self.ed.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let alg = head["alg"].as_str().unwrap();
        assemble(head, claims, |message| self.sign(alg, message))
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

fn assemble(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(head.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", b64(&signature))
}

fn claims() -> Value {
    json!({"sub": "c-1", "role": "customer", "aud": "beeline", "exp": NOW_S + 600})
}

/// The usual claims with one changed, or removed where the value is null.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name)
    } else {
        map.insert(name.to_owned(), value)
    };
    claims
}

fn shared(head: &Value, claims: &Value) -> String {
    assemble(head, claims, |message| hs256(SECRET.as_bytes(), message))
}

fn with_claims(claims: &Value) -> String {
    shared(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn identity(environment: &[(&str, &str)]) -> Identity {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() }, true).unwrap().identity
}

fn verifier(environment: &[(&str, &str)]) -> Verifier {
    Verifier::from_config(&identity(environment), Metrics::new()).unwrap()
}

fn by_secret() -> Verifier {
    verifier(&[("BEELINE_JWT_SECRET", SECRET)])
}

fn by_jwks() -> Verifier {
    verifier(&[("BEELINE_JWKS", provider().jwks_file().to_str().unwrap())])
}

fn refusal(verifier: &Verifier, token: &str) -> Problem {
    verifier.verify(token, NOW).unwrap_err()
}

fn assert_unauthorized(verifier: &Verifier, token: &str, what: &str) {
    assert_eq!(refusal(verifier, token), Problem::new(Code::Unauthorized), "{what}");
}
