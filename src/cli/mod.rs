//! The command line: what can be asked of `beeline`, and who does it.
//!
//! Commands end with 0 when done, 1 when something went wrong (each reason on its own line of standard error), 2 when the
//! command line cannot be understood or asks for what is not built yet.

mod args;
mod evaluate;
mod token;

pub use args::SimulateArgs;

use crate::config::Config;
use crate::config::ConfigProblem;
use crate::config::Secret;
use crate::config::Settings;
use crate::config::print;
use crate::http::auth::Verifier;
use crate::node;
use crate::simulate::SimulateOptions;
use crate::telemetry;
use crate::telemetry::Metrics;
use args::Cli;
use args::Command;
use args::ServerArgs;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// The log level of a server that was told none, and of the demo.
const USUAL_LOG: &str = "info";
const QUIET_LOG: &str = "warn";

/// Runs the program for the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let done = dispatch(Cli::parse().command);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&mut std::io::stderr(), &failure.to_string());
            failure.exit_code()
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The settings or the keys they name are wrong.
    #[error("{}", lines(.0))]
    Config(Vec<ConfigProblem>),
    /// In the contract, but not built.
    #[error("beeline: {0} is not available yet")]
    NotAvailable(&'static str),
    /// Anything else.
    #[error("beeline: {0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Failure::NotAvailable(_) => ExitCode::from(2),
            Failure::Config(_) | Failure::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl From<Vec<ConfigProblem>> for Failure {
    fn from(problems: Vec<ConfigProblem>) -> Self {
        Failure::Config(problems)
    }
}

fn lines(problems: &[ConfigProblem]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("beeline: {problem}")).collect();
    lines.join("\n")
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo { compare: true, .. } => Err(Failure::NotAvailable("demo --compare")),
        Command::Demo { config, settings, .. } => demo(start_quietly(&ServerArgs { config, dev: true, settings })?),
        Command::Serve(args) => serve(start(&args)?),
        Command::Simulate(args) => simulate(args),
        Command::Token(args) => show(&token::make(&args)?),
        Command::Migrate(args) => migrate(start(&args)?),
        Command::CheckConfig(args) => check_config(&args),
        Command::PrintConfig { markdown: true, .. } => show(&print::as_markdown()),
        Command::PrintConfig { server, .. } => show(&print::as_text(&Settings::resolve(&server.sources())?)),
        Command::DeadLetters(_) => Err(Failure::NotAvailable("dead-letters")),
        Command::Evaluate(command) => show(&evaluate::run(command)?),
    }
}

/// Settings checked, a development secret made where one is needed, logs started, oddities logged.
fn start(args: &ServerArgs) -> Result<Config, Failure> {
    begin(Config::load(&args.sources(), args.dev)?)
}

/// The same for a person at a terminal: the usual log would drown what the demo says. A level somebody chose stays.
fn start_quietly(args: &ServerArgs) -> Result<Config, Failure> {
    let mut config = Config::load(&args.sources(), args.dev)?;
    if config.log == USUAL_LOG {
        QUIET_LOG.clone_into(&mut config.log);
    }
    begin(config)
}

fn begin(mut config: Config) -> Result<Config, Failure> {
    config.ensure_dev_secret().map_err(|problem| vec![problem])?;
    telemetry::start_logs(&config.log)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn serve(config: Config) -> Result<(), Failure> {
    Ok(node::serve(config)?)
}

fn demo(config: Config) -> Result<(), Failure> {
    Ok(node::demo(config)?)
}

fn migrate(config: Config) -> Result<(), Failure> {
    node::migrate(&config)?;
    show("The store is up to date.")
}

fn simulate(args: SimulateArgs) -> Result<(), Failure> {
    let secret = Secret::read(&args.secret_file).map_err(|reason| vec![ConfigProblem::new("--secret-file", reason)])?;
    let options = SimulateOptions {
        url: args.url,
        secret: secret.expose().to_vec(),
        drivers: args.drivers as usize,
        orders_per_minute: f64::from(args.orders_per_minute),
        seed: args.seed,
        duration: args.duration,
        ..SimulateOptions::default()
    };
    Ok(node::simulate(options, args.json)?)
}

/// Everything `serve` would refuse: settings and the keys they name.
fn check_config(args: &ServerArgs) -> Result<(), Failure> {
    let config = Config::load(&args.sources(), args.dev)?;
    Verifier::from_config(&config.identity, Metrics::new())?;
    for warning in &config.warnings {
        say(&mut std::io::stderr(), &format!("beeline: {warning}"));
    }
    show("The configuration is sound.")
}

/// Writes what was asked for to standard output.
fn show(text: &str) -> Result<(), Failure> {
    say(&mut std::io::stdout(), text.trim_end());
    Ok(())
}

/// Writes a line; a reader that has gone away (`| head`) is no failure of ours.
fn say(to: &mut dyn Write, line: &str) {
    let _ = writeln!(to, "{line}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
