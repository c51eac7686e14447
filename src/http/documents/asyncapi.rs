//! The table of socket messages as an AsyncAPI 3.0 document.

use super::messages;
use super::messages::Door;
use super::messages::Message;
use super::schemas::Schemas;
use super::schemas::value;
use crate::limits;
use crate::protocol::close::CloseCode;
use schemars::JsonSchema as _;
use schemars::SchemaGenerator;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

const TOKEN: &str = "A JWT in the `Authorization` header of the upgrade. Browsers, which cannot set it there, offer the \
                     subprotocols `beeline.v1` and `bearer.JWT`; the server selects `beeline.v1`.";

/// The document.
pub fn asyncapi() -> Value {
    let mut schemas = Schemas::new();
    let (heard, said) = (messages::heard(), messages::said());
    let mut components = Map::new();
    for message in &heard {
        components.insert(message.key.to_owned(), component(message, &mut schemas.heard, true));
    }
    for message in &said {
        let is_answer = matches!(message.kind, "ok" | "error");
        components.insert(message.key.to_owned(), component(message, &mut schemas.said, is_answer));
    }
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for door in Door::ALL {
        let goes_through = |message: &&Message| message.doors.contains(&door);
        let all = heard.iter().chain(&said).filter(goes_through);
        channels.insert(door.name().to_owned(), channel(door, all));
        for message in heard.iter().filter(goes_through) {
            operations.insert(format!("{}.receive.{}", door.name(), message.key), receive(door, message));
        }
        let pushed: Vec<Value> = said.iter().filter(goes_through).map(|message| reference(door, message.key)).collect();
        let send = json!({ "action": "send", "channel": channel_of(door), "summary": format!("What a {} gets.", door.name()), "messages": pushed });
        operations.insert(format!("{}.send", door.name()), send);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Beeline sockets",
            "version": env!("CARGO_PKG_VERSION"),
            "description": about(),
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "node": {
            "host": "localhost:8080",
            "protocol": "ws",
            "description": "A node where it listens unless told otherwise; `wss` behind TLS.",
            "security": [{ "$ref": "#/components/securitySchemes/bearer" }],
        } },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": components,
            "schemas": schemas.take(),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN } },
        },
    })
}

/// The rules that every socket has, with the close codes.
fn about() -> String {
    let codes: Vec<String> =
        CloseCode::ALL.iter().map(|code| format!("- {}: {}", code.number(), close_about(*code))).collect();
    format!(
        "Text frames, one JSON object each: at most {} KiB in ({} KiB on `/ws/driver`), {} fragments, {} levels deep. An \
         unknown `type` gets an `error`; unknown fields are ignored. A client's message may carry `id`, and its `ok` or \
         `error` carries it back; `action` is another name of `type`. The server pings every {} s; a client from which \
         nothing was heard for twice that is closed. Commands are idempotent: no answer means unknown, so send it \
         again.\n\n{TOKEN}\n\nClose codes:\n{}\n\nA client that does not read at all sees a reset.",
        limits::FRAME_MAX_BYTES / 1024,
        limits::DRIVER_FRAME_MAX_BYTES / 1024,
        limits::FRAGMENTS_MAX,
        limits::JSON_MAX_DEPTH,
        limits::HEARTBEAT_S,
        codes.join("\n"),
    )
}

fn close_about(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Normal => "both sides are done.",
        CloseCode::Protocol => "the WebSocket protocol was broken.",
        CloseCode::Binary => "a binary message; only text is spoken here.",
        CloseCode::BadUtf8 => "text that is not UTF-8.",
        CloseCode::Policy => "against the rules of this server.",
        CloseCode::TooBig => "a message over the limit in bytes or fragments.",
        CloseCode::Bug => "a bug of ours; reconnect.",
        CloseCode::Restarting => "the server restarts; reconnect after the `retry_ms=N` in the reason.",
        CloseCode::Token => "the token is bad or has expired; get a new one.",
        CloseCode::Forbidden => "not allowed; do not reconnect.",
        CloseCode::Silent => "nothing was heard for two heartbeats; reconnect.",
        CloseCode::Replaced => "a newer connection took over; do not reconnect.",
        CloseCode::SlowReader => "order events were read too slowly; reconnect and resume with `after`.",
        CloseCode::TooMany => "too many messages; reconnect later.",
    }
}

fn component(message: &Message, generator: &mut SchemaGenerator, has_id: bool) -> Value {
    let mut payload = value((message.fields)(generator));
    if let Some(fields) = payload.as_object_mut() {
        // The type's own words are about a struct; the message has a summary.
        fields.remove("description");
        fields.remove("title");
    }
    payload["type"] = json!("object");
    payload["properties"]["type"] = json!({ "const": message.kind });
    if has_id {
        let id = crate::protocol::schema::MessageId::json_schema(generator);
        payload["properties"]["id"] = value(id);
    }
    let mut required: Vec<Value> = payload["required"].as_array().cloned().unwrap_or_default();
    if !required.iter().any(|name| name == "type") {
        required.insert(0, json!("type"));
    }
    payload["required"] = Value::Array(required);
    json!({ "name": message.kind, "title": message.key, "summary": message.summary, "payload": payload })
}

fn channel<'a>(door: Door, messages: impl Iterator<Item = &'a Message>) -> Value {
    let refer = |message: &Message| {
        let to = json!({ "$ref": format!("#/components/messages/{}", message.key) });
        (message.key.to_owned(), to)
    };
    json!({
        "address": format!("/ws/{}", door.name()),
        "description": match door {
            Door::Driver => "For the role driver. A newer socket of the same driver takes over: the older one is closed with 4409.",
            Door::Customer => "For the roles customer and service. `GET /api/v1/orders/{id}/driver-location` with `Upgrade: websocket` opens the same, subscribed to that order already.",
            Door::Operator => "For the roles operator and admin.",
        },
        "servers": [{ "$ref": "#/servers/node" }],
        "messages": messages.map(refer).collect::<Map<_, _>>(),
        "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
    })
}

fn receive(door: Door, message: &Message) -> Value {
    let answers = message.answers.iter().copied().chain(["error"]);
    json!({
        "action": "receive",
        "channel": channel_of(door),
        "summary": message.summary,
        "messages": [reference(door, message.key)],
        "reply": {
            "channel": channel_of(door),
            "messages": answers.map(|key| reference(door, key)).collect::<Vec<_>>(),
        },
    })
}

fn channel_of(door: Door) -> Value {
    json!({ "$ref": format!("#/channels/{}", door.name()) })
}

fn reference(door: Door, key: &str) -> Value {
    json!({ "$ref": format!("#/channels/{}/messages/{key}", door.name()) })
}
