//! The public contract as a client reads it: own types on purpose, so that the city checks the server's words and not its own.

use super::plane::LatLng;
use serde::Deserialize;
use serde::Serialize;

/// A step of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Created,
    Paid,
    Scheduled,
    Searching,
    Assigned,
    AtPickup,
    PickedUp,
    AtDropoff,
    Delivered,
    Cancelled,
    Failed,
}

impl Status {
    /// The part in which the customer sees the driver.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Self::Assigned | Self::AtPickup | Self::PickedUp | Self::AtDropoff)
    }

    /// Nothing follows.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Cancelled | Self::Failed)
    }

    /// As the wire writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Scheduled => "scheduled",
            Self::Searching => "searching",
            Self::Assigned => "assigned",
            Self::AtPickup => "at_pickup",
            Self::PickedUp => "picked_up",
            Self::AtDropoff => "at_dropoff",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// The kitchen's side of an order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Prep {
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) seconds: f64,
    /// When the goods are, or were, ready.
    #[serde(default)]
    pub(crate) ready_at: Option<String>,
}

/// An order, as far as the city needs it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) version: i64,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
    #[serde(default)]
    pub(crate) merchant_id: Option<String>,
    #[serde(default)]
    pub(crate) driver_id: Option<String>,
    #[serde(default)]
    pub(crate) assignment_id: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) due_at: Option<String>,
    pub(crate) pickup: LatLng,
    pub(crate) dropoff: LatLng,
    #[serde(default)]
    pub(crate) prep: Option<Prep>,
}

impl Order {
    /// Whether the driver could take it now; what has no kitchen is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.prep.as_ref().is_none_or(|prep| prep.state == "ready")
    }
}

/// One page of orders.
#[derive(Debug, Deserialize)]
pub(crate) struct OrderPage {
    pub(crate) orders: Vec<Order>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// An order event as drivers and customers get it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct OrderEvent {
    pub(crate) order_id: String,
    pub(crate) seq: i64,
    pub(crate) status: Status,
    /// When, by the server's clock.
    #[serde(default)]
    pub(crate) at: Option<String>,
    #[serde(default)]
    pub(crate) driver_id: Option<String>,
    #[serde(default)]
    pub(crate) order: Option<Order>,
}

/// A push of a driver's position.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LocationPush {
    pub(crate) order_id: String,
    pub(crate) driver_id: String,
    #[serde(flatten)]
    pub(crate) at: LatLng,
    pub(crate) timestamp: String,
}

impl LocationPush {
    /// When the driver's device took it, in Unix milliseconds; `None` if that is no time.
    pub(crate) fn taken_ms(&self) -> Option<i64> {
        millis_of(&self.timestamp)
    }
}

/// A moment of the wire in Unix milliseconds; `None` if it is none.
pub(crate) fn millis_of(text: &str) -> Option<i64> {
    crate::protocol::time::from_rfc3339(text).map(|at| at.0)
}

/// A fix that a batch did not take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RejectedFix {
    pub(crate) code: String,
}

/// Everything a server says on a socket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum ServerFrame {
    #[serde(rename = "welcome")]
    Welcome {
        #[serde(default)]
        heartbeat_s: Option<u64>,
        #[serde(default)]
        last_seq: Option<i64>,
    },
    #[serde(rename = "ok")]
    Done {
        #[serde(default)]
        id: Option<u64>,
        #[serde(default)]
        rejected: Vec<RejectedFix>,
    },
    #[serde(rename = "error")]
    Refused {
        #[serde(default)]
        id: Option<u64>,
        code: String,
    },
    #[serde(rename = "ack")]
    Ack {
        seq: i64,
        #[serde(default)]
        conflated: Vec<i64>,
    },
    #[serde(rename = "rejected")]
    FixRejected {
        #[serde(default)]
        seq: Option<i64>,
        code: String,
    },
    #[serde(rename = "offer")]
    Offer { offer_id: String, orders: Vec<Order> },
    #[serde(rename = "offer.closed")]
    OfferClosed { offer_id: String },
    #[serde(rename = "order")]
    Order(Box<OrderEvent>),
    #[serde(rename = "location")]
    Location(LocationPush),
    #[serde(rename = "location.stale")]
    LocationStale { order_id: String },
    #[serde(rename = "location.gone")]
    LocationGone { order_id: String },
    /// What a later version of the contract adds.
    #[serde(other)]
    Other,
}

/// A fix as a phone sends it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Fix {
    pub(crate) seq: i64,
    #[serde(flatten)]
    pub(crate) at: LatLng,
    pub(crate) speed: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heading: Option<f64>,
    pub(crate) accuracy: f64,
    /// Unix milliseconds.
    pub(crate) timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    pub(crate) battery: f64,
}

/// What drivers and customers say.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub(crate) enum ClientFrame<'a> {
    #[serde(rename = "location")]
    Location(&'a Fix),
    #[serde(rename = "locations")]
    Locations { id: u64, fixes: &'a [Fix] },
    #[serde(rename = "status")]
    Shift { id: u64, status: &'a str, share_location: bool },
    #[serde(rename = "offer.accept")]
    Accept { id: u64, offer_id: &'a str },
    #[serde(rename = "offer.decline")]
    Decline { id: u64, offer_id: &'a str, reason: &'a str },
    #[serde(rename = "order.status")]
    Step { id: u64, order_id: &'a str, status: Status },
    #[serde(rename = "subscribe")]
    Subscribe {
        id: u64,
        order_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<i64>,
    },
    #[serde(rename = "auth")]
    Auth { token: &'a str },
}

impl ClientFrame<'_> {
    /// The frame as text. None of these types can fail to encode.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn frames_are_written_as_the_contract_says() {
        let fix = Fix {
            seq: 7,
            at: LatLng { latitude: 43.77, longitude: 11.25 },
            speed: 3.5,
            heading: None,
            accuracy: 4.0,
            timestamp: 1_700_000_000_000,
            order_id: None,
            battery: 0.5,
        };
        let sent: serde_json::Value = serde_json::from_str(&ClientFrame::Location(&fix).encode()).unwrap();
        let expected = json!({"type": "location", "seq": 7, "latitude": 43.77, "longitude": 11.25, "speed": 3.5, "accuracy": 4.0,
            "timestamp": 1_700_000_000_000_i64, "battery": 0.5});
        assert_eq!(sent, expected);
        let step = ClientFrame::Step { id: 3, order_id: "o", status: Status::AtPickup }.encode();
        assert_eq!(step, r#"{"type":"order.status","id":3,"order_id":"o","status":"at_pickup"}"#);
    }

    #[test]
    fn unknown_frames_and_fields_are_passed_over() {
        let read = |text: &str| serde_json::from_str::<ServerFrame>(text).unwrap();
        assert_eq!(read(r#"{"type":"flagged","seq":3}"#), ServerFrame::Other);
        let ack = ServerFrame::Ack { seq: 9, conflated: vec![8] };
        assert_eq!(read(r#"{"type":"ack","seq":9,"conflated":[8],"later":true}"#), ack);
        let push = read(
            r#"{"type":"location","order_id":"o","driver_id":"D001","latitude":43.7,"longitude":11.2,"heading":null,
                "timestamp":"2026-03-01T12:00:00.250Z","age_ms":3,"eta_s":60}"#,
        );
        let ServerFrame::Location(push) = push else { panic!("{push:?}") };
        assert_eq!(push.taken_ms().unwrap() % 1_000, 250);
    }
}
