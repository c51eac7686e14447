//! Which servers a run measures: how the one under test is started or reached, and the floor beside it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::cli::{Mode, TargetArgs};
use crate::host;
use crate::identity::Identity;
use crate::server::{Launch, Server};
use crate::setup::Side;

/// The table that a load run changes the server's settings by.
const BENCH_TOML: &str = include_str!("../bench.toml");
/// Cores of pinned mode.
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;

/// The server under test and the floor.
#[derive(Debug, Clone)]
pub struct Target {
    args: TargetArgs,
    /// Settings given to a server that we start.
    pub settings: Vec<(String, String)>,
    /// Where they come from, for the record.
    pub settings_from: String,
    floor_stop_after: Option<u64>,
    /// The server's certificate; `None` for no TLS.
    identity: Option<Identity>,
}

#[derive(Deserialize)]
struct Table {
    settings: std::collections::BTreeMap<String, String>,
}

impl Target {
    /// Reads the settings and, in pinned mode, moves this process to its core.
    pub fn new(args: &TargetArgs, floor_stop_after: Option<u64>) -> anyhow::Result<Self> {
        let (settings_from, table) = match &args.settings {
            _ if args.url.is_some() => ("unknown: this run did not start the server".to_owned(), None),
            _ if args.defaults => ("the server's defaults".to_owned(), None),
            Some(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, Some(std::fs::read_to_string(path).context("settings")?))
            }
            None => ("bench.toml".to_owned(), Some(BENCH_TOML.to_owned())),
        };
        let settings = match table {
            Some(text) => toml::from_str::<Table>(&text).context("settings")?.settings.into_iter().collect(),
            None => Vec::new(),
        };
        if args.mode == Mode::Pinned {
            host::pin_to_core(GENERATOR_CORE).context("pinned mode needs two cores")?;
        }
        let identity = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Some(Identity::read(certificate, key)?),
            _ if args.tls => Some(Identity::make()?),
            _ => None,
        };
        Ok(Self { args: args.clone(), settings, settings_from, floor_stop_after, identity })
    }

    /// The server under test; `None` when only the floor is measured.
    pub fn server(&self) -> anyhow::Result<Option<(Server, Side)>> {
        if let Some(url) = &self.args.url {
            let path = self.args.secret_file.as_ref().context("--url needs --secret-file")?;
            let secret = std::fs::read_to_string(path).context("secret file")?;
            return Ok(Some((Server::running(url, self.args.pid, self.identity.as_ref())?, Side::Beeline { secret })));
        }
        let Some(program) = &self.args.server_bin else { return Ok(None) };
        let args = vec!["serve".into(), "--dev".into()];
        let launch = Launch {
            settings: self.settings.clone(),
            identity: self.identity.clone(),
            ..self.launch(program.clone(), args)
        };
        let server = Server::start(&launch)?;
        let secret = server.dev_secret()?;
        Ok(Some((server, Side::Beeline { secret })))
    }

    /// A floor with as many threads as it may use cores.
    pub fn floor(&self) -> anyhow::Result<(Server, Side)> {
        let threads = match self.args.mode {
            Mode::Pinned => 1,
            Mode::Shared => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let mut args = vec!["floor".to_owned(), format!("--threads={threads}")];
        if self.args.floor_acks {
            args.push("--acks".into());
        }
        if let Some(count) = self.floor_stop_after {
            args.push(format!("--stop-after={count}"));
        }
        let program = std::env::current_exe().context("own program")?;
        Ok((Server::start(&self.launch(program, args))?, Side::Floor))
    }

    /// Whether the floor acknowledges.
    pub fn floor_acks(&self) -> bool {
        self.args.floor_acks
    }

    /// Fails unless there is something to measure.
    pub fn require_server(&self) -> anyhow::Result<()> {
        if self.args.server_bin.is_none() && self.args.url.is_none() {
            bail!("name a server: --server-bin PATH or --url URL");
        }
        Ok(())
    }

    /// Whether the server speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.identity.is_some()
    }

    /// A plain program without settings, on the core that servers have in this mode.
    fn launch(&self, program: PathBuf, args: Vec<String>) -> Launch {
        let core = (self.args.mode == Mode::Pinned).then_some(SERVER_CORE);
        Launch { program, args, settings: Vec::new(), core, identity: None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bench_toml_names_settings_of_the_server_only() {
        let table: Table = toml::from_str(BENCH_TOML).unwrap();
        assert!(!table.settings.is_empty());
        assert!(table.settings.keys().all(|name| name.starts_with("BEELINE_")));
    }
}
