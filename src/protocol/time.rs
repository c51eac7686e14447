//! Moments on the wire: RFC 3339 UTC with milliseconds out; RFC 3339 or Unix milliseconds in.

use crate::domain::time::Millis;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serializer;
use std::fmt::Write as _;

/// `2026-03-01T12:00:00.000Z`; moments outside the years -9999 to 9999 are written as the nearest one inside.
#[must_use]
pub fn to_rfc3339(at: Millis) -> String {
    let stamp = Timestamp::from_millisecond(at.0).unwrap_or(if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX });
    let mut text = String::with_capacity(24);
    // Writing into a String cannot fail.
    let _ = write!(text, "{stamp:.3}");
    text
}

/// Reads RFC 3339.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>().ok().map(|stamp| Millis(stamp.as_millisecond()))
}

/// Reads a query parameter: RFC 3339 or Unix milliseconds.
#[must_use]
pub fn from_text(text: &str) -> Option<Millis> {
    text.parse::<i64>().ok().map(Millis).or_else(|| from_rfc3339(text))
}

/// A moment that writes itself as RFC 3339 and reads both forms. Use with `#[serde(with = "protocol::time")]`.
pub fn serialize<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_rfc3339(*at))
}

/// See [`serialize`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<'a> {
        Number(i64),
        Float(f64),
        #[serde(borrow)]
        Text(std::borrow::Cow<'a, str>),
    }
    let wrong = || serde::de::Error::custom("a time is RFC 3339 or Unix milliseconds");
    match Either::deserialize(deserializer)? {
        Either::Number(milliseconds) => Ok(Millis(milliseconds)),
        #[allow(clippy::cast_possible_truncation)]
        Either::Float(milliseconds) if milliseconds.is_finite() => Ok(Millis(milliseconds as i64)),
        Either::Float(_) => Err(wrong()),
        Either::Text(text) => from_rfc3339(&text).ok_or_else(wrong),
    }
}

/// The same for a moment that may be absent.
pub mod option {
    use super::Deserialize;
    use super::Deserializer;
    use super::Millis;
    use super::Serializer;

    /// See [`super::serialize`].
    pub fn serialize<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// See [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped(#[serde(deserialize_with = "super::deserialize")] Millis);
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds_and_read_in_both_forms() {
        assert_eq!(to_rfc3339(Millis(1_700_000_000_007)), "2023-11-14T22:13:20.007Z");
        assert_eq!(from_text("1700000000007"), Some(Millis(1_700_000_000_007)));
        assert_eq!(from_text("2023-11-14T23:13:20.007+01:00"), Some(Millis(1_700_000_000_007)));
        assert_eq!(from_text("yesterday"), None);
    }
}
