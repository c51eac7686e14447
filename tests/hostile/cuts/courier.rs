//! A driver whose connection is cut while fixes stream over it, and who sends again what was not settled.

use super::proxy::Knife;
use crate::line::Heard;
use crate::line::Line;
use crate::line::NoLine;
use crate::proof::Dice;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::PATIENCE;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two fixes.
const PACE: Duration = Duration::from_millis(5);
/// Fixes of one batch sent again.
const BATCH: usize = 100;
/// Points of one page of a route.
const PAGE: usize = 1_000;

/// See the module.
pub struct Courier {
    pub name: String,
    address: String,
    token: String,
    dice: Dice,
    /// Every fix made so far; `fixes[i]` has seq `i + 1`.
    fixes: Vec<Value>,
    settled: usize,
    pub connections: u64,
    pub sent_again: u64,
    clock_ms: i64,
    news_at: Instant,
    /// What was claimed and sent again, for whoever must find out where a fix was lost.
    diary: Vec<String>,
}

impl Courier {
    pub fn new(name: String, address: String, token: String, dice: Dice) -> Self {
        let (fixes, news_at) = (Vec::new(), Instant::now());
        Self {
            name,
            address,
            token,
            dice,
            fixes,
            settled: 0,
            connections: 0,
            sent_again: 0,
            clock_ms: 0,
            news_at,
            diary: Vec::new(),
        }
    }

    /// Streams for as long as cuts are wanted, and then until all is settled.
    pub async fn stream(mut self, knife: Arc<Knife>) -> Result<Self, String> {
        self.news_at = Instant::now();
        while knife.is_cutting() || self.settled < self.fixes.len() {
            self.connections += 1;
            match Line::open(&self.address, "/ws/driver", Some(&self.token)).await {
                Ok(line) => self.drive(line, &knife).await?,
                Err(NoLine::Broken) => {}
                Err(NoLine::Refused(status)) => return Err(format!("an upgrade was answered with {status}")),
            }
            self.check_patience(&knife)?;
        }
        Ok(self)
    }

    fn check_patience(&self, knife: &Knife) -> Result<(), String> {
        if knife.is_cutting() || self.news_at.elapsed() < PATIENCE {
            return Ok(());
        }
        let recent = &self.diary[self.diary.len().saturating_sub(40)..];
        Err(format!("{}: {} of {} settled; lately: {recent:#?}", self.name, self.settled, self.fixes.len()))
    }

    /// One connection, to its end.
    async fn drive(&mut self, mut line: Line, knife: &Knife) -> Result<(), String> {
        let mut beat = tokio::time::interval(PACE);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut is_welcome = false;
        while knife.is_cutting() || self.settled < self.fixes.len() {
            tokio::select! {
                _ = beat.tick(), if is_welcome && knife.is_cutting() => {
                    let fix = self.fix();
                    if !line.say(&fix).await {
                        return Ok(());
                    }
                }
                heard = line.hear(PATIENCE) => match heard {
                    Heard::Frame(frame) if frame["type"] == "welcome" => {
                        is_welcome = true;
                        if !self.send_again(&mut line, &frame).await? {
                            return Ok(());
                        }
                    }
                    Heard::Frame(frame) => self.read(&frame)?,
                    // A new connection may be there before the end of the old one is known.
                    Heard::End(1006 | 4409) => return Ok(()),
                    Heard::End(code) => return Err(format!("closed with {code}")),
                    Heard::Nothing => self.check_patience(knife)?,
                },
            }
        }
        Ok(())
    }

    /// The next fix: a step of a few metres, never at the same time as another.
    fn fix(&mut self) -> Value {
        self.clock_ms = now_ms().max(self.clock_ms + 1);
        let at = CENTRE.north(self.dice.roll(30) as f64).east(self.dice.roll(30) as f64);
        let fix = json!({
            "type": "location", "latitude": at.latitude, "longitude": at.longitude, "accuracy": 5,
            "seq": self.fixes.len() + 1, "timestamp": self.clock_ms,
        });
        self.fixes.push(fix.clone());
        fix
    }

    /// What the welcome, or the last ack, leaves open; one by one or in batches. False when the line is broken.
    async fn send_again(&mut self, line: &mut Line, welcome: &Value) -> Result<bool, String> {
        let known = welcome["last_seq"].as_u64().and_then(|seq| usize::try_from(seq).ok()).ok_or("no last_seq")?;
        if known < self.settled || known > self.fixes.len() {
            return Err(format!("last_seq {known}, though {} were settled of {}", self.settled, self.fixes.len()));
        }
        let from = if self.dice.one_in(2) { known } else { self.settled };
        // The welcome says it as an ack would; where nothing is left to send again there is no other word of it.
        self.settled = self.settled.max(known);
        self.news_at = Instant::now();
        let open = self.fixes[from..].to_vec();
        self.sent_again += open.len() as u64;
        let portion = if self.dice.one_in(2) { 1 } else { BATCH };
        self.diary.push(format!(
            "connection {}: known {known}, settled {}, again {from}..{} by {portion}",
            self.connections,
            self.settled,
            self.fixes.len()
        ));
        for fixes in open.chunks(portion) {
            let frame = if portion == 1 { fixes[0].clone() } else { json!({ "type": "locations", "fixes": fixes }) };
            if !line.say(&frame).await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read(&mut self, frame: &Value) -> Result<(), String> {
        match frame["type"].as_str() {
            Some("ack") => {
                let seq = frame["seq"].as_u64().and_then(|seq| usize::try_from(seq).ok()).ok_or("an ack of nothing")?;
                if seq > self.fixes.len() || frame["conflated"] != json!([]) {
                    return Err(format!("{frame}, when {} fixes were made", self.fixes.len()));
                }
                self.diary.push(format!("ack {seq}"));
                self.settled = self.settled.max(seq);
                self.news_at = Instant::now();
                Ok(())
            }
            Some("rejected") if frame["code"] == "duplicate" => {
                self.diary.push(format!("rejected {}", frame["seq"]));
                Ok(())
            }
            Some("ok") => {
                self.diary.push(format!("{frame}"));
                Ok(())
            }
            _ => Err(format!("unexpected: {frame}")),
        }
    }

    /// Every fix is in the history, once, in order. How many there are.
    pub async fn check_history(&self, operator: &Caller) -> Result<usize, String> {
        let (from, until) = (self.clock_ms - 24 * 60 * 60 * 1_000, self.clock_ms + 1);
        let path = format!("/drivers/{}/route?start_time={from}&end_time={until}&limit={PAGE}", self.name);
        let (mut seqs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("{path}{cursor}")).await.expect(200).body;
            let points = page["points"].as_array().ok_or("a page without points")?;
            if let Some(flagged) = points.iter().find(|point| !point["flag"].is_null()) {
                return Err(format!("flagged: {flagged}"));
            }
            seqs.extend(points.iter().filter_map(|point| point["seq"].as_u64()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        exactly_once(&seqs, self.fixes.len()).map_err(|what| format!("{what}; its last connections: {:#?}", self.diary))
    }
}

fn exactly_once(seqs: &[u64], made: usize) -> Result<usize, String> {
    if let Some((seq, wanted)) = seqs.iter().zip(1..).find(|(seq, wanted)| **seq != *wanted) {
        return Err(format!("seq {seq} in the place of {wanted}"));
    }
    if seqs.len() == made { Ok(made) } else { Err(format!("{} fixes in the history of {made}", seqs.len())) }
}

#[test]
fn a_fix_lost_doubled_or_displaced_is_caught() {
    assert_eq!(exactly_once(&[1, 2, 3], 3), Ok(3));
    for wrong in [&[1, 2][..], &[1, 3], &[1, 2, 2, 3], &[1, 3, 2], &[1, 2, 3, 4]] {
        assert!(exactly_once(wrong, 3).is_err(), "{wrong:?}");
    }
}
