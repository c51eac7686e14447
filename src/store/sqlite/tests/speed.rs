//! How fast: not part of the tests, `cargo test --release --lib store::sqlite::tests::speed -- --ignored --nocapture`.

use super::*;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::store::FixRow;
use crate::store::conformance::fixes::fix_row;
use futures_util::StreamExt;
use futures_util::stream;
use std::io::Write;
use std::time::Instant;

const DRIVERS: usize = 10_000;
const BATCH: usize = 1_000;

/// One fix of each of `count` drivers from `first` on, in metres and hundredths as phones give them.
fn batch(drivers: &[DriverId], first: usize, count: usize) -> Vec<FixRow> {
    (first..first + count)
        .map(|n| {
            let at = i64::try_from(n / drivers.len()).unwrap();
            let mut row = fix_row(&drivers[n % drivers.len()], T0 + at * 5_000, Some(at));
            row.fix.position = Position::new(43.769_562_3 + (n % 997) as f64 * 1e-5, 11.255_814_1).unwrap();
            row.fix.speed = Some(8.31);
            row.fix.heading = Some(271.5);
            row.fix.accuracy = Some(4.8);
            row
        })
        .collect()
}

fn report(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn fixes_appended_per_second() {
    let here = open_here();
    let drivers: Vec<_> = (0..DRIVERS).map(|_| driver_id()).collect();
    let total = 1_000_000;
    let started = Instant::now();
    let batches = stream::iter(
        (0..total).step_by(BATCH).map(|first| here.store.fixes.fixes_append(batch(&drivers, first, BATCH))),
    );
    batches.buffer_unordered(16).for_each(|outcome| async { outcome.unwrap() }).await;
    let seconds = started.elapsed().as_secs_f64();
    here.store.health.close().await.unwrap();
    let bytes = std::fs::metadata(here.folder.path().join("beeline.db")).unwrap().len();
    report(format_args!("{:.0} fixes/s, {} bytes a fix on disk", total as f64 / seconds, bytes / total as u64));
}

/// 2,000 fixes/s in batches of 100 and 40 order steps/s, for a minute, as a node would send them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_minute_at_two_thousand_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (told, commits) = std::sync::mpsc::channel();
    let store = SqliteStore::open(&folder.path().join("beeline.db"), Ack::Strict, move |took, _| {
        told.send(took).unwrap_or_default()
    })
    .unwrap();
    let drivers: Vec<_> = (0..DRIVERS).map(|_| driver_id()).collect();
    let fixes = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let mut acks = Vec::new();
        for n in 0..1_200 {
            tick.tick().await;
            let asked = Instant::now();
            store.fixes.fixes_append(batch(&drivers, n * 100, 100)).await.unwrap();
            acks.push(asked.elapsed());
        }
        acks
    };
    let orders = async {
        let mut tick = tokio::time::interval(Duration::from_millis(75));
        let mut acks = Vec::new();
        for _ in 0..800 {
            tick.tick().await;
            let asked = Instant::now();
            searching(&store).await;
            acks.push(asked.elapsed() / 3);
        }
        acks
    };
    let (fixes, orders) = tokio::join!(fixes, orders);
    for (what, times) in [("fix ack", fixes), ("order step", orders), ("commit", commits.try_iter().collect())] {
        let mut times: Vec<Duration> = times;
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        report(format_args!("{what}: p50 {:?}, p99 {:?}, max {:?} of {}", at(0.5), at(0.99), at(1.0), times.len()));
    }
    let log = std::fs::metadata(folder.path().join("beeline.db-wal")).unwrap().len();
    report(format_args!("write-ahead log {} MiB", log >> 20));
}
