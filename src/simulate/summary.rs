//! What a run came to, for people and for programs.

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
    /// Mean seconds from the click to a driver who has accepted.
    pub mean_assign_s: Option<f64>,
    /// Mean seconds from the click to the door.
    pub mean_click_to_door_s: Option<f64>,
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
    /// Still under way.
    pub active: u64,
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
    pub(crate) fn of(tally: &Tally, drivers: usize, lived: Duration) -> Self {
        let get = |what| tally.get(what);
        let level = |what| u64::try_from(tally.level(what)).unwrap_or(0);
        let (placed, resumed) = (get(Count::OrdersPlaced), get(Count::OrdersResumed));
        let (delivered, cancelled) = (get(Count::OrdersDelivered), get(Count::OrdersCancelled));
        let failed = get(Count::OrdersFailed);
        Self {
            seconds: lived.as_secs_f64(),
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
            },
            mean_assign_s: tally.mean_s(Span::Assign),
            mean_click_to_door_s: tally.mean_s(Span::ClickToDoor),
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
            push_age_p50_ms: tally.push_age_ms(0.5),
            push_age_p99_ms: tally.push_age_ms(0.99),
            reconnects: get(Count::Reconnects),
            refusals: tally.refusals(),
            violations: tally.violations(),
            violations_told: tally.told(),
        }
    }

    /// One line for a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let age = self.push_age_p99_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let wrong = if self.violations > 0 { format!(" · {} VIOLATIONS", self.violations) } else { String::new() };
        format!(
            "{:.0} s · drivers {}/{} online, {} busy · orders {} placed, {} active, {} delivered, {} cancelled · {} fixes · {} pushes, \
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
        let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} s"));
        let millis = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} ms"));
        let (orders, fixes) = (&self.orders, &self.fixes);
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<22} {value}");
        row("city", format!("{:.0} s, {} drivers", self.seconds, self.drivers))?;
        row("orders placed", format!("{} (and {} resumed)", orders.placed, orders.resumed))?;
        row("  delivered", orders.delivered.to_string())?;
        row("  cancelled", orders.cancelled.to_string())?;
        row("  failed", orders.failed.to_string())?;
        row("  active", orders.active.to_string())?;
        row("  refused, skipped", format!("{}, {}", orders.refused, orders.skipped))?;
        row("mean time to assign", seconds(self.mean_assign_s))?;
        row("mean click to door", seconds(self.mean_click_to_door_s))?;
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
