//! The only place that prints, and the form of a kept result.
//!
//! Tables go to standard output, progress to standard error, the whole of a run to a JSON file. A result names the
//! machine, the commit, the command and the settings, but no path and no host.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;

use crate::host::Machine;
use crate::idle::Idle;
use crate::measure::Figures;
use crate::steady::Row;
use crate::summary::{COLUMNS, Goal, Sums};
use crate::target::Target;

/// A run as it is kept.
#[derive(Debug, Serialize)]
pub struct Record<'r, T> {
    /// The machine.
    pub machine: Machine,
    /// Commit of the working tree, `-dirty` when it had changes, `unknown` outside one.
    pub commit: String,
    /// When the run ended, Unix seconds.
    pub ended_at: u64,
    /// The command, paths cut to their last part.
    pub command: Vec<String>,
    /// Where the settings come from: `bench.toml`, another file, or the server's defaults.
    pub settings_from: &'r str,
    /// Settings given to the server, changed from its defaults.
    pub settings: &'r [(String, String)],
    /// What was measured.
    pub results: &'r [T],
}

impl<'r, T: Serialize> Record<'r, T> {
    /// A record of what this process measured.
    pub fn new(target: &'r Target, results: &'r [T]) -> Self {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            machine: Machine::read(),
            commit: commit(),
            ended_at: since_1970.map_or(0, |since| since.as_secs()),
            command: std::env::args().map(|arg| without_path(&arg)).collect(),
            settings_from: &target.settings_from,
            settings: &target.settings,
            results,
        }
    }

    /// Prints the head and writes the file, if one is wanted.
    pub fn keep(&self, out: Option<&Path>) -> anyhow::Result<()> {
        let Machine { cpu, cores, memory_mib, kernel, .. } = &self.machine;
        println!("machine   {cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}");
        println!("commit    {}", self.commit);
        println!("command   {}", self.command.join(" "));
        let settings: Vec<String> = self.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        println!("settings  {}: {}", self.settings_from, settings.join(" "));
        let Some(out) = out else { return Ok(()) };
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(out, text).context("result file")?;
        Ok(())
    }
}

/// Where a server listens: the first line of its standard output.
pub fn listening(addr: SocketAddr) {
    println!("listening on http://{addr}");
}

/// What goes on, for whoever waits.
pub fn progress(text: &str) {
    eprintln!("{text}");
}

/// One run in a line.
pub fn line(figures: &Figures) -> String {
    let values: Vec<String> =
        COLUMNS.iter().filter_map(|(name, read)| read(figures).map(|value| format!("{name} {value:.3}"))).collect();
    let fates = &figures.fates;
    format!(
        "sent {} delivered {} conflated {} lost {}, {}",
        figures.sent,
        fates.delivered,
        fates.conflated,
        fates.lost,
        values.join(", ")
    )
}

/// A row: every round, then medians, ratio and goals.
pub fn row(row: &Row) {
    println!("\n{} drivers, {} watched, {} updates/s", row.drivers, row.watched, row.updates_per_s);
    let mut heads = Vec::new();
    let mut runs: Vec<Option<&Figures>> = Vec::new();
    for (number, round) in row.rounds.iter().enumerate() {
        let void = if round.void { " void" } else { "" };
        heads.extend([format!("floor {}{void}", number + 1), format!("server {}{void}", number + 1)]);
        runs.extend([Some(&round.floor), round.server.as_ref()]);
    }
    heads.extend(["floor median".into(), "server median".into()]);
    cells("", &heads);
    let sums = [row.summary.floor.as_ref(), row.summary.server.as_ref()];
    for (name, read) in COLUMNS {
        let line = runs.iter().map(|run| run.and_then(read)).chain(sums.map(|sums| sums?.median.get(name).copied()));
        cells(name, &line.map(number).collect::<Vec<_>>());
    }
    type Count = (&'static str, fn(&Figures) -> Option<u64>, fn(&Sums) -> Option<u64>);
    let counts: [Count; 7] = [
        ("sent", |run| Some(run.sent), |sums| Some(sums.sent)),
        ("delivered", |run| Some(run.fates.delivered), |sums| Some(sums.delivered)),
        ("conflated", |run| Some(run.fates.conflated), |sums| Some(sums.conflated)),
        ("unexplained", |run| run.unexplained, |sums| sums.unexplained),
        ("lost", |run| Some(run.fates.lost), |sums| Some(sums.lost)),
        ("out_of_order", |run| Some(run.fates.out_of_order), |sums| Some(sums.out_of_order)),
        ("troubles", |run| Some(run.closed + run.refused + run.send_failed), |sums| Some(sums.troubles)),
    ];
    for (name, of_run, of_sums) in counts {
        let line = runs.iter().map(|run| run.and_then(of_run)).chain(sums.map(|sums| sums.and_then(of_sums)));
        let line: Vec<String> = line.map(|cell| cell.map_or_else(|| "-".into(), |count| count.to_string())).collect();
        cells(name, &line);
    }
    println!("(medians of {} valid rounds; of counts, sums)", row.summary.valid_rounds);
    if let Some(ratio) = row.summary.cpu_ratio {
        println!("server CPU per delivered update, server / floor: {ratio:.2}");
    }
    goals(&row.summary.goals);
}

/// Which goals are met.
pub fn goals(goals: &[Goal]) {
    for goal in goals {
        let verdict = if goal.met { "met" } else { "missed" };
        println!("{verdict:>7}  {}: {} (limit {})", goal.name, number(goal.value), goal.limit);
    }
}

/// What the table below is about.
pub fn title(text: &str) {
    println!("\n{text}");
}

/// Memory of idle sockets.
pub fn idle(idle: &Idle) {
    println!(
        "{:<7} {:?}: {} sockets, {} -> {} KiB, {:.0} bytes each",
        idle.of, idle.role, idle.connections, idle.empty_kib, idle.connected_kib, idle.bytes_per_connection
    );
}

/// A line of a table.
pub fn cells(name: &str, cells: &[String]) {
    let cells: String = cells.iter().map(|cell| format!(" {cell:>14}")).collect();
    println!("{name:<28}{cells}");
}

/// A figure in a table; `-` when it was not taken.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (git(&["rev-parse", "HEAD"]), git(&["status", "--porcelain"])) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit}-dirty"),
        (None, _) => "unknown".into(),
    }
}

/// An argument with its path cut to the last part; a URL stays.
fn without_path(arg: &str) -> String {
    if arg.contains("://") {
        return arg.to_owned();
    }
    let (option, value) = match arg.split_once('=') {
        Some((option, value)) if option.starts_with('-') => (format!("{option}="), value),
        _ => (String::new(), arg),
    };
    format!("{option}{}", value.rsplit('/').next().unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_command_names_no_folder() {
        for (arg, want) in [
            ("/a/b/loadtest", "loadtest"),
            ("--out=/tmp/x.json", "--out=x.json"),
            ("steady", "steady"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ] {
            assert_eq!(without_path(arg), want);
        }
    }
}
