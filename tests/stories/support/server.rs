//! The program under test as its own process: started, asked where it listens, ended, killed, started again on the same data.

use super::Caller;
use super::Claims;
use super::PATIENCE;
use super::Pki;
use super::sign;
use super::until;
use jsonwebtoken::Algorithm;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;
use tokio_tungstenite::Connector;

/// A server in development mode.
pub const SERVE: &[&str] = &["serve", "--dev"];
/// Lines of the program's log that a failing story shows.
const SHOWN_LINES: usize = 60;

/// The program with an environment that names no setting of ours.
pub fn beeline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beeline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BEELINE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A running server. Killed when dropped.
pub struct Server {
    child: Option<Child>,
    folder: TempDir,
    /// What it is started with: a server, or the demo.
    pub arguments: &'static [&'static str],
    settings: Vec<(String, String)>,
    starts: usize,
    /// `http://ADDR` or `https://ADDR`.
    pub base: String,
    /// The secret its tokens are signed with.
    pub secret: String,
    pub http: reqwest::Client,
    /// How sockets are opened, where that is by TLS.
    pub connector: Option<Connector>,
}

impl Server {
    /// A server with its default settings.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with these settings.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::run(SERVE, settings).await
    }

    /// The program started with these arguments.
    pub async fn run(arguments: &'static [&'static str], settings: &[(&str, &str)]) -> Self {
        // The server closes what idles for 4 s; a request must not meet that on its way.
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(2));
        let http = http.timeout(PATIENCE).build().unwrap();
        Self::run_for(arguments, settings, http, None).await
    }

    /// A server that speaks TLS, and clients who trust it.
    pub async fn over_tls(pki: &Pki, settings: &[(&str, &str)]) -> Self {
        let files = pki.settings();
        let settings: Vec<_> =
            files.iter().map(|(name, value)| (*name, value.as_str())).chain(settings.iter().copied()).collect();
        Self::run_for(SERVE, &settings, pki.http(), Some(pki.connector())).await
    }

    async fn run_for(
        arguments: &'static [&'static str],
        settings: &[(&str, &str)],
        http: reqwest::Client,
        connector: Option<Connector>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (base, secret) = (String::new(), String::new());
        let mut server = Self { child: None, folder, arguments, settings, starts: 0, base, secret, http, connector };
        server.boot().await;
        server
    }

    /// The folder the server keeps its data in.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.starts))
    }

    /// A command to serve this server's data with this server's settings.
    pub fn serve_command(&self) -> Command {
        let mut command = beeline(self.arguments);
        command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_DATA", self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn boot(&mut self) {
        self.starts += 1;
        let log = File::create(self.log()).unwrap();
        let mut child = self.serve_command().stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.child = Some(child);
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let first = first.ok().and_then(Result::ok).flatten().unwrap_or_default();
        let base = first.strip_prefix("listening on ").map(ToOwned::to_owned);
        self.base = base.unwrap_or_else(|| panic!("first line {first:?}; the log ends:\n{}", self.log_end()));
        // The pipe stays open, so that later lines never fail.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let setting = |wanted: &str| self.settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let file = setting("BEELINE_JWT_SECRET_FILE").map_or_else(|| self.data().join("dev-secret"), PathBuf::from);
        // Without `--dev` and with issuers only there is none.
        let kept = || std::fs::read_to_string(file).unwrap_or_default().trim().to_owned();
        self.secret = setting("BEELINE_JWT_SECRET").cloned().unwrap_or_else(kept);
        let (http, ready) = (self.http.clone(), format!("{}/readyz", self.base));
        until("ready", || async { http.get(&ready).send().await.ok().filter(|answer| answer.status() == 200) }).await;
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it still runs")
    }

    /// Ends the process with SIGKILL, as a power cut would.
    pub async fn kill(&mut self) {
        self.child.as_mut().unwrap().kill().await.unwrap();
    }

    /// Starts again on the same data and settings, on another port.
    pub async fn boot_again(&mut self) {
        self.boot().await;
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    /// Waits for the process to end by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.as_mut().unwrap().wait())
            .await
            .expect("it should have ended")
            .unwrap()
    }

    /// What the program has logged since it was started last.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The end of the program's log.
    pub fn log_end(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    /// A token with these claims, signed with the server's secret.
    pub fn token(&self, claims: &Claims) -> String {
        sign(claims, &self.secret, Algorithm::HS256)
    }

    /// Somebody with a good token.
    pub fn caller(&self, role: &str, subject: &str) -> Caller {
        self.caller_with(&Claims::of(role, subject))
    }

    /// Somebody with a token of these claims.
    pub fn caller_with(&self, claims: &Claims) -> Caller {
        Caller::new(self, Some(self.token(claims)))
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Caller {
        Caller::new(self, None)
    }

    pub fn operator(&self) -> Caller {
        self.caller("operator", "operator-1")
    }

    pub fn service(&self) -> Caller {
        self.caller("service", "shop-system")
    }

    /// The value of one series of `/metrics`, such as `beeline_fixes_refused_total{code="late"}`; 0 when it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.http.get(format!("{}/metrics", self.base)).send().await.unwrap().text().await.unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.map_or(0.0, |value| value.trim().parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of the server's log\n{}\n---", self.log_end());
        }
    }
}
