//! The table of calls as an OpenAPI 3.1 document.

use super::call::Answer;
use super::call::Call;
use super::calls;
use super::schemas::Schemas;
use super::schemas::value;
use super::schemas::without_null;
use crate::protocol::identity::Role;
use crate::protocol::problem::Body;
use crate::protocol::problem::Code;
use crate::protocol::problem::MEDIA_TYPE;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const ABOUT: &str = "The real-time core of a delivery, courier or ride fleet. Adding a field is fine and unknown fields are \
                     to be ignored; anything else is a new version.\n\nUnits: degrees WGS84, metres, metres per second, \
                     degrees clockwise from north, seconds unless the name says otherwise; money in integer minor units. \
                     Times are written as RFC 3339 UTC with milliseconds.\n\nEvery refusal is a problem (RFC 9457) with a \
                     stable `code`, explained under [/docs/errors](/docs/errors). Every answer carries `X-Request-Id`: the \
                     caller's own if it is sane, else a new one. `traceparent` is honoured. A thing that is not yours is \
                     answered exactly like one that does not exist.\n\nPages of the origins that the operator has listed may call this \
                     (CORS, without credentials). No answer is to be kept (`Cache-Control: no-store`) unless it says how \
                     long.\n\nThe sockets are told in \
                     [/asyncapi.yaml](/asyncapi.yaml).";
const TOKEN: &str = "A JWT with `sub`, `role` and `exp`, audience `beeline`. A token in a query string is refused.";

/// The document.
pub fn openapi() -> Value {
    let mut schemas = Schemas::new();
    schemas.said.subschema_for::<Body<'static>>();
    let (mut paths, mut refused) = (Map::new(), Map::new());
    for call in calls::all() {
        let operation = operation(&call, &mut schemas, &mut refused);
        let path = paths.entry(call.path).or_insert_with(|| json!({}));
        path[call.method] = operation;
    }
    let tag = |(name, about): &(&str, &str)| json!({ "name": name, "description": about });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Beeline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "This node" }],
        "tags": calls::TAGS.iter().map(tag).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.take(),
            "responses": refused,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN },
            },
            "headers": {
                "X-Request-Id": header("Names this request in logs and problems."),
                "Retry-After": header("Seconds to wait before the next try."),
                "RateLimit": header("What is left of the caller's budget, and in how many seconds there is more: `\"browse\";r=996;t=1`. Absent for services."),
                "RateLimit-Policy": header("The budget and its window in seconds: `\"browse\";q=1000;w=60`. Absent for services."),
                "WWW-Authenticate": header("RFC 6750: what kind of token is wanted."),
            },
        },
    })
}

/// Where the caller stands with their budget; a service has none, and gets neither.
fn with_budget(mut headers: Value) -> Value {
    for name in ["RateLimit", "RateLimit-Policy"] {
        headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
    }
    headers
}

fn header(about: &str) -> Value {
    json!({ "description": about, "schema": { "type": "string" } })
}

fn operation(call: &Call, schemas: &mut Schemas, refused: &mut Map<String, Value>) -> Value {
    let mut operation = json!({
        "operationId": call.id,
        "tags": [call.tag],
        "summary": call.summary,
        "description": description(call),
        "security": if call.roles.is_empty() { json!([]) } else { json!([{ "bearer": [] }]) },
        "responses": responses(call, schemas, refused),
    });
    if !call.roles.is_empty() {
        operation["x-roles"] = json!(call.roles);
    }
    let parameters = parameters(call, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = &call.body {
        let schema = value((body.schema)(&mut schemas.heard));
        operation["requestBody"] =
            json!({ "required": body.required, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn description(call: &Call) -> String {
    let names: Vec<&str> = call.roles.iter().map(|role| role.as_str()).collect();
    let who = match call.roles.as_slice() {
        [] => "No token needed.".to_owned(),
        all if all.len() == Role::ALL.len() => "For every role.".to_owned(),
        _ => format!("For the roles {}; driver, customer and merchant reach their own only.", names.join(", ")),
    };
    if call.about.is_empty() { who } else { format!("{}\n\n{who}", call.about) }
}

fn parameters(call: &Call, schemas: &mut Schemas) -> Vec<Value> {
    let path = call.path_parameters().map(|name| {
        let (about, schema) = path_parameter(call, name);
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
    });
    let headers = call.headers.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "required": false, "description": about, "schema": { "type": "string" } })
    });
    path.chain(headers).chain(query(call, schemas)).collect()
}

fn path_parameter(call: &Call, name: &str) -> (&'static str, Value) {
    let id = json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" });
    match name {
        "id" if call.path.contains("/drivers/") => ("The driver: the `sub` of their token.", id),
        "id" => ("The order.", id),
        "offer_id" => ("The offer.", id),
        "tail" => ("One or more segments.", json!({ "type": "string" })),
        _ => ("Tile coordinate.", json!({ "type": "integer", "minimum": 0 })),
    }
}

fn query(call: &Call, schemas: &mut Schemas) -> Vec<Value> {
    let Some(query) = call.query else { return Vec::new() };
    let schema = value(query(&mut schemas.heard));
    let required: Vec<&Value> = schema["required"].as_array().map(|names| names.iter().collect()).unwrap_or_default();
    let one = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let about = schema.as_object_mut().and_then(|fields| fields.remove("description"));
        let required = required.iter().any(|each| *each == name);
        json!({ "name": name, "in": "query", "required": required, "description": about, "schema": without_null(schema) })
    };
    schema["properties"].as_object().map(|fields| fields.iter().map(one).collect()).unwrap_or_default()
}

/// Good answers and refusals by status. One status may have both: then its media type tells which it is. Refusals go to
/// `components/responses`, named after what they are, for many calls share them.
fn responses(call: &Call, schemas: &mut Schemas, refused: &mut Map<String, Value>) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &call.answers {
        responses.insert(answer.status.to_string(), good(answer, call.limited, schemas));
    }
    for (status, codes) in refusals(call) {
        let refusal = refusal(status, &codes);
        if let Some(response) = responses.get_mut(&status.to_string()) {
            response["content"][MEDIA_TYPE] = refusal["content"][MEDIA_TYPE].clone();
            continue;
        }
        let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let name = format!("{status}.{}", names.join("."));
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        refused.insert(name, refusal);
    }
    json!(responses)
}

fn good(answer: &Answer, limited: bool, schemas: &mut Schemas) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    if limited {
        headers = with_budget(headers);
    }
    for (name, about) in answer.headers {
        headers[*name] = header(about);
    }
    let mut response = json!({ "description": answer.about, "headers": headers });
    for (media_type, schema) in &answer.content {
        let schema = schema.map(|schema| value(schema(&mut schemas.said)));
        response["content"][*media_type] = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
    }
    response
}

/// The codes of a call by the status they are answered with.
fn refusals(call: &Call) -> BTreeMap<u16, BTreeSet<Code>> {
    let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in &call.refusals {
        by_status.entry(code.status()).or_default().insert(*code);
    }
    for code in call.at_422 {
        by_status.entry(422).or_default().insert(*code);
    }
    by_status
}

fn refusal(status: u16, codes: &BTreeSet<Code>) -> Value {
    let lines: Vec<String> =
        codes.iter().map(|code| format!("- [`{code}`](/docs/errors#{code}): {}", code.usual_detail())).collect();
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    if matches!(status, 429 | 503) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    if status == 429 {
        headers = with_budget(headers);
    }
    if status == 401 {
        headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/WWW-Authenticate" });
    }
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "properties": { "code": { "enum": names }, "status": { "const": status } } },
    ] });
    json!({ "description": lines.join("\n"), "headers": headers, "content": { MEDIA_TYPE: { "schema": schema } } })
}
