//! What an outbox holds, without the sharing and the waking.

use super::Event;
use super::Landed;
use super::Latest;
use super::Out;
use super::OutboxState;
use super::Owed;
use crate::domain::ids::OrderId;
use crate::limits::OUTBOX_MAX_EVENTS;
use crate::protocol::close::CloseCode;
use bytestring::ByteString;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Instant;

/// Conflated seqs in one ack frame; more make another frame.
pub(super) const ACK_MAX_CONFLATED: usize = 1_024;
/// Conflated seqs waiting for one driver; more close the socket. At ten fixes a second this is close to half an hour
/// without reading, which no living reader reaches.
pub(super) const CONFLATED_MAX_WAITING: usize = 16 * ACK_MAX_CONFLATED;

#[derive(Default)]
pub(super) struct Pending {
    pub(super) ping: bool,
    pub(super) poke: bool,
    ack: Option<i64>,
    /// The highest seq acked so far: an ack never goes back.
    acked: Option<i64>,
    conflated: Vec<i64>,
    events: VecDeque<Event>,
    /// A customer watches a handful of orders: a linear search beats a map.
    latest: Vec<Slot>,
    close: Closing,
}

/// The place of the newest frame about one order.
struct Slot {
    order: OrderId,
    newest: Newest,
    /// How many this one has replaced before any was sent.
    replaced: u32,
}

enum Newest {
    Here { text: ByteString, read_at: Instant },
    Owed(Owed),
}

/// What a drain takes out.
pub(super) enum Taken {
    Ready(Out),
    /// To be asked for with the outbox open.
    Owed {
        owed: Owed,
        replaced: u32,
    },
}

impl Slot {
    fn take(self) -> Taken {
        let Self { order, newest, replaced } = self;
        match newest {
            Newest::Here { text, read_at } => Taken::Ready(Out::Latest(Latest { order, text, read_at, replaced })),
            Newest::Owed(owed) => Taken::Owed { owed, replaced },
        }
    }
}

/// How far the end has come.
#[derive(Default)]
enum Closing {
    #[default]
    Open,
    /// To be told to the session.
    Due(CloseCode, Cow<'static, str>),
    Told(CloseCode),
}

impl Pending {
    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.close, Closing::Open)
    }

    pub(super) fn put_latest(&mut self, order: &OrderId, text: ByteString, read_at: Instant) -> bool {
        let newest = Newest::Here { text, read_at };
        if let Some(slot) = self.slot(order) {
            slot.newest = newest;
            slot.replaced = slot.replaced.saturating_add(1);
        } else {
            self.latest.push(Slot { order: order.clone(), newest, replaced: 0 });
        }
        true
    }

    pub(super) fn put_latest_or_owed(
        &mut self,
        order: &OrderId,
        text: &ByteString,
        read_at: Instant,
        owed: impl FnOnce() -> Owed,
    ) -> Landed {
        if let Some(slot) = self.slot(order) {
            slot.newest = Newest::Owed(owed());
            return Landed::Unread;
        }
        let newest = Newest::Here { text: text.clone(), read_at };
        self.latest.push(Slot { order: order.clone(), newest, replaced: 0 });
        Landed::Taken
    }

    fn slot(&mut self, order: &OrderId) -> Option<&mut Slot> {
        self.latest.iter_mut().find(|slot| slot.order == *order)
    }

    pub(super) fn clear_latest(&mut self, order: &OrderId) {
        self.latest.retain(|slot| slot.order != *order);
    }

    pub(super) fn put_event(&mut self, event: Event) -> bool {
        if self.events.len() >= OUTBOX_MAX_EVENTS {
            return self.overflow("order events were not read");
        }
        self.events.push_back(event);
        true
    }

    pub(super) fn put_ack(&mut self, up_to: i64, conflated: &[i64]) -> bool {
        if self.conflated.len() + conflated.len() > CONFLATED_MAX_WAITING {
            return self.overflow("acks were not read");
        }
        self.ack = self.ack.max(Some(up_to));
        self.conflated.extend_from_slice(conflated);
        true
    }

    pub(super) fn close(&mut self, code: CloseCode, reason: Cow<'static, str>) -> bool {
        self.close = Closing::Due(code, reason);
        true
    }

    /// Drops what waits. Answers `false` when there is an end already, which stays.
    pub(super) fn cut(&mut self, code: CloseCode, reason: Cow<'static, str>) -> bool {
        let before = std::mem::take(self);
        if before.is_closed() {
            self.close = before.close;
            return false;
        }
        self.close(code, reason)
    }

    /// Nobody reads: what waits is worth less than the memory, and the client resumes from what it has.
    /// Answers `false`: what came was not taken in.
    fn overflow(&mut self, reason: &'static str) -> bool {
        *self = Pending::default();
        self.close(CloseCode::SlowReader, Cow::Borrowed(reason));
        false
    }

    pub(super) fn take_into(&mut self, taken: &mut Vec<Taken>) {
        if std::mem::take(&mut self.ping) {
            taken.push(Taken::Ready(Out::Ping));
        }
        // Events first: an ack counts refused fixes as settled because their sender has been told.
        taken.extend(self.events.drain(..).map(|event| Taken::Ready(Out::Event(event))));
        self.take_acks(taken);
        taken.extend(self.latest.drain(..).map(Slot::take));
        if std::mem::take(&mut self.poke) {
            taken.push(Taken::Ready(Out::Poke));
        }
        match std::mem::take(&mut self.close) {
            Closing::Open => {}
            Closing::Due(code, reason) => {
                self.close = Closing::Told(code);
                taken.push(Taken::Ready(Out::Close(code, reason)));
            }
            told @ Closing::Told(_) => self.close = told,
        }
    }

    /// One frame, or several when the conflated seqs are many. A frame claims no seq above the last conflated one it
    /// lists unless it is the last frame: else the client would take a seq listed in the next one for stored.
    fn take_acks(&mut self, taken: &mut Vec<Taken>) {
        let Some(up_to) = self.ack.take() else { return };
        let mut rest = std::mem::take(&mut self.conflated);
        rest.sort_unstable();
        rest.dedup();
        let before = self.acked.unwrap_or(i64::MIN);
        while rest.len() > ACK_MAX_CONFLATED {
            let later = rest.split_off(ACK_MAX_CONFLATED);
            let claim = rest.last().map_or(up_to, |last| (*last).clamp(before.min(up_to), up_to));
            taken.push(Taken::Ready(Out::Ack { up_to: claim, conflated: rest }));
            rest = later;
        }
        let claim = up_to.max(before);
        taken.push(Taken::Ready(Out::Ack { up_to: claim, conflated: rest }));
        self.acked = Some(claim);
    }

    pub(super) fn state(&self) -> OutboxState {
        OutboxState {
            events: self.events.len(),
            latest: self.latest.len(),
            conflated: self.conflated.len(),
            ack: self.ack,
            ping: self.ping,
            poke: self.poke,
            closed: match self.close {
                Closing::Open => None,
                Closing::Due(code, _) | Closing::Told(code) => Some(code.number()),
            },
            ringing: false,
            dead: false,
        }
    }
}
