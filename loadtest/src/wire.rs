//! What the fleet reads in a frame: which message it is, and the one number in it that matters.
//!
//! The two messages that arrive by the thousand are found by a byte search; everything else goes through a JSON
//! parser. Owns no counting: see `tally`.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

/// A frame from the server, as far as a load run cares.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// A driver's position for a customer; `timestamp_ms` is the fix's, Unix milliseconds.
    Location {
        /// Unix milliseconds of the fix.
        timestamp_ms: i64,
    },
    /// Every fix up to `seq` is settled.
    Ack {
        /// Highest settled sequence number.
        seq: i64,
    },
    /// A command was done.
    Ok,
    /// The current state of an order.
    Order,
    /// First frame of a socket.
    Welcome,
    /// A fix or a command was refused; the text says which and why.
    Refused(String),
    /// Anything else.
    Other,
}

static LOCATION: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#""type":"location""#));
static ACK: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#""type":"ack""#));
static TIMESTAMP: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#""timestamp":"#));
static SEQ: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#""seq":"#));

/// Reads one text frame.
pub fn read(text: &[u8]) -> Note {
    if LOCATION.find(text).is_some() {
        return match after(&TIMESTAMP, text).and_then(timestamp_ms) {
            Some(timestamp_ms) => Note::Location { timestamp_ms },
            None => Note::Refused(format!("a location without a time: {}", String::from_utf8_lossy(text))),
        };
    }
    if ACK.find(text).is_some()
        && let Some(seq) = after(&SEQ, text).and_then(integer)
    {
        return Note::Ack { seq };
    }
    read_slowly(text)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    seq: Option<i64>,
    timestamp: Option<&'a str>,
}

fn read_slowly(text: &[u8]) -> Note {
    let Ok(frame) = serde_json::from_slice::<Envelope>(text) else { return Note::Other };
    match frame.kind {
        "ok" => Note::Ok,
        "order" => Note::Order,
        "welcome" => Note::Welcome,
        "error" | "rejected" => Note::Refused(String::from_utf8_lossy(text).into_owned()),
        "ack" => frame.seq.map_or(Note::Other, |seq| Note::Ack { seq }),
        "location" => frame
            .timestamp
            .and_then(|text| rfc3339_ms(text.as_bytes()))
            .map_or(Note::Other, |timestamp_ms| Note::Location { timestamp_ms }),
        _ => Note::Other,
    }
}

fn after<'t>(finder: &Finder, text: &'t [u8]) -> Option<&'t [u8]> {
    let at = finder.find(text)? + finder.needle().len();
    text.get(at..)
}

fn timestamp_ms(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"\"") {
        Some(quoted) => rfc3339_ms(quoted),
        None => integer(text),
    }
}

/// The integer at the front of `text`.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    number(text.get(..digits)?)
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Unix milliseconds of `2026-01-02T03:04:05.678Z`, with any number of decimals; UTC only, as the contract writes it.
fn rfc3339_ms(text: &[u8]) -> Option<i64> {
    let field = |from: usize, to: usize| text.get(from..to).and_then(number);
    let days = days_from_civil(field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let seconds = ((days * 24 + field(11, 13)?) * 60 + field(14, 16)?) * 60 + field(17, 19)?;
    let rest = text.get(19..)?;
    let Some(decimals) = rest.strip_prefix(b".") else {
        return rest.starts_with(b"Z").then_some(seconds * 1_000);
    };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if decimals.get(count) != Some(&b'Z') {
        return None;
    }
    let mut millis = 0;
    for place in 0..3 {
        let digit = decimals.get(place).filter(|byte| byte.is_ascii_digit()).map_or(0, |byte| i64::from(byte - b'0'));
        millis = millis * 10 + digit;
    }
    Some(seconds * 1_000 + millis)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`); years from 0 on.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_as_unix_milliseconds() {
        for (text, want) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00.5Z", 951_825_600_500),
            ("2026-03-01T00:00:00.001Z", 1_772_323_200_001),
            ("2026-12-31T23:59:59.999999Z", 1_798_761_599_999),
        ] {
            assert_eq!(rfc3339_ms(text.as_bytes()), Some(want), "{text}");
        }
        for text in ["", "2026-01-01", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:0xZ"] {
            assert_eq!(rfc3339_ms(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_location_is_known_by_its_time_in_either_form() {
        let text = br#"{"type":"location","order_id":"o","timestamp":"2026-03-01T00:00:00.001Z","age_ms":3}"#;
        assert_eq!(read(text), Note::Location { timestamp_ms: 1_772_323_200_001 });
        let number = br#"{"type":"location","order_id":"o","timestamp":1772323200001}"#;
        assert_eq!(read(number), Note::Location { timestamp_ms: 1_772_323_200_001 });
        let spaced = br#"{ "timestamp": "2026-03-01T00:00:00.001Z", "type": "location" }"#;
        assert_eq!(read(spaced), Note::Location { timestamp_ms: 1_772_323_200_001 });
    }

    #[test]
    fn other_messages_are_told_apart() {
        assert_eq!(
            read(br#"{"type":"ack","seq":1772323200001,"conflated":[7]}"#),
            Note::Ack { seq: 1_772_323_200_001 }
        );
        assert_eq!(read(br#"{"type":"ok","id":"s"}"#), Note::Ok);
        assert_eq!(read(br#"{"type":"order","seq":4,"status":"assigned"}"#), Note::Order);
        assert_eq!(read(br#"{"type":"location.stale","order_id":"o","since":"x"}"#), Note::Other);
        assert!(matches!(read(br#"{"type":"rejected","seq":1,"code":"bad_time"}"#), Note::Refused(_)));
        assert_eq!(read(b"not json"), Note::Other);
    }
}
