//! Who the simulated people are to the server: short-lived HS256 tokens, minted from the deployment's own secret.

use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use serde::Serialize;
use std::time::Duration;

/// Tokens live this long, counted from when they are minted.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3_600);
/// A socket sends a fresh token this long after its last one.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(3_000);

/// A role of the contract that the city plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Driver,
    Customer,
    Merchant,
    Service,
}

/// Somebody who has to show a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) role: Role,
    pub(crate) id: String,
}

impl Person {
    pub(crate) fn new(role: Role, id: &str) -> Self {
        Self { role, id: id.to_owned() }
    }
}

/// The secret that tokens are signed with.
pub(crate) struct Mint {
    key: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    role: Role,
    aud: &'static str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<&'a str>,
}

impl Mint {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { key: EncodingKey::from_secret(secret) }
    }

    /// A token that is good for [`LIFETIME`].
    pub(crate) fn token(&self, person: &Person) -> Result<String, jsonwebtoken::errors::Error> {
        let iat = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
            sub: &person.id,
            role: person.role,
            aud: "beeline",
            iat,
            exp: iat + LIFETIME.as_secs(),
            merchant_id: (person.role == Role::Merchant).then_some(&person.id),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jsonwebtoken::DecodingKey;
    use jsonwebtoken::Validation;

    #[test]
    fn tokens_carry_what_the_contract_asks_for() {
        let secret = b"a secret of at least thirty-two bytes";
        let token = Mint::new(secret).token(&Person::new(Role::Merchant, "M001")).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["beeline"]);
        let read = jsonwebtoken::decode::<serde_json::Value>(&token, &DecodingKey::from_secret(secret), &validation);
        let claims = read.unwrap().claims;
        assert_eq!((&claims["sub"], &claims["role"]), (&"M001".into(), &"merchant".into()));
        assert_eq!(claims["merchant_id"], "M001");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
    }
}
