//! Tokens as an identity provider would sign them, with the secret that `--dev` keeps in its data folder.

use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use serde_json::Value;
use serde_json::json;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What a token says; change a field to make a bad one.
#[derive(Debug, Clone)]
pub struct Claims(pub Value);

impl Claims {
    /// A good token of this role for the next hour.
    pub fn of(role: &str, subject: &str) -> Self {
        let now = now_ms() / 1_000;
        Self(json!({ "sub": subject, "role": role, "aud": "beeline", "iat": now, "exp": now + 3_600 }))
    }

    /// The same with one claim set, or left out when `null`.
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => self.0.as_object_mut().unwrap().remove(claim),
            value => self.0.as_object_mut().unwrap().insert(claim.to_owned(), value),
        };
        self
    }

    /// The same, good until `seconds` from now; negative for one that has expired.
    pub fn expiring_in(self, seconds: i64) -> Self {
        let now = now_ms() / 1_000;
        self.with("exp", now + seconds).with("iat", now + seconds - 60)
    }
}

/// Signs claims with a secret.
pub fn sign(claims: &Claims, secret: &str, algorithm: Algorithm) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), &claims.0, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}
