//! A cell: supervisor of one H3 hexagon. Owns the presence of the drivers inside, the pushes to whoever watches them, and the open orders whose
//! pickup lies here, with their matching tick.
//!
//! Everything in it is a cache: drivers are read from the live index, watches from the registry, open orders are announced again by their
//! actors every few seconds. So a cell that dies is simply made anew.

mod dispatch;
mod residents;

pub use dispatch::CloseOrder;
pub use dispatch::OpenOrderHere;
pub use residents::DriverLeft;
pub use residents::DriverTouched;
pub use residents::FixArrived;
pub use residents::WatchDriver;

use crate::actors::world::World;
use crate::domain::cell::CellId;
use crate::domain::dispatch::Book;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::dispatch::Rules;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::limits::MAILBOX_MAX;
use actix::Actor;
use actix::ActorContext;
use actix::AsyncContext;
use actix::Context;
use actix::Message;
use residents::Resident;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// How often residents are looked over for silence.
const SWEEP: Duration = Duration::from_secs(1);
/// Sweeps a cell may be empty before it retires.
const EMPTY_SWEEPS_MAX: u32 = 60;
/// Time between a cell's being struck off and its end, for messages still on their way.
const FAREWELL: Duration = Duration::from_secs(1);

/// From a driver: the offer of an order that is open here ended without a yes.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct OfferEnded {
    /// The order.
    pub order_id: OrderId,
    /// The offer.
    pub offer_id: OfferId,
    /// Who was asked.
    pub driver_id: DriverId,
    /// How it ended.
    pub outcome: OfferOutcome,
}

impl OfferEnded {
    /// Whether the driver is not to be asked again soon: they said no, or nothing. One whose offer was taken back has refused nothing.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.outcome.is_refusal()
    }
}

/// See the module.
pub struct Cell {
    id: CellId,
    world: Arc<World>,
    residents: HashMap<DriverId, Resident>,
    book: Book,
    /// Drivers to be shown to operators with the next report.
    changed: HashSet<DriverId>,
    left: HashSet<DriverId>,
    report_due: bool,
    tick_due: Option<Instant>,
    /// A decision is being made.
    deciding: bool,
    empty_sweeps: u32,
}

impl Cell {
    /// An empty cell.
    pub fn new(id: CellId, world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        let rules = Rules { radius_m: world.tuning.match_radius_m, tries_max: world.tuning.tries_max };
        Self {
            id,
            world,
            residents: HashMap::new(),
            book: Book::new(rules),
            changed: HashSet::new(),
            left: HashSet::new(),
            report_due: false,
            tick_due: None,
            deciding: false,
            empty_sweeps: 0,
        }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        self.notice_silence(ctx);
        let is_empty = self.residents.is_empty() && self.book.is_empty();
        self.empty_sweeps = if is_empty { self.empty_sweeps + 1 } else { 0 };
        if self.empty_sweeps == EMPTY_SWEEPS_MAX {
            self.world.directory.remove_cell(self.id, &ctx.address());
            ctx.run_later(FAREWELL, |_, ctx| ctx.stop());
        }
    }
}

impl Actor for Cell {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.take_in_residents();
        ctx.run_interval(SWEEP, Self::sweep);
    }

    fn stopped(&mut self, ctx: &mut Context<Self>) {
        self.world.directory.remove_cell(self.id, &ctx.address());
    }
}
