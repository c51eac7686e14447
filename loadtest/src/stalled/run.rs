//! One run of the scenario on one server, phase by phase.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::Row;
use super::idlers::Idlers;
use super::stage::{Phase, Span, Stage};
use super::watch::{Sample, Watch};
use crate::cli::StalledArgs;
use crate::host;
use crate::http::Http;
use crate::measure::scrape;
use crate::metrics::by_label;
use crate::server::Server;
use crate::setup::Side;
use crate::tally::Quantiles;

/// Between two phases.
const SETTLE: Duration = Duration::from_secs(2);
/// Looks that a result keeps.
const SAMPLES_KEPT: usize = 12;
/// Seconds of a floor's phase, at most.
const FLOOR_WINDOW_S: f64 = 10.0;

/// One run on one server.
#[derive(Debug, Serialize)]
pub struct Bout {
    /// The healthy watchers alone.
    pub alone: Phase,
    /// The others there too, reading.
    pub beside_readers: Phase,
    /// The others stopped, and their kernels took in until nothing went any more: to the server they still read.
    pub beside_filling: Phase,
    /// The others at a standstill, until all of them were gone.
    pub beside_stalled: Phase,
    /// The healthy watchers alone again.
    pub alone_again: Phase,
    /// Seconds from the stop until the server had none of them any more; `None`: some were left when patience ended.
    pub gone_s: Option<f64>,
    /// Memory in user space.
    pub memory: Memory,
    /// What the kernel held for those that stopped.
    pub kernel: Kernel,
    /// Open descriptors of the server.
    pub descriptors: Descriptors,
    /// What the server's counters say of the ends, by reason. What the kernel's own time limit ended is in none.
    pub evictions: BTreeMap<String, f64>,
    /// Healthy watchers that never got the last fix sent to them.
    pub behind: usize,
    /// Sockets of drivers and healthy watchers that ended, refusals, sends that failed.
    pub troubles: u64,
    /// A few of the refusals.
    pub texts: Vec<String>,
    /// How late the generator sent, milliseconds.
    pub send_lateness: Option<Quantiles>,
    /// Some of what was seen while the others were stopped.
    pub samples: Vec<Sample>,
}

/// Resident memory of the server, KiB.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// All read, before some stop.
    pub before_kib: u64,
    /// The most while some had stopped.
    pub peak_kib: u64,
    /// When those were gone.
    pub after_kib: u64,
    /// `(peak - before) / stalled`, bytes; everything else that grew meanwhile is in it.
    pub bytes_each: f64,
    /// What it grew by in a second while nobody was stopped, before and after, KiB: the store's page cache, mostly.
    pub drift_kib_per_s: f64,
}

/// What the kernel held for those that stopped, bytes; from the look at which it was most.
#[derive(Debug, Serialize)]
pub struct Kernel {
    /// Sent and not acknowledged, or not sent: mean of a socket.
    pub send_queue_each: f64,
    /// The same, the most of any socket.
    pub send_queue_max: u32,
    /// Kernel memory of that, bookkeeping included: mean of a socket.
    pub memory_each: f64,
}

/// Open descriptors of the server.
#[derive(Debug, Serialize)]
pub struct Descriptors {
    /// Without the others.
    pub alone: usize,
    /// With them.
    pub beside: usize,
    /// When they were gone.
    pub after: usize,
}

/// The floor with the healthy watchers only.
pub fn play_floor(server: &Server, side: &Side, row: &Row, args: &StalledArgs) -> anyhow::Result<Phase> {
    let stage = Stage::open(server, side, row)?;
    stage.wait_until(us(args.warmup));
    let window = Duration::from_secs_f64(args.window.min(FLOOR_WINDOW_S));
    let span = Watch::new(&stage)?.span(&stage, window, |_| false)?;
    let (outcome, judge) = stage.close()?;
    judge.phase(&outcome.tally, span)
}

/// The server with everybody.
pub fn play_server(server: &Server, side: &Side, row: &Row, args: &StalledArgs) -> anyhow::Result<Bout> {
    let pid = server.pid.context("memory needs the server's process: --pid")?;
    let mut http = Http::new(&server.dest, 300_000);
    let mut evictions = || anyhow::Ok(by_label(&scrape(side, &mut http)?, "beeline_evictions_total", "reason"));
    let (window, patience) = (Duration::from_secs_f64(args.window), Duration::from_secs_f64(args.patience));
    let stage = Stage::open(server, side, row)?;
    let mut watch = Watch::new(&stage)?;
    stage.wait_until(us(args.warmup));
    let alone = watch.span(&stage, window, |_| false)?;
    let descriptors_alone = host::descriptors(pid)?;

    let idlers = Idlers::join(&stage, row).context("the others could not join")?;
    watch.peers = idlers.addresses()?;
    watch.span(&stage, SETTLE, |_| false)?;
    let joined = watch.look(&stage)?;
    let readers = watch.span(&stage, window, |_| false)?;
    let evictions_before = evictions()?;
    let before = watch.look(&stage)?;

    host::forget_resident_peak(pid)?;
    let stopped = idlers.stop(row.kind)?;
    // As long as anything more is taken in for them they are readers to the server, and cost what readers cost.
    // One look at which nothing has been added can be a pause between two fixes.
    let (mut queued_bytes, mut unchanged) = (0, 0);
    let filling = watch.span(&stage, patience, |sample| {
        let before = std::mem::replace(&mut queued_bytes, sample.queued_bytes);
        unchanged = if sample.waiting == row.stalled && sample.queued_bytes == before { unchanged + 1 } else { 0 };
        sample.open < row.stalled || unchanged == 2
    })?;
    let stalled = watch.span(&stage, patience.saturating_sub(filling.length()), |sample| sample.open == 0)?;
    let peak_kib = host::resident_peak_kib(pid)?;
    let last = watch.look(&stage)?;
    watch.span(&stage, SETTLE, |_| false)?;
    let evictions_after = evictions()?;
    drop(stopped);
    let after = watch.look(&stage)?;
    let again = watch.span(&stage, window, |_| false)?;
    let end = watch.look(&stage)?;

    let (outcome, judge) = stage.close()?;
    let phase = |span: Span| judge.phase(&outcome.tally, span);
    let stop = Span { from_us: filling.from_us, ..stalled };
    let more = |(reason, count): (String, f64)| (count - evictions_before.get(&reason).unwrap_or(&0.0), reason);
    Ok(Bout {
        alone: phase(alone)?,
        beside_readers: phase(readers)?,
        beside_filling: phase(filling)?,
        beside_stalled: phase(stalled)?,
        alone_again: phase(again)?,
        gone_s: (last.open == 0).then_some(stop.length().as_secs_f64()),
        memory: Memory {
            before_kib: before.resident_kib,
            peak_kib,
            after_kib: after.resident_kib,
            bytes_each: peak_kib.saturating_sub(before.resident_kib) as f64 * 1_024.0 / row.stalled as f64,
            drift_kib_per_s: f64::midpoint(drift(&joined, &before), drift(&after, &end)),
        },
        kernel: Kernel::most(watch.within(stop)),
        descriptors: Descriptors { alone: descriptors_alone, beside: before.descriptors, after: after.descriptors },
        evictions: evictions_after.into_iter().map(more).filter(|more| more.0 > 0.0).map(|(n, why)| (why, n)).collect(),
        behind: outcome.behind,
        troubles: outcome.troubles,
        texts: outcome.texts,
        send_lateness: outcome.send_lateness,
        samples: watch.some_within(stop, SAMPLES_KEPT),
    })
}

/// What memory grew by between two looks, KiB a second.
fn drift(from: &Sample, to: &Sample) -> f64 {
    (to.resident_kib as f64 - from.resident_kib as f64) / (to.at_us - from.at_us) as f64 * 1e6
}

impl Kernel {
    fn most<'s>(samples: impl Iterator<Item = &'s Sample>) -> Self {
        let mut most = Self { send_queue_each: 0.0, send_queue_max: 0, memory_each: 0.0 };
        for sample in samples.filter(|sample| sample.open > 0) {
            let each = |bytes: u64| bytes as f64 / sample.open as f64;
            most.send_queue_each = most.send_queue_each.max(each(sample.queued_bytes));
            most.send_queue_max = most.send_queue_max.max(sample.queued_bytes_max);
            most.memory_each = most.memory_each.max(each(sample.kernel_bytes));
        }
        most
    }
}

impl Bout {
    /// What a figure of the healthy ones rose by while the others were stopped: over the mean of before and after, so that
    /// a machine that slowly becomes busier or idler does not show.
    pub fn rise(&self, of: impl Fn(&Phase) -> Option<f64>) -> Option<f64> {
        Some(of(&self.beside_stalled)? - f64::midpoint(of(&self.alone)?, of(&self.alone_again)?))
    }

    /// It in a line.
    pub fn line(&self) -> String {
        let phases = [
            ("alone", &self.alone),
            ("readers", &self.beside_readers),
            ("filling", &self.beside_filling),
            ("stalled", &self.beside_stalled),
            ("again", &self.alone_again),
        ];
        let phases = phases.map(|(name, phase)| {
            let screen = phase.screen.unwrap_or_default();
            format!("{name} p50 {:.3} p99 {:.3} ms", screen.p50, screen.p99)
        });
        format!(
            "{}, gone {:?} s, user {:.0} B each, send queue {:.0} B each, evictions {:?}",
            phases.join(", "),
            self.gone_s,
            self.memory.bytes_each,
            self.kernel.send_queue_each,
            self.evictions
        )
    }
}

fn us(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}
