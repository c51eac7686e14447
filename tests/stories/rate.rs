//! More fixes than the rate allows are conflated: the newest wins, nothing is an error, and the sum adds up.

use crate::support::CENTRE;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

async fn stored_seqs(driver: &Driver) -> BTreeSet<i64> {
    let route = driver.caller.get(&format!("/drivers/{}/route", driver.id)).await.expect(200).body;
    route["points"].as_array().unwrap().iter().filter_map(|point| point["seq"].as_i64()).collect()
}

#[tokio::test]
async fn over_the_rate_the_newest_wins_and_the_rest_is_listed_as_conflated() {
    let server = Server::start().await;
    let mut driver = Driver::connect(&server, "d-1").await;
    for metres in 1..=20 {
        driver.at(CENTRE.north(f64::from(metres))).await;
    }
    driver.settled(20).await;
    let listed =
        |frame: &&Value| frame["conflated"].as_array().unwrap().iter().filter_map(Value::as_i64).collect::<Vec<_>>();
    let conflated: BTreeSet<i64> = driver.socket.every("ack").iter().flat_map(listed).collect();
    let stored = stored_seqs(&driver).await;
    assert!(stored.is_disjoint(&conflated), "{stored:?} and {conflated:?}");
    let all: BTreeSet<i64> = stored.union(&conflated).copied().collect();
    assert_eq!(all, (1..=20).collect(), "every fix is one or the other");
    assert!((1..=5).all(|seq| stored.contains(&seq)), "the burst of five is live: {stored:?}");
    assert!(stored.contains(&20) && conflated.len() >= 10, "{conflated:?}");
    let live = driver.caller.get("/drivers/d-1/location").await.expect(200).body;
    assert!(CENTRE.north(20.0).is_at(&live), "{live}");
    assert!(driver.socket.every("rejected").is_empty() && driver.socket.every("error").is_empty());
    assert_eq!(server.metric("beeline_fixes_conflated_total").await as usize, conflated.len());
    let watermarks: Vec<i64> = driver.socket.every("ack").iter().filter_map(|ack| ack["seq"].as_i64()).collect();
    assert!(watermarks.is_sorted(), "{watermarks:?}");
}

#[tokio::test]
async fn without_a_limit_every_fix_is_live_and_stored() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    for metres in 1..=60 {
        driver.at(CENTRE.north(f64::from(metres))).await;
    }
    driver.settled(60).await;
    assert_eq!(stored_seqs(&driver).await.len(), 60);
    assert!(driver.socket.every("ack").iter().all(|ack| ack["conflated"] == json!([])));
}

#[tokio::test]
async fn a_tracker_over_the_rate_is_told_so_and_never_refused() {
    let server = Server::start().await;
    let tracker = server.caller("driver", "d-1");
    let (mut accepted, mut conflated, began) = (0, 0, now_ms());
    for seq in 1..=12_i64 {
        let at = CENTRE.north(seq as f64);
        let fix = json!({ "latitude": at.latitude, "longitude": at.longitude, "seq": seq, "timestamp": began + seq });
        let answer = tracker.post("/drivers/d-1/location", fix).await.expect(202).body;
        accepted += answer["accepted"].as_i64().unwrap();
        conflated += answer["conflated"].as_i64().unwrap();
    }
    assert_eq!(accepted + conflated, 12);
    assert!(accepted >= 5 && conflated >= 1, "{accepted} and {conflated}");
    until("the newest to go live in its turn", || async {
        let live = tracker.get("/drivers/d-1/location").await.expect(200).body;
        CENTRE.north(12.0).is_at(&live).then_some(())
    })
    .await;
}

#[tokio::test]
async fn acks_come_at_most_four_times_a_second() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let began = now_ms();
    for round in 0..6 {
        for step in 0..10 {
            driver.at(CENTRE.north(f64::from(round * 10 + step))).await;
        }
        let seq = driver.seq;
        driver.settled(seq).await;
    }
    let periods = (now_ms() - began) / 250 + 2;
    let acks = driver.socket.every("ack").len();
    assert!(acks as i64 <= periods, "{acks} acks in {periods} periods");
}
