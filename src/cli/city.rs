//! Arguments of the commands that bring a simulated city to life: `demo` and `simulate`.

use super::args::SettingFlags;
use crate::simulate::SimulateOptions;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const DEMO_HELP: &str = "\
Examples:
  beeline demo                              one node, 200 drivers, until Ctrl-C
  beeline demo --compare                    two nodes, one city: optimal against nearest dispatch
  beeline demo --compare --duration 20m --drivers 60 --driver-capacity 2

With --compare two nodes run in this process, on free ports and with data folders that go when it ends. They differ in \
BEELINE_DISPATCH_POLICY only. The same drivers start in the same places and the same orders come at the same moments \
on both, so what differs in the table comes from dispatch. Demand rises and falls every ten minutes: at its height \
drivers are short, and that is where the policies part; the first ten minutes say little. Time is real time: the pages \
of both nodes can be watched meanwhile.";

pub(super) const SIMULATE_HELP: &str = "\
Examples:
  beeline simulate --url http://127.0.0.1:8080 --secret-file beeline-data/dev-secret --drivers 500 --duration 5m
  beeline simulate --url http://127.0.0.1:8080 --secret-file secret --drivers 4000 --orders-per-minute 2000 \\
      --answer 1s --decline 0.1 --trip 60s --prep 0s --watch-share 0.02 --warm-up 45s --duration 5m --json

The second one is a load: what it measures, and with which settings of the server, is in docs/operations.md. Each \
driver and each watched order is a socket, and all of them come from one address: serve with --max-sockets-per-address 0. \
A process may have only so many open files (`ulimit -n`).";

/// What sets the people of a city apart from those of the demo.
#[derive(Debug, Clone, Args)]
pub struct PeopleArgs {
    /// Drivers answer an offer after exactly this [default: 1 to 4 seconds, as people take].
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub answer: Option<Duration>,
    /// Share of offers that drivers decline, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.06, value_parser = share)]
    pub decline: f64,
    /// Orders take this long from the driver's yes to the door: customers live and drivers wait near the pickup, who
    /// would come too late rides faster than streets allow, who comes early waits at the door [default: as far as
    /// customers live, as fast as streets allow].
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub trip: Option<Duration>,
    /// Every meal takes exactly this long to cook; 0s is ready at once [default: what kitchens take].
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub prep: Option<Duration>,
}

impl PeopleArgs {
    fn settle_in(&self, city: SimulateOptions) -> SimulateOptions {
        let Self { answer, decline, trip, prep } = *self;
        SimulateOptions { answer, declines: decline, trip, prep, ..city }
    }
}

/// How to show Beeline to somebody.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Run optimal and nearest dispatch side by side, on two nodes with the same city.
    #[arg(long)]
    pub compare: bool,
    /// Simulated drivers [default: 200; with --compare 80].
    #[arg(long, value_name = "N")]
    pub drivers: Option<u32>,
    /// Orders placed each minute [default: 15; with --compare 12 on average].
    #[arg(long, value_name = "N")]
    pub orders_per_minute: Option<u32>,
    /// The same seed plays the same city.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Stop after this long, such as 90s or 10m; without it, on Ctrl-C.
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    #[command(flatten)]
    people: PeopleArgs,
    /// TOML file with settings.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: SettingFlags,
}

impl DemoArgs {
    /// The city that was asked for, without a node.
    pub(super) fn city(&self) -> SimulateOptions {
        let usual = if self.compare { SimulateOptions::to_compare() } else { SimulateOptions::default() };
        self.people.settle_in(SimulateOptions {
            drivers: self.drivers.map_or(usual.drivers, |drivers| drivers as usize),
            orders_per_minute: self.orders_per_minute.map_or(usual.orders_per_minute, f64::from),
            seed: self.seed,
            duration: self.duration,
            ..usual
        })
    }
}

/// How to simulate.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// The node, such as http://127.0.0.1:8080.
    #[arg(long)]
    pub url: String,
    /// File with the secret that signs the tokens of the simulated people.
    #[arg(long, value_name = "FILE")]
    pub secret_file: PathBuf,
    /// Simulated drivers.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub drivers: u32,
    /// Orders placed each minute on average, whether or not the server keeps up; without --warm-up three times that in
    /// the first minute.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub orders_per_minute: u32,
    /// The same seed plays the same city.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Stop this long after the warm-up, such as 90s or 10m; without it, on Ctrl-C.
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Time for drivers to come before the first order.
    #[arg(long, value_name = "D", default_value = "0s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Time between two fixes of a driver.
    #[arg(long, value_name = "D", default_value = "3s", value_parser = humantime::parse_duration)]
    pub fix_interval: Duration,
    #[command(flatten)]
    people: PeopleArgs,
    /// Share of orders that a customer watches over a socket, 0 to 1; the others are followed through their drivers.
    #[arg(long, value_name = "P", default_value_t = 1.0, value_parser = share)]
    pub watch_share: f64,
    /// Print the summary as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

impl SimulateArgs {
    /// The city that was asked for, on its node.
    pub(super) fn city(&self, secret: &[u8]) -> SimulateOptions {
        self.people.settle_in(SimulateOptions {
            url: self.url.clone(),
            secret: secret.to_vec(),
            drivers: self.drivers as usize,
            orders_per_minute: f64::from(self.orders_per_minute),
            seed: self.seed,
            duration: self.duration,
            warm_up: self.warm_up,
            fix_interval: self.fix_interval,
            watch_share: self.watch_share,
            ..SimulateOptions::default()
        })
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a number from 0 to 1".to_owned()) }
}
