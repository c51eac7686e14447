//! What the command line looks like. Flags of settings are made from the table in `config`, so help and docs agree.

use super::city::DEMO_HELP;
use super::city::DemoArgs;
use super::city::SIMULATE_HELP;
use super::city::SimulateArgs;
use super::evaluate::EvaluateCommand;
use super::remote::RemoteArgs;
use crate::config::Sources;
use crate::config::table::SETTINGS;
use crate::config::table::SettingDoc;
use crate::protocol::identity::Role;
use clap::Arg;
use clap::ArgMatches;
use clap::Args;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  beeline demo                               a city of simulated drivers and its pages
  beeline demo --compare                     optimal against nearest dispatch, side by side
  beeline serve --dev                        an empty server for this machine only
  BEELINE_JWT_SECRET=... beeline serve       believes tokens signed with this secret
  beeline token --role driver --subject d-1  a token for the --dev server started here
  beeline print-config                       every setting: value, default, meaning

Settings come from flags, BEELINE_* variables and a TOML file (--config), in this order.";

const DEAD_LETTERS_HELP: &str = "\
An order for which no driver was found, try after try, stops looking and lies in queue `orders` until a person has seen \
to it.

Examples:
  export BEELINE_TOKEN=$(beeline token --role operator --subject me)
  beeline dead-letters list --queue orders --url http://127.0.0.1:8080
  beeline dead-letters replay --queue orders --url http://127.0.0.1:8080 0190a0c2-...
  beeline dead-letters purge --queue orders --url http://127.0.0.1:8080 --all

Ends with 0 when all of it was done, 1 when some of it was not (each with its reason on standard error), 2 when the \
command line asks for nothing that can be done.";

const REVOKE_HELP: &str = "\
Requests with such a token are refused from then on, and open sockets are closed. A token issued in a later second is good \
again after --subject, never after --jti.

Examples:
  beeline revoke --url http://127.0.0.1:8080 --secret-file secret --subject d-17 --reason 'lost the phone'
  BEELINE_TOKEN=$(beeline token --role admin --subject me) beeline revoke --url http://127.0.0.1:8080 --jti 0190a0c2";

#[derive(Debug, Parser)]
#[command(name = "beeline", version, about = "The real-time core of a delivery, courier or ride fleet in one binary.")]
#[command(after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve in development mode with a simulated city, and print the address of its pages.
    #[command(after_help = DEMO_HELP)]
    Demo(DemoArgs),
    /// Serve drivers, customers, merchants and operators.
    #[command(after_help = "The first line on standard output says where: `listening on http://ADDR`. Logs go to \
        standard error as JSON.\nSIGTERM drains and ends with 0; a second one ends at once.")]
    Serve(ServerArgs),
    /// Simulated drivers, kitchens and customers against any node, through the public contract.
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArgs),
    /// Make a token, signed with the server's secret.
    #[command(after_help = "Examples:\n  beeline token --role operator --subject me\n  beeline token --role merchant \
        --subject m-1 --merchant-id shop-9 --ttl 12h --secret-file secret\n\nThe secret is that of --secret-file, else the \
        one the server would use by its settings, else the one that `serve --dev` keeps in the data folder.")]
    Token(TokenArgs),
    /// Bring the store's tables up to date and stop.
    Migrate(ServerArgs),
    /// Check all settings and keys, tell everything that is wrong, and stop.
    CheckConfig(ServerArgs),
    /// Show each setting with its value, where that came from, its default and its meaning.
    PrintConfig {
        /// The reference page docs/settings.md instead.
        #[arg(long)]
        markdown: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Show who may ask what, as the node checks it: the reference page docs/access.md.
    PrintAccess,
    /// What a node has given up: list it, try it again, or give it up for good.
    #[command(after_help = DEAD_LETTERS_HELP)]
    DeadLetters(DeadLettersArgs),
    /// Make tokens void before their time: one, or all that somebody has.
    #[command(after_help = REVOKE_HELP)]
    Revoke(RevokeArgs),
    /// Play published dispatch problems in simulated time and print the published measures.
    #[command(subcommand)]
    Evaluate(EvaluateCommand),
}

/// Arguments of everything that reads the server's settings.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// TOML file with settings.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Try Beeline on this machine: loopback only, a secret of its own, ready tokens on `/`.
    #[arg(long)]
    pub(super) dev: bool,
    #[command(flatten)]
    pub(super) settings: SettingFlags,
}

impl ServerArgs {
    /// The places settings come from.
    pub(super) fn sources(&self) -> Sources {
        let (flags, file) = (self.settings.0.clone(), self.config.clone());
        Sources { flags, environment: environment(), file, ..Sources::default() }
    }
}

/// This process's environment, as far as it is text.
pub(super) fn environment() -> BTreeMap<String, String> {
    let texts = std::env::vars_os().map(|(name, value)| (name.into_string(), value.into_string()));
    texts.filter_map(|(name, value)| Some((name.ok()?, value.ok()?))).collect()
}

/// One flag for each setting that is no secret, by file key.
#[derive(Debug, Clone, Default)]
pub(super) struct SettingFlags(pub(super) BTreeMap<String, String>);

impl SettingFlags {
    fn docs() -> impl Iterator<Item = &'static SettingDoc> {
        SETTINGS.iter().filter(|doc| !doc.secret)
    }
}

impl Args for SettingFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        Self::docs().fold(command, |command, doc| {
            let help = format!("{} [default: {}]", doc.full_meaning(), doc.default_text());
            let flag = Arg::new(doc.key).long(doc.flag_name()).value_name("VALUE").help(help);
            command.arg(flag.help_heading("Settings"))
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |doc: &SettingDoc| Some((doc.key.to_owned(), matches.get_one::<String>(doc.key)?.clone()));
        Ok(Self(Self::docs().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Which token to make.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// driver, customer, merchant, operator, admin or service.
    #[arg(long)]
    pub(super) role: Role,
    /// Whom it speaks for: the id of the driver, customer and so on.
    #[arg(long, value_name = "ID")]
    pub(super) subject: String,
    /// How long it is good for, at most 24h.
    #[arg(long, value_name = "D", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(super) ttl: Duration,
    /// The merchant a merchant's token speaks for, where that is not its subject.
    #[arg(long, value_name = "ID")]
    pub(super) merchant_id: Option<String>,
    /// File with the secret.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(super) secret_file: Option<PathBuf>,
    /// Data folder of the server started with --dev.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<String>,
    /// TOML file with the server's settings.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Which dead letters, and what to do with them.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    /// What to do with them.
    #[arg(value_enum)]
    pub(super) action: DeadLettersAction,
    /// Those to replay or purge, by the ids that `list` shows.
    #[arg(value_name = "ID", conflicts_with = "all")]
    pub(super) ids: Vec<String>,
    /// Replay or purge the whole queue.
    #[arg(long)]
    pub(super) all: bool,
    /// Which queue: orders for which no driver was found, or fixes (always empty for now).
    #[arg(long, value_enum)]
    pub(super) queue: Queue,
    #[command(flatten)]
    pub(super) node: RemoteArgs,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which tokens are to be void.
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    pub(super) node: RemoteArgs,
    /// Whose: every token of this subject issued until now, whatever its role.
    #[arg(long, value_name = "ID", conflicts_with = "jti")]
    pub(super) subject: Option<String>,
    /// Which one, by its `jti`.
    #[arg(long)]
    pub(super) jti: Option<String>,
    /// For the audit trail.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DeadLettersAction {
    /// Show the queue, oldest first.
    List,
    /// Try again: the orders look for a driver once more.
    Replay,
    /// Give up for good: the orders fail.
    Purge,
}

impl DeadLettersAction {
    /// As it is typed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Replay => "replay",
            Self::Purge => "purge",
        }
    }

    /// What was done, at the beginning of a line.
    pub(super) fn past(self) -> &'static str {
        match self {
            Self::List => "Listed",
            Self::Replay => "Replayed",
            Self::Purge => "Purged",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Queue {
    /// Orders for which no driver was found.
    Orders,
    /// Fixes; always empty for now.
    Fixes,
}

impl Queue {
    /// As the contract calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Fixes => "fixes",
        }
    }
}
