//! Load generator and floor relay for Beeline. It speaks only the public contract, knows nothing else of the server,
//! and aims at this machine only; docs/benchmarks/README.md says how figures are taken and read.

mod city;
mod claims;
mod cli;
mod conn;
mod crew;
mod dest;
mod floor;
mod frame;
mod handshakes;
mod host;
mod http;
mod identity;
mod idle;
mod measure;
mod metrics;
mod pacer;
mod plan;
mod reads;
mod report;
mod sendq;
mod server;
mod setup;
mod stalled;
mod steady;
mod summary;
mod tally;
mod target;
mod token;
mod wire;

use anyhow::ensure;
use clap::Parser;

use crate::cli::{Cli, Command};
use crate::report::Record;
use crate::target::Target;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    host::raise_open_files()?;
    match cli.command {
        Command::Floor(args) => {
            let threads = usize::from(args.threads);
            let floor = floor::Floor { listen: args.listen, threads, acks: args.acks, stop_after: args.stop_after };
            floor.run(report::listening)
        }
        Command::Steady(args) => {
            let target = Target::new(&args.target, args.floor_stop_after)?;
            let rows = steady::run(&args, &target)?;
            Record::new(&target, &rows).keep(args.target.out.as_deref())?;
            ensure!(rows.iter().any(|row| row.summary.valid_rounds > 0), "no valid round: the machine is disturbed");
            Ok(())
        }
        Command::Idle(args) => {
            let target = Target::new(&args.target, None)?;
            let results = idle::run(&args, &target)?;
            Record::new(&target, &results).keep(args.target.out.as_deref())
        }
        Command::Stalled(args) => {
            let target = Target::new(&args.target, None)?;
            let rows = stalled::run(&args, &target)?;
            Record::new(&target, &rows).keep(args.target.out.as_deref())?;
            ensure!(rows.iter().all(|row| row.summary.valid_rounds > 0), "a row without a valid round: disturbed");
            Ok(())
        }
        Command::Claims(args) => {
            let target = Target::new(&args.target, None)?;
            let rounds = claims::run(&args, &target)?;
            Record::new(&target, &rounds).keep(args.target.out.as_deref())
        }
        Command::Handshakes(args) => {
            let target = Target::new(&args.target, None)?;
            let kinds = handshakes::run(&args, &target)?;
            Record::new(&target, &kinds).keep(args.target.out.as_deref())
        }
    }
}
