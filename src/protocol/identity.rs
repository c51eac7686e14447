//! Who is speaking: what a verified token says, as the rest of the program sees it. `http::auth` makes these.

use crate::domain::revocation::Marks;
use crate::domain::time::Millis;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What a principal may do in general; whether a thing is their own is asked in each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Carries orders; acts for itself only.
    Driver,
    /// Orders and watches; acts for itself only.
    Customer,
    /// Prepares orders; sees those with its `merchant_id`.
    Merchant,
    /// Sees and steers everything but admin acts.
    Operator,
    /// An operator who may also change who may do what.
    Admin,
    /// Another program that acts for any customer, driver or merchant.
    Service,
}

impl Role {
    /// All roles, in the order of their discriminants.
    pub const ALL: [Role; 6] =
        [Role::Driver, Role::Customer, Role::Merchant, Role::Operator, Role::Admin, Role::Service];

    /// The role as tokens and settings write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Driver => "driver",
            Role::Customer => "customer",
            Role::Merchant => "merchant",
            Role::Operator => "operator",
            Role::Admin => "admin",
            Role::Service => "service",
        }
    }

    /// Operator or admin.
    #[must_use]
    pub fn is_operator(self) -> bool {
        matches!(self, Role::Operator | Role::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of driver, customer, merchant, operator, admin, service")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's `sub`: known to be an id by the contract's rules.
    pub subject: String,
    /// The token's `role`, which its issuer was allowed to grant.
    pub role: Role,
    /// The token's `exp`. Sockets close with 4401 at this moment; a request is heard for the leeway of ten seconds longer.
    pub expires_at: Millis,
    /// The token's `iat`; none where it does not say.
    pub issued_at: Option<Millis>,
    /// The token's `jti`, by which it can be revoked.
    pub jti: Option<String>,
    /// The configured issuer whose key signed the token; none for the bare secret or JWKS file.
    pub issuer: Option<String>,
    /// The token's `tier`, which picks a rate limit multiplier.
    pub tier: Option<String>,
    /// The token's `merchant_id` claim; read it through [`Principal::merchant_id`].
    pub merchant_claim: Option<String>,
}

impl Principal {
    /// What of the token decides whether it was revoked.
    #[must_use]
    pub fn marks(&self) -> Marks<'_> {
        Marks { subject: &self.subject, jti: self.jti.as_deref(), issued_at: self.issued_at }
    }

    /// Operator or admin.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.role.is_operator()
    }

    /// `role:subject`, by which idempotency keys and audit rows know a caller.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.role, self.subject)
    }

    /// Which merchant a merchant's token speaks for: its `merchant_id` claim, else its `sub`. None for every other role.
    #[must_use]
    pub fn merchant_id(&self) -> Option<&str> {
        (self.role == Role::Merchant).then(|| self.merchant_claim.as_deref().unwrap_or(&self.subject))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn principal(role: Role) -> Principal {
        let (issued_at, jti, issuer, tier, merchant_claim) = (None, None, None, None, None);
        Principal { subject: "m-1".into(), role, expires_at: Millis(1), issued_at, jti, issuer, tier, merchant_claim }
    }

    #[test]
    fn only_a_merchant_speaks_for_a_merchant() {
        let mut merchant = principal(Role::Merchant);
        assert_eq!(merchant.merchant_id(), Some("m-1"));
        merchant.merchant_claim = Some("shop-9".into());
        assert_eq!(merchant.merchant_id(), Some("shop-9"));
        merchant.role = Role::Customer;
        assert_eq!(merchant.merchant_id(), None);
    }

    #[test]
    fn roles_read_as_they_are_written() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(role as usize, index);
        }
        assert_eq!("ops".parse::<Role>(), Err(UnknownRole));
    }
}
