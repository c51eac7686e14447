//! `beeline revoke`: makes tokens void before their time, over a node's public interface.

use super::Failure;
use super::args::RevokeArgs;
use super::remote::Remote;
use super::remote::Speaker;
use crate::protocol::identity::Role;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

const SPEAKER: Speaker = Speaker { role: Role::Admin, subject: "revoke-cli" };

/// What the node says to it.
#[derive(Deserialize)]
struct Stands {
    revoked_at: String,
    sessions_ended: u64,
}

/// Revokes, and says what came of it.
pub(super) fn run(args: &RevokeArgs) -> Result<String, Failure> {
    let (name, value) = match (&args.subject, &args.jti) {
        (Some(subject), _) => ("subject", subject),
        (None, Some(jti)) => ("jti", jti),
        (None, None) => return Err(Failure::Usage("say whose tokens with --subject, or which with --jti".to_owned())),
    };
    let node = Remote::new(&args.node, SPEAKER)?;
    let mut body = json!({ name: value });
    if let Some(reason) = &args.reason {
        body["reason"] = reason.as_str().into();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::new)?;
    let answer = runtime.block_on(node.post("/admin/revocations", &body))?;
    let Stands { revoked_at, sessions_ended } =
        serde_json::from_slice(&answer).context("the answer is not that of a revocation")?;
    Ok(format!("Revoked {name} {value} at {revoked_at}; {sessions_ended} open sockets were closed."))
}
