//! What a run has done to the world, fact by fact: all that the checkers see.

use crate::protocol::Reply;
use crate::protocol::Request;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Offer;
use beeline::domain::driver::Driver;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::domain::time::Millis;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A fact. The first six are what the store has done, in its order.
#[derive(Debug)]
pub enum Fact {
    /// An order was stored, under this key.
    Placed { order: Box<Order>, key: String },
    /// The answer to a request with this key was offered to the store, which keeps the first.
    Answered { key: String, body: String },
    /// A commit was written.
    Committed(Box<Commit>),
    /// A driver was saved.
    DriverSaved(Box<Driver>),
    /// An offer was stored.
    OfferMade(Offer),
    /// An offer was withdrawn by itself.
    OfferWithdrawn(OfferId),
    /// A client was told this about one of its commands, once for each answer that came in. The node had the question since `asked_at`.
    Told { command: Rc<str>, request: Rc<Request>, asked_at: Millis, reply: Reply },
    /// A watcher was sent an event.
    Saw { watcher: usize, stream: u64, after: i64, event: OrderEvent },
    /// A cell (one number a lifetime) heard who does not want an order.
    Heard { cell: u64, order_id: OrderId, refused_by: BTreeSet<DriverId> },
    /// A cell has nothing to do with an order any more.
    Closed { cell: u64, order_id: OrderId },
    /// A cell asked a driver.
    Asked { cell: u64, offer: Offer },
}

/// A fact and its moment.
#[derive(Debug)]
pub struct Moment {
    pub at: Millis,
    pub fact: Fact,
}

/// A number for a history, which another one has only by chance: FNV-1a, 64 bits, over its text.
pub fn hash(history: &[Moment]) -> u64 {
    let texts = history.iter().map(|moment| format!("{moment:?}"));
    texts.fold(0xCBF2_9CE4_8422_2325, |hash, text| {
        text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    })
}
