//! What an order actor is told.

use crate::actors::audience::Member;
use crate::domain::ids::DriverId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use actix::Message;
use std::sync::Arc;

/// From the order functions: this was committed. May be lost; the steward's sweep or the next one makes it good.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct OrderCommitted {
    /// The order after it.
    pub order: Arc<Order>,
    /// What happened.
    pub events: Vec<OrderEvent>,
    /// Who is not to be asked again.
    pub refused_by: Option<DriverId>,
}

/// From whoever believes that this actor may have missed something: read the store.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RecheckOrder;

/// From the steward's sweep: the store has this order at this version.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OrderStands {
    /// The version.
    pub version: i64,
}

/// From a session: send me every event above `after`, or the order as it is, and all that follows.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubscribeOrder {
    /// The session.
    pub member: Member,
    /// The last event it has seen.
    pub after: Option<i64>,
}

/// From a session: no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UnsubscribeOrder {
    /// The session's number.
    pub session: u64,
}
