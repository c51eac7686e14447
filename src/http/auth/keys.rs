//! Keys, each bound to exactly one algorithm, and the key sets they come from.
//!
//! Read once at the start; a token's `kid` is only ever compared with what is in memory.

use crate::config::ConfigProblem;
use crate::config::IssuerConfig;
use crate::config::KeySource;
use crate::config::Secret;
use crate::protocol::identity::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;
use std::path::Path;

/// Least size of an RSA modulus in bytes (RFC 7518, section 3.3: 2048 bits).
const RSA_MIN_BYTES: usize = 256;
/// Keys in one set.
const KEYS_MAX: usize = 64;

/// One key for one algorithm.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// The keys of one issuer and what it may grant.
pub(super) struct Ring {
    /// The `iss` it speaks for; none for the bare secret and JWKS of the settings.
    pub(super) issuer: Option<String>,
    pub(super) roles: BTreeSet<Role>,
    pub(super) keys: Vec<Key>,
}

impl Ring {
    /// The ring of a configured issuer.
    pub(super) fn of_issuer(config: &IssuerConfig) -> Result<Self, ConfigProblem> {
        let keys = match &config.keys {
            KeySource::Secret(secret) => vec![hs256(secret)],
            KeySource::JwksFile(path) => read_jwks(path)?,
        };
        Ok(Self { issuer: Some(config.issuer.clone()), roles: config.roles.clone(), keys })
    }

    /// The key for this algorithm and `kid`. A token with a `kid` needs the key of that name; one without needs there
    /// to be no choice.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<&Key> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

/// A shared secret as a key.
pub(super) fn hs256(secret: &Secret) -> Key {
    Key { kid: None, algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(secret.expose()) }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

/// One member of a JWKS (RFC 7517), with the private parts that must not be there.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    intended_use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

/// Reads a JWKS file. Keys for other purposes or algorithms are passed over; none left is a problem.
pub(super) fn read_jwks(path: &Path) -> Result<Vec<Key>, ConfigProblem> {
    let refuse = |reason: String| ConfigProblem::new(path.display().to_string(), reason);
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let set: KeySet = serde_json::from_str(&text).map_err(|error| refuse(format!("is not a JWKS: {error}")))?;
    if set.keys.len() > KEYS_MAX {
        return Err(refuse(format!("holds more than {KEYS_MAX} keys")));
    }
    let mut names = BTreeSet::new();
    let mut keys = Vec::new();
    for jwk in &set.keys {
        let name = jwk.kid.as_deref().unwrap_or("without kid");
        if jwk.d.is_some() || jwk.k.is_some() {
            return Err(refuse(format!("holds the private or secret key {name:?}: give public keys only")));
        }
        let Some(key) = usable(jwk).map_err(|reason| refuse(format!("has the key {name:?}, {reason}")))? else {
            continue;
        };
        if !names.insert((key.kid.clone(), jwk.kty.clone())) {
            return Err(refuse(format!("has the key {name:?} twice")));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(refuse("holds no key for RS256, ES256 or EdDSA".to_owned())) } else { Ok(keys) }
}

/// The key, or none if it is meant for something else.
fn usable(jwk: &Jwk) -> Result<Option<Key>, &'static str> {
    let for_signatures = jwk.intended_use.as_deref().is_none_or(|purpose| purpose == "sig");
    let for_verifying = jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    if !for_signatures || !for_verifying {
        return Ok(None);
    }
    let curve = jwk.crv.as_deref();
    let (algorithm, name) = match jwk.kty.as_str() {
        "RSA" => (Algorithm::RS256, "RS256"),
        "EC" if curve == Some("P-256") => (Algorithm::ES256, "ES256"),
        "OKP" if curve == Some("Ed25519") => (Algorithm::EdDSA, "EdDSA"),
        _ => return Ok(None),
    };
    if jwk.alg.as_deref().is_some_and(|alg| alg != name && !(name == "EdDSA" && alg == "Ed25519")) {
        return Ok(None);
    }
    let decoding = match algorithm {
        Algorithm::RS256 => rsa(jwk)?,
        Algorithm::ES256 => ec(jwk)?,
        _ => DecodingKey::from_ed_der(&coordinate(jwk.x.as_deref())?),
    };
    Ok(Some(Key { kid: jwk.kid.clone(), algorithm, decoding }))
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    let modulus = decode(jwk.n.as_deref())?;
    let exponent = decode(jwk.e.as_deref())?;
    let leading_zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    if modulus.len() - leading_zeros < RSA_MIN_BYTES {
        return Err("which has fewer than 2048 bits");
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// An uncompressed point (SEC 1, section 2.3.3).
fn ec(jwk: &Jwk) -> Result<DecodingKey, &'static str> {
    let mut point = vec![0x04];
    point.extend(coordinate(jwk.x.as_deref())?);
    point.extend(coordinate(jwk.y.as_deref())?);
    Ok(DecodingKey::from_ec_der(&point))
}

fn coordinate(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let bytes = decode(text)?;
    if bytes.len() == 32 { Ok(bytes) } else { Err("whose coordinates are not 32 bytes long") }
}

fn decode(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let text = text.ok_or("which lacks a part")?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "which is not base64url")
}
