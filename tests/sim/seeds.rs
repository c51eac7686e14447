//! Thousands of seeds, each of which must hold; and one again, to look at.

use crate::history::hash;
use crate::run::run;
use crate::sim::START;
use std::time::Duration;
use std::time::Instant;

/// Time between two words about the progress.
const WORD: Duration = Duration::from_secs(10);

/// A number from the environment, where there is one.
pub fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn two_thousand_seeds_hold() {
    let seeds = from_env("BEELINE_SIM_SEEDS").unwrap_or(2_000);
    let first = from_env("BEELINE_SIM_FIRST").unwrap_or(0);
    let (began, mut told, mut steps) = (Instant::now(), Instant::now(), 0);
    let mut failed = Vec::new();
    for (count, seed) in (1_u64..).zip(first..first + seeds) {
        let outcome = run(seed, None);
        steps += outcome.steps;
        if !outcome.violations.is_empty() {
            println!("{}", outcome.report);
            failed.push(seed);
        }
        if told.elapsed() > WORD || count == seeds {
            told = Instant::now();
            #[allow(clippy::cast_precision_loss)]
            let pace = count as f64 / began.elapsed().as_secs_f64();
            println!("{count} of {seeds} seeds, {pace:.0} a second, {steps} steps, {} failed", failed.len());
        }
        assert!(failed.len() < 5, "seeds {failed:?} failed, see above");
    }
    assert!(failed.is_empty(), "seeds {failed:?} failed, see above");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..50 {
        assert_eq!(hash_of(seed), hash_of(seed), "seed {seed}");
    }
    assert_ne!(hash_of(1), hash_of(2));
}

fn hash_of(seed: u64) -> u64 {
    hash(&run(seed, None).history)
}

/// Runs the seed named by `BEELINE_SIM_SEED` and tells its last events; without a name there is nothing to replay.
#[test]
fn replay() {
    let Some(seed) = from_env("BEELINE_SIM_SEED") else { return };
    let outcome = run(seed, None);
    println!(
        "seed {seed} from {START:?}: {} steps, hash {:016x}, done: {}",
        outcome.steps,
        hash(&outcome.history),
        outcome.is_done
    );
    println!("{}", outcome.report);
    assert!(outcome.violations.is_empty(), "see above");
}
