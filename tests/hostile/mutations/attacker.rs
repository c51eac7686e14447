//! One client that sends spoilt frames, one at a time, and reads what each earns.

use super::frames::Standing;
use super::frames::Stream;
use super::frames::TEXT;
use super::frames::follow;
use super::frames::frame;
use super::messages::Door;
use super::messages::is_contract;
use super::messages::is_earned;
use super::raw::Came;
use super::raw::Raw;
use super::spoil::spoil;
use super::tally::Outcome;
use super::tally::Tally;
use crate::proof::Dice;
use crate::support::PATIENCE;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::JoinSet;

/// Half frames that each attacker leaves lying at most, to see the server give up on them.
const LEFT_LYING: usize = 20;

/// See the module.
pub struct Attacker {
    pub address: String,
    pub door: Door,
    pub token: String,
    /// An order of this client's own, where it is a customer; else any id.
    pub order_id: String,
    pub dice: Dice,
    /// How many tries are left to all.
    pub left: Arc<AtomicUsize>,
}

impl Attacker {
    /// Tries until none is left; the error is something the contract does not know.
    pub async fn attack(mut self) -> Result<Tally, String> {
        let messages = self.door.messages(&self.order_id, &self.token);
        let (mut tally, mut open, mut lying) = (Tally::default(), None, JoinSet::new());
        while self.take_one() {
            let mut raw = match open.take() {
                Some(raw) => raw,
                None => {
                    tally.connections += 1;
                    Raw::open(&self.address, self.door, &self.token).await?
                }
            };
            let bytes = spoil(&messages, &mut self.dice);
            tally.bytes += bytes.len() as u64;
            let began = Instant::now();
            let outcome = self.try_once(&mut raw, &bytes, tally.tries()).await;
            let outcome = outcome.map_err(|what| format!("{:?}: {what} for {}", self.door, shown(&bytes)))?;
            tally.slowest = tally.slowest.max(began.elapsed());
            tally.note(outcome);
            if matches!(outcome, Outcome::Answered | Outcome::Ignored) {
                open = Some(raw);
            } else if outcome == Outcome::Held && lying.len() < LEFT_LYING {
                let door = self.door;
                lying.spawn(async move {
                    given_up(raw, door, follow(&bytes, door.message_max()))
                        .await
                        .map_err(|what| format!("{door:?}: {what} for {}", shown(&bytes)))
                });
            }
        }
        tally.left_lying = lying.len() as u64;
        lying.join_all().await.into_iter().collect::<Result<Vec<()>, String>>()?;
        Ok(tally)
    }

    fn take_one(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Sends the bytes and then a good message, which is answered unless the bytes forbid it.
    async fn try_once(&self, raw: &mut Raw, bytes: &[u8], number: u64) -> Result<Outcome, String> {
        let Stream { standing, closes, .. } = follow(bytes, self.door.message_max());
        raw.send(bytes).await;
        if standing == Standing::Within {
            return Ok(Outcome::Held);
        }
        let id = format!("probe-{number}");
        let probe = json!({ "type": "no.such.type", "id": id }).to_string();
        raw.send(&frame(TEXT, probe.as_bytes(), [0x11, 0x22, 0x33, 0x44])).await;
        let mut was_answered = false;
        loop {
            match raw.read(PATIENCE).await? {
                Came::Frame(frame) if frame["id"] == id.as_str() => {
                    return Ok(if was_answered { Outcome::Answered } else { Outcome::Ignored });
                }
                Came::Frame(frame) => {
                    check(&frame)?;
                    was_answered |= is_answer(&frame);
                }
                Came::Control => was_answered = true,
                Came::Close(code) if is_earned(code, closes) => return Ok(Outcome::Closed(code)),
                Came::Close(code) => return Err(format!("closed with {code}")),
                Came::End => return Err("the connection ended without a close frame".to_owned()),
                Came::Nothing => return Err(format!("no answer within {PATIENCE:?}")),
            }
        }
    }
}

fn check(frame: &Value) -> Result<(), String> {
    if is_contract(frame) { Ok(()) } else { Err(format!("answered {frame}")) }
}

/// Not news of somebody else.
fn is_answer(frame: &Value) -> bool {
    matches!(frame["type"].as_str(), Some("ok" | "error" | "rejected" | "flagged" | "ack"))
}

/// A half frame is given up within 5 s, with 1008, or at once with 1007 where its text is spoilt already; news may come
/// before. What was whole before it may have
/// earned another end, and a driver's next connection ends this one.
async fn given_up(mut raw: Raw, door: Door, sent: Stream) -> Result<(), String> {
    loop {
        match raw.read(PATIENCE).await? {
            Came::Close(1007 | 1008) => return Ok(()),
            Came::Close(4409) if door == Door::Driver => return Ok(()),
            Came::Close(code) if sent.wholes > 0 && is_earned(code, sent.closes) => return Ok(()),
            Came::Frame(_) | Came::Control => {}
            other => return Err(format!("{other:?} for half a frame and then nothing")),
        }
    }
}

/// The beginning of what was sent, for who must find out why.
fn shown(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().take(600).map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes: {hex}", bytes.len())
}
