//! Fixes on their way to a store that fails, hangs or is slow: nothing is acknowledged before it is stored, and what waits is bounded.

use super::Boom;
use super::Mood;
use super::Phone;
use super::Stage;
use super::fix;
use crate::actors::driver::GetGreeting;
use crate::actors::driver::ReportFixes;
use crate::actors::driver::TooMuch;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::tell;
use crate::clock;
use crate::domain::ids::DriverId;
use std::time::Instant;

#[actix::test]
async fn a_store_that_fails_for_a_while_delays_the_ack_and_loses_nothing() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    stage.until("the first is acknowledged", || phone.acked() == 1).await;
    stage.mood.send_replace(Mood::Refuses);
    for metres in 1..=40 {
        phone.send(f64::from(metres));
    }
    let seen = |stage: &Stage| stage.live(&phone.driver_id).and_then(|live| live.fix.seq);
    stage.until("the newest is live all the same", || seen(&stage) == Some(41)).await;
    // One that comes again while it waits is neither acknowledged nor called a duplicate, which would settle it.
    phone.send_this(fix(41, phone.at, 40.0));
    let greeting = ask(&stage.world.driver(&phone.driver_id).unwrap(), GetGreeting).await;
    assert_eq!(greeting.unwrap().last_seq, Some(1), "what is not stored is not claimed");
    assert_eq!((phone.acked(), phone.reader.has("rejected")), (1, false));
    stage.mood.send_replace(Mood::Fine);
    stage.until("all are acknowledged", || phone.acked() == 41).await;
    assert_eq!(stage.stored(&phone.driver_id).await.len(), 41);
    assert!(!phone.reader.has("rejected"));
}

#[actix::test]
async fn a_store_that_hangs_ends_the_connection_before_the_memory_is_full_and_no_fix_is_lost() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    stage.until("the first is acknowledged", || phone.acked() == 1).await;
    stage.mood.send_replace(Mood::Hangs);
    let driver = stage.world.driver(&phone.driver_id).unwrap();
    while phone.reader.outbox.state().closed.is_none() {
        for _ in 0..100 {
            phone.send(1.0);
        }
        assert!(phone.seq < 20_000, "never too many");
        ask(&driver, GetGreeting).await.unwrap();
    }
    assert_eq!(phone.reader.outbox.state().closed, Some(4429));
    assert!(!phone.reader.has("rejected"), "a fix that is told rejected would count as settled");
    assert!(stage.world.recorder_load.rows() <= 4_096, "{}", stage.world.recorder_load.rows());
    stage.mood.send_replace(Mood::Fine);
    stage.until("nothing is on its way", || stage.world.recorder_load.rows() == 0).await;
    let known = ask(&driver, GetGreeting).await.unwrap().last_seq.unwrap();
    assert!(known < phone.seq, "{known} of {}", phone.seq);
    let mut again = Phone::connect(&stage.world, phone.driver_id.clone(), known);
    again.at = phone.at;
    let mut last = known;
    while last < phone.seq {
        last = again.send(1.0);
    }
    stage.until("the rest is taken in", || again.acked() == last).await;
    let seqs: Vec<_> = stage.stored(&phone.driver_id).await.iter().filter_map(|fix| fix.seq).collect();
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
}

/// A recorder that waited inside its own mailbox for room would never learn that its write is done.
#[actix::test]
async fn a_flood_that_the_store_cannot_take_at_once_is_stored_in_the_end() {
    const DRIVERS: i64 = 16;
    const BATCHES: i64 = 8;
    let stage = Stage::new();
    stage.mood.send_replace(Mood::Hangs);
    let now = clock::now() - 60_000;
    let mut answers = Vec::new();
    for number in 0..DRIVERS {
        let driver_id = DriverId::parse(&format!("d{number}")).unwrap();
        let addr = stage.world.driver(&driver_id).unwrap();
        for batch in 0..BATCHES {
            let seqs = batch * 500 + 1..=batch * 500 + 500;
            let fixes = seqs.map(|seq| Ok(fix(seq, now + seq, 1.0))).collect();
            answers.push(addr.send(ReportFixes { session: None, fixes, batched: true, read_at: Instant::now() }));
        }
    }
    let answers = actix::spawn(futures_util::future::join_all(answers));
    stage.until("the recorder is full", || stage.world.recorder_load.rows() >= 50_000).await;
    for number in 0..DRIVERS {
        let addr = stage.world.driver(&DriverId::parse(&format!("d{number}")).unwrap()).unwrap();
        ask(&addr, GetGreeting).await.unwrap();
    }
    // All 64,000 have come by now; what one driver hands over at a time is at most 4,096, on two threads.
    let waiting = stage.world.recorder_load.rows();
    assert!((50_000..=58_200).contains(&waiting), "{waiting}");
    stage.mood.send_replace(Mood::Fine);
    for answer in answers.await.unwrap() {
        assert_eq!(answer.unwrap().map(|reported| reported.accepted), Ok(500));
    }
    assert_eq!(stage.world.recorder_load.rows(), 0);
    let mut phone = Phone::connect(&stage.world, DriverId::parse("d0").unwrap(), BATCHES * 500);
    phone.at = now + BATCHES * 500;
    let last = phone.send(1.0);
    stage.until("acknowledged", || phone.acked() == last).await;
}

#[actix::test]
async fn over_the_rate_every_fix_is_stored_or_listed() {
    let mut tuning = super::tuning();
    (tuning.fix_interval_ms, tuning.fix_burst) = (100, 2);
    let stage = Stage::with(tuning);
    let mut phone = stage.driver("d", 0.0).await;
    for metres in 1..=30 {
        phone.send(f64::from(metres));
    }
    // The phone goes silent: the one kept back comes to its turn all the same.
    stage.until("all are settled", || phone.acked() == 31).await;
    let acks = phone.reader.of("ack");
    let mut settled: Vec<i64> =
        acks.iter().flat_map(|ack| ack["conflated"].as_array().unwrap()).filter_map(|seq| seq.as_i64()).collect();
    assert!(settled.len() >= 25, "{settled:?}");
    settled.extend(stage.stored(&phone.driver_id).await.iter().filter_map(|fix| fix.seq));
    settled.sort_unstable();
    assert_eq!(settled, (1..=31).collect::<Vec<_>>());
    assert_eq!(stage.live(&phone.driver_id).unwrap().fix.seq, Some(31));
}

#[actix::test]
async fn of_a_batch_the_newest_is_live_at_once() {
    let mut tuning = super::tuning();
    (tuning.fix_interval_ms, tuning.fix_burst) = (60_000, 1);
    let stage = Stage::with(tuning);
    let driver_id = DriverId::parse("d").unwrap();
    let now = clock::now() - 1_000;
    let fixes = (1..=20).map(|seq| Ok(fix(seq, now + seq, 1.0))).collect();
    let report = ReportFixes { session: None, fixes, batched: true, read_at: Instant::now() };
    let reported = ask(&stage.world.driver(&driver_id).unwrap(), report).await.unwrap().unwrap();
    assert_eq!((reported.accepted, reported.conflated), (20, 0));
    assert_eq!(stage.live(&driver_id).unwrap().fix.seq, Some(20));
}

#[actix::test]
async fn a_recorder_that_dies_acknowledges_nothing_and_another_takes_its_place() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    stage.until("the first is acknowledged", || phone.acked() == 1).await;
    stage.mood.send_replace(Mood::Hangs);
    phone.send(1.0);
    let seen = |stage: &Stage| stage.live(&phone.driver_id).and_then(|live| live.fix.seq);
    stage.until("taken in", || seen(&stage) == Some(2)).await;
    stage.until("on its way", || stage.world.recorder_load.rows() == 1).await;
    let recorder = stage.world.recorder().unwrap();
    assert!(tell(&recorder, Boom));
    stage.until("the recorder is dead", || !recorder.connected()).await;
    stage.mood.send_replace(Mood::Fine);
    // The phone sends it again, and hears that it has to on another connection.
    phone.send_this(fix(2, phone.at, 1.0));
    stage.until("the socket is closed", || phone.reader.has("close")).await;
    assert_eq!(phone.acked(), 1, "what was lost was not acknowledged");
    let mut again = Phone::connect(&stage.world, phone.driver_id.clone(), 2);
    again.send_this(fix(2, phone.at, 1.0));
    stage.until("acknowledged", || again.acked() == 2).await;
    assert_eq!(stage.stored(&phone.driver_id).await.len(), 2);
    assert_eq!(stage.world.recorder_load.rows(), 0);
}

/// Its own later fixes are not heard, so a batch of it that was would leave a hole for the phone's next connection.
#[actix::test]
async fn a_batch_of_a_session_that_was_replaced_is_not_taken() {
    let stage = Stage::new();
    let old = stage.driver("d", 0.0).await;
    let mut phone = Phone::connect(&stage.world, old.driver_id.clone(), 1);
    phone.at = old.at;
    let ahead = (2..=4).map(|more| Ok(fix(more + 1, old.at + more, 1.0))).collect();
    let late = ReportFixes { session: Some(old.session), fixes: ahead, batched: true, read_at: Instant::now() };
    let refused = ask(&stage.world.driver(&old.driver_id).unwrap(), late).await.unwrap();
    assert_eq!(refused.map(|reported| reported.accepted), Err(TooMuch));
    let last = phone.send(1.0);
    stage.until("acknowledged", || phone.acked() == last).await;
    assert!(!phone.reader.has("rejected"));
}
