//! Couriers who say no, or nothing: a seeded overlay on instances whose couriers always accept.

use super::EvaluateOptions;

/// What a courier does with an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Goes.
    Accepts,
    /// Says no at once.
    Declines,
    /// Lets it lapse.
    Ignores,
}

/// Answers drawn from a seed. The n-th offer of a run gets the same answer each time.
#[derive(Debug)]
pub struct Answers {
    state: u64,
    decline: f64,
    timeout: f64,
}

impl Answers {
    /// The answers of one run.
    #[must_use]
    pub fn new(options: &EvaluateOptions) -> Self {
        Self { state: options.seed, decline: options.decline, timeout: options.timeout }
    }

    /// The next answer.
    pub fn next_answer(&mut self) -> Answer {
        let drawn = self.next_share();
        if drawn < self.decline {
            Answer::Declines
        } else if drawn < self.decline + self.timeout {
            Answer::Ignores
        } else {
            Answer::Accepts
        }
    }

    /// SplitMix64, as a share of 1.
    #[allow(clippy::cast_precision_loss)]
    fn next_share(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
