//! What clients ask of a node and what they are told: the contract in miniature.

use beeline::domain::dispatch::Offer;
use beeline::domain::driver::Shift;
use beeline::domain::geo::Position;
use beeline::domain::ids::CustomerId;
use beeline::domain::ids::DeadLetterId;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::MerchantId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::By;
use beeline::domain::order::Order;
use beeline::domain::order::Step;
use beeline::protocol::order::OrderOut;
use beeline::store::Conflict;
use beeline::store::StoreError;

/// An order as a customer writes it.
#[derive(Debug, Clone)]
pub struct Draft {
    pub customer_id: CustomerId,
    /// Orders of one kitchen may travel together.
    pub merchant_id: Option<MerchantId>,
    pub pickup: Position,
    pub dropoff: Position,
    pub prep_seconds: u32,
    /// Whether the card will be refused.
    pub unpaid: bool,
}

/// What a client asks.
#[derive(Debug, Clone)]
pub enum Request {
    Place {
        key: String,
        draft: Draft,
    },
    Accept {
        driver_id: DriverId,
        offer_id: OfferId,
    },
    Decline {
        driver_id: DriverId,
        offer_id: OfferId,
    },
    Step {
        order_id: OrderId,
        step: Step,
        by: By,
    },
    Assign {
        order_id: OrderId,
        driver_id: DriverId,
    },
    Unassign {
        order_id: OrderId,
    },
    Letters,
    Replay {
        letter: DeadLetterId,
    },
    Purge {
        letter: DeadLetterId,
    },
    Shift {
        driver_id: DriverId,
        shift: Shift,
    },
    /// What a driver has to do: `GET /orders` and `GET /drivers/{id}/offers`.
    Work {
        driver_id: DriverId,
    },
    Subscribe {
        stream: u64,
        order_id: OrderId,
        after: i64,
    },
}

/// What it is told.
#[derive(Debug, Clone)]
pub enum Reply {
    Placed(Receipt),
    Order(Box<Order>),
    Work { orders: Vec<Order>, offer: Option<Offer> },
    Letters(Vec<DeadLetterId>),
    Done,
    Refused(Problem),
}

/// What a customer is told of an order just placed: the very text, which a repeat is answered with as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub order_id: OrderId,
    pub version: i64,
    pub body: String,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    Unavailable,
    Conflict,
    Running,
    NotFound,
    OfferClosed,
    Illegal,
    DriverBusy,
    DriverUnavailable,
    DriverUnknown,
    Mismatch,
    PaymentDeclined,
    ConsentNeeded,
}

impl Receipt {
    pub fn of(order: &Order) -> Self {
        let body = serde_json::to_string(&OrderOut::from(order)).unwrap();
        Self { order_id: order.order_id.clone(), version: order.version, body }
    }

    /// From the answer that was kept.
    pub fn kept(body: &str) -> Self {
        let shown: serde_json::Value = serde_json::from_str(body).unwrap();
        let order_id = OrderId::parse(shown["order_id"].as_str().unwrap()).unwrap();
        Self { order_id, version: shown["version"].as_i64().unwrap(), body: body.to_owned() }
    }
}

impl Problem {
    /// The client had better ask again.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unavailable | Self::Conflict | Self::Running)
    }
}

impl Reply {
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.is_passing())
    }

    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => match conflict {
                Conflict::OrderChanged | Conflict::DriverChanged | Conflict::OrderOffered => Self::Conflict,
                Conflict::DriverBusy => Self::DriverBusy,
                Conflict::DriverUnavailable => Self::DriverUnavailable,
                Conflict::DriverUnknown => Self::DriverUnknown,
                Conflict::OfferClosed => Self::OfferClosed,
            },
            StoreError::NotFound => Self::NotFound,
            StoreError::Busy | StoreError::Away { .. } | StoreError::Aborted(_) | StoreError::MaybeApplied(_) => {
                Self::Unavailable
            }
        }
    }
}
