//! What becomes of a fix on a driver's socket: every code of the contract, acknowledgements, and what is remembered.

use crate::support::CENTRE;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;

async fn shown(driver: &Driver) -> Value {
    driver.caller.get(&format!("/drivers/{}/location", driver.id)).await.expect(200).body
}

async fn points(driver: &Driver) -> Vec<Value> {
    let route = driver.caller.get(&format!("/drivers/{}/route", driver.id)).await.expect(200).body;
    route["points"].as_array().unwrap().clone()
}

async fn told(driver: &mut Driver, kind: &str, seq: i64) -> String {
    let notice = driver.socket.wait(kind, |frame| frame["type"] == kind && frame["seq"] == seq).await;
    notice["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn refused_fixes_are_told_and_not_stored() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let bad: [(&str, &str, Value); 9] = [
        ("out_of_range", "latitude", json!(90.001)),
        ("out_of_range", "longitude", json!(-180.5)),
        ("malformed", "latitude", json!("43.7")),
        ("malformed", "longitude", json!(null)),
        ("malformed", "timestamp", json!("noon")),
        ("malformed", "seq", json!(-4)),
        ("bad_time", "timestamp", json!(now_ms() + 120_000)),
        ("bad_time", "timestamp", json!(now_ms() - 25 * 3_600 * 1_000)),
        ("bad_time", "timestamp", json!(0)),
    ];
    for (code, field, value) in bad {
        let mut fix = driver.fix(CENTRE.north(5.0));
        fix[field] = value;
        let seq = fix["seq"].as_i64().unwrap();
        driver.socket.send(fix).await;
        assert_eq!(told(&mut driver, "rejected", seq).await, code, "{field}");
    }
    let again = driver.seq + 1;
    driver.arrive(CENTRE.north(6.0)).await;
    let mut repeat = driver.fix(CENTRE.north(6.0));
    repeat["seq"] = json!(again);
    driver.socket.send(repeat).await;
    assert_eq!(told(&mut driver, "rejected", again).await, "duplicate");
    assert_eq!(points(&driver).await.len(), 2, "the two good ones");
    assert!(CENTRE.north(6.0).is_at(&shown(&driver).await));
    for code in ["out_of_range", "malformed", "bad_time", "duplicate"] {
        assert!(server.metric(&format!("beeline_fixes_refused_total{{code=\"{code}\"}}")).await >= 1.0, "{code}");
    }
}

#[tokio::test]
async fn a_fix_a_little_ahead_or_hours_old_is_not_refused() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let now = now_ms();
    for at in [now - 23 * 3_600 * 1_000, now - 60_000, now + 20_000] {
        let mut fix = driver.fix(CENTRE);
        fix["timestamp"] = json!(at);
        driver.socket.send(fix).await;
        driver.settled(driver.seq).await;
    }
    assert!(driver.socket.every("rejected").is_empty());
    let end = now_ms() + 60_000;
    let path = format!("/drivers/d-1/route?start_time={}&end_time={end}", now - 24 * 3_600 * 1_000);
    let route = driver.caller.get(&path).await.expect(200).body;
    assert_eq!(route["points"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn flagged_fixes_are_stored_and_never_move_the_marker() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let change = |field: &'static str, value: Value| move |fix: &mut Value| fix[field] = value;
    type Change = Box<dyn FnOnce(&mut Value)>;
    let flagged: [(&str, Change); 4] = [
        ("late", Box::new(change("timestamp", json!(now_ms() - 10_000)))),
        ("inaccurate", Box::new(change("accuracy", json!(150)))),
        ("null_island", Box::new(|fix| (fix["latitude"], fix["longitude"]) = (json!(0), json!(0)))),
        ("teleport", Box::new(change("latitude", json!(CENTRE.north(9_000.0).latitude)))),
    ];
    for (code, change) in flagged {
        let mut fix = driver.fix(CENTRE.north(10.0));
        change(&mut fix);
        driver.socket.send(fix).await;
        let seq = driver.seq;
        assert_eq!(told(&mut driver, "flagged", seq).await, code);
        driver.settled(seq).await;
        assert!(CENTRE.is_at(&shown(&driver).await), "{code} moved the marker");
        let stored = points(&driver).await;
        let point = stored.iter().find(|point| point["seq"] == seq).unwrap_or_else(|| panic!("{code} is not stored"));
        assert_eq!(point["flag"], code);
        assert!(server.metric(&format!("beeline_fixes_flagged_total{{code=\"{code}\"}}")).await >= 1.0, "{code}");
    }
    assert!(driver.socket.every("rejected").is_empty());
    driver.arrive(CENTRE.north(20.0)).await;
    assert!(CENTRE.north(20.0).is_at(&shown(&driver).await), "a good one moves it again");
    assert!(points(&driver).await.last().unwrap()["flag"].is_null());
}

#[tokio::test]
async fn a_jump_is_believed_after_five_plausible_fixes() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let there = CENTRE.east(8_000.0);
    driver.arrive(there).await;
    let first = driver.seq;
    assert_eq!(told(&mut driver, "flagged", first).await, "teleport");
    for step in 1..=4 {
        driver.arrive(there.east(f64::from(step) * 5.0)).await;
        assert!(CENTRE.is_at(&shown(&driver).await), "after {step}");
    }
    driver.arrive(there.east(25.0)).await;
    assert!(there.east(25.0).is_at(&shown(&driver).await), "the fifth is believed");
    driver.arrive(there.east(30.0)).await;
    assert!(there.east(30.0).is_at(&shown(&driver).await));
}

#[tokio::test]
async fn implausible_fixes_after_a_jump_start_the_count_again() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    for place in 1..=8 {
        driver.arrive(CENTRE.east(f64::from(place) * 6_000.0)).await;
        assert!(CENTRE.is_at(&shown(&driver).await), "jump {place}");
    }
    driver.arrive(CENTRE.north(3.0)).await;
    assert!(CENTRE.north(3.0).is_at(&shown(&driver).await), "back where it was");
}

#[tokio::test]
async fn what_was_settled_is_remembered_across_connections() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    assert_eq!(driver.welcome["last_seq"], 0);
    for metres in 1..=7 {
        driver.at(CENTRE.north(f64::from(metres))).await;
    }
    let last = driver.seq;
    assert_eq!(driver.settled(last).await["seq"], last);
    drop(driver);
    let mut again = Driver::connect(&server, "d-1").await;
    assert_eq!(again.welcome["last_seq"], last);
    // A phone that did not hear the ack sends its last ones again.
    for seq in [last - 1, last] {
        let mut fix = again.fix(CENTRE.north(50.0));
        fix["seq"] = json!(seq);
        again.socket.send(fix).await;
        assert_eq!(told(&mut again, "rejected", seq).await, "duplicate");
    }
    assert_eq!(again.settled(last).await["seq"], last, "acknowledged again");
    assert_eq!(points(&again).await.len(), 8, "stored once");
}

#[tokio::test]
async fn fixes_without_a_counter_are_told_apart_by_their_time() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let time = now_ms() - 2_000;
    let bare = |at: i64| json!({ "type": "location", "latitude": 43.77, "longitude": 11.25, "timestamp": at });
    let first = driver.socket.command(bare(time)).await;
    assert_eq!(first["accepted"], 1);
    driver.socket.refused(bare(time), "duplicate").await;
    assert_eq!(driver.socket.command(bare(time + 1_000)).await["accepted"], 1);
    assert_eq!(points(&driver).await.len(), 2);
}

#[tokio::test]
async fn what_a_phone_tells_of_itself_is_kept() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let mut fix = driver.fix(CENTRE.north(4.0));
    (fix["battery"], fix["signal"], fix["altitude"]) = (json!(41), json!(-87), json!(52.5));
    driver.socket.send(fix.clone()).await;
    driver.settled(driver.seq).await;
    let live = shown(&driver).await;
    let stored = points(&driver).await.last().unwrap().clone();
    for field in ["battery", "signal", "altitude", "speed", "heading", "accuracy"] {
        assert_eq!(live[field].as_f64(), fix[field].as_f64(), "live {field}");
        assert_eq!(stored[field].as_f64(), fix[field].as_f64(), "stored {field}");
    }
    assert_eq!((live["driver_id"].as_str(), live["stale"].as_bool()), (Some("d-1"), Some(false)));
    assert!(live["age_ms"].is_i64() && live["cell"].is_string() && live["status"] == "available", "{live}");
}

#[tokio::test]
async fn a_queue_kept_offline_becomes_history_in_true_order() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let now = now_ms();
    // Sent newest first, ten seconds apart, the newest a minute old.
    let fixes: Vec<Value> = (1..=20)
        .rev()
        .map(|n| {
            json!({
                "latitude": CENTRE.north(f64::from(n) * 50.0).latitude, "longitude": CENTRE.longitude,
                "seq": n, "timestamp": now - 60_000 - (20 - i64::from(n)) * 10_000,
            })
        })
        .collect();
    let answer = driver.socket.command(json!({ "type": "locations", "fixes": fixes })).await;
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(20), &json!([])));
    let stored = points(&driver).await;
    let seqs: Vec<i64> = stored.iter().filter_map(|point| point["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    assert!(stored.iter().all(|point| point["flag"].is_null()));
    driver.caller.get("/drivers/d-1/location").await.problem(404, "not_found");
}

#[tokio::test]
async fn only_the_newest_of_a_batch_goes_live_and_bad_ones_are_named() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let now = now_ms();
    let at = |seq: i64, age_ms: i64, metres: f64| {
        json!({
            "latitude": CENTRE.north(metres).latitude, "longitude": CENTRE.longitude, "seq": seq, "timestamp": now - age_ms,
        })
    };
    let fixes = [
        at(1, 50_000, 0.0),
        json!("what?"),
        at(2, 40_000, 90.0),
        json!({ "latitude": 99, "longitude": 0 }),
        at(3, 2_000, 180.0),
    ];
    let answer = driver.socket.command(json!({ "type": "locations", "fixes": fixes })).await;
    assert_eq!(answer["accepted"], 3);
    assert_eq!(
        answer["rejected"],
        json!([{ "index": 1, "code": "malformed" }, { "index": 3, "code": "out_of_range" }])
    );
    assert!(CENTRE.north(180.0).is_at(&shown(&driver).await));
    assert_eq!(points(&driver).await.len(), 3);
    // An older batch after it changes nothing but the history.
    let older = [at(4, 20_000, 400.0), at(5, 10_000, 500.0)];
    let answer = driver.socket.command(json!({ "type": "locations", "fixes": older })).await;
    assert_eq!(answer["accepted"], 2);
    assert!(CENTRE.north(180.0).is_at(&shown(&driver).await));
    let many: Vec<Value> = (0..501).map(|n| at(10 + n, 0, 0.0)).collect();
    driver.socket.refused(json!({ "type": "locations", "fixes": many }), "too_large").await;
}
