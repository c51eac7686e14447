//! The truth about who could be seen when, as the store tells it afterwards, and the verdict on each delivery.

use serde_json::Value;
use std::collections::HashMap;

/// How long after the end a position may still arrive.
pub const AFTER_THE_END_MS: i64 = 1_000;
/// How long after the end at the very most, however slow the store was to say so: the lease.
pub const LEASE_MS: i64 = 5_000;

/// One order's time with one driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub driver_id: String,
    pub from_ms: i64,
    /// By the event that ended it; none while it lasts.
    pub until_ms: Option<i64>,
    /// When whoever ended it was told that it is done: between `until_ms` and here the store wrote it down.
    pub told_ms: Option<i64>,
}

/// A position that reached somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub order_id: String,
    pub driver_id: String,
    /// When it was asked for; for a frame of a socket, when it came.
    pub asked_ms: i64,
    pub came_ms: i64,
}

/// A time in which a driver had withdrawn the consent to be seen: from the answer that said so to the next yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    pub driver_id: String,
    pub from_ms: i64,
    pub until_ms: i64,
}

/// A delivery that may be: how long after the end it came, zero within the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fine {
    pub late_ms: i64,
    /// Beyond the second by the event's time, within it by the time at which the end was told.
    pub by_slow_store: bool,
}

/// When each change was answered, by order and version.
pub type Answers = HashMap<(String, i64), i64>;

/// The active parts of one order, from its events.
pub fn parts(events: &[Value], answers: &Answers) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let at_ms = moment(event);
        let holder = event["driver_id"].as_str().filter(|_| is_active(event));
        if let Some(open) = parts.last_mut().filter(|part| part.until_ms.is_none()) {
            if holder == Some(&*open.driver_id) {
                continue;
            }
            open.until_ms = Some(at_ms);
            open.told_ms = answer_to(events, place, answers);
        }
        if let Some(driver_id) = holder {
            parts.push(Part { driver_id: driver_id.to_owned(), from_ms: at_ms, until_ms: None, told_ms: None });
        }
    }
    parts
}

/// A change may be one of two events written together: the answer carries the version of the last.
fn answer_to(events: &[Value], place: usize, answers: &Answers) -> Option<i64> {
    let answered = |event: &Value| {
        let order_id = event["order_id"].as_str()?.to_owned();
        answers.get(&(order_id, event["seq"].as_i64()?)).copied()
    };
    let together = events.get(place + 1).filter(|next| next["at"] == events[place]["at"]);
    answered(&events[place]).or_else(|| together.and_then(answered))
}

/// Whether the customer may see the driver in this status.
pub fn is_active(event: &Value) -> bool {
    matches!(event["status"].as_str(), Some("assigned" | "at_pickup" | "picked_up" | "at_dropoff"))
}

fn moment(event: &Value) -> i64 {
    let text = event["at"].as_str().expect("every event has a time");
    text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}

/// Whether this delivery may be, by the parts of its order.
pub fn judge(delivery: &Delivery, parts: &[Part]) -> Result<Fine, String> {
    let mut why = format!("{} never had it", delivery.driver_id);
    for part in parts.iter().filter(|part| part.driver_id == delivery.driver_id) {
        if delivery.came_ms < part.from_ms {
            why = format!("{} ms before the beginning of {part:?}", part.from_ms - delivery.came_ms);
            continue;
        }
        let late_ms = part.until_ms.map_or(0, |until_ms| (delivery.asked_ms - until_ms).max(0));
        if late_ms <= AFTER_THE_END_MS {
            return Ok(Fine { late_ms, by_slow_store: false });
        }
        let known_ms = part.told_ms.map_or(late_ms, |told_ms| delivery.asked_ms - told_ms);
        if known_ms <= AFTER_THE_END_MS && late_ms <= LEASE_MS {
            return Ok(Fine { late_ms, by_slow_store: true });
        }
        why = format!("{late_ms} ms after the end of {part:?}");
    }
    Err(format!("{delivery:?}: {why}"))
}

/// Whether this delivery shows a driver who had said no by then.
pub fn shows_hidden(delivery: &Delivery, hidden: &[Hidden]) -> bool {
    hidden.iter().any(|hidden| {
        hidden.driver_id == delivery.driver_id
            && delivery.asked_ms > hidden.from_ms + AFTER_THE_END_MS
            && delivery.came_ms < hidden.until_ms
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(seq: i64, status: &str, driver_id: Option<&str>, second: i64) -> Value {
        let at = jiff::Timestamp::from_second(second).unwrap().to_string();
        json!({ "order_id": "o", "seq": seq, "status": status, "driver_id": driver_id, "at": at })
    }

    /// Assigned to a at 10 s, taken away and given to b at 20 s, delivered at 40 s.
    fn events() -> Vec<Value> {
        vec![
            event(1, "searching", None, 5),
            event(2, "assigned", Some("a"), 10),
            event(3, "at_pickup", Some("a"), 15),
            event(4, "searching", None, 20),
            event(5, "assigned", Some("b"), 20),
            event(6, "delivered", Some("b"), 40),
        ]
    }

    fn seen(driver_id: &str, came_ms: i64) -> Delivery {
        Delivery { order_id: "o".into(), driver_id: driver_id.into(), asked_ms: came_ms, came_ms }
    }

    fn verdict(driver_id: &str, came_ms: i64) -> Result<Fine, String> {
        judge(&seen(driver_id, came_ms), &parts(&events(), &Answers::new()))
    }

    #[test]
    fn parts_begin_with_a_driver_and_end_without_that_driver() {
        let told: Answers = [(("o".to_owned(), 5), 20_300)].into();
        let part = |driver: &str, from_ms, until_ms, told_ms| Part {
            driver_id: driver.into(),
            from_ms,
            until_ms: Some(until_ms),
            told_ms,
        };
        let wanted = [part("a", 10_000, 20_000, Some(20_300)), part("b", 20_000, 40_000, None)];
        assert_eq!(parts(&events(), &told), wanted);
    }

    #[test]
    fn within_the_part_and_for_a_second_after_it_a_delivery_may_be() {
        for (driver, at_ms, late_ms) in [("a", 10_000, 0), ("a", 20_900, 900), ("b", 20_000, 0), ("b", 41_000, 1_000)] {
            assert_eq!(verdict(driver, at_ms).unwrap(), Fine { late_ms, by_slow_store: false }, "{driver} {at_ms}");
        }
    }

    #[test]
    fn too_early_too_late_and_the_wrong_driver_are_caught() {
        for (driver, at_ms) in [("a", 9_999), ("a", 21_001), ("b", 19_999), ("b", 41_001), ("c", 15_000)] {
            assert!(verdict(driver, at_ms).is_err(), "{driver} {at_ms}");
        }
        assert!(judge(&seen("a", 15_000), &[]).is_err(), "an order nobody had");
    }

    #[test]
    fn a_store_that_was_slow_to_write_the_end_is_allowed_for_up_to_the_lease() {
        let slow: Answers = [(("o".to_owned(), 6), 43_500)].into();
        let parts = parts(&events(), &slow);
        assert_eq!(judge(&seen("b", 44_000), &parts).unwrap(), Fine { late_ms: 4_000, by_slow_store: true });
        assert!(judge(&seen("b", 44_600), &parts).is_err(), "a second after it was told");
        let slower: Answers = [(("o".to_owned(), 6), 46_000)].into();
        assert!(judge(&seen("b", 45_001), &super::parts(&events(), &slower)).is_err(), "beyond the lease");
    }

    #[test]
    fn an_answer_counts_from_when_it_was_asked_for() {
        let asked = |asked_ms, came_ms| Delivery { asked_ms, ..seen("a", came_ms) };
        let parts = parts(&events(), &Answers::new());
        assert!(judge(&asked(9_000, 10_100), &parts).is_ok(), "it began while the answer was made");
        assert!(judge(&asked(20_900, 23_000), &parts).is_ok());
        assert!(judge(&asked(21_100, 23_000), &parts).is_err());
    }

    #[test]
    fn a_driver_who_has_said_no_is_hidden_from_a_second_later_to_the_next_yes() {
        let hidden = [Hidden { driver_id: "a".into(), from_ms: 12_000, until_ms: 15_000 }];
        for (driver, at_ms, wanted) in
            [("a", 12_900, false), ("a", 13_001, true), ("a", 14_999, true), ("a", 15_000, false), ("b", 14_000, false)]
        {
            assert_eq!(shows_hidden(&seen(driver, at_ms), &hidden), wanted, "{driver} {at_ms}");
        }
    }
}
