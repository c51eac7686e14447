//! Tokens for the people of a run, minted from the server's own secret (HS256, as `beeline token` would).

use anyhow::Context;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

/// Longer than any run may last, seconds.
const LIFE_S: u64 = 4 * 3_600;

/// Mints tokens.
pub struct Mint {
    key: EncodingKey,
    now_s: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    role: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

impl Mint {
    /// From the text of a secret file; a newline at its end is not part of the secret.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        Ok(Self { key: EncodingKey::from_secret(secret.trim_end_matches(['\r', '\n']).as_bytes()), now_s })
    }

    /// A token for `subject` in `role`.
    pub fn token(&self, role: &str, subject: &str) -> anyhow::Result<String> {
        let claims = Claims { sub: subject, role, aud: "beeline", iat: self.now_s, exp: self.now_s + LIFE_S };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key).context("token")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation};

    #[test]
    fn a_token_verifies_with_the_trimmed_secret_and_names_its_bearer() {
        let secret = "0123456789abcdef0123456789abcdef";
        let token = Mint::new(&format!("{secret}\n")).unwrap().token("driver", "d-7").unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["beeline"]);
        let claims = jsonwebtoken::decode::<serde_json::Value>(
            &token,
            &DecodingKey::from_secret(secret.as_bytes()),
            &validation,
        )
        .unwrap()
        .claims;
        assert_eq!((claims["sub"].as_str(), claims["role"].as_str()), (Some("d-7"), Some("driver")));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), LIFE_S);
    }
}
