//! The command line, and its bounds: a load run is limited in time and in count.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Load generator and floor relay for Beeline.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the floor: a bare-tokio relay that does the wire work of the live path and nothing else.
    Floor(FloorArgs),
    /// Drivers send at a fixed rate, customers watch; the floor is measured beside the server, round by round.
    Steady(Box<SteadyArgs>),
    /// Open sockets, send nothing, and read the server's memory.
    Idle(IdleArgs),
    /// Watchers that stop reading beside healthy ones: memory, time until they are gone, and what the others notice.
    Stalled(Box<StalledArgs>),
    /// Connections that claim enormous frames and stream: memory, and time until each is refused.
    Claims(ClaimsArgs),
    /// Connections that do not finish what they begin: time until each is closed.
    Handshakes(HandshakesArgs),
}

/// Arguments of `floor`.
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Where to listen; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// 1 = a current-thread runtime, more = that many workers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Answer each fix with an ack.
    #[arg(long)]
    pub acks: bool,
    /// Stop relaying after this many deliveries (to prove that a loss is noticed).
    #[arg(long, hide = true)]
    pub stop_after: Option<u64>,
}

/// Which server is measured.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// A `beeline` program to start (`serve --dev`) and end.
    #[arg(long, conflicts_with = "url")]
    pub server_bin: Option<PathBuf>,
    /// A server that already runs on this machine: http://127.0.0.1:PORT. Needs --secret-file.
    #[arg(long, requires = "secret_file")]
    pub url: Option<String>,
    /// The HS256 secret of the server at --url.
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    /// Process id of the server at --url, for its CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Run the server with its defaults, not with the settings of bench.toml.
    #[arg(long)]
    pub defaults: bool,
    /// A table of settings to use in place of bench.toml.
    #[arg(long, conflicts_with = "defaults")]
    pub settings: Option<PathBuf>,
    /// Speak TLS with the server, under a certificate made for the run.
    #[arg(long)]
    pub tls: bool,
    /// A certificate to use for it, PEM; the only one that is trusted.
    #[arg(long, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Which cores: pinned = server on core 0 with one worker, generator on core 1; shared = both on all.
    #[arg(long, value_enum, default_value_t = Mode::Shared)]
    pub mode: Mode,
    /// Have the floor acknowledge each fix too.
    #[arg(long)]
    pub floor_acks: bool,
    /// Where the result goes as JSON.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Which cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Server on core 0, generator on core 1.
    Pinned,
    /// Both on all.
    Shared,
}

/// Arguments of `steady`.
#[derive(Debug, Clone, Args)]
pub struct SteadyArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Measure the floor alone, which proves the generator.
    #[arg(long, conflicts_with_all = ["server_bin", "url"])]
    pub floor_only: bool,
    /// Drivers.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub drivers: u32,
    /// Customers; customer j watches driver j.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub watched: u32,
    /// Seconds between two fixes of a driver.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub period: f64,
    /// Updates a second of all drivers together, one row each; sets the period.
    #[arg(long, value_delimiter = ',', conflicts_with = "period", value_parser = rate)]
    pub rate: Vec<f64>,
    /// Go through the rates (2,000 to 80,000 unless --rate names others) until p99 passes 50 ms or fixes are lost.
    #[arg(long, conflicts_with = "period")]
    pub search: bool,
    /// Seconds that count.
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    pub window: f64,
    /// Seconds that count in a run of the floor; --window or 20, whichever is less.
    #[arg(long, value_parser = seconds)]
    pub floor_window: Option<f64>,
    /// Seconds of traffic before the window.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub warmup: f64,
    /// Valid rounds to take.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub rounds: u8,
    /// Rounds to try, void ones included.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=18))]
    pub rounds_max: u8,
    /// Reads of current locations a second, after the window with fixes still flowing; 0 for none.
    #[arg(long, default_value_t = 300.0, value_parser = reads)]
    pub reads: f64,
    /// Seconds of such reads.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub read_window: f64,
    /// Seed of the city and of the phases.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Milliseconds of the floor's p99 above which a round is void. For tests on a busy machine; figures that are
    /// published keep the default.
    #[arg(long, hide = true, default_value_t = 5.0)]
    pub void_above: f64,
    /// Have the floor stop relaying after this many deliveries (to prove that a loss is noticed).
    #[arg(long, hide = true)]
    pub floor_stop_after: Option<u64>,
}

/// Arguments of `idle`.
#[derive(Debug, Clone, Args)]
pub struct IdleArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Sockets to open.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    pub connections: u32,
    /// Whose.
    #[arg(long, value_enum, default_value_t = Role::Customer)]
    pub role: Role,
}

/// Whose sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `/ws/driver`.
    Driver,
    /// `/ws/customer`.
    Customer,
}

/// Arguments of `stalled`.
#[derive(Debug, Clone, Args)]
pub struct StalledArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Watchers that stop reading.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub readers: u32,
    /// Watchers that go on.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub healthy: u32,
    /// Who watches whom, one row for each with each --kind.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [SetUp::Apart, SetUp::One, SetUp::Tenth])]
    pub set_up: Vec<SetUp>,
    /// How they stop.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Never, Kind::Trickle])]
    pub kind: Vec<Kind>,
    /// Fixes a second of all drivers together when each watcher has a driver of its own.
    #[arg(long, default_value_t = 3_000.0, value_parser = rate)]
    pub rate: f64,
    /// Fixes a second of the one driver whom all watch.
    #[arg(long, default_value_t = 20.0, value_parser = rate)]
    pub rate_one: f64,
    /// Seconds of each phase before the stop.
    #[arg(long, default_value_t = 15.0, value_parser = seconds)]
    pub window: f64,
    /// Seconds of traffic before the first.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub warmup: f64,
    /// Valid rounds to take.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub rounds: u8,
    /// Rounds to try, void ones included.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=18))]
    pub rounds_max: u8,
    /// Seconds after which stalled ones that are still there count as never gone; well above the goal.
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    pub patience: f64,
    /// Seed of the city and of the phases.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Milliseconds of the floor's p99 above which a round is void; for tests on a busy machine.
    #[arg(long, hide = true, default_value_t = 5.0)]
    pub void_above: f64,
}

/// Who watches whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetUp {
    /// Each watcher its own driver.
    Apart,
    /// All watch one driver: sockets of one customer, of one order.
    One,
    /// As `apart`, but only a tenth of all watchers stops.
    Tenth,
}

/// How a watcher stops reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It reads nothing any more, and its kernel takes in little.
    Never,
    /// It reads a byte a second, and sends a pong now and then.
    Trickle,
    /// It reads nothing any more, and its kernel takes in what the system's defaults allow.
    Deep,
}

impl Kind {
    /// Bytes its kernel takes in unread; `None` leaves that to the system.
    pub fn receive_buffer(self) -> Option<usize> {
        match self {
            Kind::Never | Kind::Trickle => Some(4_096),
            Kind::Deep => None,
        }
    }
}

/// Arguments of `claims`.
#[derive(Debug, Clone, Args)]
pub struct ClaimsArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Connections at once.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: u32,
    /// Bytes to stream, all together: a number, or one with KiB or MiB.
    #[arg(long, default_value = "200MiB", value_parser = bytes)]
    pub bytes: u64,
    /// Rounds to take, each with a server of its own.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub rounds: u8,
}

/// Arguments of `handshakes`.
#[derive(Debug, Clone, Args)]
pub struct HandshakesArgs {
    /// The server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Connections of each kind.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub connections: u32,
    /// Seconds after which a connection that is still open counts as never closed.
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    pub patience: f64,
}

fn bytes(text: &str) -> Result<u64, String> {
    const MOST: u64 = 4 << 30;
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20)];
    let unit = units.iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)));
    let (number, size) = unit.unwrap_or((text, 1));
    let count = number.parse::<u64>().map_err(|_| "not a number of bytes".to_owned())?;
    count.checked_mul(size).filter(|count| (1..=MOST).contains(count)).ok_or(format!("not between 1 and {MOST}"))
}

fn seconds(text: &str) -> Result<f64, String> {
    bounded(text, 0.002, 900.0)
}

fn rate(text: &str) -> Result<f64, String> {
    bounded(text, 1.0, 500_000.0)
}

fn reads(text: &str) -> Result<f64, String> {
    bounded(text, 0.0, 5_000.0)
}

fn bounded(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(format!("not between {least} and {most}")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bounds_hold() {
        for args in
            ["--drivers 0", "--drivers 20000", "--window 1000", "--rate 0", "--rate 2000,600000", "--window NaN"]
        {
            let line = format!("loadtest steady --floor-only {args}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{args}");
        }
        assert!(Cli::try_parse_from("loadtest steady --floor-only --rate 2000,5000".split(' ')).is_ok());
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!((bytes("200MiB"), bytes("3KiB"), bytes("17")), (Ok(200 << 20), Ok(3 << 10), Ok(17)));
        assert!(["", "0", "1GB", "-1", "9999999999999MiB"].iter().all(|text| bytes(text).is_err()));
    }
}
