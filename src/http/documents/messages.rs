//! Every socket message, both ways: through which doors it goes, what it is called, what it holds and how it is answered.

use super::call::SchemaOf;
use crate::actors::driver::Reported;
use crate::protocol::answer::OfferTaken;
use crate::protocol::answer::ShiftTaken;
use crate::protocol::answer::StepTaken;
use crate::protocol::fix::FixIn;
use crate::protocol::inbound::Auth;
use crate::protocol::inbound::OfferAnswer;
use crate::protocol::inbound::OrderStep;
use crate::protocol::inbound::ShiftChange;
use crate::protocol::inbound::Subscribe;
use crate::protocol::inbound::Unsubscribe;
use crate::protocol::inbound::WatchArea;
use crate::protocol::outbound::Ack;
use crate::protocol::outbound::AlertOut;
use crate::protocol::outbound::FixNotice;
use crate::protocol::outbound::LocationFrame;
use crate::protocol::outbound::LocationGone;
use crate::protocol::outbound::LocationStale;
use crate::protocol::outbound::Nothing;
use crate::protocol::outbound::OfferClosed;
use crate::protocol::outbound::OfferOut;
use crate::protocol::outbound::OrderFrame;
use crate::protocol::outbound::Refused;
use crate::protocol::outbound::Scene;
use crate::protocol::outbound::Welcome;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;

/// A socket address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `/ws/driver`.
    Driver,
    /// `/ws/customer`.
    Customer,
    /// `/ws/operator`.
    Operator,
}

impl Door {
    /// All three.
    pub const ALL: [Door; 3] = [Door::Driver, Door::Customer, Door::Operator];

    /// As in `/ws/{name}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Customer => "customer",
            Self::Operator => "operator",
        }
    }
}

/// One message.
pub struct Message {
    /// Its name in the document.
    pub key: &'static str,
    /// Its `type`.
    pub kind: &'static str,
    /// Where it is spoken.
    pub doors: &'static [Door],
    /// One line.
    pub summary: &'static str,
    /// Its fields, in place; `type` is added to them.
    pub fields: SchemaOf,
    /// Keys of what a client's message is answered with, beside `error`. Empty for what the server sends.
    pub answers: &'static [&'static str],
}

const DRIVER: &[Door] = &[Door::Driver];
const CUSTOMER: &[Door] = &[Door::Customer];
const OPERATOR: &[Door] = &[Door::Operator];
const ALL: &[Door] = &Door::ALL;

/// What clients send.
pub fn heard() -> Vec<Message> {
    let message = |doors, kind: &'static str, fields: SchemaOf, answers, summary| Message {
        key: if kind == "location" { "location.report" } else { kind },
        kind,
        doors,
        summary,
        fields,
        answers,
    };
    vec![
        message(ALL, "auth", of::<Auth>, &["ok"], "A fresh token of the same subject, before the old one expires."),
        message(
            DRIVER,
            "location",
            of::<FixIn>,
            &["ack", "rejected", "flagged", "ok.fixes"],
            "A fix. Settled by `ack`; with an `id` it is answered `ok` or `error` by itself.",
        ),
        message(
            DRIVER,
            "locations",
            locations,
            &["ok.fixes"],
            "Fixes kept while offline. Answered once they are stored.",
        ),
        message(DRIVER, "status", of::<ShiftChange>, &["ok.status"], "What the driver wants to be."),
        message(DRIVER, "offer.accept", of::<OfferAnswer>, &["ok.offer"], "Take an offer."),
        message(DRIVER, "offer.decline", of::<OfferAnswer>, &["ok"], "Leave an offer."),
        message(DRIVER, "order.status", of::<OrderStep>, &["ok.order"], "A step of the order was taken."),
        message(
            CUSTOMER,
            "subscribe",
            of::<Subscribe>,
            &["ok"],
            "Follow an own order. `ok` comes only where the message has an `id`; the order itself comes in any case.",
        ),
        message(CUSTOMER, "unsubscribe", of::<Unsubscribe>, &["ok"], "Follow it no more."),
        message(OPERATOR, "watch", of::<WatchArea>, &["ok"], "Show a part of the city, in place of the one before."),
    ]
}

/// What the server sends.
pub fn said() -> Vec<Message> {
    let message =
        |doors, key, kind, fields: SchemaOf, summary| Message { key, kind, doors, summary, fields, answers: &[] };
    vec![
        message(ALL, "welcome", "welcome", of::<Welcome<'static>>, "The first frame on every socket."),
        message(ALL, "ok", "ok", of::<Nothing>, "A command was done."),
        message(
            ALL,
            "error",
            "error",
            of::<Refused<'static>>,
            "A command was not done, or a message could not be read.",
        ),
        message(DRIVER, "ok.fixes", "ok", of::<Reported>, "What became of the fixes of a message."),
        message(DRIVER, "ok.status", "ok", of::<ShiftTaken>, "The status is taken."),
        message(DRIVER, "ok.offer", "ok", of::<OfferTaken>, "The offer is accepted."),
        message(DRIVER, "ok.order", "ok", of::<StepTaken>, "The step is taken."),
        message(
            DRIVER,
            "ack",
            "ack",
            of::<Ack<'static>>,
            "Every fix up to `seq` is settled: stored, told `rejected`, or listed as conflated. At most each 250 ms.",
        ),
        message(DRIVER, "rejected", "rejected", of::<FixNotice>, "A fix was refused."),
        message(DRIVER, "flagged", "flagged", of::<FixNotice>, "A fix is stored but never moves the marker."),
        message(DRIVER, "offer", "offer", of::<OfferOut>, "An offer."),
        message(DRIVER, "offer.closed", "offer.closed", of::<OfferClosed<'static>>, "An offer is over."),
        message(
            &[Door::Driver, Door::Customer],
            "order",
            "order",
            of::<OrderFrame>,
            "Something happened to an order. At least once, in the order of `seq`, resumable with `after`.",
        ),
        message(CUSTOMER, "location", "location", of::<LocationFrame<'static>>, "The driver's position; newest wins."),
        message(
            CUSTOMER,
            "location.stale",
            "location.stale",
            of::<LocationStale<'static>>,
            "The driver has not been heard of for a while.",
        ),
        message(
            CUSTOMER,
            "location.gone",
            "location.gone",
            of::<LocationGone<'static>>,
            "There is no position any more.",
        ),
        message(OPERATOR, "snapshot", "snapshot", of::<Scene>, "All of the area. In place of everything before."),
        message(
            OPERATOR,
            "alert",
            "alert",
            of::<AlertOut>,
            "Something to look at, wherever it is. Sent to every socket that watches an area.",
        ),
        message(OPERATOR, "delta", "delta", of::<Scene>, "What is inside and changed, and ids of what left; at 2 Hz."),
    ]
}

/// The schema of a type, in place.
fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// Each fix is read on its own, so that a bad one does not lose the rest; the type holds them as unread text.
fn locations(generator: &mut SchemaGenerator) -> Schema {
    let fix = generator.subschema_for::<FixIn>();
    json_schema!({
        "type": "object",
        "required": ["fixes"],
        "properties": { "fixes": { "type": "array", "items": fix, "maxItems": crate::limits::BATCH_MAX_FIXES } },
    })
}
