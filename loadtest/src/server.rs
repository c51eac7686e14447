//! The server under load: one that we start and end, or one that already runs.
//!
//! A server that we start listens on a free loopback port, keeps its data in a folder of its own that goes with it,
//! and ends when we do. Only it is ever killed, by its own id.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::conn::Dial;
use crate::dest::Dest;
use crate::host;
use crate::identity::Identity;

/// How long a server may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end by itself once asked.
const END_MAX: Duration = Duration::from_secs(15);
/// How much of its log is shown when it fails.
const LOG_TAIL: usize = 2_000;

/// A server and how to look at it from outside.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, and how it is spoken with.
    pub dest: Dest,
    /// Its process, if known; without it there are no figures of CPU and memory.
    pub pid: Option<u32>,
    started: Option<Started>,
}

#[derive(Debug)]
struct Started {
    child: Child,
    folder: PathBuf,
}

/// How to start one.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// `BEELINE_*` settings.
    pub settings: Vec<(String, String)>,
    /// The only core it may use; `None` for all.
    pub core: Option<usize>,
    /// Its certificate; `None` for no TLS.
    pub identity: Option<Identity>,
}

impl Server {
    /// A server that somebody else started, with this certificate if any.
    pub fn running(url: &str, pid: Option<u32>, identity: Option<&Identity>) -> anyhow::Result<Self> {
        let tls = identity.map(Identity::client_config).transpose()?;
        Ok(Self { dest: Dest { addr: parse_url(url)?, tls }, pid, started: None })
    }

    /// How a first crew connects.
    pub fn dial(&self) -> Dial {
        Dial { dest: self.dest.clone(), first: 0, receive_buffer: None }
    }

    /// Starts one and waits until it listens.
    pub fn start(launch: &Launch) -> anyhow::Result<Self> {
        let folder = make_folder()?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        // Only what we say: a setting of the caller's shell must not slip into a result.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BEELINE_")) {
            command.env_remove(name);
        }
        command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_DATA", folder.join("data"));
        command.envs(launch.settings.iter().map(|(name, value)| (name, value)));
        if let Some(identity) = &launch.identity {
            let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
            std::fs::write(&certificate, &identity.certificate)?;
            std::fs::write(&key, &identity.key)?;
            command.env("BEELINE_TLS_CERT", certificate).env("BEELINE_TLS_KEY", key);
        }
        let core = launch.core;
        // SAFETY: between fork and exec only two system calls are made; nothing is allocated or locked.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                host::end_with_parent();
                core.map_or(Ok(()), host::pin_to_core)
            });
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", launch.program.display()))?;
        let pid = child.id();
        let mut server = Self {
            dest: Dest {
                addr: SocketAddr::from(([127, 0, 0, 1], 0)),
                tls: launch.identity.as_ref().map(Identity::client_config).transpose()?,
            },
            pid: Some(pid),
            started: Some(Started { child, folder }),
        };
        match server.first_line() {
            Ok(addr) => server.dest.addr = addr,
            Err(error) => bail!("the server did not start: {error:#}\n{}", server.log_tail()),
        }
        Ok(server)
    }

    fn first_line(&mut self) -> anyhow::Result<SocketAddr> {
        let stdout = self.started.as_mut().and_then(|started| started.child.stdout.take()).context("no output")?;
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // Nobody waits any more when the server took too long.
            let _ = tell.send(read.map(|_| line));
            // Whatever else it prints must not fill the pipe and stop it.
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        });
        let line = told.recv_timeout(START_MAX).context("no first line in time")??;
        let url = line.trim().strip_prefix("listening on ").with_context(|| format!("first line: {line:?}"))?;
        parse_url(url)
    }

    /// The secret of a server that we started in dev mode.
    pub fn dev_secret(&self) -> anyhow::Result<String> {
        let folder = &self.started.as_ref().context("not a server of ours")?.folder;
        std::fs::read_to_string(folder.join("data").join("dev-secret")).context("dev-secret")
    }

    /// The end of the log of a server that we started.
    pub fn log_tail(&self) -> String {
        let Some(started) = &self.started else { return String::new() };
        let mut log = String::new();
        let read = std::fs::File::open(started.folder.join("log")).and_then(|mut file| file.read_to_string(&mut log));
        let tail = read.ok().and_then(|_| log.char_indices().rev().nth(LOG_TAIL)).map_or(0, |(at, _)| at);
        log.split_off(tail)
    }

    /// Ends a server that we started: asked first, killed if it does not.
    fn end(started: &mut Started) {
        host::terminate(started.child.id());
        let deadline = Instant::now() + END_MAX;
        while matches!(started.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = started.child.kill();
                let _ = started.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(started) = &mut self.started {
            if matches!(started.child.try_wait(), Ok(None)) {
                Self::end(started);
            }
            // A leftover in the temporary folder is not worth failing for.
            let _ = std::fs::remove_dir_all(&started.folder);
        }
    }
}

/// The address in `http://ADDR` or `https://ADDR`; loopback only, since a load run aimed elsewhere is an attack.
pub fn parse_url(url: &str) -> anyhow::Result<SocketAddr> {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = host.with_context(|| format!("{url}: only http://ADDR:PORT or https://"))?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let host = host.strip_prefix("localhost:").map_or_else(|| host.to_owned(), |port| format!("127.0.0.1:{port}"));
    let addr: SocketAddr = host.parse().with_context(|| format!("{url}: not an address and a port"))?;
    ensure!(addr.ip().is_loopback(), "{url} is not on this machine: loopback only");
    Ok(addr)
}

/// A new folder under the temporary one, which nobody else can have made before us.
fn make_folder() -> anyhow::Result<PathBuf> {
    let name = format!("beeline-load-{}-{:x}", std::process::id(), rand::random::<u64>());
    let folder = Path::new(&std::env::temp_dir()).join(name);
    std::fs::create_dir(&folder).context("temporary folder")?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_this_machine_is_a_target() {
        for url in ["http://127.0.0.1:80", "http://localhost:80/", "http://[::1]:80", "https://127.9.9.9:1"] {
            assert!(parse_url(url).is_ok(), "{url}");
        }
        for url in ["http://192.0.2.1:80", "http://example.com:80", "ftp://127.0.0.1:80", "http://0.0.0.0:80", "x"] {
            assert!(parse_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_server_that_fails_shows_its_log_and_leaves_no_folder() {
        let script = "echo the reason >&2; echo nonsense";
        let launch = Launch {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            settings: Vec::new(),
            core: None,
            identity: None,
        };
        let error = format!("{:#}", Server::start(&launch).unwrap_err());
        assert!(error.contains("nonsense") && error.contains("the reason"), "{error}");
    }

    #[test]
    fn a_server_is_ended_by_its_own_id_when_dropped() {
        let script = "echo listening on http://127.0.0.1:9; exec sleep 600";
        let launch = Launch {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            settings: Vec::new(),
            core: Some(0),
            identity: None,
        };
        let server = Server::start(&launch).unwrap();
        let (pid, folder) = (server.pid.unwrap(), server.started.as_ref().unwrap().folder.clone());
        assert!(host::resident_kib(pid).is_ok() && folder.exists());
        drop(server);
        assert!(host::resident_kib(pid).is_err() && !folder.exists());
    }
}
