//! The schemas that a document refers to: what clients send is described as it is read, what the server sends as it is written.

use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::transform::Transform as _;
use serde_json::Map;
use serde_json::Value;

/// Collects the schemas under `components/schemas`.
pub struct Schemas {
    /// Of what clients send: a field with a default may be left out.
    pub heard: SchemaGenerator,
    /// Of what the server sends: a field is left out only where it says so.
    pub said: SchemaGenerator,
}

impl Schemas {
    /// Empty.
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.transforms.push(Box::new(RecursiveTransform(drop_null_default)));
        });
        let heard = settings.clone().for_deserialize().into_generator();
        Self { heard, said: settings.for_serialize().into_generator() }
    }

    /// Everything referred to, by name. No type is sent both ways under one name with two meanings: a test says so.
    pub fn take(mut self) -> Map<String, Value> {
        let mut all = self.heard.take_definitions(true);
        all.extend(self.said.take_definitions(true));
        all
    }

    /// Names that mean one thing in what clients send and another in what the server sends.
    #[cfg(test)]
    pub fn clashes(&self) -> Vec<String> {
        let (heard, said) = (self.heard.definitions(), self.said.definitions());
        heard
            .iter()
            .filter(|(name, one)| said.get(*name).is_some_and(|other| other != *one))
            .map(|(n, _)| n.clone())
            .collect()
    }
}

/// A schema in place, as JSON.
pub fn value(mut schema: Schema) -> Value {
    RecursiveTransform(drop_null_default).transform(&mut schema);
    schema.to_value()
}

/// What may be left out may be null: `default: null` says nothing more.
fn drop_null_default(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// The schema of a value that is there: what `Option` adds is taken off again.
pub fn without_null(mut schema: Value) -> Value {
    let Some(fields) = schema.as_object_mut() else { return schema };
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|each| each != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = fields.get_mut("anyOf") else { return schema };
    choices.retain(|each| each["type"] != "null");
    if let [only] = choices.as_slice() {
        return only.clone();
    }
    schema
}
