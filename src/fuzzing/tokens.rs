//! Tokens: none is believed but those signed with our keys, and of those only what the claims allow.

use crate::config::Identity;
use crate::config::IssuerConfig;
use crate::config::KeySource;
use crate::config::Secret;
use crate::domain::time::Millis;
use crate::http::auth::Grant;
use crate::http::auth::Principal;
use crate::http::auth::Role;
use crate::http::auth::Signer;
use crate::http::auth::Verifier;
use crate::http::auth::forge::forge;
use crate::telemetry::Metrics;
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;

const NOW: Millis = Millis(1_800_000_000_000);
const LEEWAY_S: f64 = 10.0;
/// Signs tokens of any role.
const OURS: &str = "a secret that signs for everybody";
/// Signs tokens of drivers, in the name of an issuer.
const ISSUERS: &str = "a secret that signs for drivers only";
const ISSUER: &str = "https://phones.example";
/// Not among our keys.
const STRANGE: &str = "a secret that nobody here has heard of";

/// Our keys, and tokens that are to be believed.
struct Desk {
    verifier: Verifier,
    good: Vec<String>,
}

fn desk() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    DESK.get_or_init(|| {
        let issuer = IssuerConfig {
            issuer: ISSUER.to_owned(),
            roles: [Role::Driver].into(),
            keys: KeySource::Secret(secret(ISSUERS)),
        };
        let identity = Identity { secret: Some(secret(OURS)), jwks: None, issuers: vec![issuer] };
        let verifier = Verifier::from_config(&identity, Metrics::new()).expect("these keys are fine");
        let good = Role::ALL.map(|role| {
            let ttl = Duration::from_secs(600);
            let grant = Grant { role, subject: format!("{role}-1"), ttl, merchant_id: None };
            Signer::new(&secret(OURS)).mint(&grant, NOW).expect("a token")
        });
        Desk { verifier, good: good.into() }
    })
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).expect("long enough")
}

/// The first byte chooses what the rest is: a token's text, changes to a good token, or header and claims (one line each)
/// to be signed with one of our keys or with a strange one.
pub fn tokens(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    let desk = desk();
    match mode % 5 {
        0 => never_unless_good(desk, &String::from_utf8_lossy(rest)),
        1 => never_unless_good(desk, &changed(desk, rest)),
        2 => only_if_allowed(desk, rest, OURS, &Role::ALL),
        3 => only_if_allowed(desk, rest, ISSUERS, &[Role::Driver]),
        _ => {
            if let Some(token) = signed(rest, STRANGE) {
                let believed = desk.verifier.verify(&token, NOW);
                assert!(believed.is_err(), "signed with a strange key: {believed:?}");
            }
        }
    }
}

fn never_unless_good(desk: &Desk, token: &str) {
    let is_good = desk.good.iter().any(|good| good == token);
    let verdict = desk.verifier.verify(token, NOW);
    assert_eq!(verdict.is_ok(), is_good, "{token:?} was answered {verdict:?}");
}

/// A good token after changes, each of three bytes: what, where, and with which byte.
fn changed(desk: &Desk, changes: &[u8]) -> String {
    let which = changes.first().map_or(0, |first| usize::from(*first));
    let mut token = desk.good[which % desk.good.len()].clone().into_bytes();
    for change in changes.get(1..).unwrap_or_default().chunks_exact(3) {
        let at = usize::from(change[1]) * token.len() / 256;
        match change[0] % 6 {
            0 if at < token.len() => token[at] = change[2],
            1 if at < token.len() => token[at] ^= 1 << (change[2] % 8),
            2 => token.insert(at, change[2]),
            3 => token.truncate(at),
            4 => token.rotate_left(at),
            _ => swap_part(desk, &mut token, change),
        }
    }
    String::from_utf8_lossy(&token).into_owned()
}

/// One of the three parts taken from another good token.
fn swap_part(desk: &Desk, token: &mut Vec<u8>, change: &[u8]) {
    let other = &desk.good[usize::from(change[2]) % desk.good.len()];
    let text = String::from_utf8_lossy(token).into_owned();
    let mut parts: Vec<&str> = text.split('.').collect();
    let which = usize::from(change[1]) % parts.len();
    if let Some(part) = other.split('.').nth(which) {
        parts[which] = part;
    }
    *token = parts.join(".").into_bytes();
}

fn signed(lines: &[u8], key: &str) -> Option<String> {
    let end = lines.iter().position(|byte| *byte == b'\n')?;
    forge(&lines[..end], &lines[end + 1..], &secret(key))
}

/// Signed with a key of ours: believed only where header and claims say what they must.
fn only_if_allowed(desk: &Desk, lines: &[u8], key: &str, roles: &[Role]) {
    let Some(token) = signed(lines, key) else { return };
    let Ok(principal) = desk.verifier.verify(&token, NOW) else { return };
    assert!(roles.contains(&principal.role), "{principal:?}");
    let (head, claims) = std::str::from_utf8(lines).expect("a token is text").split_once('\n').expect("two lines");
    // A field that nobody reads may hold what no parser can keep: half a surrogate pair, 1e400.
    if let Ok(head) = serde_json::from_str(head) {
        check_head(&head);
    }
    if let Ok(claims) = serde_json::from_str(claims) {
        check_claims(&claims, &principal);
    }
}

fn check_head(head: &Value) {
    assert_eq!(head["alg"], "HS256", "{head}");
    for name in ["jku", "x5u", "jwk", "crit"] {
        assert!(head[name].is_null(), "{head}");
    }
}

fn check_claims(claims: &Value, principal: &Principal) {
    let now_s = 1_800_000_000.0;
    assert!(
        claims["aud"] == "beeline" || claims["aud"].as_array().is_some_and(|all| all.iter().any(|a| a == "beeline"))
    );
    assert_eq!(claims["sub"].as_str(), Some(&*principal.subject));
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_.:-".contains(character);
    assert!((1..=64).contains(&principal.subject.len()) && principal.subject.chars().all(allowed), "{principal:?}");
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp + LEEWAY_S > now_s), "{claims}");
    for start in ["nbf", "iat"] {
        assert!(claims[start].as_f64().is_none_or(|start| start <= now_s + LEEWAY_S + 0.001), "{claims}");
    }
    assert!(claims["iss"].is_null() || claims["iss"] == ISSUER, "{claims}");
}
