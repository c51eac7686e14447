//! The two JSON parts of a token, read strictly, and the rules about what they say.
//!
//! Knows nothing of keys and signatures. Times are judged against the `now` that is handed in.

use super::verifier::Refusal;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use crate::limits::JTI_MAX_BYTES;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Audience of every token for Beeline.
pub(super) const AUDIENCE: &str = "beeline";
/// How far the clocks of issuer and server may differ, in milliseconds.
pub(super) const LEEWAY_MS: i64 = 10_000;
/// Longest life of a token whose `iat` is known, in milliseconds.
pub(super) const LIFETIME_MAX_MS: i64 = 24 * 60 * 60 * 1_000;
/// Last second of the year 9999, beyond which a time is nonsense.
const LATEST_S: f64 = 253_402_300_799.0;
/// The JOSE header. `jku`, `x5u` and `jwk` would let a token name its own key; `crit` asks for what is not understood.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
}

impl Head {
    /// Refuses tokens of another kind and those that bring their own key.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.crit.is_some() || self.jku.is_some() || self.x5u.is_some() || self.jwk.is_some() {
            return Err(Refusal::Header);
        }
        is_access(self.typ.as_deref())
    }
}

/// The claims that Beeline reads; all others are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) role: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    aud: Audience,
    pub(super) iss: Option<String>,
    pub(super) jti: Option<String>,
    pub(super) tier: Option<String>,
    pub(super) merchant_id: Option<String>,
    typ: Option<String>,
    token_use: Option<String>,
    token_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is_ours(&self) -> bool {
        match self {
            Audience::One(name) => name == AUDIENCE,
            Audience::Many(names) => names.iter().any(|name| name == AUDIENCE),
        }
    }
}

/// The times of a token that others need to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) expires_at: Millis,
    pub(super) issued_at: Option<Millis>,
}

impl Claims {
    /// Checks everything but issuer and role.
    pub(super) fn check(&self, now: Millis) -> Result<Times, Refusal> {
        if !self.aud.is_ours() {
            return Err(Refusal::Audience);
        }
        for kind in [&self.typ, &self.token_use, &self.token_type] {
            is_access(kind.as_deref())?;
        }
        self.check_names()?;
        let expires_at = moment(self.exp)?;
        let not_before = self.nbf.map(moment).transpose()?;
        let issued_at = self.iat.map(moment).transpose()?;
        if now.since(expires_at) >= LEEWAY_MS {
            return Err(Refusal::Expired);
        }
        if [not_before, issued_at].into_iter().flatten().any(|start| start.since(now) > LEEWAY_MS) {
            return Err(Refusal::NotYet);
        }
        if issued_at.is_some_and(|issued_at| expires_at.since(issued_at) > LIFETIME_MAX_MS) {
            return Err(Refusal::Lifetime);
        }
        Ok(Times { expires_at, issued_at })
    }

    /// Subject, tier and merchant become ids, so they must be ids.
    fn check_names(&self) -> Result<(), Refusal> {
        let names = [Some(&self.sub), self.tier.as_ref(), self.merchant_id.as_ref()];
        let are_ids = names.into_iter().flatten().all(|name| DriverId::parse(name).is_ok());
        let jti_fits = self.jti.as_ref().is_none_or(|jti| jti.len() <= JTI_MAX_BYTES);
        if are_ids && jti_fits { Ok(()) } else { Err(Refusal::Claims) }
    }
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction.
fn moment(seconds: f64) -> Result<Millis, Refusal> {
    if !(0.0..=LATEST_S).contains(&seconds) {
        return Err(Refusal::Claims);
    }
    // Within the years 1970 to 9999, far inside i64.
    #[allow(clippy::cast_possible_truncation)]
    let millis = (seconds * 1_000.0) as i64;
    Ok(Millis(millis))
}

/// Refuses what calls itself something else than an access token: refresh and id tokens are signed by the same keys.
fn is_access(kind: Option<&str>) -> Result<(), Refusal> {
    let Some(kind) = kind else { return Ok(()) };
    let known = ["jwt", "at+jwt", "application/at+jwt", "access", "access_token", "bearer"];
    if known.iter().any(|name| kind.eq_ignore_ascii_case(name)) { Ok(()) } else { Err(Refusal::Type) }
}
