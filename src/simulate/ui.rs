//! The one place of the city that writes to a person: live counts and the summary on standard error, JSON on standard output.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use super::summary::Summary;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two lines where there is no terminal to refresh.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Live counts.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    line_due: Instant,
    violations_told: usize,
    quiet: bool,
}

impl Display {
    pub(crate) fn new(quiet: bool) -> Self {
        let refreshing = !quiet && std::io::stderr().is_terminal();
        let bar = refreshing.then(|| {
            let bar = ProgressBar::new_spinner();
            // A template that does not parse leaves the default one.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, line_due: Instant::now() + LINE_EVERY, violations_told: 0, quiet }
    }

    /// Shows the state so far. A broken contract is told even to those who want quiet.
    pub(crate) fn show(&mut self, so_far: &Summary) {
        for violation in so_far.violations_told.iter().skip(self.violations_told) {
            self.say(&format!("VIOLATION: {violation}"));
        }
        self.violations_told = so_far.violations_told.len();
        if let Some(bar) = &self.bar {
            bar.set_message(so_far.line());
            bar.tick();
        } else if !self.quiet && Instant::now() >= self.line_due {
            self.line_due = Instant::now() + LINE_EVERY;
            self.say(&so_far.line());
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Two cities at once on standard output: a table that is drawn over itself, or plain lines where there is no terminal.
pub(crate) struct SideBySide {
    redraws: bool,
    drawn_lines: usize,
    line_due: Instant,
    quiet: bool,
}

impl SideBySide {
    pub(crate) fn new(quiet: bool) -> Self {
        let redraws = !quiet && std::io::stdout().is_terminal();
        Self { redraws, drawn_lines: 0, line_due: Instant::now() + LINE_EVERY, quiet }
    }

    /// Shows the state so far, as a line or as a table.
    pub(crate) fn show(&mut self, line: impl FnOnce() -> String, table: impl FnOnce() -> String) {
        if self.redraws {
            self.draw(&table());
        } else if !self.quiet && Instant::now() >= self.line_due {
            self.line_due = Instant::now() + LINE_EVERY;
            println!("{}", line());
        }
    }

    /// Shows the end.
    pub(crate) fn finish(&mut self, table: &str) {
        self.draw(table);
    }

    fn draw(&mut self, table: &str) {
        if self.drawn_lines > 0 {
            // Up to where the last one began, and clear from there (ECMA-48: CUU, ED).
            print!("\x1b[{}A\x1b[J", self.drawn_lines);
        }
        print!("{table}");
        // A reader that has gone away is no failure of the city.
        let _ = std::io::stdout().flush();
        self.drawn_lines = table.lines().count();
    }
}

/// Prints the summary: a table on standard error or, with `json`, one JSON object on standard output.
pub fn print_summary(summary: &Summary, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(summary).unwrap_or_default());
    } else {
        eprintln!("{summary}");
    }
}
