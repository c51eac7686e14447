//! A customer's socket: follows any number of own orders.
//!
//! Events come from the order's actor, positions from the cell its driver is in; this session only says who wants them, and notes how far each order
//! has been told, so that it can go on from there when an order's actor dies.

use super::Client;
use super::MessageId;
use super::done;
use super::refuse;
use crate::actors::audience::Member;
use crate::actors::desk::store_problem;
use crate::actors::mailbox::tell;
use crate::actors::order::SubscribeOrder;
use crate::actors::order::UnsubscribeOrder;
use crate::actors::world::World;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::http::access::Action;
use crate::http::documents::Door;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::http::socket::Written;
use crate::limits::SUBSCRIPTIONS_MAX;
use crate::protocol::close::CloseCode;
use crate::protocol::identity::Principal;
use crate::protocol::inbound;
use crate::protocol::outbound::Nothing;
use crate::protocol::outbound::encode;
use crate::protocol::outbound::order_frame;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use bytestring::ByteString;
use std::collections::HashMap;
use std::sync::Arc;

/// See the module.
pub struct CustomerSession {
    client: Client,
    /// Orders followed, each with the last event written.
    orders: HashMap<OrderId, Option<i64>>,
    /// Orders asked for and not yet answered, each with the newest wish: an `unsubscribe` or another `subscribe` makes an older one void.
    wishes: HashMap<OrderId, u64>,
    wished: u64,
    /// Subscribed from the start, where the address of the socket says so.
    first: Option<OrderId>,
}

/// An order that has ended is told from the store; one that has not, by its actor.
enum Found {
    Open,
    Ended(Box<Order>, Vec<OrderEvent>),
}

impl CustomerSession {
    /// A session that follows `first` from the start.
    #[must_use]
    pub fn new(client: Client, first: Option<OrderId>) -> Self {
        Self { client, orders: HashMap::new(), wishes: HashMap::new(), wished: 0, first }
    }

    fn subscribe(&mut self, sink: &mut Sink<'_, Self>, order_id: OrderId, after: Option<i64>, id: MessageId) {
        if !self.has_room_for(&order_id) {
            let detail = format!("One socket follows at most {SUBSCRIPTIONS_MAX} orders.");
            refuse(sink, id.as_deref(), &Problem::new(Code::TooMany).detail(detail));
            return;
        }
        let wish = self.wish(&order_id);
        let work = find(self.client.world.clone(), self.client.principal.clone(), order_id.clone(), after);
        sink.spawn(work, move |session, sink, found| {
            let is_wanted = session.grants(&order_id, wish);
            match found {
                Ok(found) => {
                    if id.is_some() {
                        done(sink, id.as_deref(), Nothing {});
                    }
                    if is_wanted {
                        session.follow(sink, order_id, after, found);
                    }
                }
                Err(problem) => refuse(sink, id.as_deref(), &problem),
            }
        });
    }

    /// The actor of an order is gone: goes on from where the client has been told.
    fn resume(&mut self, sink: &mut Sink<'_, Self>, order_id: OrderId) {
        let told = self.orders.get(&order_id).copied().flatten();
        let wish = self.wish(&order_id);
        let work = find(self.client.world.clone(), self.client.principal.clone(), order_id.clone(), told);
        sink.spawn(work, move |session, sink, found| {
            if !session.grants(&order_id, wish) {
                return;
            }
            match found {
                Ok(found) => {
                    // What was written while the store was asked needs no telling again.
                    let after = session.orders.get(&order_id).copied().flatten();
                    session.follow(sink, order_id, after, found);
                }
                // The client believes that it follows: it must not be left waiting.
                Err(_) => sink.close(CloseCode::Restarting, "retry_ms=1000"),
            }
        });
    }

    fn has_room_for(&mut self, order_id: &OrderId) -> bool {
        let is_known = |session: &Self| session.orders.contains_key(order_id) || session.wishes.contains_key(order_id);
        if !is_known(self) && self.orders.len() + self.wishes.len() >= SUBSCRIPTIONS_MAX {
            // Those that have ended need no place.
            let directory = &self.client.world.directory;
            self.orders.retain(|order_id, _| directory.order(order_id).is_some());
        }
        is_known(self) || self.orders.len() + self.wishes.len() < SUBSCRIPTIONS_MAX
    }

    fn wish(&mut self, order_id: &OrderId) -> u64 {
        self.wished += 1;
        self.wishes.insert(order_id.clone(), self.wished);
        self.wished
    }

    /// Whether this is still what the client wants; it is answered now.
    fn grants(&mut self, order_id: &OrderId, wish: u64) -> bool {
        let is_newest = self.wishes.get(order_id) == Some(&wish);
        if is_newest {
            self.wishes.remove(order_id);
        }
        is_newest
    }

    fn follow(&mut self, sink: &mut Sink<'_, Self>, order_id: OrderId, after: Option<i64>, found: Found) {
        match found {
            Found::Open => {
                self.orders.insert(order_id.clone(), after);
                let member = Member { session: self.client.session, outbox: Arc::clone(sink.outbox()) };
                let told = self
                    .client
                    .world
                    .order(&order_id)
                    .is_ok_and(|order| tell(&order, SubscribeOrder { member, after }));
                if !told {
                    sink.close(CloseCode::Restarting, "retry_ms=300");
                }
            }
            Found::Ended(order, events) => {
                self.orders.remove(&order_id);
                for event in events.iter().filter(|event| after.is_none_or(|after| event.seq > after)) {
                    let newest = (event.seq == order.version).then_some(order.as_ref());
                    sink.text(order_frame(event, newest));
                }
            }
        }
    }

    fn unsubscribe(&mut self, sink: &mut Sink<'_, Self>, order_id: &OrderId) {
        self.orders.remove(order_id);
        self.wishes.remove(order_id);
        self.leave(order_id);
        sink.outbox().clear_latest(order_id);
    }

    fn leave(&self, order_id: &OrderId) {
        if let Some(order) = self.client.world.directory.order(order_id) {
            tell(&order, UnsubscribeOrder { session: self.client.session });
        }
    }
}

/// The order, if this principal may follow it. One that is not theirs is not found, in the same words and on the same way.
async fn find(world: Arc<World>, who: Principal, order_id: OrderId, after: Option<i64>) -> Result<Found, Problem> {
    let fetched = world.store.orders.order_fetch(order_id.clone()).await.map_err(|error| store_problem(&error))?;
    let order = fetched.ok_or_else(|| Problem::new(Code::NotFound))?;
    Action::SaySubscribe.rule().order(&who, &order)?;
    if !order.status.is_terminal() {
        return Ok(Found::Open);
    }
    let from = after.unwrap_or(order.version - 1);
    let events = world.store.orders.order_events(order_id, from).await.map_err(|error| store_problem(&error))?;
    Ok(Found::Ended(Box::new(order), events))
}

impl Session for CustomerSession {
    fn opened(&mut self, sink: &mut Sink<'_, Self>) {
        self.client.opened(sink);
        let name = self.client.name();
        sink.text(encode(&self.client.welcome(&name)));
        if let Some(order_id) = self.first.take() {
            self.subscribe(sink, order_id, None, None);
        }
    }

    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString) {
        let Some(head) = self.client.read(sink, &text) else { return };
        match self.client.admit(sink, Door::Customer, &head) {
            Some(Action::SaySubscribe) => {
                let Some(wish) = self.client.fields::<_, inbound::Subscribe>(sink, &text, &head) else { return };
                self.subscribe(sink, wish.order_id, wish.after, head.id());
            }
            Some(Action::SayUnsubscribe) => {
                let Some(wish) = self.client.fields::<_, inbound::Unsubscribe>(sink, &text, &head) else { return };
                self.unsubscribe(sink, &wish.order_id);
                done(sink, head.id().as_deref(), Nothing {});
            }
            Some(Action::SayAuth) => self.client.renew(sink, &text, &head),
            _ => {}
        }
    }

    fn wrote(&mut self, _sink: &mut Sink<'_, Self>, written: Written) {
        match written {
            Written::Event { order, seq } => {
                if let Some(told) = self.orders.get_mut(&order) {
                    *told = (*told).max(Some(seq));
                }
            }
            Written::Latest { read_at, replaced, .. } => {
                let metrics = &self.client.world.metrics;
                metrics.fix_push.observe(read_at.elapsed());
                metrics.fixes_pushed.inc();
                metrics.pushes_conflated.inc_by(u64::from(replaced));
            }
        }
    }

    /// A push may have been on its way when the client turned away from the order.
    fn may_see(&self, order: &OrderId) -> bool {
        self.orders.contains_key(order)
    }

    /// An order's actor is gone: subscribe again, from where the client has been told.
    fn poked(&mut self, sink: &mut Sink<'_, Self>) {
        // An order that is being subscribed to just now finds the new actor by itself.
        let orders: Vec<OrderId> =
            self.orders.keys().filter(|order_id| !self.wishes.contains_key(order_id)).cloned().collect();
        for order_id in orders {
            self.resume(sink, order_id);
        }
    }

    fn closed(&mut self, code: Option<CloseCode>) {
        self.client.closed(code);
        for order_id in self.orders.keys() {
            self.leave(order_id);
        }
    }
}
