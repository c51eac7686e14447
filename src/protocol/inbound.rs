//! What clients send over a socket: one JSON object a frame.

use crate::domain::driver::Shift;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Status;
use crate::protocol::schema;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest message `id` a client may choose, in bytes of JSON.
const MESSAGE_ID_MAX_BYTES: usize = 80;

/// What every message has: its type (also called `action`) and an optional id that the answer carries back.
#[derive(Debug, Deserialize)]
pub struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    action: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A message that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAMessage;

impl<'a> Head<'a> {
    /// Reads the head of a message.
    pub fn read(text: &'a str) -> Result<Self, NotAMessage> {
        if !text.trim_start().starts_with('{') {
            // serde would read an array as the fields in their order.
            return Err(NotAMessage);
        }
        let head: Head<'a> = serde_json::from_str(text).map_err(|_| NotAMessage)?;
        let id_fits = head.id.is_none_or(|id| is_id(id.get()));
        let typed = head.kind.is_some() || head.action.is_some();
        if id_fits && typed { Ok(head) } else { Err(NotAMessage) }
    }

    /// The message's type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind.as_deref().or(self.action.as_deref()).unwrap_or_default()
    }

    /// The client's id for it, as JSON.
    #[must_use]
    pub fn id(&self) -> Option<Box<RawValue>> {
        self.id.map(ToOwned::to_owned)
    }
}

/// Whether the answer can carry this back: a short string or number that everybody can read. As raw text it may still be
/// half a surrogate pair, or a number beyond every range.
fn is_id(json: &str) -> bool {
    json.len() <= MESSAGE_ID_MAX_BYTES
        && if json.starts_with('"') {
            serde_json::from_str::<std::borrow::Cow<'_, str>>(json).is_ok()
        } else {
            serde_json::from_str::<f64>(json).is_ok()
        }
}

/// `auth`: a fresh token for the same subject.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct Auth {
    /// The new JWT.
    pub token: String,
}

/// `locations`: fixes a phone kept while offline.
#[derive(Debug, Deserialize)]
pub struct Locations<'a> {
    /// The fixes, each read on its own so that a bad one does not lose the rest.
    #[serde(borrow)]
    pub fixes: Vec<&'a RawValue>,
}

/// `status`: what the driver wants to be.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct ShiftChange {
    /// `available`, `paused` or `offline`.
    #[schemars(with = "schema::Shift")]
    pub status: Shift,
    /// Whether customers may see the driver while their order is carried.
    #[serde(default)]
    pub share_location: Option<bool>,
}

/// `offer.accept` and `offer.decline`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct OfferAnswer {
    /// Which offer.
    #[schemars(with = "schema::Id")]
    pub offer_id: OfferId,
    /// Why not.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `order.status`: the driver took a step.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct OrderStep {
    /// Which order.
    #[schemars(with = "schema::Id")]
    pub order_id: OrderId,
    /// `at_pickup`, `picked_up`, `at_dropoff`, `delivered`; `failed` after pickup; `searching` hands it back before.
    #[schemars(with = "schema::DriverStep")]
    pub status: Status,
    /// The version the step was decided on; refused when the order has another by now.
    #[serde(default)]
    pub version: Option<i64>,
    /// Why, for `failed` and `searching`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `subscribe`: follow an order.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct Subscribe {
    /// Which order.
    #[schemars(with = "schema::Id")]
    pub order_id: OrderId,
    /// Every event above this sequence number is sent first; without it the order as it is.
    #[serde(default)]
    pub after: Option<i64>,
}

/// `unsubscribe`: follow it no more.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct Unsubscribe {
    /// Which order.
    #[schemars(with = "schema::Id")]
    pub order_id: OrderId,
}

/// `watch`: follow a part of the city.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct WatchArea {
    /// `[west, south, east, north]` in degrees.
    pub bbox: [f64; 4],
    /// Any of `drivers`, `orders`, `cells`; all when absent.
    #[serde(default)]
    pub layers: Option<Vec<Layer>>,
}

/// One kind of thing on the operator's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Drivers.
    Drivers,
    /// Open orders.
    Orders,
    /// Supply and demand per cell.
    Cells,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_action_name_the_same_thing_and_the_id_comes_back_as_sent() {
        let head = Head::read(r#"{"action":"subscribe","id":"a\"b","x":{}}"#).unwrap();
        assert_eq!((head.kind(), head.id().unwrap().get()), ("subscribe", r#""a\"b""#));
        assert_eq!(Head::read(r#"{"type":"x","id":17}"#).unwrap().id().unwrap().get(), "17");
    }

    #[test]
    fn nonsense_is_not_a_message() {
        let long_id = format!(r#"{{"type":"x","id":"{}"}}"#, "k".repeat(200));
        for text in [
            "",
            "[]",
            r#"["subscribe"]"#,
            "7",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"a","type":"b"}"#,
            r#"{"type":"a","id":{}}"#,
            r#"{"type":"a","id":true}"#,
            r#"{"type":"a","id":"\ud800"}"#,
            r#"{"type":"a","id":1e400}"#,
            &long_id,
        ] {
            assert!(Head::read(text).is_err(), "{text}");
        }
    }
}
