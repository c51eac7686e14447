//! `beeline token`: signs with the secret that the server here would believe.

use super::Failure;
use super::args::TokenArgs;
use super::args::environment;
use crate::clock;
use crate::config::Secret;
use crate::config::Settings;
use crate::config::Sources;
use crate::config::secret::dev_secret_path;
use crate::http::auth::Grant;
use crate::http::auth::Signer;
use std::collections::BTreeMap;
use std::path::Path;

/// Makes the token.
pub(super) fn make(args: &TokenArgs) -> Result<String, Failure> {
    let flags: BTreeMap<_, _> = args.data.iter().map(|data| ("data".to_owned(), data.clone())).collect();
    let file = args.config.clone();
    let sources = Sources { flags, environment: environment(), file, ..Sources::default() };
    let secret = match &args.secret_file {
        Some(path) => Secret::read(path).map_err(anyhow::Error::msg)?,
        None => find_secret(&Settings::resolve(&sources)?).map_err(anyhow::Error::msg)?,
    };
    let (role, subject, ttl) = (args.role, args.subject.clone(), args.ttl);
    let grant = Grant { role, subject, ttl, merchant_id: args.merchant_id.clone() };
    Ok(Signer::new(&secret).mint(&grant, clock::now()).map_err(anyhow::Error::new)?)
}

/// The secret of the settings, else the one that `--dev` has left in the data folder.
pub(super) fn find_secret(settings: &Settings) -> Result<Secret, String> {
    let text = |key: &str| settings.get(key).and_then(|setting| setting.value.as_deref());
    if let Some(secret) = text("jwt_secret") {
        return Secret::parse(secret).map_err(|reason| format!("BEELINE_JWT_SECRET {reason}"));
    }
    if let Some(path) = text("jwt_secret_file") {
        return Secret::read(Path::new(path));
    }
    let path = dev_secret_path(Path::new(text("data").unwrap_or_default()));
    if path.exists() {
        return Secret::read(&path);
    }
    Err(format!(
        "no secret to sign with: give --secret-file or set BEELINE_JWT_SECRET, or start `beeline serve --dev` first \
         and name its data folder with --data ({} is not there)",
        path.display()
    ))
}
