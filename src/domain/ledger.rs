//! The ledger of one driver's fixes: which are settled, so that one number can acknowledge them all.
//!
//! A fix is settled once it is stored, told refused, or listed as conflated. The watermark is the highest `seq` taken in up to which every fix is.
//! Refused fixes count where they came in order.

use std::collections::VecDeque;

/// Fixes that may wait for the store at a time; a device that sends more is told `busy`.
const OPEN_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Handed to the recorder as part of this record.
    Recording(u64),
    /// Kept back by the rate limit, to be stored or replaced.
    Held,
    Settled,
}

/// An acknowledgement to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Every fix up to this `seq` is settled.
    pub up_to: i64,
    /// Those of them that gave way to a newer one.
    pub conflated: Vec<i64>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    open: VecDeque<(i64, State)>,
    up_to: Option<i64>,
    conflated: Vec<i64>,
    news: bool,
}

impl Ledger {
    /// A ledger in which everything up to `last_seq` is settled already.
    #[must_use]
    pub fn resume(last_seq: Option<i64>) -> Self {
        Self { up_to: last_seq, ..Self::default() }
    }

    /// The watermark.
    #[must_use]
    pub fn settled_up_to(&self) -> Option<i64> {
        self.up_to
    }

    /// Whether this fix still waits to be settled.
    #[must_use]
    pub fn is_open(&self, seq: i64) -> bool {
        self.open.iter().any(|(open, state)| *open == seq && *state != State::Settled)
    }

    /// Whether as many fixes wait as may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open.len() >= OPEN_MAX
    }

    /// A fix goes to the recorder, at once or after it was kept back.
    pub fn recording(&mut self, seq: i64, record: u64) {
        if !self.change(seq, State::Recording(record)) {
            self.enter(seq, State::Recording(record));
        }
    }

    /// A fix is kept back by the rate limit.
    pub fn held(&mut self, seq: i64) {
        self.enter(seq, State::Held);
    }

    /// The fix kept back gave way to a newer one.
    pub fn conflated(&mut self, seq: i64) {
        self.change(seq, State::Settled);
        self.conflated.push(seq);
        self.settle();
    }

    /// A fix was refused, and the sender told. One below what is known settles nothing.
    pub fn refused(&mut self, seq: i64) {
        let highest = self.open.back().map(|(last, _)| *last).max(self.up_to);
        if highest.is_none_or(|highest| seq > highest) {
            self.enter(seq, State::Settled);
            self.settle();
        }
    }

    /// A fix came again: the last acknowledgement is repeated.
    pub fn repeated(&mut self) {
        self.news = true;
    }

    /// Every record up to this one is stored.
    pub fn stored(&mut self, record: u64) {
        for (_, state) in &mut self.open {
            if matches!(state, State::Recording(number) if *number <= record) {
                *state = State::Settled;
            }
        }
        self.settle();
    }

    /// What there is to acknowledge since the last time.
    pub fn take_ack(&mut self) -> Option<Ack> {
        let up_to = self.up_to?;
        if !std::mem::take(&mut self.news) {
            return None;
        }
        let (told, later) = std::mem::take(&mut self.conflated).into_iter().partition(|seq| *seq <= up_to);
        self.conflated = later;
        Some(Ack { up_to, conflated: told })
    }

    fn enter(&mut self, seq: i64, state: State) {
        self.open.push_back((seq, state));
    }

    /// Changes a fix that was kept back; `false` when it was not.
    fn change(&mut self, seq: i64, to: State) -> bool {
        let held = self.open.iter_mut().rev().find(|entry| **entry == (seq, State::Held));
        held.map(|entry| entry.1 = to).is_some()
    }

    fn settle(&mut self) {
        while let Some((seq, State::Settled)) = self.open.front().copied() {
            self.open.pop_front();
            self.up_to = self.up_to.max(Some(seq));
            self.news = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ack(up_to: i64, conflated: &[i64]) -> Option<Ack> {
        Some(Ack { up_to, conflated: conflated.to_vec() })
    }

    #[test]
    fn the_watermark_waits_for_the_oldest_open_fix() {
        let mut ledger = Ledger::default();
        ledger.recording(1, 1);
        ledger.recording(2, 2);
        ledger.recording(3, 2);
        assert_eq!(ledger.take_ack(), None);
        ledger.stored(1);
        assert_eq!(ledger.take_ack(), ack(1, &[]));
        assert_eq!((ledger.settled_up_to(), ledger.is_open(1), ledger.is_open(2)), (Some(1), false, true));
        ledger.stored(2);
        assert_eq!(ledger.take_ack(), ack(3, &[]));
        assert_eq!(ledger.take_ack(), None);
        ledger.repeated();
        assert_eq!(ledger.take_ack(), ack(3, &[]));
    }

    #[test]
    fn a_held_fix_settles_when_it_gives_way_or_is_stored() {
        let mut ledger = Ledger::resume(Some(10));
        ledger.held(11);
        ledger.conflated(11);
        ledger.held(12);
        assert_eq!(ledger.take_ack(), ack(11, &[11]));
        ledger.recording(12, 4);
        assert_eq!(ledger.take_ack(), None);
        ledger.stored(4);
        assert_eq!(ledger.take_ack(), ack(12, &[]));
    }

    #[test]
    fn a_refused_fix_settles_in_its_turn() {
        let mut ledger = Ledger::default();
        ledger.recording(1, 1);
        ledger.refused(2);
        assert_eq!(ledger.take_ack(), None);
        ledger.stored(1);
        assert_eq!(ledger.take_ack(), ack(2, &[]));
        ledger.refused(1);
        assert_eq!(ledger.take_ack(), None);
    }

    proptest! {
        #[test]
        fn nothing_is_acknowledged_before_it_is_settled(moves in prop::collection::vec(0u8..4, 1..200)) {
            let mut ledger = Ledger::default();
            let (mut seq, mut record, mut durable) = (0i64, 0u64, 0u64);
            let mut waiting: Vec<(i64, u64)> = Vec::new();
            let mut held: Option<i64> = None;
            for action in moves {
                match action {
                    0 => { seq += 1; record += 1; waiting.push((seq, record)); ledger.recording(seq, record); }
                    1 => {
                        seq += 1;
                        if let Some(old) = held.replace(seq) { ledger.conflated(old); }
                        ledger.held(seq);
                    }
                    2 => if let Some(old) = held.take() { record += 1; waiting.push((old, record)); ledger.recording(old, record); },
                    _ => { durable = record; ledger.stored(durable); }
                }
                if let Some(ack) = ledger.take_ack() {
                    prop_assert!(held.is_none_or(|open| open > ack.up_to));
                    prop_assert!(waiting.iter().all(|(open, number)| *number <= durable || *open > ack.up_to));
                }
            }
        }
    }
}
