//! When a vain search goes on: exponential back-off with full jitter over its upper half.

/// First pause, in milliseconds.
const FIRST_MS: f64 = 1_000.0;
/// Longest pause, in milliseconds.
const LONGEST_MS: f64 = 30_000.0;

/// Milliseconds to wait after the given number of vain tries in a row (1 and up). `jitter` is a number from 0 to 1 that the caller draws: the pause
/// lies between half of `min(1 s * 2^(tries - 1), 30 s)` and the whole of it, so that orders which failed together do not come back together.
#[must_use]
pub fn pause_ms(tries: u32, jitter: f64) -> i64 {
    let exponent = i32::try_from(tries.saturating_sub(1).min(16)).unwrap_or(16);
    let whole_ms = (FIRST_MS * 2_f64.powi(exponent)).min(LONGEST_MS);
    // At most 30,000.
    #[allow(clippy::cast_possible_truncation)]
    let pause_ms = (whole_ms * (0.5 + 0.5 * jitter.clamp(0.0, 1.0))).round() as i64;
    pause_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_jitter_takes_at_most_half() {
        assert_eq!((pause_ms(1, 0.0), pause_ms(1, 1.0)), (500, 1_000));
        assert_eq!((pause_ms(4, 0.0), pause_ms(4, 1.0)), (4_000, 8_000));
        assert_eq!((pause_ms(6, 1.0), pause_ms(60, 1.0), pause_ms(u32::MAX, 0.0)), (30_000, 30_000, 15_000));
        assert_eq!(pause_ms(0, 1.0), 1_000);
    }
}
