//! The drivers inside a cell: their newest fix to those who watch them, silence told, changes reported to the operators' board.

use super::Cell;
use crate::actors::audience::Member;
use crate::actors::board::CellReport;
use crate::actors::mailbox::tell;
use crate::actors::watch::Pushed;
use crate::actors::watch::Watch;
use crate::clock;
use crate::domain::driver::DriverStatus;
use crate::domain::fix::Fix;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use crate::limits::OPERATOR_DELTA_MS;
use actix::AsyncContext;
use actix::Context;
use actix::Handler;
use actix::Message;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// A driver inside.
pub(super) struct Resident {
    fix: Arc<Fix>,
    watches: Vec<Arc<Watch>>,
    /// A push was too soon and comes by itself.
    push_due: bool,
    stale_told: bool,
}

impl Resident {
    fn new(fix: Arc<Fix>) -> Self {
        Self { fix, watches: Vec::new(), push_due: false, stale_told: false }
    }
}

/// From a driver: this fix is live, and inside this cell. May be lost: a newer one follows.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FixArrived {
    /// Who.
    pub driver_id: DriverId,
    /// Where.
    pub fix: Arc<Fix>,
    /// When its frame was read.
    pub read_at: Instant,
}

/// From a driver: they have crossed into another cell.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DriverLeft {
    /// Who.
    pub driver_id: DriverId,
}

/// From a driver: their status changed; operators should see it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DriverTouched {
    /// Who.
    pub driver_id: DriverId,
}

/// From an order: this watch has begun, or has a new member who is to be shown where the driver is. The watch is in the registry already.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WatchDriver {
    /// The watch.
    pub watch: Arc<Watch>,
    /// The new member; everybody when absent.
    pub member: Option<Member>,
}

impl Cell {
    /// Those the index has in this cell: a cell that took the place of one that died goes on watching over their silence.
    pub(super) fn take_in_residents(&mut self) {
        let (residents, watches) = (&mut self.residents, &self.world.watches);
        self.world.live.for_each_in(self.id, |driver_id, live| {
            let resident = Resident { watches: watches.of(driver_id), ..Resident::new(live.fix.clone()) };
            residents.insert(driver_id.clone(), resident);
        });
    }

    /// Pushes a resident's newest fix to all who watch. `read_at` is from when on the push's latency counts: what the push interval holds back
    /// is not late.
    fn push_all(&mut self, driver_id: &DriverId, read_at: Instant, ctx: &mut Context<Self>) {
        let Some(resident) = self.residents.get_mut(driver_id) else { return };
        if resident.watches.is_empty() {
            return;
        }
        let (now, interval_ms) = (clock::now(), self.world.tuning.push_interval_ms);
        let mut next: Option<Millis> = None;
        resident.watches.retain(|watch| match watch.push(&resident.fix, read_at, now, interval_ms) {
            Pushed::Later(due) => {
                next = Some(next.map_or(due, |earlier| earlier.min(due)));
                true
            }
            Pushed::Sent | Pushed::Nothing => true,
            Pushed::Over => false,
        });
        if let Some(due) = next.filter(|_| !resident.push_due) {
            resident.push_due = true;
            let wait = Duration::from_millis(u64::try_from(due.since(now)).unwrap_or(0));
            let driver_id = driver_id.clone();
            ctx.run_later(wait, move |cell, ctx| {
                if let Some(resident) = cell.residents.get_mut(&driver_id) {
                    resident.push_due = false;
                }
                cell.push_all(&driver_id, Instant::now(), ctx);
            });
        }
    }

    /// Tells watchers of drivers who have fallen silent, and forgets those who are gone.
    pub(super) fn notice_silence(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let (stale_ms, gone_ms) = (self.world.tuning.stale_ms, self.world.tuning.gone_ms);
        let mut gone = Vec::new();
        let mut stale = Vec::new();
        let (id, live) = (self.id, &self.world.live);
        self.residents.retain(|driver_id, resident| {
            let age_ms = now.since(resident.fix.timestamp);
            let is_gone = gone_ms > 0 && age_ms >= gone_ms;
            let is_stale = stale_ms > 0 && age_ms > stale_ms && !resident.stale_told;
            if (is_gone || is_stale) && live.get(driver_id).is_some_and(|live| live.cell != id) {
                // They live elsewhere, and the word of it was lost.
                return false;
            }
            if is_gone {
                gone.push((driver_id.clone(), resident.fix.timestamp));
            } else if is_stale {
                resident.stale_told = true;
                resident.watches.iter().for_each(|watch| watch.stale(resident.fix.timestamp, now));
                stale.push(driver_id.clone());
            }
            true
        });
        for driver_id in stale {
            self.report(driver_id, ctx);
        }
        for (driver_id, timestamp) in gone {
            if let Some(resident) = self.residents.remove(&driver_id) {
                resident.watches.iter().for_each(|watch| watch.gone(now));
            }
            self.world.live.forget(&driver_id, timestamp);
            self.leave(driver_id, ctx);
        }
    }

    /// Notes a driver for the next report to the board, if anybody looks.
    fn report(&mut self, driver_id: DriverId, ctx: &mut Context<Self>) {
        if self.world.has_viewers() {
            self.left.remove(&driver_id);
            self.changed.insert(driver_id);
            self.report_soon(ctx);
        }
    }

    fn leave(&mut self, driver_id: DriverId, ctx: &mut Context<Self>) {
        if self.world.has_viewers() {
            self.changed.remove(&driver_id);
            self.left.insert(driver_id);
            self.report_soon(ctx);
        }
    }

    /// Arms the next report to the board.
    pub(super) fn report_soon(&mut self, ctx: &mut Context<Self>) {
        if self.report_due || !self.world.has_viewers() {
            return;
        }
        self.report_due = true;
        ctx.run_later(Duration::from_millis(OPERATOR_DELTA_MS / 2), |cell, _| {
            cell.report_due = false;
            let report = CellReport {
                cell: cell.id,
                changed: cell.changed.drain().collect(),
                left: cell.left.drain().collect(),
                free_drivers: cell.free_drivers(),
                open_orders: cell.book.len(),
            };
            if let Ok(board) = cell.world.board() {
                tell(&board, report);
            }
        });
    }

    /// Drivers inside who may be offered an order now.
    fn free_drivers(&self) -> usize {
        let mut free = 0;
        self.world.live.for_each_in(self.id, |_, live| free += usize::from(live.status == DriverStatus::Available));
        free
    }
}

impl Handler<FixArrived> for Cell {
    type Result = ();

    fn handle(&mut self, message: FixArrived, ctx: &mut Context<Self>) {
        let driver_id = message.driver_id;
        match self.residents.get_mut(&driver_id) {
            Some(resident) if resident.fix.timestamp <= message.fix.timestamp => {
                resident.fix = message.fix;
                resident.stale_told = false;
            }
            // This cell is new, and has read a newer one from the index.
            Some(_) => {}
            None => {
                // The driver came from another cell, or this one is new: who watches them stands in the registry.
                let watches = self.world.watches.of(&driver_id);
                self.residents.insert(driver_id.clone(), Resident { watches, ..Resident::new(message.fix) });
            }
        }
        self.push_all(&driver_id, message.read_at, ctx);
        self.world.metrics.fix_handling.observe(message.read_at.elapsed());
        self.report(driver_id, ctx);
    }
}

impl Handler<DriverLeft> for Cell {
    type Result = ();

    fn handle(&mut self, message: DriverLeft, ctx: &mut Context<Self>) {
        // The driver may have turned round before this word came.
        let is_back = self.world.live.get(&message.driver_id).is_some_and(|live| live.cell == self.id);
        if !is_back && self.residents.remove(&message.driver_id).is_some() {
            self.changed.remove(&message.driver_id);
            self.report_soon(ctx);
        }
    }
}

impl Handler<DriverTouched> for Cell {
    type Result = ();

    fn handle(&mut self, message: DriverTouched, ctx: &mut Context<Self>) {
        self.report(message.driver_id, ctx);
    }
}

impl Handler<WatchDriver> for Cell {
    type Result = ();

    fn handle(&mut self, message: WatchDriver, ctx: &mut Context<Self>) {
        let WatchDriver { watch, member } = message;
        let now = clock::now();
        let Some(resident) = self.residents.get_mut(&watch.driver_id) else {
            // Not here (any more): the cell they are in has read, or will read, the registry; the member is shown what the index knows.
            if let Some(member) = member {
                let live = self.world.live.get(&watch.driver_id);
                watch.show(&member, live.as_ref().map(|live| live.fix.as_ref()), now);
            }
            return;
        };
        if !resident.watches.iter().any(|other| Arc::ptr_eq(other, &watch)) {
            resident.watches.retain(|other| !other.is_over());
            resident.watches.push(watch.clone());
            // Whoever comes after the others were told hears of the silence with the next sweep.
            resident.stale_told = false;
        }
        let driver_id = watch.driver_id.clone();
        match member {
            Some(member) => watch.show(&member, Some(&resident.fix), now),
            None => self.push_all(&driver_id, Instant::now(), ctx),
        }
    }
}
