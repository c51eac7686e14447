//! What the proofs by many tries share: how often, with which choices, and a server that limits none of it.

use crate::support::Server;

/// Rates, intervals and caps that would keep many clients of one machine from trying.
const NO_LIMITS: [(&str, &str); 9] = [
    ("BEELINE_FIX_INTERVAL", "0s"),
    ("BEELINE_PUSH_INTERVAL", "0s"),
    ("BEELINE_RATE_BROWSE", "0"),
    ("BEELINE_RATE_SEARCH", "0"),
    ("BEELINE_RATE_ORDERS", "0"),
    ("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "0"),
    ("BEELINE_MAX_SOCKETS_PER_ADDRESS", "0"),
    ("BEELINE_DRIVER_LOST", "0s"),
    ("BEELINE_DRIVER_STALLED", "0s"),
];

/// A server that lets everybody try as often as they like.
pub async fn server_without_limits() -> Server {
    Server::with(&NO_LIMITS).await
}

/// How many tries: what the environment asks for, or the usual number.
pub fn tries(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// The seed of this run, and how to run with it again. Shown when the test fails.
pub fn seed() -> u64 {
    let given = std::env::var("BEELINE_SEED").ok().map(|text| text.parse().expect("BEELINE_SEED is a number"));
    let seed = given.unwrap_or_else(rand::random);
    println!("the same choices again: BEELINE_SEED={seed}");
    seed
}

/// Choices from a seed (splitmix64). What the network and the machine make of them differs from run to run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for somebody else.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % sides as u64).unwrap()
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}
