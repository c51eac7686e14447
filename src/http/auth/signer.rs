//! Making tokens, for `beeline token`, `--dev` and the simulated city. A server that only verifies never needs this.

use super::claims::AUDIENCE;
use super::claims::LIFETIME_MAX_MS;
use crate::clock;
use crate::config::Secret;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use crate::protocol::identity::Role;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What a new token is to say.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its role.
    pub role: Role,
    /// Its `sub`: an id by the contract's rules.
    pub subject: String,
    /// How long it lives: at most 24 hours.
    pub ttl: Duration,
    /// The merchant it speaks for, where that is not its subject.
    pub merchant_id: Option<String>,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The subject or merchant is not an id.
    #[error("{0:?} is not an id: 1 to 64 characters of A-Z a-z 0-9 _ . : -")]
    NotAnId(String),
    /// Nobody would believe it.
    #[error("a token lives for more than 0 s and at most 24 h")]
    Lifetime,
    /// The signature could not be made.
    #[error("the token could not be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// Signs tokens with HS256.
#[derive(Clone)]
pub struct Signer(EncodingKey);

impl Signer {
    /// A signer with this secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(EncodingKey::from_secret(secret.expose()))
    }

    /// Makes a token that is good from `now` on.
    pub fn mint(&self, grant: &Grant, now: Millis) -> Result<String, MintError> {
        for name in [Some(&grant.subject), grant.merchant_id.as_ref()].into_iter().flatten() {
            DriverId::parse(name).map_err(|_| MintError::NotAnId(name.clone()))?;
        }
        let ttl_s = i64::try_from(grant.ttl.as_secs()).map_err(|_| MintError::Lifetime)?;
        if !(1..=LIFETIME_MAX_MS / 1_000).contains(&ttl_s) {
            return Err(MintError::Lifetime);
        }
        let iat = now.0.div_euclid(1_000);
        let claims = Minted {
            sub: &grant.subject,
            role: grant.role,
            aud: AUDIENCE,
            iat,
            exp: iat + ttl_s,
            jti: clock::fresh_id(),
            merchant_id: grant.merchant_id.as_deref(),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0)?)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

#[derive(Serialize)]
struct Minted<'a> {
    sub: &'a str,
    role: Role,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<&'a str>,
}
