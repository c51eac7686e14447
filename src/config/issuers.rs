//! Issuers: whose tokens are believed, and for which roles.

use super::secret::Secret;
use super::secret::shown_path;
use crate::protocol::identity::Role;
use crate::protocol::quoted::shorten;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Bytes of a misplaced value that are repeated: a role's name fits, a secret does not.
const QUOTED_MAX: usize = 16;

/// One configured issuer.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The `iss` its tokens carry.
    pub issuer: String,
    /// Roles it may grant; a token with another role is refused with 403.
    pub roles: BTreeSet<Role>,
    /// What its tokens are verified with.
    pub keys: KeySource,
}

/// Where the keys of an issuer lie.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// HS256.
    Secret(Secret),
    /// A JWKS file: RS256, ES256, EdDSA.
    JwksFile(PathBuf),
}

#[derive(Deserialize)]
struct Document {
    issuers: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: String,
    roles: BTreeSet<Role>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    jwks: Option<String>,
}

/// Reads the setting: JSON itself (`[{...}]` or `{"issuers":[...]}`), or the path of a TOML or JSON file.
pub(super) fn parse(text: &str) -> Result<Vec<IssuerConfig>, String> {
    let text = text.trim();
    if text.starts_with(['[', '{']) {
        return check(from_json(text)?);
    }
    let path = Path::new(text);
    let content =
        std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", shown_path(path)))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let raw = if is_json {
        from_json(&content)?
    } else {
        // `message` leaves out the source line, which may hold a secret.
        let parsed: Result<Document, toml::de::Error> = toml::from_str(&content);
        let wrong = |error: toml::de::Error| {
            format!("{text} is not a list of [[issuers]]: {}", shorten(error.message(), QUOTED_MAX))
        };
        parsed.map_err(wrong)?.issuers
    };
    check(raw)
}

fn from_json(text: &str) -> Result<Vec<Raw>, String> {
    let wrong = |error: serde_json::Error| {
        format!("is not a JSON list of issuers: {}", shorten(&error.to_string(), QUOTED_MAX))
    };
    if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(wrong)
    } else {
        serde_json::from_str::<Document>(text).map(|document| document.issuers).map_err(wrong)
    }
}

fn check(raw: Vec<Raw>) -> Result<Vec<IssuerConfig>, String> {
    let mut seen = BTreeSet::new();
    let issuers: Vec<IssuerConfig> = raw.into_iter().map(check_one).collect::<Result<_, _>>()?;
    match issuers.iter().find(|issuer| !seen.insert(&issuer.issuer)) {
        Some(twice) => Err(format!("names the issuer {:?} twice", twice.issuer)),
        None if issuers.is_empty() => Err("names no issuer".to_owned()),
        None => Ok(issuers),
    }
}

fn check_one(raw: Raw) -> Result<IssuerConfig, String> {
    let name = &raw.issuer;
    if name.is_empty() {
        return Err("has an issuer without a name".to_owned());
    }
    if raw.roles.is_empty() {
        return Err(format!("issuer {name:?} may grant no role: list its roles"));
    }
    let keys = match (raw.secret, raw.secret_file, raw.jwks) {
        (Some(secret), None, None) => {
            KeySource::Secret(Secret::parse(&secret).map_err(|reason| format!("issuer {name:?}: its secret {reason}"))?)
        }
        (None, Some(path), None) => {
            KeySource::Secret(Secret::read(&path).map_err(|reason| format!("issuer {name:?}: {reason}"))?)
        }
        (None, None, Some(jwks)) => {
            KeySource::JwksFile(jwks_file(&jwks).map_err(|reason| format!("issuer {name:?}: its jwks {reason}"))?)
        }
        _ => return Err(format!("issuer {name:?} needs exactly one of secret, secret_file, jwks")),
    };
    Ok(IssuerConfig { issuer: raw.issuer, roles: raw.roles, keys })
}

/// A JWKS given as a path.
pub(super) fn jwks_file(text: &str) -> Result<PathBuf, String> {
    if text.contains("://") {
        return Err("is a URL, which is not available yet: save the key set and give its file".to_owned());
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn issuers_are_read_from_json_and_from_both_kinds_of_file() {
        let folder = tempfile::tempdir().unwrap();
        let json = format!(r#"{{"issuers":[{{"issuer":"app","roles":["driver"],"secret":"{SECRET}"}}]}}"#);
        let toml = "[[issuers]]\nissuer = \"app\"\nroles = [\"driver\"]\njwks = \"keys.json\"\n";
        let json_path = folder.path().join("issuers.json");
        let toml_path = folder.path().join("issuers.toml");
        std::fs::write(&json_path, &json).unwrap();
        std::fs::write(&toml_path, toml).unwrap();
        for text in [json.as_str(), json_path.to_str().unwrap(), toml_path.to_str().unwrap()] {
            let issuers = parse(text).unwrap();
            assert_eq!(issuers[0].issuer, "app");
            assert_eq!(issuers[0].roles, BTreeSet::from([Role::Driver]));
        }
    }

    #[test]
    fn what_is_wrong_with_an_issuer_is_said_without_its_secret() {
        let secret = r#""secret":"hunter2""#;
        for (text, reason) in [
            ("[]".to_owned(), "no issuer"),
            (format!(r#"[{{"issuer":"a","roles":["driver"],{secret}}}]"#), "at least 32"),
            (r#"[{"issuer":"a","roles":["driver"]}]"#.to_owned(), "exactly one"),
            (r#"[{"issuer":"a","roles":[],"jwks":"f"}]"#.to_owned(), "no role"),
            (r#"[{"issuer":"a","roles":["ops"],"jwks":"f"}]"#.to_owned(), "unknown variant"),
            (r#"[{"issuer":"a","roles":["driver"],"jwks":"https://x/keys"}]"#.to_owned(), "not available yet"),
            (format!(r#"[{{"issuer":"a","roles":["driver"],"jwks":"f","jwsk":1,{secret}}}]"#), "unknown field"),
            ("nowhere.toml".to_owned(), "cannot be read"),
        ] {
            let answer = parse(&text).unwrap_err();
            assert!(answer.contains(reason) && !answer.contains("hunter2"), "{text}: {answer}");
        }
    }

    #[test]
    fn an_issuer_may_be_named_once_only() {
        let one = format!(r#"{{"issuer":"a","roles":["driver"],"secret":"{SECRET}"}}"#);
        assert!(parse(&format!("[{one},{one}]")).unwrap_err().contains("twice"));
    }
}
