//! Time as the rules see it: Unix milliseconds, handed in by the caller.

use serde::Deserialize;
use serde::Serialize;
use std::ops::Add;
use std::ops::Sub;

/// A moment in Unix milliseconds. `protocol::time` writes it as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// Milliseconds from `earlier` to this moment, negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Millis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<i64> for Millis {
    type Output = Millis;
    fn add(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_add(milliseconds))
    }
}

impl Sub<i64> for Millis {
    type Output = Millis;
    fn sub(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_sub(milliseconds))
    }
}
