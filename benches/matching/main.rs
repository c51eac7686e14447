//! How long one decision takes. Prints p50, p99 and the worst over many different evenings, then lets criterion watch one of them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod busy;

use beeline::domain::matching::Tuning;
use beeline::domain::matching::decide;
use busy::Evening;
use criterion::Criterion;
use std::hint::black_box;
use std::time::Instant;

/// Evenings timed for the percentiles, after as many warm-ups as [`WARM`].
const EVENINGS: u64 = 300;
const WARM: u64 = 10;

fn main() {
    let (town, tuning) = (Evening::town(), Tuning::default());
    for (orders, drivers) in [(100, 100), (1_000, 400)] {
        let mut times_ms = Vec::new();
        for seed in 0..EVENINGS + WARM {
            let evening = Evening::new(seed, orders, drivers);
            let begun = Instant::now();
            black_box(decide(&evening.view(), &town, &tuning));
            if seed >= WARM {
                times_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        times_ms.sort_by(f64::total_cmp);
        let at = |percent: usize| times_ms[(times_ms.len() - 1) * percent / 100];
        println!(
            "decide {orders} orders x {drivers} drivers: p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
            at(50),
            at(99),
            at(100)
        );
    }
    let evening = Evening::new(1, 1_000, 400);
    let mut criterion = Criterion::default().configure_from_args().sample_size(50);
    criterion.bench_function("decide 1000 x 400", |bencher| bencher.iter(|| decide(&evening.view(), &town, &tuning)));
    criterion.final_summary();
}
