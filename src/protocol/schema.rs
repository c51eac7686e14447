//! Schemas of what the wire writes as plain text: named so that the documents list the values that a field may have.
//!
//! These types are never made; a field that is a string in Rust points here with `#[schemars(with = ...)]`.

use crate::domain::driver::DriverStatus as Seen;
use crate::domain::driver::Shift as Wish;
use crate::domain::fix::Flag;
use crate::domain::fix::Refusal;
use crate::domain::fleet::VehicleKind;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::protocol::problem::Code;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use std::borrow::Cow;

/// One row a type: what it is called in the documents (and, for short ones, written in place), and its schema.
macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $name:ident $(($inline:literal))? = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                false $(|| $inline)?
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

schemas! {
    /// An id made by anyone.
    Id (true) = json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$", "examples": ["id-1"] });
    /// A place in a feed. Opaque: keep it as it came, and give it back.
    Cursor (true) = json_schema!({ "type": "string", "pattern": "^[0-9]{1,19}$", "examples": ["17"] });
    /// Something a driver can do and an order may ask for.
    Skill (true) = json_schema!({ "type": "string", "pattern": "^[a-z0-9_-]{1,32}$", "examples": ["cold_box"] });
    /// A moment as the server writes it.
    Time (true) = json_schema!({ "type": "string", "format": "date-time" });
    /// A moment as clients may write it.
    TimeIn = json_schema!({
        "description": "RFC 3339, or Unix milliseconds.",
        "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "number" }],
    });
    /// A client's own name for a message, carried back by the answer.
    MessageId (true) = json_schema!({
        "description": "The client's own name for the message, carried back by its answer; at most 80 bytes of JSON.",
        "type": ["string", "number"],
    });
    /// What is carried.
    OrderKind = words(["food", "parcel", "ride"]);
    /// Where an order stands.
    OrderStatus = words(Status::ALL.map(Status::as_str));
    /// What a driver may set an order to.
    DriverStep = words(Status::ALL.into_iter().filter(|to| Step::of_driver(*to).is_some()).map(Status::as_str));
    /// The kitchen's side.
    PrepState = words(["preparing", "ready"]);
    /// A driver as seen outside.
    DriverStatus = words([Seen::Available, Seen::Offered, Seen::Busy, Seen::Paused, Seen::Offline].map(Seen::as_str));
    /// What a driver may ask to be.
    Shift = words([Wish::Available, Wish::Paused, Wish::Offline].map(Wish::as_str));
    /// What a driver moves by.
    Vehicle = words(VehicleKind::ALL.map(VehicleKind::as_str));
    /// Where dead letters lie.
    Queue = words(["orders", "fixes"]);
    /// What is done by hand.
    AuditAct = words(["assign", "unassign", "reassign", "cancel", "profile", "driver_status", "replay", "purge", "revoke"]);
    /// How an offer ended.
    OfferOutcome = words(["accepted", "declined", "expired", "withdrawn"]);
    /// What an operator is alerted to.
    AlertCode = words(["dead_letter", "driver_lost", "driver_stalled"]);
    /// Why a fix was refused.
    FixRefusal = words(Refusal::ALL.map(Refusal::code));
    /// Why a fix is stored but never moves the marker.
    FixFlag = words(Flag::ALL.map(Flag::code));
    /// What was noticed about a fix.
    FixCode = words(Refusal::ALL.map(Refusal::code).into_iter().chain(Flag::ALL.map(Flag::code)));
    /// What clients branch on.
    ProblemCode = words(Code::ALL.iter().map(|code| code.as_str()));
}

fn words(values: impl IntoIterator<Item = &'static str>) -> Schema {
    let values: Vec<&str> = values.into_iter().collect();
    json_schema!({ "type": "string", "enum": values })
}
