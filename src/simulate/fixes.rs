//! The fixes of one phone that the server has not settled yet: kept while offline, sent again after a reconnect, never without bound.
//!
//! It checks the server's promise as it goes: what was acknowledged as stored is still stored after any reconnect.

use super::wire::Fix;
use std::collections::VecDeque;

/// Fixes kept; more than two hours of them. The oldest make room.
const KEPT_MAX: usize = 2_500;
/// Fixes in one batch; the contract allows 500.
const BATCH_MAX: usize = 400;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    fixes: VecDeque<Kept>,
    last_seq: i64,
    /// The highest `seq` known to be stored: acknowledged, and neither conflated nor rejected.
    stored_seq: Option<i64>,
}

#[derive(Debug)]
struct Kept {
    fix: Fix,
    sent: bool,
}

/// What an ack settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    pub(crate) stored: u64,
    pub(crate) conflated: u64,
}

/// What to do after a welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// Fixes that the server had stored although its ack never came.
    pub(crate) stored: u64,
    /// The server forgot a fix that it had acknowledged as stored.
    pub(crate) lost: bool,
}

impl Unsettled {
    /// The next `seq`: Unix milliseconds, yet always above the last one.
    pub(crate) fn next_seq(&mut self, now_ms: i64) -> i64 {
        self.last_seq = now_ms.max(self.last_seq + 1);
        self.last_seq
    }

    /// Keeps a fix until it is settled; answers how many had to make room.
    pub(crate) fn push(&mut self, fix: Fix) -> u64 {
        self.fixes.push_back(Kept { fix, sent: false });
        let full = self.fixes.len() > KEPT_MAX;
        if full {
            self.fixes.pop_front();
        }
        u64::from(full)
    }

    /// The next fixes to send, in order: one alone, or a batch of what piled up.
    pub(crate) fn unsent(&self) -> Vec<Fix> {
        let unsent = self.fixes.iter().filter(|kept| !kept.sent);
        unsent.take(BATCH_MAX).map(|kept| kept.fix.clone()).collect()
    }

    /// These went out.
    pub(crate) fn sent(&mut self, up_to_seq: i64) {
        for kept in self.fixes.iter_mut().take_while(|kept| kept.fix.seq <= up_to_seq) {
            kept.sent = true;
        }
    }

    /// A batch was answered as a whole: the first and last `seq` of it.
    pub(crate) fn batch_done(&mut self, first: i64, last: i64) -> u64 {
        let before = self.fixes.len();
        self.fixes.retain(|kept| !(first..=last).contains(&kept.fix.seq));
        u64::try_from(before - self.fixes.len()).unwrap_or(0)
    }

    /// These, and what followed them, have to go out again.
    pub(crate) fn unsend(&mut self, from_seq: i64) {
        for kept in self.fixes.iter_mut().filter(|kept| kept.fix.seq >= from_seq) {
            kept.sent = false;
        }
    }

    /// One fix was refused, and will not come up in the ack.
    pub(crate) fn rejected(&mut self, seq: i64) -> bool {
        let before = self.fixes.len();
        self.fixes.retain(|kept| kept.fix.seq != seq);
        before > self.fixes.len()
    }

    /// Every fix up to `seq` is settled.
    pub(crate) fn acked(&mut self, seq: i64, conflated: &[i64]) -> Settled {
        let mut settled = Settled::default();
        while let Some(kept) = self.fixes.pop_front_if(|kept| kept.fix.seq <= seq) {
            if conflated.contains(&kept.fix.seq) {
                settled.conflated += 1;
            } else {
                settled.stored += 1;
                self.stored_seq = self.stored_seq.max(Some(kept.fix.seq));
            }
        }
        settled
    }

    /// A new connection: what the server has stored needs no sending, everything else does, again.
    pub(crate) fn resume(&mut self, last_seq: Option<i64>) -> Resumed {
        let known = last_seq.unwrap_or(i64::MIN);
        let stored = self.acked(known, &[]).stored;
        let lost = last_seq < self.stored_seq;
        self.last_seq = self.last_seq.max(known);
        self.unsend(i64::MIN);
        Resumed { stored, lost }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plane::LatLng;
    use super::*;

    fn phone(count: i64) -> Unsettled {
        let mut phone = Unsettled::default();
        for _ in 0..count {
            let seq = phone.next_seq(0);
            let at = LatLng { latitude: 43.77, longitude: 11.25 };
            phone.push(Fix {
                seq,
                at,
                speed: 0.0,
                heading: None,
                accuracy: 4.0,
                timestamp: seq,
                order_id: None,
                battery: 1.0,
            });
        }
        phone
    }

    fn seqs(fixes: &[Fix]) -> Vec<i64> {
        fixes.iter().map(|fix| fix.seq).collect()
    }

    #[test]
    fn seq_follows_the_clock_and_never_falls_back() {
        let mut phone = Unsettled::default();
        assert_eq!(
            [phone.next_seq(100), phone.next_seq(100), phone.next_seq(90), phone.next_seq(500)],
            [100, 101, 102, 500]
        );
        phone.resume(Some(900));
        assert_eq!(phone.next_seq(600), 901);
    }

    #[test]
    fn an_ack_settles_everything_up_to_it() {
        let mut phone = phone(5);
        phone.sent(4);
        assert_eq!(phone.acked(3, &[2]), Settled { stored: 2, conflated: 1 });
        assert_eq!(seqs(&phone.unsent()), [5]);
    }

    #[test]
    fn after_a_reconnect_only_what_is_not_stored_is_sent_again() {
        let mut phone = phone(5);
        phone.sent(5);
        assert_eq!(phone.unsent(), []);
        phone.acked(2, &[]);
        assert_eq!(phone.resume(Some(3)), Resumed { stored: 1, lost: false });
        assert_eq!(seqs(&phone.unsent()), [4, 5]);
    }

    #[test]
    fn a_server_that_forgets_an_acknowledged_fix_is_caught() {
        let mut phone = phone(5);
        assert!(!phone.resume(None).lost, "nothing was ever stored");
        phone.sent(5);
        phone.acked(4, &[4]);
        assert!(!phone.resume(Some(3)).lost, "4 was conflated, not stored");
        phone.sent(5);
        phone.acked(5, &[]);
        assert!(phone.resume(Some(4)).lost);
        assert!(phone.resume(None).lost);
    }

    #[test]
    fn a_phone_that_is_offline_for_hours_keeps_the_newest() {
        let mut phone = phone(i64::try_from(KEPT_MAX).unwrap_or(0) + 10);
        assert_eq!(phone.fixes.len(), KEPT_MAX);
        let batch = phone.unsent();
        assert_eq!((batch.len(), batch[0].seq), (BATCH_MAX, 11));
        let last = batch[BATCH_MAX - 1].seq;
        phone.sent(last);
        assert_eq!(phone.unsent()[0].seq, last + 1);
        assert_eq!(phone.batch_done(11, last), 400);
    }
}
