//! The store: the truth that every actor can be rebuilt from.
//!
//! Narrow traits, noun first; one conformance suite runs on every implementation. A write that answered `Ok` is on disk.
//! What fails says whether it may be tried again, see [`StoreError`].

use crate::domain::dispatch::AuditEntry;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::DeadLetter;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::Published;
use crate::domain::driver::Driver;
use crate::domain::fix::Fix;
use crate::domain::fix::Flag;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DeadLetterId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use futures_util::future::BoxFuture;
use std::sync::Arc;

pub mod circuit;
#[cfg(test)]
pub(crate) mod conformance;
mod revocations;
pub mod sqlite;

pub use revocations::FeedRevocation;
pub use revocations::RevocationStore;

use circuit::CircuitState;

/// What a store call comes to.
pub type StoreResult<T> = Result<T, StoreError>;
/// A store call under way.
pub type StoreFuture<'a, T> = BoxFuture<'a, StoreResult<T>>;

/// Why a store call failed, and what the caller may do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written; the same call may be made again.
    #[error("the store did not take the write: {0}")]
    Aborted(String),
    /// Something may have been written; load before going on.
    #[error("the store may have taken the write: {0}")]
    MaybeApplied(String),
    /// Somebody else was first.
    #[error("{0}")]
    Conflict(Conflict),
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// The writer's queue is full; try again in a moment.
    #[error("the store is busy")]
    Busy,
    /// The store has not answered for a while, so nothing was tried.
    #[error("the store does not answer; it is asked again in {retry_after_s} s")]
    Away {
        /// Whole seconds until it is worth another try.
        retry_after_s: u32,
    },
}

/// What a compare-and-set found instead of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The order has another version by now.
    #[error("the order has changed")]
    OrderChanged,
    /// The driver has another version by now.
    #[error("the driver has changed")]
    DriverChanged,
    /// The driver already has an active assignment.
    #[error("the driver has another assignment")]
    DriverBusy,
    /// The driver is not available.
    #[error("the driver is not available")]
    DriverUnavailable,
    /// Nobody has heard of this driver.
    #[error("there is no such driver")]
    DriverUnknown,
    /// The offer is not open any more.
    #[error("the offer is closed")]
    OfferClosed,
    /// The order waits for another driver's answer.
    #[error("the order is offered to somebody")]
    OrderOffered,
}

/// An `Idempotency-Key` of a principal, claimed for one request.
#[derive(Debug, Clone)]
pub struct Claim {
    /// `role:subject`.
    pub principal: String,
    /// The client's key.
    pub key: String,
    /// SHA-256 of the request body.
    pub body_hash: [u8; 32],
    /// When; keys expire `limits::IDEMPOTENCY_TTL_MS` later.
    pub now: Millis,
}

/// What an order placed with a claim came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Placed {
    /// It is new and stored.
    New,
    /// The key was used before with the same body: this order came of it. `answer` is the first answer, absent while that request still runs
    /// (or died with the node that ran it).
    Before {
        /// The order of the first request.
        order_id: OrderId,
        /// When the first request claimed the key.
        claimed_at: Millis,
        /// Status and body of the first answer.
        answer: Option<Answer>,
    },
    /// The key was used before with another body.
    Mismatch,
}

/// A recorded HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Which orders a listing holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrdersOf {
    /// Everybody's.
    Everyone,
    /// One customer's.
    Customer(CustomerId),
    /// One driver's.
    Driver(DriverId),
    /// One merchant's.
    Merchant(MerchantId),
}

/// One page of orders, newest first.
#[derive(Debug, Clone)]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// Where the next page begins, absent on the last.
    pub next: Option<OrderId>,
}

/// What the store says about an order's right to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchState {
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// Its version.
    pub version: i64,
    /// Who carries it.
    pub driver_id: Option<DriverId>,
    /// Whether that driver shares their position.
    pub shared: bool,
}

/// A fix to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct FixRow {
    /// Whose.
    pub driver_id: DriverId,
    /// What.
    pub fix: Fix,
    /// Why it never goes live, where it does not.
    pub flag: Option<Flag>,
    /// When it came in.
    pub received_at: Millis,
}

/// All that a driver actor needs to begin.
#[derive(Debug, Clone)]
pub struct DriverState {
    /// The stored driver, absent when never heard of.
    pub driver: Option<Driver>,
    /// The highest stored `seq`.
    pub last_seq: Option<i64>,
    /// The newest stored fix without a flag.
    pub newest: Option<Fix>,
    /// The active assignment and its orders that have not ended.
    pub assignment: Option<(AssignmentId, Vec<OrderId>)>,
    /// The offer waiting for their answer.
    pub offer: Option<Offer>,
}

/// One page of a driver's track.
#[derive(Debug, Clone)]
pub struct TrackPage {
    /// Points in true time order.
    pub points: Vec<TrackPoint>,
    /// Where the next page begins, absent on the last.
    pub next: Option<TrackCursor>,
}

/// A stored fix as part of a track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackPoint {
    /// The fix.
    pub fix: Fix,
    /// Why it never went live, where it did not.
    pub flag: Option<Flag>,
}

/// A place in a track: everything after this timestamp and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackCursor {
    /// Timestamp of the last point seen.
    pub timestamp: Millis,
    /// Its row.
    pub row: i64,
}

/// Which part of a track.
#[derive(Debug, Clone)]
pub struct TrackQuery {
    /// Whose.
    pub driver_id: DriverId,
    /// From this moment on.
    pub start: Millis,
    /// Up to and with this moment.
    pub end: Millis,
    /// Points at most.
    pub limit: usize,
    /// Go on after this point.
    pub after: Option<TrackCursor>,
}

/// Orders, their events and the offers made for them.
pub trait OrderStore: Send + Sync {
    /// Stores a new order with its first event, and claims the idempotency key in the same transaction. [`Conflict::OrderChanged`] when
    /// there is an order of that id already.
    fn order_insert(&self, order: Order, event: OrderEvent, claim: Option<Claim>) -> StoreFuture<'_, Placed>;
    /// Records the first answer given under a claimed key; a later one changes nothing. [`StoreError::NotFound`] when the key is gone.
    fn order_answer(&self, claim: Claim, answer: Answer) -> StoreFuture<'_, ()>;
    /// One order.
    fn order_fetch(&self, order_id: OrderId) -> StoreFuture<'_, Option<Order>>;
    /// Orders, in the sequence asked for. Those that do not exist are left out.
    fn orders_fetch(&self, order_ids: Vec<OrderId>) -> StoreFuture<'_, Vec<Order>>;
    /// Writes one commit, or says which compare-and-set failed. Withdraws every open offer that holds an order which leaves `searching`, and takes
    /// up the dead letter of an order that is parked no more.
    fn order_commit(&self, commit: Commit) -> StoreFuture<'_, ()>;
    /// Orders, newest first, at most `limit`, below `before`.
    fn orders_list(
        &self,
        of: OrdersOf,
        status: Option<Status>,
        before: Option<OrderId>,
        limit: usize,
    ) -> StoreFuture<'_, OrdersPage>;
    /// Every order that has not ended, for rebuilding after a start.
    fn orders_open(&self) -> StoreFuture<'_, Vec<Order>>;
    /// Events above `after`, in order.
    fn order_events(&self, order_id: OrderId, after: i64) -> StoreFuture<'_, Vec<OrderEvent>>;
    /// The right to watch, for many orders at once. Orders that do not exist are left out.
    fn orders_watch_state(&self, order_ids: Vec<OrderId>) -> StoreFuture<'_, Vec<WatchState>>;
    /// Stores an offer. [`Conflict::DriverBusy`] when the driver has another open offer that has not lapsed or an active assignment,
    /// [`Conflict::OrderOffered`] when an order is part of another such offer, [`Conflict::OrderChanged`] when one is not searching, or parked.
    fn offer_insert(&self, offer: Offer) -> StoreFuture<'_, ()>;
    /// One offer.
    fn offer_fetch(&self, offer_id: OfferId) -> StoreFuture<'_, Option<Offer>>;
    /// Withdraws an open offer, with no more than that; one that is closed already is left as it is and `false` comes back.
    /// [`StoreError::NotFound`] when unknown.
    fn offer_withdraw(&self, offer_id: OfferId, at: Millis) -> StoreFuture<'_, bool>;
    /// Who has refused an order or was taken off it: drivers to whom it is not offered again.
    fn order_refusals(&self, order_id: OrderId) -> StoreFuture<'_, Vec<DriverId>>;
    /// Deletes idempotency keys older than this.
    fn keys_expire(&self, before: Millis) -> StoreFuture<'_, u64>;
}

/// Drivers.
pub trait DriverStore: Send + Sync {
    /// All that a driver actor needs to begin.
    fn driver_load(&self, driver_id: DriverId, now: Millis) -> StoreFuture<'_, DriverState>;
    /// One driver.
    fn driver_fetch(&self, driver_id: DriverId) -> StoreFuture<'_, Option<Driver>>;
    /// Stores a driver whose version is one above the stored one (which counts as 0 when there is none), else
    /// [`Conflict::DriverChanged`]. The record stays as it is stored. With the audit row in the same transaction, where there is one.
    fn driver_save(&self, driver: Driver, audit: Option<AuditEntry>) -> StoreFuture<'_, ()>;
    /// Drivers whose newest fix is not older than `since`, for rebuilding the live index after a start.
    fn drivers_seen_since(&self, since: Millis) -> StoreFuture<'_, Vec<DriverId>>;
}

/// A published event and its place in the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEvent {
    /// Grows by at least one with every event, in the order of commits.
    pub cursor: i64,
    /// The event.
    pub event: Published,
}

/// An audit row and its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAudit {
    /// Grows by at least one with every row, in the order of commits.
    pub cursor: i64,
    /// The row.
    pub entry: AuditEntry,
}

/// What others read: published events, audit rows, dead letters.
pub trait FeedStore: Send + Sync {
    /// Published events above `after`, in order, of one area where one is named.
    fn events_after(&self, after: i64, geo_key: Option<String>, limit: usize) -> StoreFuture<'_, Vec<FeedEvent>>;
    /// Audit rows above `after`, in order.
    fn audit_after(&self, after: i64, limit: usize) -> StoreFuture<'_, Vec<FeedAudit>>;
    /// Dead letters of a queue above `after`, oldest first.
    fn dead_letters(
        &self,
        queue: String,
        after: Option<DeadLetterId>,
        limit: usize,
    ) -> StoreFuture<'_, Vec<DeadLetter>>;
    /// One dead letter.
    fn dead_letter_fetch(&self, dead_letter_id: DeadLetterId) -> StoreFuture<'_, Option<DeadLetter>>;
    /// Deletes published events older than this.
    fn events_expire(&self, before: Millis) -> StoreFuture<'_, u64>;
}

/// Fixes.
pub trait FixStore: Send + Sync {
    /// Stores fixes. A fix that is there already (same driver, timestamp and seq) is left as it is.
    fn fixes_append(&self, rows: Vec<FixRow>) -> StoreFuture<'_, ()>;
    /// A part of a driver's track in true time order.
    fn track(&self, query: TrackQuery) -> StoreFuture<'_, TrackPage>;
}

/// How the store is doing, for `/readyz` and metrics.
#[derive(Debug, Clone)]
pub struct StoreHealth {
    /// Whether reads and writes go through.
    pub ok: bool,
    /// What kind it is, `sqlite` or `postgres`.
    pub kind: &'static str,
    /// What an acknowledgement means, `fsync` or `os-buffer`.
    pub durability: &'static str,
    /// Jobs waiting for the writer.
    pub queued: usize,
    /// Whether reads are tried.
    pub reads: CircuitState,
    /// Whether writes are tried.
    pub writes: CircuitState,
    /// How often one of its threads had to begin again since the start.
    pub restarts: u64,
    /// What is wrong, where something is.
    pub detail: Option<String>,
}

/// How the store is doing.
pub trait HealthStore: Send + Sync {
    /// Asks the writer and a reader.
    fn health(&self) -> StoreFuture<'_, StoreHealth>;
    /// Writes all that waits and closes. Later calls answer `Aborted`.
    fn close(&self) -> StoreFuture<'_, ()>;
}

/// The store as the node hands it out: one implementation behind its narrow traits.
#[derive(Clone)]
pub struct Store {
    /// Orders, events, offers, keys.
    pub orders: Arc<dyn OrderStore>,
    /// Drivers.
    pub drivers: Arc<dyn DriverStore>,
    /// Published events, audit rows, dead letters.
    pub feed: Arc<dyn FeedStore>,
    /// Fixes.
    pub fixes: Arc<dyn FixStore>,
    /// Tokens that are void before their time.
    pub revocations: Arc<dyn RevocationStore>,
    /// Health and closing.
    pub health: Arc<dyn HealthStore>,
}
