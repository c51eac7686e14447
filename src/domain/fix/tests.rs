//! The gate's verdicts, each code by a table or a property.

use super::*;
use proptest::prelude::*;

const NOW: Millis = Millis(1_800_000_000_000);
const GONE_MS: i64 = 300_000;

fn fix(lat: f64, lng: f64, at: Millis) -> Fix {
    Fix {
        position: Position::new(lat, lng).unwrap(),
        timestamp: at,
        seq: None,
        speed: None,
        heading: None,
        accuracy: Some(5.0),
        altitude: None,
        order_id: None,
        battery: None,
        signal: None,
    }
}

fn florence(at: Millis) -> Fix {
    fix(43.77, 11.25, at)
}

fn judge(gate: &mut Gate, fix: &Fix, now: Millis) -> Verdict {
    gate.judge(fix, now, false, GONE_MS)
}

const LIVE: Verdict = Verdict::Accepted { live: true };

#[test]
fn times_off_by_too_much_are_refused() {
    for (age_ms, wanted) in [
        (-30_001, Verdict::Refused(Refusal::BadTime)),
        (-30_000, LIVE),
        (0, LIVE),
        (299_999, LIVE),
        (300_000, Verdict::Accepted { live: false }),
        (AGE_MAX_MS, Verdict::Accepted { live: false }),
        (AGE_MAX_MS + 1, Verdict::Refused(Refusal::BadTime)),
    ] {
        assert_eq!(judge(&mut Gate::default(), &florence(NOW - age_ms), NOW), wanted, "{age_ms}");
    }
}

#[test]
fn a_batch_goes_live_only_with_a_newest_fix_under_30_s_old() {
    for (age_ms, live) in [(29_999, true), (30_000, false)] {
        let verdict = Gate::default().judge(&florence(NOW - age_ms), NOW, true, GONE_MS);
        assert_eq!(verdict, Verdict::Accepted { live });
    }
}

#[test]
fn a_seq_not_above_the_last_is_a_duplicate_even_after_a_restart() {
    let mut gate = Gate::resume(Some(7), None);
    let with_seq = |seq| Fix { seq: Some(seq), ..florence(NOW + seq) };
    assert_eq!(judge(&mut gate, &with_seq(7), NOW), Verdict::Refused(Refusal::Duplicate));
    assert_eq!(judge(&mut gate, &with_seq(8), NOW), LIVE);
    assert_eq!(judge(&mut gate, &with_seq(8), NOW), Verdict::Refused(Refusal::Duplicate));
    assert_eq!(gate.last_seq(), Some(8));
}

#[test]
fn without_seq_a_timestamp_is_taken_once() {
    let mut gate = Gate::default();
    assert_eq!(judge(&mut gate, &florence(NOW), NOW), LIVE);
    assert_eq!(judge(&mut gate, &florence(NOW), NOW), Verdict::Refused(Refusal::Duplicate));
    let late = florence(NOW - 1_000);
    assert_eq!(judge(&mut gate, &late, NOW), Verdict::Flagged(Flag::Late));
    assert_eq!(judge(&mut gate, &late, NOW), Verdict::Refused(Refusal::Duplicate));
}

#[test]
fn of_two_fixes_of_one_moment_the_second_is_history() {
    let mut gate = Gate::default();
    let with_seq = |seq| Fix { seq: Some(seq), ..florence(NOW) };
    assert_eq!(judge(&mut gate, &with_seq(1), NOW), LIVE);
    assert_eq!(judge(&mut gate, &with_seq(2), NOW), Verdict::Accepted { live: false });
}

#[test]
fn nothing_and_nowhere_are_flagged() {
    assert_eq!(judge(&mut Gate::default(), &fix(0.0, 0.0, NOW), NOW), Verdict::Flagged(Flag::NullIsland));
    for (accuracy, wanted) in [(100.0, LIVE), (100.1, Verdict::Flagged(Flag::Inaccurate))] {
        let rough = Fix { accuracy: Some(accuracy), ..florence(NOW) };
        assert_eq!(judge(&mut Gate::default(), &rough, NOW), wanted);
    }
}

#[test]
fn a_jump_is_flagged_until_five_plausible_fixes_follow_it() {
    let mut gate = Gate::default();
    assert_eq!(judge(&mut gate, &florence(NOW), NOW), LIVE);
    let rome = |step: i64| fix(41.9, 12.5, NOW + 5_000 * step);
    for step in 1..=5 {
        assert_eq!(judge(&mut gate, &rome(step), NOW), Verdict::Flagged(Flag::Teleport), "{step}");
    }
    assert_eq!(judge(&mut gate, &rome(6), NOW), LIVE);
    assert_eq!(judge(&mut gate, &florence(NOW + 32_000), NOW + 32_000), Verdict::Flagged(Flag::Teleport));
}

#[test]
fn two_cities_in_turn_never_move_the_marker() {
    let mut gate = Gate::default();
    for step in 0..40 {
        let at = NOW + step * 5_000;
        let (here, wanted) =
            if step % 2 == 0 { (florence(at), LIVE) } else { (fix(41.9, 12.5, at), Verdict::Flagged(Flag::Teleport)) };
        assert_eq!(judge(&mut gate, &here, at), wanted);
    }
}

#[test]
fn a_jump_within_both_accuracies_is_no_teleport() {
    let mut gate = Gate::default();
    let rough = |lat, at| Fix { accuracy: Some(95.0), ..fix(lat, 11.25, at) };
    assert_eq!(judge(&mut gate, &rough(43.770, NOW), NOW), LIVE);
    // 329 m in 1 s: 190 m of it is noise, and the rest is judged over two seconds.
    assert_eq!(judge(&mut gate, &rough(43.77296, NOW + 1_000), NOW + 1_000), LIVE);
    assert_eq!(judge(&mut gate, &rough(43.77706, NOW + 2_000), NOW + 2_000), Verdict::Flagged(Flag::Teleport));
}

#[test]
fn the_bucket_gives_its_burst_and_then_one_an_interval() {
    let mut bucket = Bucket::full();
    for _ in 0..5 {
        assert_eq!(bucket.take(NOW, 3_000, 5), Ok(()));
    }
    assert_eq!(bucket.take(NOW, 3_000, 5), Err(NOW + 3_000));
    assert_eq!(bucket.take(NOW + 3_000, 3_000, 5), Ok(()));
    assert_eq!(bucket.take(NOW + 3_001, 3_000, 5), Err(NOW + 6_000));
    assert!((0..100).all(|_| bucket.take(NOW, 0, 5).is_ok()));
}

proptest! {
    #[test]
    fn what_goes_live_is_always_newer_and_reachable(
        steps in prop::collection::vec((-60_000i64..60_000, -0.5f64..0.5, -0.5f64..0.5, 0.0f64..200.0), 1..200)
    ) {
        let mut gate = Gate::default();
        let mut newest: Option<Millis> = None;
        let mut now = NOW;
        for (shift, dlat, dlng, accuracy) in steps {
            now = now + 1_000;
            let reported = Fix { accuracy: Some(accuracy), ..fix(43.77 + dlat, 11.25 + dlng, now + shift) };
            if let Verdict::Accepted { .. } = gate.judge(&reported, now, false, GONE_MS) {
                prop_assert!(newest.is_none_or(|before| reported.timestamp > before));
                prop_assert!(accuracy <= INACCURATE_M);
                newest = Some(reported.timestamp);
            }
        }
    }

    #[test]
    fn no_seq_is_ever_stored_twice(seqs in prop::collection::vec(0i64..50, 1..300)) {
        let mut gate = Gate::default();
        let mut stored = std::collections::HashSet::new();
        for (step, seq) in seqs.into_iter().enumerate() {
            let at = NOW + i64::try_from(step).unwrap() * 1_000;
            let reported = Fix { seq: Some(seq), ..florence(at) };
            if !matches!(gate.judge(&reported, at, false, GONE_MS), Verdict::Refused(_)) {
                prop_assert!(stored.insert(seq));
            }
        }
    }

    #[test]
    fn the_bucket_never_lets_more_through_than_its_rate(gaps in prop::collection::vec(0i64..5_000, 1..300)) {
        let mut bucket = Bucket::full();
        let (mut now, mut passed) = (NOW, 0i64);
        for gap in gaps {
            now = now + gap;
            passed += i64::from(bucket.take(now, 3_000, 5).is_ok());
            prop_assert!(passed <= 5 + now.since(NOW) / 3_000);
        }
    }
}
