//! JSON as YAML 1.2 in block style.
//!
//! Every text is written as JSON writes it, which YAML reads as a double-quoted scalar: nothing can be taken for a number, a
//! date or `no`. Only keys that are plain words stand bare.

use serde_json::Value;

/// The document, with a newline at its end.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out.push('\n');
    out
}

/// Writes a value whose first line begins where `out` ends; further lines are indented by `depth`.
fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (key, field)) in fields.iter().enumerate() {
                new_line(out, index, depth);
                out.push_str(&name(key));
                out.push(':');
                below(out, field, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                new_line(out, index, depth);
                out.push_str("- ");
                write(out, item, depth + 1);
            }
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

/// A field's value: collections on lines of their own, the rest behind the colon.
fn below(out: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 1));
    } else {
        out.push(' ');
    }
    write(out, value, depth + 1);
}

fn new_line(out: &mut String, index: usize, depth: usize) {
    if index > 0 {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
}

/// A key, bare where no reader of YAML, 1.1 included, could take it for anything but a text.
fn name(key: &str) -> String {
    let is_word = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let means_more = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if is_word && !means_more.contains(&key.to_ascii_lowercase().as_str()) {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn collections_are_blocks_and_texts_are_quoted() {
        let value = json!({
            "$ref": "#/a", "no": 1, "list": [1, "two: 2", { "a": null, "b": [] }, [true, { "c": 1.5 }]], "n": {}, "é": "a\"b\nc",
        });
        let expected = r##""$ref": "#/a"
list:
  - 1
  - "two: 2"
  - a: null
    b: []
  - - true
    - c: 1.5
"n": {}
"no": 1
"é": "a\"b\nc"
"##;
        assert_eq!(to_yaml(&value), expected);
    }
}
