//! What a run came to, for people and for programs.

use super::histogram::Histogram;
use super::tally::Count;
use super::tally::Gauge;
use super::tally::Span;
use super::tally::Tally;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The end of a simulation, or its state so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Seconds that the city lived.
    pub seconds: f64,
    /// Drivers that the city has.
    pub drivers: u64,
    /// Those connected at the end.
    pub drivers_online: u64,
    /// Those with an order at the end.
    pub drivers_busy: u64,
    /// Orders.
    pub orders: OrderCounts,
    /// Orders placed a minute, over the time since the first could be.
    pub placed_per_minute: f64,
    /// How long the server took to take an order, tries included.
    pub placing: Times,
    /// Mean seconds from the click to a driver who has accepted.
    pub mean_assign_s: Option<f64>,
    /// Mean seconds from the click to the door.
    pub mean_click_to_door_s: Option<f64>,
    /// From `due_at` to `assigned`, both by the server's clock.
    pub due_to_assigned: Times,
    /// From the driver's yes to the door.
    pub assigned_to_delivered: Times,
    /// From the click to the door.
    pub click_to_door: Times,
    /// How long goods that were ready waited for their driver.
    pub ready_to_pickup: Times,
    /// Share of the drivers' time with an order.
    pub busy_share: Option<f64>,
    /// Metres driven with an order, by orders delivered.
    pub metres_per_order: Option<f64>,
    /// Times that a driver held two assignments, or an order two drivers; 0 or something is badly wrong.
    pub double_assignments: u64,
    /// Answers of drivers.
    pub offers: OfferCounts,
    /// Fixes of drivers.
    pub fixes: FixCounts,
    /// Positions that reached customers.
    pub pushes: u64,
    /// Order events that reached customers.
    pub order_events: u64,
    /// Half of all positions were no older than this when they arrived, in milliseconds from the driver's device on.
    pub push_age_p50_ms: Option<u64>,
    /// And 99 % no older than this.
    pub push_age_p99_ms: Option<u64>,
    /// Connections made again after a break.
    pub reconnects: u64,
    /// What the server refused, by its code. Not wrong in itself.
    pub refusals: BTreeMap<String, u64>,
    /// Times the server broke its contract; 0 or something is wrong.
    pub violations: u64,
    /// The first of them in words.
    pub violations_told: Vec<String>,
}

/// Percentiles of a time, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean_s: Option<f64>,
    /// Half of them were no longer than this,
    pub p50_s: Option<f64>,
    /// 90 % than this,
    pub p90_s: Option<f64>,
    /// 95 % than this,
    pub p95_s: Option<f64>,
    /// 99 % than this,
    pub p99_s: Option<f64>,
    /// and all than this.
    pub max_s: Option<f64>,
}

impl Times {
    fn of(times: &Histogram) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let at = |share| times.percentile_ms(share).map(|ms| ms as f64 / 1_000.0);
        Self {
            count: times.count(),
            mean_s: times.mean_ms().map(|ms| ms / 1_000.0),
            p50_s: at(0.5),
            p90_s: at(0.9),
            p95_s: at(0.95),
            p99_s: at(0.99),
            max_s: at(1.0),
        }
    }
}

/// How orders went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OrderCounts {
    /// Accepted by the server.
    pub placed: u64,
    /// Found under way at the start, from an earlier run.
    pub resumed: u64,
    /// Not accepted by the server, or no answer.
    pub refused: u64,
    /// Not even sent, because too many were open.
    pub skipped: u64,
    /// At the door.
    pub delivered: u64,
    /// Given up.
    pub cancelled: u64,
    /// Ended by the server.
    pub failed: u64,
    /// Still under way,
    pub active: u64,
    /// and of these without a driver.
    pub waiting: u64,
}

/// How long a city has lived, and for how much of it orders were placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lived {
    pub(crate) total: Duration,
    pub(crate) ordering: Duration,
}

#[allow(clippy::cast_precision_loss)]
fn number(count: u64) -> f64 {
    count as f64
}

fn share(part: u64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| number(part) / whole)
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(mean), Some(p50), Some(p95), Some(p99), Some(max)) =
            (self.mean_s, self.p50_s, self.p95_s, self.p99_s, self.max_s)
        else {
            return f.write_str("-");
        };
        write!(f, "mean {mean:.1} s, p50 {p50:.1}, p95 {p95:.1}, p99 {p99:.1}, longest {max:.1} ({})", self.count)
    }
}

/// How drivers answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfferCounts {
    /// Taken.
    pub accepted: u64,
    /// Left to others.
    pub declined: u64,
}

/// What became of fixes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FixCounts {
    /// Measured by drivers.
    pub taken: u64,
    /// Handed to the socket, repeats after a break included.
    pub sent: u64,
    /// Acknowledged as stored.
    pub acked: u64,
    /// Given way to newer ones over the rate.
    pub conflated: u64,
    /// Refused.
    pub rejected: u64,
    /// Thrown away by a phone offline for hours.
    pub dropped: u64,
}

impl Summary {
    pub(crate) fn of(tally: &Tally, drivers: usize, lived: Lived) -> Self {
        let get = |what| tally.get(what);
        let level = |what| u64::try_from(tally.level(what)).unwrap_or(0);
        let (placed, resumed) = (get(Count::OrdersPlaced), get(Count::OrdersResumed));
        let (delivered, cancelled) = (get(Count::OrdersDelivered), get(Count::OrdersCancelled));
        let failed = get(Count::OrdersFailed);
        let times = |span| Times::of(tally.span(span));
        Self {
            seconds: lived.total.as_secs_f64(),
            drivers: u64::try_from(drivers).unwrap_or(0),
            drivers_online: level(Gauge::DriversOnline),
            drivers_busy: level(Gauge::DriversBusy),
            orders: OrderCounts {
                placed,
                resumed,
                refused: get(Count::OrdersRefused),
                skipped: get(Count::OrdersSkipped),
                delivered,
                cancelled,
                failed,
                active: (placed + resumed).saturating_sub(delivered + cancelled + failed),
                waiting: 0,
            },
            placed_per_minute: share(placed * 60, lived.ordering.as_secs_f64()).unwrap_or(0.0),
            placing: times(Span::Placing),
            mean_assign_s: times(Span::ClickToAssigned).mean_s,
            mean_click_to_door_s: times(Span::ClickToDoor).mean_s,
            due_to_assigned: times(Span::DueToAssigned),
            assigned_to_delivered: times(Span::AssignedToDelivered),
            click_to_door: times(Span::ClickToDoor),
            ready_to_pickup: times(Span::ReadyToPickup),
            busy_share: share(get(Count::BusyMs), number(get(Count::DriverMs))),
            metres_per_order: share(get(Count::MetresBusy), number(delivered)),
            double_assignments: get(Count::DoubleAssignments),
            offers: OfferCounts { accepted: get(Count::OffersAccepted), declined: get(Count::OffersDeclined) },
            fixes: FixCounts {
                taken: get(Count::FixesTaken),
                sent: get(Count::FixesSent),
                acked: get(Count::FixesAcked),
                conflated: get(Count::FixesConflated),
                rejected: get(Count::FixesRejected),
                dropped: get(Count::FixesDropped),
            },
            pushes: get(Count::Pushes),
            order_events: get(Count::OrderEvents),
            push_age_p50_ms: tally.span(Span::PushAge).percentile_ms(0.5),
            push_age_p99_ms: tally.span(Span::PushAge).percentile_ms(0.99),
            reconnects: get(Count::Reconnects),
            refusals: tally.refusals(),
            violations: tally.violations(),
            violations_told: tally.told(),
        }
    }

    /// One line for a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let assigned = self.due_to_assigned.p95_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1} s"));
        let age = self.push_age_p99_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let wrong = if self.violations > 0 { format!(" · {} VIOLATIONS", self.violations) } else { String::new() };
        format!(
            "{:.0} s · drivers {}/{} online, {} busy · orders {} placed, {} active, {} delivered, {} cancelled, assigned p95 \
             {assigned} · {} fixes · {} pushes, \
             p99 {age}{wrong}",
            self.seconds,
            self.drivers_online,
            self.drivers,
            self.drivers_busy,
            self.orders.placed,
            self.orders.active,
            self.orders.delivered,
            self.orders.cancelled,
            self.fixes.sent,
            self.pushes,
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} ms"));
        let (orders, fixes) = (&self.orders, &self.fixes);
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<22} {value}");
        row("city", format!("{:.0} s, {} drivers", self.seconds, self.drivers))?;
        row("orders placed", format!("{} (and {} resumed)", orders.placed, orders.resumed))?;
        row("  delivered", orders.delivered.to_string())?;
        row("  cancelled", orders.cancelled.to_string())?;
        row("  failed", orders.failed.to_string())?;
        row("  active, waiting", format!("{}, {}", orders.active, orders.waiting))?;
        row("  refused, skipped", format!("{}, {}", orders.refused, orders.skipped))?;
        row("  placed a minute", format!("{:.0}", self.placed_per_minute))?;
        row("placing", self.placing.to_string())?;
        row("due to assigned", self.due_to_assigned.to_string())?;
        row("assigned to delivered", self.assigned_to_delivered.to_string())?;
        row("ready to pickup", self.ready_to_pickup.to_string())?;
        row("click to door", self.click_to_door.to_string())?;
        row("double assignments", self.double_assignments.to_string())?;
        row("drivers busy", self.busy_share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0)))?;
        row("metres an order", self.metres_per_order.map_or_else(|| "-".to_owned(), |metres| format!("{metres:.0}")))?;
        row("offers", format!("{} accepted, {} declined", self.offers.accepted, self.offers.declined))?;
        row("fixes taken, sent", format!("{}, {}", fixes.taken, fixes.sent))?;
        row("  stored", fixes.acked.to_string())?;
        row("  conflated", fixes.conflated.to_string())?;
        row("  rejected, dropped", format!("{}, {}", fixes.rejected, fixes.dropped))?;
        row("pushes", self.pushes.to_string())?;
        row("  age p50, p99", format!("{}, {}", millis(self.push_age_p50_ms), millis(self.push_age_p99_ms)))?;
        row("order events", self.order_events.to_string())?;
        row("reconnects", self.reconnects.to_string())?;
        for (code, count) in &self.refusals {
            row("refused", format!("{count} x {code}"))?;
        }
        row("violations", self.violations.to_string())?;
        for told in &self.violations_told {
            row("  !", told.clone())?;
        }
        Ok(())
    }
}
