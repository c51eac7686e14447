//! Fixes and tracks.

use super::*;
use crate::domain::fix::Fix;
use crate::domain::fix::Flag;
use crate::store::FixRow;
use crate::store::TrackPoint;
use crate::store::TrackQuery;

/// A fix with no more than it needs.
pub fn fix_row(driver_id: &DriverId, timestamp: Millis, seq: Option<i64>) -> FixRow {
    let fix = Fix {
        position: Position::new(43.7696, 11.2558).unwrap(),
        timestamp,
        seq,
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        order_id: None,
        battery: None,
        signal: None,
    };
    FixRow { driver_id: driver_id.clone(), fix, flag: None, received_at: timestamp + 150 }
}

async fn page_of(store: &Store, query: TrackQuery) -> Vec<TrackPoint> {
    store.fixes.track(query).await.unwrap().points
}

fn everything(driver_id: &DriverId) -> TrackQuery {
    TrackQuery { driver_id: driver_id.clone(), start: Millis(0), end: Millis(i64::MAX), limit: 1_000, after: None }
}

pub async fn a_fix_comes_back_as_it_was_stored(store: &Store) {
    let driver_id = driver_id();
    let plain = fix_row(&driver_id, T0, None);
    let mut full = fix_row(&driver_id, T0 + 1, Some(i64::MAX));
    full.flag = Some(Flag::Teleport);
    full.fix.position = Position::new(-89.999_999_999_9, 179.123_456_789_012_3).unwrap();
    full.fix.speed = Some(13.89);
    full.fix.heading = Some(1.0 / 3.0);
    full.fix.accuracy = Some(1e300);
    full.fix.altitude = Some(1e14);
    full.fix.order_id = Some(clock::order_id());
    full.fix.battery = Some(99.5);
    full.fix.signal = Some(-113.0);
    let mut odd = fix_row(&driver_id, T0 + 2, Some(-1));
    odd.fix.position = Position::new(0.1 + 0.2, -180.0).unwrap();
    let rows = vec![plain, full, odd];
    store.fixes.fixes_append(rows.clone()).await.unwrap();
    let stored = page_of(store, everything(&driver_id)).await;
    let expected: Vec<_> = rows.into_iter().map(|row| TrackPoint { fix: row.fix, flag: row.flag }).collect();
    assert_eq!(stored, expected);
}

pub async fn a_fix_stored_twice_stays_the_first(store: &Store) {
    let driver_id = driver_id();
    let mut first = fix_row(&driver_id, T0, Some(5));
    first.flag = Some(Flag::Inaccurate);
    let mut twin = fix_row(&driver_id, T0, Some(5));
    twin.fix.speed = Some(9.0);
    store.fixes.fixes_append(vec![first.clone()]).await.unwrap();
    store.fixes.fixes_append(vec![twin.clone(), twin]).await.unwrap();
    let stored = page_of(store, everything(&driver_id)).await;
    assert_eq!(stored, [TrackPoint { fix: first.fix, flag: first.flag }]);
    // What was not stored cannot be the newest.
    assert_eq!(store.drivers.driver_load(driver_id.clone(), T0).await.unwrap().newest, None);
    let neighbours = vec![fix_row(&driver_id, T0, Some(6)), fix_row(&driver_id, T0, None)];
    store.fixes.fixes_append(neighbours).await.unwrap();
    assert_eq!(page_of(store, everything(&driver_id)).await.len(), 3);
}

pub async fn the_newest_has_no_flag(store: &Store) {
    let driver_id = driver_id();
    let good = fix_row(&driver_id, T0 + 10, Some(10));
    let mut jump = fix_row(&driver_id, T0 + 20, Some(20));
    jump.flag = Some(Flag::Teleport);
    let mut late = fix_row(&driver_id, T0 + 5, Some(30));
    late.flag = Some(Flag::Late);
    store.fixes.fixes_append(vec![jump, good.clone()]).await.unwrap();
    store.fixes.fixes_append(vec![late]).await.unwrap();
    let state = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap();
    assert_eq!((state.last_seq, state.newest), (Some(30), Some(good.fix)));
    let without_seq = fix_row(&driver_id, T0 + 40, None);
    store.fixes.fixes_append(vec![without_seq.clone()]).await.unwrap();
    let state = store.drivers.driver_load(driver_id, T0).await.unwrap();
    assert_eq!((state.last_seq, state.newest), (Some(30), Some(without_seq.fix)));
}

pub async fn a_track_pages_in_true_time_order(store: &Store) {
    let driver_id = driver_id();
    let moments = [50, 10, 10, 10, 40, 20, 30, 30, 60];
    let seqs = [Some(1), Some(3), Some(2), None, None, Some(6), Some(8), Some(7), Some(9)];
    for (at, seq) in moments.into_iter().zip(seqs) {
        store.fixes.fixes_append(vec![fix_row(&driver_id, T0 + at, seq)]).await.unwrap();
    }
    let whole = page_of(store, everything(&driver_id)).await;
    assert_eq!(whole.len(), moments.len());
    assert!(whole.is_sorted_by_key(|point| point.fix.timestamp));
    for limit in [1, 2, 3, 8, 9] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.fixes.track(TrackQuery { limit, after, ..everything(&driver_id) }).await.unwrap();
            assert!(page.points.len() <= limit && !page.points.is_empty());
            seen.extend(page.points);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole, "{limit} at a time");
    }
}

pub async fn a_track_keeps_to_its_window(store: &Store) {
    let driver_id = driver_id();
    let rows = (0..10).map(|at| fix_row(&driver_id, T0 + at, Some(at))).collect();
    store.fixes.fixes_append(rows).await.unwrap();
    let window = TrackQuery { start: T0 + 3, end: T0 + 5, ..everything(&driver_id) };
    let times = |points: Vec<TrackPoint>| points.iter().map(|point| point.fix.timestamp.since(T0)).collect::<Vec<_>>();
    assert_eq!(times(page_of(store, window.clone()).await), [3, 4, 5]);
    let page = store.fixes.track(TrackQuery { limit: 2, ..window.clone() }).await.unwrap();
    assert!(page.next.is_some());
    let rest = TrackQuery { after: page.next, ..window.clone() };
    assert_eq!(times(page_of(store, rest).await), [5]);
    // A cursor from before the window does not widen it.
    let early = crate::store::TrackCursor { timestamp: T0, row: 0 };
    assert_eq!(times(page_of(store, TrackQuery { after: Some(early), ..window }).await), [3, 4, 5]);
    assert!(page_of(store, everything(&super::driver_id())).await.is_empty());
}

pub async fn a_batch_may_hold_many_drivers(store: &Store) {
    let drivers: Vec<_> = (0..50).map(|_| driver_id()).collect();
    let rows: Vec<_> =
        (0..1_000_usize).map(|n| fix_row(&drivers[n * 7 % drivers.len()], T0 + n as i64, Some(n as i64))).collect();
    store.fixes.fixes_append(rows.clone()).await.unwrap();
    for driver_id in &drivers {
        let newest = rows.iter().rev().find(|row| row.driver_id == *driver_id).unwrap();
        let state = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap();
        assert_eq!((state.last_seq, state.newest.as_ref()), (newest.fix.seq, Some(&newest.fix)));
        assert_eq!(page_of(store, everything(driver_id)).await.len(), 20);
    }
    assert_eq!(store.fixes.fixes_append(Vec::new()).await, Ok(()));
}
