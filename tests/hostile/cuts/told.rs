//! What one watcher was told of one order, and the rules for it: no hole, nothing out of order, nothing told two ways.

use serde_json::Value;

/// The part of an event that must be the same wherever it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub seq: i64,
    pub event: String,
    pub status: String,
    pub driver_id: Option<String>,
}

impl Event {
    /// An event as a frame or `GET /orders/{id}/events` tells it.
    pub fn read(told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().map(ToOwned::to_owned);
        let (event, status) = (text("event").expect("an event"), text("status").expect("a status"));
        Self { seq: told["seq"].as_i64().expect("a seq"), event, status, driver_id: text("driver_id") }
    }

    pub fn is_last(&self) -> bool {
        matches!(self.status.as_str(), "delivered" | "cancelled" | "failed")
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Told {
    /// Each event once: `events[i].seq == i + 1`.
    pub events: Vec<Event>,
    pub repeats: u64,
    /// The seq heard last on the socket that is open now.
    before: Option<i64>,
    /// From where this socket was asked to tell again; each may turn the order back once.
    again_from: Vec<i64>,
}

impl Told {
    /// The last seq seen: what to resume with.
    pub fn last(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap()
    }

    pub fn is_over(&self) -> bool {
        self.events.last().is_some_and(Event::is_last)
    }

    /// A new socket: what it tells has an order of its own.
    pub fn reconnected(&mut self) {
        self.before = None;
        self.again_from.clear();
    }

    /// The open socket was asked once more for everything after the last seq seen.
    pub fn asked_again(&mut self) {
        self.again_from.push(self.last());
    }

    /// Takes the next event.
    pub fn hear(&mut self, event: Event) -> Result<(), String> {
        let (seq, last) = (event.seq, self.last());
        if let Some(before) = self.before {
            let turned = self.again_from.iter().position(|after| after + 1 == seq);
            match turned {
                _ if seq == before || seq == before + 1 => {}
                Some(place) => drop(self.again_from.drain(..=place)),
                None => return Err(format!("{seq} after {before} on one socket")),
            }
        }
        self.before = Some(seq);
        if seq > last + 1 {
            return Err(format!("a hole: {seq} when {last} was the last"));
        }
        if seq == last + 1 {
            self.events.push(event);
            return Ok(());
        }
        self.repeats += 1;
        let first_told = usize::try_from(seq - 1).ok().and_then(|place| self.events.get(place));
        if first_told == Some(&event) { Ok(()) } else { Err(format!("{event:?} was first told as {first_told:?}")) }
    }

    /// Holds what was told against what the store says.
    pub fn compare(&self, truth: &[Event]) -> Result<(), String> {
        let gapless = truth.iter().zip(1..).all(|(event, seq)| event.seq == seq);
        if !gapless {
            return Err(format!("the store itself has a hole: {truth:?}"));
        }
        match self.events.iter().zip(truth).find(|(told, true_one)| told != true_one) {
            Some((told, true_one)) => Err(format!("told {told:?}, stored {true_one:?}")),
            None if self.events.len() != truth.len() => {
                Err(format!("told {} events, stored {}", self.events.len(), truth.len()))
            }
            None => Ok(()),
        }
    }
}

fn event(seq: i64) -> Event {
    Event { seq, event: format!("e{seq}"), status: "searching".to_owned(), driver_id: None }
}

fn told(seqs: &[i64]) -> Result<Told, String> {
    let mut told = Told::default();
    seqs.iter().try_for_each(|seq| told.hear(event(*seq)))?;
    Ok(told)
}

#[test]
fn a_hole_a_fall_and_another_story_are_caught() {
    assert!(told(&[1, 2, 3]).is_ok());
    assert!(told(&[2]).unwrap_err().contains("hole"), "the first one missing");
    assert!(told(&[1, 3]).is_err(), "the second one missing");
    assert!(told(&[1, 2, 1]).is_err(), "back to the first on one socket");
    assert_eq!(told(&[1, 2, 2, 3]).unwrap().repeats, 1, "at least once");

    let mut resumed = told(&[1, 2]).unwrap();
    resumed.reconnected();
    assert!(resumed.hear(event(4)).unwrap_err().contains("hole"), "one lost with the connection");
    let mut resumed = told(&[1, 2]).unwrap();
    resumed.reconnected();
    assert!(resumed.hear(event(2)).is_ok() && resumed.hear(event(3)).is_ok());
    let other = Event { driver_id: Some("d".to_owned()), ..event(3) };
    resumed.reconnected();
    assert!(resumed.hear(other).unwrap_err().contains("first told"));
}

#[test]
fn asking_again_turns_the_order_back_once_to_where_it_was_asked_from() {
    let mut told = told(&[1, 2, 3]).unwrap();
    told.asked_again();
    assert!([4, 5, 4, 5, 6].into_iter().all(|seq| told.hear(event(seq)).is_ok()));
    assert!(told.hear(event(4)).is_err(), "it was asked once");
}

#[test]
fn what_was_told_must_be_all_that_is_stored() {
    let told = told(&[1, 2]).unwrap();
    assert!(told.compare(&[event(1), event(2)]).is_ok());
    assert!(told.compare(&[event(1), event(2), event(3)]).unwrap_err().contains("stored 3"));
    assert!(told.compare(&[event(1), Event { status: "paid".to_owned(), ..event(2) }]).is_err());
    assert!(told.compare(&[event(1), event(3)]).unwrap_err().contains("store itself"));
}
