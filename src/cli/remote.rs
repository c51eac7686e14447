//! A running node, as commands speak to it: over its public interface, with a token given or signed here.

use super::Failure;
use crate::clock;
use crate::config::ConfigProblem;
use crate::config::Secret;
use crate::http::auth::Grant;
use crate::http::auth::Signer;
use crate::protocol::identity::Role;
use anyhow::Context as _;
use anyhow::anyhow;
use clap::Args;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A token of our own is good for this long.
const TOKEN_TTL: Duration = Duration::from_secs(15 * 60);

/// Which node, and as whom.
#[derive(Debug, Args)]
pub(super) struct RemoteArgs {
    /// The node, such as http://127.0.0.1:8080.
    #[arg(long)]
    url: String,
    /// A token of somebody who may; the variable keeps it out of the list of processes.
    #[arg(long, value_name = "JWT", env = "BEELINE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File with the server's secret, to sign a token in place of one given.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Whom a token of our own speaks for; the audit trail shows it as `role:subject`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker {
    pub(super) role: Role,
    pub(super) subject: &'static str,
}

/// See the module.
pub(super) struct Remote {
    client: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    detail: String,
}

impl Remote {
    /// The node of these arguments. Says nothing to it yet.
    pub(super) fn new(args: &RemoteArgs, speaker: Speaker) -> Result<Self, Failure> {
        let url = Url::parse(&args.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url =
            url.ok_or_else(|| Failure::Usage(format!("--url {:?} is not like http://127.0.0.1:8080", args.url)))?;
        let token = token(args, speaker)?;
        let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(anyhow::Error::new)?;
        Ok(Self { client, base: url.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// Makes a call below `/api/v1` without a body; the body of a good answer.
    pub(super) async fn call(&self, method: Method, path: &str) -> anyhow::Result<Vec<u8>> {
        self.send(self.request(method, path)).await
    }

    /// Makes a POST with a JSON body.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Vec<u8>> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Vec<u8>> {
        let answer = request.send().await.with_context(|| format!("{} does not answer", self.base))?;
        let status = answer.status();
        let body = answer.bytes().await.context("the answer did not arrive whole")?.to_vec();
        if status.is_success() {
            return Ok(body);
        }
        Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => anyhow!("{status}: {} ({})", refusal.detail, refusal.code),
            Err(_) => anyhow!("{status}"),
        })
    }
}

fn token(args: &RemoteArgs, speaker: Speaker) -> Result<String, Failure> {
    if let Some(token) = &args.token {
        return Ok(token.trim().to_owned());
    }
    let Speaker { role, subject } = speaker;
    let Some(path) = &args.secret_file else {
        let detail = format!(
            "a token is needed: set BEELINE_TOKEN, or give --secret-file with the server's secret \
             (`beeline token --role {role} --subject me` makes one)"
        );
        return Err(Failure::Usage(detail));
    };
    let secret = Secret::read(path).map_err(|reason| vec![ConfigProblem::new("--secret-file", reason)])?;
    let grant = Grant { role, subject: subject.to_owned(), ttl: TOKEN_TTL, merchant_id: None };
    Ok(Signer::new(&secret).mint(&grant, clock::now()).map_err(anyhow::Error::new)?)
}
