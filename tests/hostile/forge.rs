//! Any token at all: keys of several kinds, headers and claims as one likes, signatures true and false.

use crate::support::Claims;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

/// The keys of one identity provider: `r` for RS256, `e` for ES256.
pub struct Keys {
    rsa: rsa::KeyPair,
    ec: EcdsaKeyPair,
}

impl Keys {
    pub fn fresh() -> Self {
        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { rsa, ec }
    }

    /// The public halves as a JWKS (RFC 7517).
    pub fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let modulus = self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
        json!({ "keys": [
            { "kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": b64(&modulus), "e": "AQAB" },
            { "kty": "EC", "kid": "e", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) },
        ] })
    }

    /// The JWKS as a file in this folder.
    pub fn jwks_file(&self, folder: &Path) -> PathBuf {
        let path = folder.join("jwks.json");
        std::fs::write(&path, self.jwks().to_string()).unwrap();
        path
    }

    /// Everything public that somebody might take for a shared secret.
    pub fn public_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let rsa = self.rsa.public_key().as_der().unwrap();
        let ec = self.ec.public_key().as_der().unwrap();
        vec![
            ("RSA PEM", pem(rsa.as_ref())),
            ("RSA PEM without its last line break", pem(rsa.as_ref()).trim_ascii_end().to_vec()),
            ("RSA DER", rsa.as_ref().to_vec()),
            ("EC PEM", pem(ec.as_ref())),
            ("EC DER", ec.as_ref().to_vec()),
            ("EC point", self.ec.public_key().as_ref().to_vec()),
            ("JWKS", self.jwks().to_string().into_bytes()),
            ("nothing", Vec::new()),
        ]
    }

    /// A token that is truly signed by the key of its `alg`.
    pub fn token(&self, head: &Value, claims: &Claims) -> String {
        assemble(head, claims, |message| match head["alg"].as_str() {
            Some("ES256") => self.ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            _ => {
                let mut bytes = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut bytes).unwrap();
                bytes
            }
        })
    }
}

fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")).into_bytes()
}

pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// HMAC with SHA-256, as HS256 signs.
pub fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// A token of this header and these claims, signed by whatever `sign` does.
pub fn assemble(head: &Value, claims: &Claims, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(head.to_string().as_bytes()), b64(claims.0.to_string().as_bytes()));
    format!("{message}.{}", b64(&sign(message.as_bytes())))
}

/// A token with this header, truly signed with a shared secret.
pub fn shared(head: &Value, claims: &Claims, secret: &str) -> String {
    assemble(head, claims, |message| hs256(secret.as_bytes(), message))
}
