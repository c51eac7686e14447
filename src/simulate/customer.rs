//! Customers and the kitchens that cook for them: an order is placed, cooked, watched to the door, and sometimes given up.

use super::api::Api;
use super::clock::now_ms;
use super::clock::until;
use super::line::Exchange;
use super::line::Line;
use super::line::LineEvent;
use super::plan::Goods;
use super::plan::OrderPlan;
use super::tally::Count;
use super::tally::Gauge;
use super::tally::Held;
use super::tally::Span;
use super::token::Person;
use super::token::Role;
use super::watch::Seen;
use super::watch::Watch;
use super::wire::ClientFrame;
use super::wire::Order;
use super::wire::ServerFrame;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A customer looks on this long after the end: nothing may come any more.
const LINGER: Duration = Duration::from_millis(2_500);
/// A subscription without an answer is sent again after this.
const RESUBSCRIBE: Duration = Duration::from_secs(5);
/// A watcher compares with the order itself this often.
const COMPARE_EVERY: Duration = Duration::from_secs(60);

/// One order from the customer's side.
pub(crate) struct Customer {
    exchange: Arc<Exchange>,
    person: Person,
    order_id: String,
    cancel_at: Option<Instant>,
    watch: Watch,
    from_first: bool,
    subscribed: bool,
    subscribe_at: Option<Instant>,
}

/// Places an order and lets it be cooked; answers it if the server took it.
pub(crate) async fn place(exchange: &Arc<Exchange>, plan: &OrderPlan, run_id: u64) -> Option<Order> {
    let api = &exchange.api;
    let clicked = Instant::now();
    let order = match api.place(plan, format!("city-{run_id:x}-{}", plan.number)).await {
        Ok(order) => order,
        Err(_) => {
            api.tally.one(Count::OrdersRefused);
            return None;
        }
    };
    api.tally.took(Span::Placing, i64::try_from(clicked.elapsed().as_millis()).unwrap_or(i64::MAX));
    api.tally.one(Count::OrdersPlaced);
    exchange.ledger.placed(&order);
    if order.customer_id.as_ref().is_some_and(|id| *id != plan.customer_id) {
        api.tally.violation(format!("order {} of {} says {:?}", order.order_id, plan.customer_id, order.customer_id));
    }
    if let Goods::Meal { merchant_id, ready_after, .. } = &plan.goods
        && !order.is_ready()
    {
        tokio::spawn(cook(Arc::clone(api), merchant_id.clone(), order.order_id.clone(), clicked + *ready_after));
    }
    Some(order)
}

/// Places an order and watches it to its end.
pub(crate) async fn order(exchange: Arc<Exchange>, plan: OrderPlan, run_id: u64) {
    let clicked = Instant::now();
    let Some(order) = place(&exchange, &plan, run_id).await else { return };
    let customer = Customer {
        person: Person::new(Role::Customer, &plan.customer_id),
        watch: Watch::new(&order.order_id),
        order_id: order.order_id,
        cancel_at: plan.cancel_after.map(|after| clicked + after),
        // Half of them want to see everything from the start, half take it from where it is.
        from_first: plan.number.is_multiple_of(2),
        subscribed: false,
        subscribe_at: None,
        exchange,
    };
    customer.watch_to_the_end().await;
}

/// Places an order and looks at it no more, unless to give it up.
pub(crate) async fn order_unwatched(exchange: Arc<Exchange>, plan: OrderPlan, run_id: u64) {
    let clicked = Instant::now();
    let Some(order) = place(&exchange, &plan, run_id).await else { return };
    let Some(after) = plan.cancel_after else { return };
    tokio::time::sleep_until(clicked + after).await;
    // A refusal is counted by its code: the goods have left, which is how most of these end.
    if let Ok(order) = exchange.api.cancel(&plan.customer_id, &order.order_id).await {
        exchange.ledger.looked_at(&order);
    }
}

/// Goes on with an order that an earlier run has left under way.
pub(crate) async fn resume(exchange: Arc<Exchange>, order: Order) {
    let api = &exchange.api;
    api.tally.one(Count::OrdersResumed);
    exchange.ledger.resumed(&order);
    if let Some(merchant_id) = order.merchant_id.as_ref().filter(|_| !order.is_ready()) {
        // What was on the stove needs half its time again.
        let seconds = order.prep.as_ref().map_or(0.0, |prep| prep.seconds.clamp(0.0, 3_600.0) / 2.0);
        let ready_at = Instant::now() + Duration::from_secs_f64(seconds);
        tokio::spawn(cook(Arc::clone(api), merchant_id.clone(), order.order_id.clone(), ready_at));
    }
    let Some(customer_id) = &order.customer_id else { return };
    let customer = Customer {
        person: Person::new(Role::Customer, customer_id),
        watch: Watch::new(&order.order_id),
        order_id: order.order_id,
        cancel_at: None,
        from_first: true,
        subscribed: false,
        subscribe_at: None,
        exchange,
    };
    customer.watch_to_the_end().await;
}

/// The kitchen says when a meal is ready. A meal that was cancelled meanwhile is eaten by the cook.
async fn cook(api: Arc<Api>, merchant_id: String, order_id: String, ready_at: Instant) {
    tokio::time::sleep_until(ready_at).await;
    // A refusal is counted by its code and may well be right: the order can have been cancelled meanwhile.
    if let Ok(order) = api.ready(&merchant_id, &order_id).await
        && !order.is_ready()
    {
        api.tally.violation(format!("order {order_id}: not ready after being told so"));
    }
}

impl Customer {
    async fn watch_to_the_end(mut self) {
        let tally = Arc::clone(&self.exchange.api.tally);
        let _watching = Held::new(&tally, Gauge::Watching);
        let mut line = self.exchange.open("/ws/customer", self.person.clone());
        let mut compare_at = Instant::now() + COMPARE_EVERY;
        let mut leave_at = None;
        loop {
            tokio::select! {
                event = line.next() => match event {
                    LineEvent::Up { .. } => self.subscribe(&line),
                    LineEvent::Frame(frame) => self.heard(*frame),
                    LineEvent::Down => (self.subscribed, self.subscribe_at) = (false, None),
                    LineEvent::Over => return,
                },
                () = until(self.cancel_at) => self.give_up().await,
                () = until(self.subscribe_at) => self.subscribe(&line),
                () = until(leave_at) => return,
                () = tokio::time::sleep_until(compare_at) => {
                    compare_at = Instant::now() + COMPARE_EVERY;
                    self.compare(&mut line).await;
                }
            }
            if self.watch.is_over() && leave_at.is_none() {
                leave_at = Some(Instant::now() + LINGER);
            }
        }
    }

    fn subscribe(&mut self, line: &Line) {
        let after = self.watch.subscribing(now_ms(), self.from_first);
        line.send(&ClientFrame::Subscribe { id: 1, order_id: &self.order_id, after });
        self.subscribe_at = Some(Instant::now() + RESUBSCRIBE);
    }

    fn heard(&mut self, frame: ServerFrame) {
        let tally = Arc::clone(&self.exchange.api.tally);
        let seen = match frame {
            ServerFrame::Order(event) => {
                tally.one(Count::OrderEvents);
                self.exchange.ledger.heard(&event);
                self.watch.event(&event, now_ms())
            }
            ServerFrame::Location(push) => {
                tally.one(Count::Pushes);
                self.watch.position(&push, now_ms())
            }
            ServerFrame::Done { id: Some(1), .. } => {
                (self.subscribed, self.subscribe_at) = (true, None);
                return;
            }
            ServerFrame::LocationStale { .. } | ServerFrame::LocationGone { .. } => {
                return tally.one(Count::StaleNotices);
            }
            ServerFrame::Refused { code, .. } => {
                return tally.violation(format!("{}: may not watch an own order: {code}", self.person.id));
            }
            _ => return,
        };
        match seen {
            Seen::Position { age_ms: Some(age_ms) } => tally.took(Span::PushAge, age_ms),
            Seen::Broken(what) => tally.violation(what),
            Seen::Position { age_ms: None } | Seen::Moved | Seen::Nothing => {}
        }
    }

    async fn give_up(&mut self) {
        self.cancel_at = None;
        if self.watch.has_left() {
            return;
        }
        // A refusal is counted by its code: the goods left in the same moment, which the contract allows.
        let _ = self.exchange.api.cancel(&self.person.id, &self.order_id).await;
    }

    /// Every event has come by the time that a later look at the order shows it, give or take the way of one frame.
    async fn compare(&mut self, line: &mut Line) {
        if !self.subscribed {
            return;
        }
        let Ok(order) = self.exchange.api.order(&self.person, &self.order_id).await else { return };
        let give_up = Instant::now() + RESUBSCRIBE;
        while self.watch.is_behind(&order) {
            match tokio::time::timeout_at(give_up, line.next()).await {
                Ok(LineEvent::Frame(frame)) => self.heard(*frame),
                Ok(LineEvent::Up { .. }) => return self.subscribe(line),
                Ok(LineEvent::Down | LineEvent::Over) => {
                    (self.subscribed, self.subscribe_at) = (false, None);
                    return;
                }
                Err(_) => {
                    let tally = &self.exchange.api.tally;
                    return tally
                        .violation(format!("order {}: events up to {} never came", self.order_id, order.version));
                }
            }
        }
    }
}
