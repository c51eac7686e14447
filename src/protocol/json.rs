//! A look at JSON before it is parsed: nesting bombs never reach the recursive parser.

/// Whether arrays and objects nest at most `max` deep. Says nothing else about validity: that is the parser's work.
///
/// Runs once over the bytes, allocates nothing. Brackets within strings do not count.
#[must_use]
pub fn json_depth_within(bytes: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return false;
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nesting_is_counted_outside_strings_only() {
        for (text, max, within) in [
            ("", 0, true),
            ("7", 0, true),
            ("[]", 0, false),
            ("[{}]", 2, true),
            ("[{}]", 1, false),
            (r#"{"a":"[[[[{{{{"}"#, 1, true),
            (r#"{"a":"\"[[[["}"#, 1, true),
            (r#"{"a":"\\"}[[["#, 2, false),
            ("]]]][", 1, true),
            ("[],[],[]", 1, true),
        ] {
            assert_eq!(json_depth_within(text.as_bytes(), max), within, "{text} within {max}");
        }
        assert!(!json_depth_within("[".repeat(100_000).as_bytes(), 8));
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Into::into), ".*".prop_map(serde_json::Value::String)];
        leaf.prop_recursive(6, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
                prop::collection::vec((".{0,4}", inner), 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn depth(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            serde_json::Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_parsed_value(value in value(), max in 0..8_usize) {
            prop_assert_eq!(json_depth_within(value.to_string().as_bytes(), max), depth(&value) <= max);
        }
    }
}
