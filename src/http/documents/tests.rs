//! The tables against the route table, and the files in `docs/` against the tables.

use super::asyncapi::asyncapi;
use super::calls;
use super::openapi::openapi;
use super::schemas::Schemas;
use super::serve::asyncapi_text;
use super::serve::openapi_text;
use crate::http::access::Asked;
use crate::http::access::RULES;
use crate::http::access::Rule;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every call of the table of rules, as `get /path`.
fn routed() -> BTreeSet<String> {
    let call = |rule: &Rule| match rule.asked {
        Asked::Call { method, path, .. } => Some(format!("{} {path}", method.to_lowercase())),
        Asked::Message { .. } | Asked::Unbuilt => None,
    };
    RULES.iter().filter_map(call).collect()
}

/// Every message that clients send, with its door.
#[test]
fn the_document_has_every_message_and_no_other() {
    let mut spoken = BTreeSet::new();
    for rule in RULES {
        if let Asked::Message { doors, kind } = rule.asked {
            spoken.extend(doors.iter().map(|door| format!("{} {kind}", door.name())));
        }
    }
    let documented: BTreeSet<String> = super::messages::heard()
        .iter()
        .flat_map(|message| message.doors.iter().map(|door| format!("{} {}", door.name(), message.kind)))
        .collect();
    assert_eq!(documented, spoken);
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let documented: BTreeSet<String> =
        calls::built().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    assert_eq!(documented, routed());
}

#[test]
fn operations_have_ids_of_their_own_and_known_groups() {
    let all = calls::all();
    let ids: BTreeSet<&str> = all.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    for call in &all {
        assert!(calls::TAGS.iter().any(|(tag, _)| *tag == call.tag), "{} has no group", call.id);
    }
}

/// Every `$ref` below a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn what_is_referred_to_is_there() {
    for document in [openapi(), asyncapi()] {
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "only {} references", found.len());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}

#[test]
fn one_name_means_one_thing_both_ways() {
    let mut schemas = Schemas::new();
    for call in calls::all() {
        let (query, body) = (call.query, call.body);
        for heard in query.into_iter().chain(body.map(|body| body.schema)) {
            heard(&mut schemas.heard);
        }
        for (_, said) in call.answers.into_iter().flat_map(|answer| answer.content) {
            said.map(|said| said(&mut schemas.said));
        }
    }
    for message in super::messages::heard() {
        (message.fields)(&mut schemas.heard);
    }
    for message in super::messages::said() {
        (message.fields)(&mut schemas.said);
    }
    assert_eq!(schemas.clashes(), Vec::<String>::new());
}

/// `UPDATE_DOCS=1` writes the file in place of comparing it.
fn holds(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "docs/{file} is stale; run: UPDATE_DOCS=1 cargo test --lib http::documents");
}

#[test]
fn the_openapi_file_is_up_to_date() {
    holds("openapi.json", &openapi_text());
}

#[test]
fn the_asyncapi_file_is_up_to_date() {
    holds("asyncapi.yaml", &asyncapi_text());
}
