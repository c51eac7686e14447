//! A simulated driver on the line: sends fixes, answers offers, takes steps, and after any break goes on from what the server says.

use super::clock::now_ms;
use super::clock::until;
use super::commands::Command;
use super::commands::Commands;
use super::courier::Answer;
use super::courier::Courier;
use super::courier::Effect;
use super::fixes::Unsettled;
use super::line::Exchange;
use super::line::Line;
use super::line::LineEvent;
use super::plan::DriverPlan;
use super::tally::Count;
use super::tally::Gauge;
use super::tally::Held;
use super::tally::Tally;
use super::token::Person;
use super::token::Role;
use super::wire::ClientFrame;
use super::wire::Order;
use super::wire::OrderEvent;
use super::wire::ServerFrame;
use super::wire::Status;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;

/// The states in which an order is somebody's to carry.
const ACTIVE: [Status; 4] = [Status::Assigned, Status::AtPickup, Status::PickedUp, Status::AtDropoff];
/// A refused batch is sent again after this.
const BATCH_PAUSE_MS: i64 = 5_000;
/// A driver at the counter asks about the order this often, should the word of it being ready have been lost.
const ASK_EVERY_MS: i64 = 15_000;
/// A refused command is tried again no sooner than this.
const REFUSED_PAUSE_MS: i64 = 2_000;

/// How all drivers of a city behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Habits {
    /// Time between two fixes.
    pub(crate) fix_every: Duration,
    /// How often a driver looks at the world.
    pub(crate) tick: Duration,
    /// Time to answer an offer; `None` for 1 to 4 seconds, as people take.
    pub(crate) answer: Option<Duration>,
    /// Share of offers declined.
    pub(crate) declines: f64,
    /// City seconds a second: 1 wherever a server looks at clocks and speeds; tests of the protocol live faster.
    pub(crate) pace: i64,
}

impl Default for Habits {
    fn default() -> Self {
        Self { fix_every: Duration::from_secs(3), tick: Duration::from_secs(1), answer: None, declines: 0.06, pace: 1 }
    }
}

/// An offer that the driver is thinking about.
#[derive(Debug)]
struct Considered {
    offer_id: String,
    orders: Vec<Order>,
    answer_at: Instant,
    accept: bool,
}

/// See the module.
pub(crate) struct Driver {
    exchange: Arc<Exchange>,
    person: Person,
    /// How people call the driver; only told to whoever reads what the city says.
    name: &'static str,
    began_ms: i64,
    courier: Courier,
    habits: Habits,
    line: Line,
    up: bool,
    moved_in: bool,
    must_ask: bool,
    unsettled: Unsettled,
    commands: Commands,
    considered: Option<Considered>,
    fix_due_ms: i64,
    ask_due_ms: i64,
    step_due_ms: i64,
    send_due_ms: i64,
}

impl Driver {
    /// A driver who comes on shift now.
    pub(crate) fn new(exchange: &Arc<Exchange>, courier: Courier, plan: &DriverPlan, habits: Habits) -> Self {
        let person = Person::new(Role::Driver, &plan.id);
        let line = exchange.open("/ws/driver", person.clone());
        Self {
            exchange: Arc::clone(exchange),
            person,
            name: plan.name,
            began_ms: now_ms(),
            courier,
            habits,
            line,
            up: false,
            moved_in: false,
            must_ask: false,
            unsettled: Unsettled::default(),
            commands: Commands::default(),
            considered: None,
            fix_due_ms: 0,
            ask_due_ms: 0,
            step_due_ms: 0,
            send_due_ms: 0,
        }
    }

    /// Drives until nobody wants it any more: the task is aborted, or the line is over.
    pub(crate) async fn drive(mut self) {
        let tally = Arc::clone(&self.exchange.api.tally);
        // Phones do not tick together: each begins at a moment of its own.
        let tick_ms = u64::try_from(self.habits.tick.as_millis()).unwrap_or(u64::MAX).max(1);
        let phase = Duration::from_millis(rand::random_range(0..tick_ms));
        let mut clock = tokio::time::interval_at(Instant::now() + phase, self.habits.tick);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut online = None;
        let mut busy = None;
        let mut ticked_at = Instant::now();
        loop {
            tokio::select! {
                event = self.line.next() => match event {
                    LineEvent::Up { last_seq } => {
                        online = Some(Held::new(&tally, Gauge::DriversOnline));
                        self.came_up(last_seq).await;
                    }
                    LineEvent::Frame(frame) => self.heard(*frame),
                    LineEvent::Down => {
                        online = None;
                        self.went_down();
                    }
                    LineEvent::Over => return,
                },
                () = until(self.considered.as_ref().map(|considered| considered.answer_at)) => self.answer_offer(now_ms()),
                _ = clock.tick() => {
                    self.count_time(&mut ticked_at);
                    self.tick(now_ms()).await;
                }
            }
            match (self.courier.is_busy(), busy.is_some()) {
                (true, false) => busy = Some(Held::new(&tally, Gauge::DriversBusy)),
                (false, true) => busy = None,
                _ => {}
            }
            debug_assert!(online.is_some() == self.up);
        }
    }

    /// How long the driver was there, how much of it with an order, and how far they drove with it.
    fn count_time(&mut self, ticked_at: &mut Instant) {
        let elapsed_ms = u64::try_from(ticked_at.elapsed().as_millis()).unwrap_or(0);
        *ticked_at += Duration::from_millis(elapsed_ms);
        let (is_busy, carried_m) = (self.courier.is_busy(), self.courier.take_carried_m());
        let tally = self.tally();
        tally.add(Count::DriverMs, elapsed_ms);
        tally.add(Count::BusyMs, if is_busy { elapsed_ms } else { 0 });
        tally.add(Count::MetresBusy, carried_m);
    }

    fn tally(&self) -> &Tally {
        &self.exchange.api.tally
    }

    /// A connection stands: settle what the server has, ask what is to be done, and be available.
    async fn came_up(&mut self, last_seq: Option<i64>) {
        self.up = true;
        self.commands.clear();
        let resumed = self.unsettled.resume(last_seq);
        self.tally().add(Count::FixesAcked, resumed.stored);
        if resumed.lost {
            self.tally().violation(format!("{self}: an acknowledged fix is gone, last_seq is {last_seq:?}"));
        }
        if !self.moved_in {
            self.moved_in = true;
            if let Ok(Some(seen)) = self.exchange.api.live_position(&self.person).await {
                self.courier.start_at(seen);
            }
        }
        self.ask_for_orders().await;
        self.command(Command::Shift, now_ms());
    }

    fn went_down(&mut self) {
        self.up = false;
        self.commands.clear();
        // An offer outlives the socket on the server's side only: it comes again or goes to somebody else.
        self.considered = None;
    }

    async fn ask_for_orders(&mut self) {
        let asked = self.exchange.api.orders_in(&self.person, &ACTIVE).await;
        self.must_ask = asked.is_err();
        if let Ok(orders) = asked {
            self.courier.resume(&orders);
        }
    }

    async fn tick(&mut self, now_ms: i64) {
        let step = self.courier.tick(self.began_ms + (now_ms - self.began_ms) * self.habits.pace);
        if now_ms >= self.fix_due_ms {
            self.measure(now_ms);
        }
        if !self.up {
            return;
        }
        self.send_fixes(now_ms);
        if let Some(step) = step.filter(|_| now_ms >= self.step_due_ms)
            && !self.commands.step_is_open()
        {
            self.command(Command::Step(step), now_ms);
        }
        self.commands.resend(&self.line, now_ms);
        if now_ms >= self.ask_due_ms {
            self.ask_due_ms = now_ms + ASK_EVERY_MS;
            if self.must_ask {
                self.ask_for_orders().await;
            } else if let Some(order_id) = self.courier.waits_for().map(str::to_owned)
                && let Ok(order) = self.exchange.api.order(&self.person, &order_id).await
            {
                self.courier.adopt(&order);
            }
        }
    }

    fn measure(&mut self, now_ms: i64) {
        let every_ms = i64::try_from(self.habits.fix_every.as_millis()).unwrap_or(i64::MAX);
        self.fix_due_ms = if self.fix_due_ms == 0 {
            now_ms + rand::random_range(0..=every_ms)
        } else {
            (self.fix_due_ms + every_ms).max(now_ms)
        };
        let seq = self.unsettled.next_seq(now_ms);
        let fix = self.courier.fix(seq, now_ms);
        let dropped = self.unsettled.push(fix);
        self.tally().add(Count::FixesDropped, dropped);
        self.tally().one(Count::FixesTaken);
    }

    /// One new fix goes out alone; what piled up while offline goes out as a batch.
    fn send_fixes(&mut self, now_ms: i64) {
        if self.commands.batch_is_open() || now_ms < self.send_due_ms {
            return;
        }
        let fixes = self.unsettled.unsent();
        let (Some(first), Some(last)) = (fixes.first(), fixes.last()) else { return };
        let sent = if fixes.len() == 1 {
            self.line.send(&ClientFrame::Location(first))
        } else {
            let id = self.commands.open(Command::Batch { first: first.seq, last: last.seq }, now_ms);
            self.line.send(&ClientFrame::Locations { id, fixes: &fixes })
        };
        if sent {
            self.unsettled.sent(last.seq);
            self.tally().add(Count::FixesSent, u64::try_from(fixes.len()).unwrap_or(0));
        }
    }

    fn answer_offer(&mut self, now_ms: i64) {
        let Some(Considered { offer_id, orders, accept, .. }) = self.considered.take() else { return };
        self.command(Command::Answer { offer_id, accept, orders }, now_ms);
    }

    fn command(&mut self, what: Command, now_ms: i64) {
        // A full queue means a stalled socket; the command is said again when it is overdue.
        let id = self.commands.open(what, now_ms);
        self.commands.say(id, &self.line);
    }

    fn heard(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Ack { seq, conflated } => {
                let settled = self.unsettled.acked(seq, &conflated);
                self.tally().add(Count::FixesAcked, settled.stored);
                self.tally().add(Count::FixesConflated, settled.conflated);
            }
            ServerFrame::FixRejected { seq, code } => {
                self.tally().refused(&format!("fix_{code}"));
                if seq.is_some_and(|seq| self.unsettled.rejected(seq)) {
                    self.tally().one(Count::FixesRejected);
                }
            }
            ServerFrame::Offer { offer_id, orders } => self.offered(offer_id, orders),
            ServerFrame::OfferClosed { offer_id } => {
                self.considered.take_if(|considered| considered.offer_id == offer_id);
            }
            ServerFrame::Order(event) => self.order_changed(&event),
            ServerFrame::Done { id, rejected } => {
                if let Some(what) = self.commands.answered(id) {
                    self.done(what, u64::try_from(rejected.len()).unwrap_or(0));
                }
            }
            ServerFrame::Refused { id, code } => {
                self.tally().refused(&code);
                if let Some(what) = self.commands.answered(id) {
                    self.refused(&what, &code);
                }
            }
            _ => {}
        }
    }

    fn offered(&mut self, offer_id: String, orders: Vec<Order>) {
        let told = self.considered.as_ref().is_some_and(|considered| considered.offer_id == offer_id);
        let Answer { after_ms, accept } = self.courier.considers_offer(self.habits.declines);
        if !told {
            let drawn = Duration::from_millis(u64::try_from(after_ms / self.habits.pace).unwrap_or(0));
            let answer_at = Instant::now() + self.habits.answer.unwrap_or(drawn);
            self.considered = Some(Considered { offer_id, orders, answer_at, accept });
        }
    }

    fn order_changed(&mut self, event: &OrderEvent) {
        self.exchange.ledger.heard(event);
        if self.courier.order_changed(event) == Effect::Unknown {
            (self.must_ask, self.ask_due_ms) = (true, 0);
        }
    }

    fn done(&mut self, what: Command, rejected: u64) {
        match what {
            Command::Shift => {}
            Command::Answer { accept: false, .. } => self.tally().one(Count::OffersDeclined),
            Command::Answer { orders, .. } => {
                self.tally().one(Count::OffersAccepted);
                for mut order in orders {
                    // The offer describes the order as it was before: the answer makes it the driver's.
                    if !order.status.is_active() {
                        (order.status, order.version) = (Status::Assigned, order.version + 1);
                    }
                    order.driver_id = Some(self.person.id.clone());
                    self.courier.adopt(&order);
                }
            }
            Command::Step(step) => self.courier.step_taken(&step),
            Command::Batch { first, last } => {
                let settled = self.unsettled.batch_done(first, last);
                self.tally().add(Count::FixesRejected, rejected);
                self.tally().add(Count::FixesAcked, settled.saturating_sub(rejected));
            }
        }
    }

    /// A refusal says that the server sees it differently: look at what it sees.
    fn refused(&mut self, what: &Command, code: &str) {
        match what {
            Command::Step(_) => {
                self.step_due_ms = now_ms() + REFUSED_PAUSE_MS;
                (self.must_ask, self.ask_due_ms) = (true, 0);
            }
            Command::Batch { first, .. } => {
                // Bad fixes are refused one by one, so a whole batch is refused for a passing reason.
                self.unsettled.unsend(*first);
                self.send_due_ms = now_ms() + BATCH_PAUSE_MS;
            }
            Command::Shift => self.tally().violation(format!("{self} may not be available: {code}")),
            // Too late: the offer has gone to somebody else.
            Command::Answer { .. } => {}
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.person.id, self.name, self.courier.vehicle_name())
    }
}
