//! Good messages of every door and type, to be spoilt, and what may be answered.

use crate::support::now_ms;
use beeline::protocol::problem::Code;
use serde_json::Value;
use serde_json::json;

/// The three kinds of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Driver,
    Customer,
    Operator,
}

impl Door {
    pub const ALL: [Door; 3] = [Door::Driver, Door::Customer, Door::Operator];

    pub fn role(self) -> &'static str {
        match self {
            Door::Driver => "driver",
            Door::Customer => "customer",
            Door::Operator => "operator",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Door::Driver => "/ws/driver",
            Door::Customer => "/ws/customer",
            Door::Operator => "/ws/operator",
        }
    }

    /// Bytes of one message, by the contract.
    pub fn message_max(self) -> u64 {
        if self == Door::Driver { 256 * 1024 } else { 16 * 1024 }
    }

    /// Good messages of every type there is here; `own` is an order of this customer, `token` this client's own.
    pub fn messages(self, own: &str, token: &str) -> Vec<Value> {
        let (now, auth) = (now_ms(), json!({ "type": "auth", "token": token, "id": 1 }));
        let fix = json!({ "latitude": 43.77, "longitude": 11.25, "seq": now, "timestamp": now, "accuracy": 5, "speed": 7.5,
            "heading": 90, "altitude": 50.5, "battery": 80, "signal": -70, "order_id": own });
        let with_type = |kind: &str| {
            let mut fix = fix.clone();
            fix["type"] = kind.into();
            fix
        };
        match self {
            Door::Driver => vec![
                with_type("location"),
                json!({ "type": "location", "id": "f", "latitude": 43.77, "longitude": 11.25 }),
                json!({ "type": "locations", "id": "b", "fixes": [fix, { "latitude": 43.77, "longitude": 11.25 }, 7] }),
                json!({ "type": "status", "id": 2, "status": "available", "share_location": true }),
                json!({ "type": "status", "status": "offline" }),
                json!({ "type": "offer.accept", "id": 3, "offer_id": own }),
                json!({ "type": "offer.decline", "id": 4, "offer_id": own, "reason": "tired" }),
                json!({ "type": "order.status", "id": 5, "order_id": own, "status": "at_pickup", "version": 4 }),
                auth,
            ],
            Door::Customer => vec![
                json!({ "type": "subscribe", "id": 6, "order_id": own }),
                json!({ "action": "subscribe", "id": "s", "order_id": own, "after": 1 }),
                json!({ "type": "unsubscribe", "id": 7, "order_id": own }),
                auth,
            ],
            Door::Operator => vec![
                json!({ "type": "watch", "id": 8, "bbox": [11.2, 43.7, 11.3, 43.8], "layers": ["drivers", "cells"] }),
                json!({ "type": "watch", "bbox": [11, 43, 12, 44] }),
                auth,
            ],
        }
    }
}

/// What the server may say at any door.
const SAID: &[&str] = &[
    "welcome",
    "ok",
    "error",
    "ack",
    "rejected",
    "flagged",
    "offer",
    "offer.closed",
    "order",
    "location",
    "location.stale",
    "location.gone",
    "eta",
    "snapshot",
    "delta",
    "alert",
];
/// Codes of fixes, beside those of problems.
const FIX_CODES: &[&str] =
    &["out_of_range", "malformed", "bad_time", "duplicate", "late", "teleport", "inaccurate", "null_island", "busy"];
/// Close codes of the contract that a client may earn. Not 1011, which is a bug of the server, nor 1012 and 4409: nobody
/// restarts and nobody takes over here.
const EARNED: &[u16] = &[1000, 1002, 1003, 1007, 1008, 1009, 4401, 4403, 4408, 4413, 4429];

/// Whether this frame is one of the contract.
pub fn is_contract(frame: &Value) -> bool {
    let kind = frame["type"].as_str().unwrap_or_default();
    let code = frame["code"].as_str().unwrap_or_default();
    match kind {
        "error" => Code::ALL.iter().any(|known| known.as_str() == code) || FIX_CODES.contains(&code),
        "rejected" | "flagged" => FIX_CODES.contains(&code),
        _ => SAID.contains(&kind),
    }
}

/// Whether a client may be closed with this code; one that has sent a close frame is answered with its own.
pub fn is_earned(code: u16, has_closed: bool) -> bool {
    EARNED.contains(&code) || (has_closed && matches!(code, 1000..=1003 | 1005 | 1007..=1014 | 3000..=4999))
}

#[test]
fn what_is_not_in_the_contract_is_seen() {
    assert!(is_contract(&json!({ "type": "error", "code": "malformed" })));
    assert!(!is_contract(&json!({ "type": "error", "code": "oops" })));
    assert!(!is_contract(&json!({ "type": "secret" })) && !is_contract(&json!(7)));
    assert!(is_earned(1009, false) && is_earned(3333, true));
    assert!(!is_earned(1011, false) && !is_earned(1006, true) && !is_earned(3333, false));
}
