//! The command line: what can be asked of `beeline`, and who does it.
//!
//! Commands end with 0 when done, 1 when something went wrong (each reason on its own line of standard error), 2 when the
//! command line cannot be understood.

mod args;
mod city;
mod dead_letters;
mod evaluate;
mod remote;
mod revoke;
mod token;

pub use city::DemoArgs;
pub use city::SimulateArgs;

use crate::config::Config;
use crate::config::ConfigProblem;
use crate::config::Secret;
use crate::config::Settings;
use crate::config::Sources;
use crate::config::print;
use crate::http::access;
use crate::http::auth::Verifier;
use crate::http::tls;
use crate::http::tls::Pair;
use crate::node;
use crate::telemetry;
use crate::telemetry::Metrics;
use anyhow::Context as _;
use args::Cli;
use args::Command;
use args::DeadLettersArgs;
use args::ServerArgs;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// The log level of a server that was told none, and of the demo.
const USUAL_LOG: &str = "info";
const QUIET_LOG: &str = "warn";

/// In a demo one machine plays everybody, whom the caps on sockets would take for one. A cap somebody chose stays.
const DEMO_DEFAULTS: [(&str, &str); 2] = [("max_sockets_per_principal", "0"), ("max_sockets_per_address", "0")];

/// What `demo --compare` sets side by side, and the settings it chooses itself.
const POLICIES: [&str; 2] = ["optimal", "nearest"];
const OWN_TO_COMPARE: [&str; 5] = ["listen", "metrics_listen", "data", "store", "dispatch_policy"];

/// Runs the program for the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    tls::install_provider();
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
    /// Understood, but it asks for nothing that can be done.
    #[error("beeline: {0}")]
    Usage(String),
    /// Done in part; a reason each for the rest.
    #[error("{}", .0.join("\n"))]
    InPart(Vec<String>),
    /// Anything else.
    #[error("beeline: {0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Config(_) | Failure::InPart(_) | Failure::Failed(_) => ExitCode::FAILURE,
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
        Command::Demo(args) if args.compare => compare(&args),
        Command::Demo(args) => demo(&args),
        Command::Serve(args) => serve(start(&args)?),
        Command::Simulate(args) => simulate(&args),
        Command::Token(args) => show(&token::make(&args)?),
        Command::Migrate(args) => migrate(start(&args)?),
        Command::CheckConfig(args) => check_config(&args),
        Command::PrintConfig { markdown: true, .. } => show(&print::as_markdown()),
        Command::PrintConfig { server, .. } => show(&print::as_text(&Settings::resolve(&server.sources())?)),
        Command::PrintAccess => show(&access::markdown()),
        Command::DeadLetters(args) => dead_letters(&args),
        Command::Revoke(args) => show(&revoke::run(&args)?),
        Command::Evaluate(command) => show(&evaluate::run(command)?),
    }
}

/// Settings checked, a development secret made where one is needed, logs started, oddities logged.
fn start(args: &ServerArgs) -> Result<Config, Failure> {
    begin(Config::load(&args.sources(), args.dev)?)
}

/// The same for a person at a terminal: the usual log would drown what the demo says. A level somebody chose stays.
fn load_demo(args: &ServerArgs) -> Result<Config, Failure> {
    let sources = Sources { defaults: DEMO_DEFAULTS.into(), ..args.sources() };
    let mut config = Config::load(&sources, args.dev)?;
    if config.log == USUAL_LOG {
        QUIET_LOG.clone_into(&mut config.log);
    }
    Ok(config)
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

fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let (config, settings) = (args.config.clone(), args.settings.clone());
    let config = begin(load_demo(&ServerArgs { config, dev: true, settings })?)?;
    Ok(node::demo(config, args.city())?)
}

/// Two nodes whose settings differ in the policy of dispatch, and in what two processes cannot share.
fn compare(args: &DemoArgs) -> Result<(), Failure> {
    let chosen = OWN_TO_COMPARE.iter().filter(|key| args.settings.0.contains_key(**key));
    let chosen: Vec<_> = chosen
        .map(|key| ConfigProblem::new(format!("--{}", key.replace('_', "-")), "demo --compare chooses this itself"))
        .collect();
    if !chosen.is_empty() {
        return Err(chosen.into());
    }
    let folder = tempfile::tempdir().context("a folder for the data of both nodes")?;
    let [first, second] = POLICIES.map(|policy| {
        let mut settings = args.settings.clone();
        let data = folder.path().join(policy);
        let database = format!("sqlite:{}", data.join("beeline.db").display());
        let own = [
            ("listen", "127.0.0.1:0"),
            ("dispatch_policy", policy),
            ("data", &*data.to_string_lossy()),
            ("store", &database),
        ];
        settings.0.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        settings.0.entry("drain".to_owned()).or_insert_with(|| "1s".to_owned());
        load_demo(&ServerArgs { config: args.config.clone(), dev: true, settings })
    });
    let (first, mut second) = (begin(first?)?, second?);
    second.ensure_dev_secret().map_err(|problem| vec![problem])?;
    Ok(node::compare(POLICIES.map(str::to_owned), [first, second], args.city())?)
}

fn migrate(config: Config) -> Result<(), Failure> {
    node::migrate(&config)?;
    show("The store is up to date.")
}

fn simulate(args: &SimulateArgs) -> Result<(), Failure> {
    let secret = Secret::read(&args.secret_file).map_err(|reason| vec![ConfigProblem::new("--secret-file", reason)])?;
    Ok(node::simulate(args.city(secret.expose()), args.json)?)
}

fn dead_letters(args: &DeadLettersArgs) -> Result<(), Failure> {
    let outcome = dead_letters::run(args)?;
    show(&outcome.text)?;
    if outcome.failures.is_empty() { Ok(()) } else { Err(Failure::InPart(outcome.failures)) }
}

/// Everything `serve` would refuse: settings, the keys and the certificate they name.
fn check_config(args: &ServerArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.sources(), args.dev)?;
    let mut problems = Verifier::from_config(&config.identity, Metrics::new()).err().unwrap_or_default();
    match config.tls.as_ref().map(Pair::read).transpose() {
        Ok(pair) => config.warnings.extend(pair.and_then(|pair| pair.warning())),
        Err(problem) => problems.push(problem),
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
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
