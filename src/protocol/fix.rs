//! Fixes on the wire: read leniently (what a phone does not know it may send as -1 or leave out), judged strictly.

use crate::domain::fix::Fix;
use crate::domain::fix::Refusal;
use crate::domain::geo::Position;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::protocol::schema;
use crate::protocol::time;
use serde::Deserialize;
use serde::Serialize;

/// Counters up to 2^53 survive every JSON implementation.
const SEQ_MAX: i64 = 1 << 53;

/// A fix as devices send it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Fix")]
pub struct FixIn {
    /// Degrees WGS84.
    #[schemars(range(min = -90, max = 90), example = 43.7696)]
    pub latitude: f64,
    /// Degrees WGS84.
    #[schemars(range(min = -180, max = 180), example = 11.2558)]
    pub longitude: f64,
    /// Metres per second; negative means unknown.
    #[serde(default)]
    pub speed: Option<f64>,
    /// Degrees clockwise from north; negative means unknown.
    #[serde(default)]
    pub heading: Option<f64>,
    /// Radius in metres; negative means unknown.
    #[serde(default)]
    pub accuracy: Option<f64>,
    /// Metres.
    #[serde(default)]
    pub altitude: Option<f64>,
    /// RFC 3339 or Unix milliseconds; the moment of arrival when absent.
    #[serde(default, with = "time::option")]
    #[schemars(with = "Option<schema::TimeIn>")]
    pub timestamp: Option<Millis>,
    /// Grows over the driver's life, at most 2^53.
    #[serde(default)]
    #[schemars(range(min = 0, max = SEQ_MAX))]
    pub seq: Option<i64>,
    /// The order the device works on.
    #[serde(default)]
    #[schemars(with = "Option<schema::Id>")]
    pub order_id: Option<OrderId>,
    /// Charge, usually percent.
    #[serde(default)]
    pub battery: Option<f64>,
    /// Signal strength, usually dBm.
    #[serde(default)]
    pub signal: Option<f64>,
}

/// A fix that could not be read, with its `seq` where at least that could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// Why.
    pub refusal: Refusal,
    /// Which.
    pub seq: Option<i64>,
}

/// Reads one fix from JSON text. `now` stands in for a missing timestamp.
pub fn read(json: &str, now: Millis) -> Result<Fix, Unreadable> {
    if !json.trim_start().starts_with('{') {
        // serde would read an array as the fields in their order.
        return Err(Unreadable { refusal: Refusal::Malformed, seq: None });
    }
    let Ok(raw) = serde_json::from_str::<FixIn>(json) else {
        return Err(Unreadable { refusal: Refusal::Malformed, seq: seq_only(json) });
    };
    raw.into_fix(now)
}

fn seq_only(json: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct OnlySeq {
        seq: i64,
    }
    serde_json::from_str::<OnlySeq>(json).ok().map(|only| only.seq)
}

impl FixIn {
    /// Checks ranges. `now` stands in for a missing timestamp.
    pub fn into_fix(self, now: Millis) -> Result<Fix, Unreadable> {
        let unreadable = |refusal| Unreadable { refusal, seq: self.seq };
        let Ok(position) = Position::new(self.latitude, self.longitude) else {
            return Err(unreadable(Refusal::OutOfRange));
        };
        if self.seq.is_some_and(|seq| !(0..=SEQ_MAX).contains(&seq)) {
            return Err(unreadable(Refusal::Malformed));
        }
        let known = |value: Option<f64>| value.filter(|number| number.is_finite() && *number >= 0.0);
        Ok(Fix {
            position,
            timestamp: self.timestamp.unwrap_or(now),
            seq: self.seq,
            speed: known(self.speed),
            heading: known(self.heading).map(|degrees| degrees % 360.0),
            accuracy: known(self.accuracy),
            altitude: self.altitude.filter(|metres| metres.is_finite()),
            order_id: self.order_id,
            battery: known(self.battery),
            signal: self.signal.filter(|level| level.is_finite()),
        })
    }
}

/// A fix as it is shown.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "TrackPoint")]
pub struct FixOut {
    /// Degrees WGS84.
    pub latitude: f64,
    /// Degrees WGS84.
    pub longitude: f64,
    /// RFC 3339.
    #[schemars(with = "schema::Time")]
    pub timestamp: String,
    /// The device's counter.
    pub seq: Option<i64>,
    /// Metres per second.
    pub speed: Option<f64>,
    /// Degrees clockwise from north.
    pub heading: Option<f64>,
    /// Radius in metres.
    pub accuracy: Option<f64>,
    /// Metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altitude: Option<f64>,
    /// The order the device was working on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Id")]
    pub order_id: Option<OrderId>,
    /// Charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<f64>,
    /// Signal strength.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<f64>,
    /// Why it never went live: `late`, `teleport`, `inaccurate` or `null_island`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::FixFlag")]
    pub flag: Option<&'static str>,
}

impl From<&Fix> for FixOut {
    fn from(fix: &Fix) -> Self {
        Self {
            latitude: fix.position.latitude(),
            longitude: fix.position.longitude(),
            timestamp: time::to_rfc3339(fix.timestamp),
            seq: fix.seq,
            speed: fix.speed,
            heading: fix.heading,
            accuracy: fix.accuracy,
            altitude: fix.altitude,
            order_id: fix.order_id.clone(),
            battery: fix.battery,
            signal: fix.signal,
            flag: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    #[test]
    fn unknowns_are_left_out_and_times_are_read_in_both_forms() {
        let fix = read(
            r#"{"latitude":43.7,"longitude":11.2,"speed":-1,"heading":-1,"accuracy":4,"timestamp":1799999999000,"seq":7,"extra":1}"#,
            NOW,
        )
        .unwrap();
        assert_eq!((fix.speed, fix.heading, fix.accuracy, fix.seq), (None, None, Some(4.0), Some(7)));
        assert_eq!(fix.timestamp, Millis(1_799_999_999_000));
        let bare = read(r#"{"latitude":43.7,"longitude":11.2}"#, NOW).unwrap();
        assert_eq!(bare.timestamp, NOW);
    }

    #[test]
    fn what_is_no_fix_is_refused_with_its_seq() {
        let out = |seq| Unreadable { refusal: Refusal::OutOfRange, seq };
        let bad = |seq| Unreadable { refusal: Refusal::Malformed, seq };
        for (json, wanted) in [
            (r#"{"latitude":91,"longitude":0,"seq":3}"#, out(Some(3))),
            (r#"{"latitude":0,"longitude":181}"#, out(None)),
            (r#"{"latitude":1e308,"longitude":0}"#, out(None)),
            (r#"{"latitude":null,"longitude":0,"seq":4}"#, bad(Some(4))),
            (r#"{"latitude":"43","longitude":0}"#, bad(None)),
            (r#"{"latitude":1e400,"longitude":0}"#, bad(None)),
            (r#"{"latitude":NaN,"longitude":0}"#, bad(None)),
            (r#"{"latitude":1,"longitude":0,"seq":-1}"#, bad(Some(-1))),
            (r#"{"latitude":1,"longitude":0,"timestamp":"noon"}"#, bad(None)),
            (r#"[1]"#, bad(None)),
        ] {
            assert_eq!(read(json, NOW), Err(wanted), "{json}");
        }
    }
}
