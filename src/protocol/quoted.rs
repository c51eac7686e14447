//! How much an error repeats of what it was given: enough to find a mistake, never a token or a secret put in a wrong place.

/// Characters of a quotation in what a caller is told: an id fits, a token or its signature (43 and more) does not.
pub const TOLD_MAX: usize = 40;
/// Stands where something was left out.
const LEFT_OUT: char = '…';

/// The text without what stands in it between backticks or double quotes, where that is longer than `max` bytes. Errors of
/// serde and TOML quote so what they did not expect; a quoted text may hold escaped quotes.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['`', '"']) {
        let quote = rest.as_bytes()[start];
        let inside = &rest[start + 1..];
        // One that is never closed is as long as what is left.
        let length = closing(inside, quote).unwrap_or(inside.len());
        kept.push_str(&rest[..=start]);
        if length > max {
            kept.push(LEFT_OUT);
        } else {
            kept.push_str(&inside[..length]);
        }
        rest = &inside[length..];
        if !rest.is_empty() {
            kept.push(char::from(quote));
            rest = &rest[1..];
        }
    }
    kept.push_str(rest);
    kept
}

/// Where the quotation ends.
fn closing(inside: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    inside.bytes().position(|byte| {
        let ends = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped && quote == b'"';
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_quotations_stay_and_long_ones_go() {
        let long = "x".repeat(9);
        for (text, kept) in [
            ("nothing quoted".to_owned(), "nothing quoted"),
            ("unknown variant `pizza`, expected `food`".to_owned(), "unknown variant `pizza`, expected `food`"),
            (format!("unknown variant `{long}`, expected `food`"), "unknown variant `…`, expected `food`"),
            (format!("invalid type: string \"{long}\", expected u32"), "invalid type: string \"…\", expected u32"),
            (format!("string \"\\\"{long}\", expected"), "string \"…\", expected"),
            ("string \"a\\\"b\", `c`".to_owned(), "string \"a\\\"b\", `c`"),
            (format!("never closed `{long}"), "never closed `…"),
            ("`é`".to_owned(), "`é`"),
            ("`".to_owned(), "`"),
            (String::new(), ""),
        ] {
            assert_eq!(shorten(&text, 8), kept, "{text}");
        }
    }
}
