//! `beeline evaluate`: reads its arguments, runs the evaluation, prints the report.

use crate::evaluate;
use crate::evaluate::EvaluateOptions;
use crate::evaluate::Policy;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
DIR is one instance (a folder with orders.txt, couriers.txt, restaurants.txt, instance_parameters.txt, tab separated with a
header line) or a folder of them. The day is played minute by minute through the functions that dispatch the live server's
orders. Printed for each instance and in total: undelivered orders, click-to-door (CtD) mean and p90, overage beyond the
target, ready-to-pickup (RtP) mean and p90, PCtD (CtD with 120 minutes for each undelivered order), utilisation, cost of an
order, orders a bundle, milliseconds a decision.

Examples:
  beeline evaluate mdrp ../shared/data/mdrp                        every instance in the folder
  beeline evaluate mdrp mdrp/0o50t100s1p100 --policy nearest       nearest idle courier, for comparison
  beeline evaluate mdrp mdrp --noise mean-prep --format json       prep times unknown until they pass
  beeline evaluate mdrp mdrp --cells --match-radius 6000           each H3 cell decides for its own orders
  beeline evaluate mdrp mdrp --decline 0.1 --timeout 0.05 --seed 7 couriers who say no, or nothing
  beeline evaluate mdrp mdrp --write-solution out --json out.json  the library's files, and the report in a file";

/// What to evaluate on.
#[derive(Debug, Subcommand)]
pub(super) enum EvaluateCommand {
    /// Public instances of the Meal Delivery Routing Problem, played in simulated time.
    #[command(after_help = AFTER_HELP)]
    Mdrp(MdrpArgs),
}

/// How to play.
#[derive(Debug, Args)]
pub(super) struct MdrpArgs {
    /// Instances, or folders of instances.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Who decides: joint matching as the live server does it, or the nearest idle courier once an order is ready.
    #[arg(long, value_enum, default_value_t = PolicyArg::Optimal)]
    policy: PolicyArg,
    /// What dispatch does not know: mean-prep hides ready times until they pass, only each restaurant's mean is known.
    #[arg(long, value_enum)]
    noise: Option<NoiseArg>,
    /// Share of offers that couriers decline at once.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    decline: f64,
    /// Share of offers that couriers let lapse, which costs a minute.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    timeout: f64,
    /// The same seed declines and lapses the same offers.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Play through the live server's partition: each H3 cell decides for its own orders.
    #[arg(long)]
    cells: bool,
    /// Ask nobody farther from the pickup than this many metres.
    #[arg(long, value_name = "METRES", value_parser = metres)]
    match_radius: Option<f64>,
    /// Write the library's three solution files for each instance into DIR/INSTANCE.
    #[arg(long, value_name = "DIR")]
    write_solution: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = FormatArg::Table)]
    format: FormatArg,
    /// Write the report as JSON into this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PolicyArg {
    Optimal,
    Nearest,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NoiseArg {
    MeanPrep,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Table,
    Json,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("expected a share from 0 to 1".to_owned()) }
}

fn metres(text: &str) -> Result<f64, String> {
    let metres: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if metres > 0.0 { Ok(metres) } else { Err("expected metres above 0".to_owned()) }
}

/// Runs it: the report to print.
pub(super) fn run(command: EvaluateCommand) -> anyhow::Result<String> {
    let EvaluateCommand::Mdrp(args) = command;
    anyhow::ensure!(args.decline + args.timeout <= 1.0, "--decline and --timeout together exceed 1");
    let options = EvaluateOptions {
        policy: match args.policy {
            PolicyArg::Optimal => Policy::Optimal,
            PolicyArg::Nearest => Policy::Nearest,
        },
        only_means: matches!(args.noise, Some(NoiseArg::MeanPrep)),
        decline: args.decline,
        timeout: args.timeout,
        seed: args.seed,
        cells: args.cells,
        match_radius_m: args.match_radius,
        write_solution: args.write_solution,
        ..EvaluateOptions::of(args.dirs)
    };
    let report = evaluate::run(&options, |name| {
        // Nobody reading the progress is no reason to stop.
        let _ = writeln!(std::io::stderr(), "playing {name}");
    })?;
    let json = serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?;
    if let Some(file) = &args.json {
        fs::write(file, format!("{json}\n")).with_context(|| file.display().to_string())?;
    }
    Ok(match args.format {
        FormatArg::Table => report.as_table(),
        FormatArg::Json => json,
    })
}
