//! Believing or refusing a token. Every rule is spelled out here and in `claims`; no library default is relied on.
//!
//! One refusal looks like another from outside: the reason goes to the metric `beeline_auth_failures_total` only.

use super::claims::Claims;
use super::claims::Head;
use super::claims::Times;
use super::keys::Ring;
use super::keys::hs256;
use super::keys::read_jwks;
use crate::actors::revocations::Revocations;
use crate::config::ConfigProblem;
use crate::config::Identity;
use crate::domain::time::Millis;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::Metrics;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// Bytes of a token.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// Verifies tokens with the keys of the settings. Cheap to clone; verifying does no I/O, and takes one lock that is shared
/// with whoever else verifies: that of the revocations.
#[derive(Clone)]
pub struct Verifier {
    rings: Arc<[Ring]>,
    revocations: Arc<Revocations>,
    metrics: Metrics,
}

impl Verifier {
    /// Reads all keys. Gives everything that is wrong with them at once.
    pub fn from_config(identity: &Identity, metrics: Metrics) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut rings = Vec::new();
        let mut keys: Vec<_> = identity.secret.iter().map(hs256).collect();
        match identity.jwks.as_deref().map(read_jwks) {
            Some(Ok(more)) => keys.extend(more),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
        if !keys.is_empty() {
            rings.push(Ring { issuer: None, roles: Role::ALL.into(), keys });
        }
        for issuer in &identity.issuers {
            match Ring::of_issuer(issuer) {
                Ok(ring) => rings.push(ring),
                Err(problem) => problems.push(problem),
            }
        }
        let revocations = Arc::default();
        if problems.is_empty() { Ok(Self { rings: rings.into(), revocations, metrics }) } else { Err(problems) }
    }

    /// The same, asking these revocations about every token.
    #[must_use]
    pub fn heeding(self, revocations: Arc<Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// The principal of a token that is to be believed.
    ///
    /// # Errors
    /// `token_expired` for a token that was good once, `forbidden` for a role its issuer may not grant, `unauthorized`
    /// with one constant text for everything else.
    pub fn verify(&self, token: &str, now: Millis) -> Result<Principal, Problem> {
        let mut alg = "other";
        self.check(token, now, &mut alg).map_err(|refusal| {
            self.metrics.auth_failed(alg, refusal.label());
            refusal.problem()
        })
    }

    /// `alg` becomes the name of the token's algorithm as soon as that is known, for the metric.
    fn check(&self, token: &str, now: Millis, alg: &mut &'static str) -> Result<Principal, Refusal> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (head, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        let head: Head = decode(head)?;
        *alg = algorithm_label(&head.alg);
        let algorithm = algorithm(&head.alg).ok_or(Refusal::Algorithm)?;
        head.check()?;
        let claims: Claims = decode(payload)?;
        let ring = self.ring(claims.iss.as_deref())?;
        let key = ring.find(algorithm, head.kid.as_deref()).ok_or(Refusal::Key)?;
        let genuine = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm);
        if !genuine.unwrap_or(false) {
            return Err(Refusal::Signature);
        }
        let Times { expires_at, issued_at } = claims.check(now)?;
        let role = claims.role.parse().ok().filter(|role| ring.roles.contains(role)).ok_or(Refusal::Role)?;
        let principal = Principal {
            subject: claims.sub,
            role,
            expires_at,
            issued_at,
            jti: claims.jti,
            issuer: ring.issuer.clone(),
            tier: claims.tier,
            merchant_claim: claims.merchant_id,
        };
        if self.revocations.void(principal.marks()) { Err(Refusal::Revoked) } else { Ok(principal) }
    }

    /// The keys that may speak for this `iss`. Where issuers are configured, a name that is none of theirs is refused.
    fn ring(&self, iss: Option<&str>) -> Result<&Ring, Refusal> {
        let named = self.rings.iter().find(|ring| ring.issuer.is_some() && ring.issuer.as_deref() == iss);
        let has_issuers = self.rings.iter().any(|ring| ring.issuer.is_some());
        let bare = || self.rings.iter().find(|ring| ring.issuer.is_none() && (iss.is_none() || !has_issuers));
        named.or_else(bare).ok_or(Refusal::Issuer)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("rings", &self.rings.len()).finish_non_exhaustive()
    }
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    Algorithm,
    Header,
    Type,
    Issuer,
    Key,
    Signature,
    Claims,
    Audience,
    Expired,
    NotYet,
    Lifetime,
    Role,
    Revoked,
}

impl Refusal {
    fn label(self) -> &'static str {
        match self {
            Refusal::Malformed => "malformed",
            Refusal::Algorithm => "algorithm",
            Refusal::Header => "header",
            Refusal::Type => "type",
            Refusal::Issuer => "issuer",
            Refusal::Key => "key",
            Refusal::Signature => "signature",
            Refusal::Claims => "claims",
            Refusal::Audience => "audience",
            Refusal::Expired => "expired",
            Refusal::NotYet => "not_yet",
            Refusal::Lifetime => "lifetime",
            Refusal::Role => "role",
            Refusal::Revoked => "revoked",
        }
    }

    fn problem(self) -> Problem {
        match self {
            Refusal::Expired => Problem::new(Code::TokenExpired),
            Refusal::Role => Problem::new(Code::Forbidden).detail("This token's issuer may not grant its role."),
            _ => Problem::new(Code::Unauthorized),
        }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    // The whole of it is text (RFC 7519, section 7.2): the parser would look at the fields it knows only.
    let text = std::str::from_utf8(&bytes).map_err(|_| Refusal::Malformed)?;
    serde_json::from_str(text).map_err(|_| Refusal::Malformed)
}

/// Exactly as registered: `hs256` is not `HS256`.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "HS256" => Some(Algorithm::HS256),
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

fn algorithm_label(name: &str) -> &'static str {
    match name {
        "HS256" => "HS256",
        "RS256" => "RS256",
        "ES256" => "ES256",
        "EdDSA" => "EdDSA",
        name if name.eq_ignore_ascii_case("none") => "none",
        _ => "other",
    }
}
