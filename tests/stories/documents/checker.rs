//! Holds what a server really says against what its documents say.
//!
//! A client has to ignore fields it does not know, so the documents leave objects open. Here they are closed: a field that the server sends and no
//! document names is a fault too.

use crate::support::Caller;
use crate::support::Reply;
use boon::Compiler;
use boon::SchemaIndex;
use boon::Schemas;
use reqwest::Method;
use reqwest::RequestBuilder;
use serde_json::Value;
use std::collections::BTreeSet;

const OPENAPI: &str = "beeline:/openapi.json";
const ASYNCAPI: &str = "beeline:/asyncapi.json";

/// See the module.
pub struct Checker {
    openapi: Value,
    asyncapi: Value,
    compiler: Compiler,
    schemas: Schemas,
    /// Ids of the calls that had a good answer.
    pub called: BTreeSet<String>,
    /// Names of the messages that were sent or received.
    pub spoken: BTreeSet<String>,
}

impl Checker {
    pub fn new() -> Self {
        let (mut openapi, mut asyncapi) = (beeline::http::documents::openapi(), beeline::http::documents::asyncapi());
        close(&mut openapi);
        close(&mut asyncapi);
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(OPENAPI, openapi.clone()).unwrap();
        compiler.add_resource(ASYNCAPI, asyncapi.clone()).unwrap();
        let (called, spoken) = (BTreeSet::new(), BTreeSet::new());
        Self { openapi, asyncapi, compiler, schemas: Schemas::new(), called, spoken }
    }

    /// Ids, methods and paths of every call, and its description.
    pub fn calls(&self) -> Vec<(String, Method, String, Value)> {
        let paths = self.openapi["paths"].as_object().unwrap();
        let of_path = |(path, calls): (&String, &Value)| {
            let one = |(method, call): (&String, &Value)| {
                let id = call["operationId"].as_str().unwrap().to_owned();
                (id, method.to_uppercase().parse().unwrap(), path.clone(), call.clone())
            };
            calls.as_object().unwrap().iter().map(one).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// Makes the call of this id and checks what comes back. `arguments` fill the path; a last one that begins with `?` is the query. `null` is no
    /// body.
    pub async fn call(&mut self, caller: &Caller, id: &str, arguments: &[&str], body: Value) -> Reply {
        self.call_with(caller, id, arguments, body, |request| request).await
    }

    /// The same with a request that is changed before it is sent.
    pub async fn call_with(
        &mut self,
        caller: &Caller,
        id: &str,
        arguments: &[&str],
        body: Value,
        change: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Reply {
        let (_, method, path, _) = self.calls().into_iter().find(|(known, ..)| known == id).expect(id);
        let (query, names): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|argument| argument.starts_with('?'));
        let mut filled = path.clone();
        for name in names {
            let (from, to) = (filled.find('{').expect(id), filled.find('}').expect(id));
            filled.replace_range(from..=to, name);
        }
        let request = caller.request(method.clone(), &format!("{filled}{}", query.concat()));
        let request = if body.is_null() { request } else { request.json(&body) };
        let reply = caller.send(change(request)).await;
        let place = ["paths", &path, &method.as_str().to_lowercase()].map(ToOwned::to_owned).to_vec();
        self.check_reply(id, &place, &reply);
        if reply.status < 400 && !body.is_null() {
            self.fits(OPENAPI, &below(&place, &["requestBody", "content", "application/json", "schema"]), &body);
        }
        reply
    }

    fn check_reply(&mut self, id: &str, place: &[String], reply: &Reply) {
        let status = reply.status.to_string();
        let mut place = below(place, &["responses", &status]);
        let mut said =
            at(&self.openapi, &place).unwrap_or_else(|| panic!("{id} says nothing of {status}: {}", reply.text));
        if let Some(reference) = said["$ref"].as_str() {
            place = reference.trim_start_matches("#/").split('/').map(ToOwned::to_owned).collect();
            said = at(&self.openapi, &place).unwrap();
        }
        let always = ["X-Request-Id", "WWW-Authenticate", "Location"].into_iter();
        for name in always.chain((status == "503").then_some("Retry-After")) {
            let documented = said["headers"].get(name).is_some();
            assert_eq!(reply.header(name).is_some(), documented, "{id} {status}: {name}");
        }
        if reply.status < 400 {
            self.called.insert(id.to_owned());
        }
        let media_type = reply.header("content-type").unwrap_or_default().split(';').next().unwrap().to_owned();
        let Some(content) = said["content"].as_object() else {
            assert_eq!(reply.text, "", "{id} {status} has no documented body");
            return;
        };
        let content = content.get(&media_type).unwrap_or_else(|| panic!("{id} {status} came as {media_type:?}"));
        if content.get("schema").is_some() {
            let place = below(&place, &["content", &media_type, "schema"]);
            self.fits(OPENAPI, &place, &reply.body);
        }
    }

    /// Notes that this call was answered with an upgrade, which must be documented.
    pub fn upgraded(&mut self, id: &str) {
        let (.., call) = self.calls().into_iter().find(|(known, ..)| known == id).expect(id);
        assert!(call["responses"].get("101").is_some(), "{id} is no door");
        self.called.insert(id.to_owned());
    }

    /// Checks a frame that the server sent through this door.
    pub fn said(&mut self, door: &str, frame: &Value) {
        self.frame(door, "send", frame);
    }

    /// Checks a frame that a client is about to send, and that the server is to take.
    pub fn heard(&mut self, door: &str, frame: &Value) {
        self.frame(door, "receive", frame);
    }

    /// Some message of the door in this direction with the frame's type must have its shape.
    fn frame(&mut self, door: &str, action: &str, frame: &Value) {
        let operations = self.asyncapi["operations"].as_object().unwrap().values();
        let here = operations.filter(|operation| {
            operation["action"] == action && operation["channel"]["$ref"] == format!("#/channels/{door}")
        });
        let references = here.flat_map(|operation| operation["messages"].as_array().unwrap().clone());
        let keys =
            references.map(|reference| reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        let of_type = |key: &String| self.asyncapi["components"]["messages"][key.as_str()]["name"] == frame["type"];
        let candidates: Vec<String> = keys.filter(of_type).collect();
        let mut faults = Vec::new();
        for key in candidates {
            let place = ["components", "messages", &key, "payload"].map(ToOwned::to_owned);
            match self.fault(ASYNCAPI, &place, frame) {
                None => {
                    self.spoken.insert(key);
                    return;
                }
                Some(fault) => faults.push(fault),
            }
        }
        panic!("no message of {door} ({action}) looks like {frame}: {faults:#?}");
    }

    /// Names of every message of the documents.
    pub fn messages(&self) -> BTreeSet<String> {
        self.asyncapi["components"]["messages"].as_object().unwrap().keys().cloned().collect()
    }

    #[track_caller]
    fn fits(&mut self, document: &str, place: &[String], value: &Value) {
        if let Some(fault) = self.fault(document, place, value) {
            panic!("{place:?}: {fault}\nin {value:#}");
        }
    }

    fn fault(&mut self, document: &str, place: &[String], value: &Value) -> Option<String> {
        let schema: SchemaIndex =
            self.compiler.compile(&format!("{document}#{}", pointer(place)), &mut self.schemas).expect("a schema");
        self.schemas.validate(value, schema).err().map(|error| error.to_string())
    }
}

fn below(place: &[String], names: &[&str]) -> Vec<String> {
    place.iter().cloned().chain(names.iter().map(|name| (*name).to_owned())).collect()
}

fn at<'a>(document: &'a Value, place: &[String]) -> Option<&'a Value> {
    place.iter().try_fold(document, |value, name| value.get(name))
}

/// A JSON pointer as a URL's fragment.
fn pointer(place: &[String]) -> String {
    let escape = |name: &String| {
        name.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D").replace('+', "%2B")
    };
    place.iter().map(|name| format!("/{}", escape(name))).collect()
}

/// Lets no object have fields that its schema does not name.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("type").is_some_and(|kind| kind == "object") && fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
