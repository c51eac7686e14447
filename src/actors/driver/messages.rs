//! What a driver actor is told and asked.

use crate::actors::outbox::Outbox;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::DriverStatus;
use crate::domain::fix::Fix;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::protocol::fix::Unreadable;
use actix::Message;
use bytestring::ByteString;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// From a socket session that is about to begin: what does it greet its driver with?
#[derive(Message)]
#[rtype(result = "Greeting")]
pub struct GetGreeting;

/// From a socket session that has greeted its driver: it is heard from now on. An older session is closed with 4409.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AttachSession {
    /// The session's number; higher is newer.
    pub session: u64,
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
}

/// What a new session greets its driver with.
#[derive(Debug, Clone, Copy)]
pub struct Greeting {
    /// Every fix up to this `seq` is settled. Not the highest seen: a phone throws away what it believes to be stored.
    pub last_seq: Option<i64>,
    /// The status seen outside.
    pub status: DriverStatus,
}

/// From a socket session that ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DetachSession {
    /// The session's number.
    pub session: u64,
}

/// From a socket session: one fix, answered by `ack`, `rejected` or `flagged` frames. Lost only with the connection's ack.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReportFix {
    /// The session it came by; one that was replaced is not heard any more.
    pub session: u64,
    /// The fix.
    pub fix: Result<Fix, Unreadable>,
    /// When its frame was read.
    pub read_at: Instant,
}

/// From HTTP or a `locations` message: fixes, answered once all of them are settled.
#[derive(Message)]
#[rtype(result = "Result<Reported, TooMuch>")]
pub struct ReportFixes {
    /// The session they came by, if by one; of a session that was replaced none is taken, as of `ReportFix`.
    pub session: Option<u64>,
    /// The fixes as they came.
    pub fixes: Vec<Result<Fix, Unreadable>>,
    /// Whether the newest goes live only when fresh, as after a time offline.
    pub batched: bool,
    /// When they were read.
    pub read_at: Instant,
}

/// Nothing was taken in: too much waits for the store, or the session was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

/// A fix of a report that was refused or flagged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Verdict {
    /// Its place in the report.
    pub index: usize,
    /// Why.
    #[schemars(with = "crate::protocol::schema::FixCode")]
    pub code: &'static str,
}

/// What became of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Reported {
    /// Stored.
    pub accepted: usize,
    /// Over the rate: kept to go live in its turn, or dropped for a newer one.
    pub conflated: usize,
    /// Not stored.
    pub rejected: Vec<Verdict>,
    /// Stored, but never to move the marker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flagged: Vec<Verdict>,
}

/// From the recorder: every record up to this one is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FixesStored {
    /// The record.
    pub record: u64,
}

/// From the order functions: what the store says about this driver has changed. A hint: losing it costs until the next one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReloadDriver;

/// From an order actor: an order of this driver changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OrderChanged {
    /// The `order` frame.
    pub frame: ByteString,
}

/// From a cell: offer this. `true` once the offer is stored and on its way, `false` when the driver is not free.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct MakeOffer {
    /// The offer.
    pub offer: Offer,
    /// Its `offer` frame.
    pub frame: ByteString,
}

/// From the order functions: this offer is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndOffer {
    /// Which.
    pub offer_id: OfferId,
    /// Of which orders.
    pub order_ids: Vec<OrderId>,
    /// How.
    pub outcome: OfferOutcome,
}

/// From this actor's own look at the store: the frame of an offer that still waits.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ShowOffer {
    /// Which.
    pub offer_id: OfferId,
    /// Its `offer` frame.
    pub frame: ByteString,
}
