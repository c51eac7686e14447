//! Fixes over HTTP, as trackers send them: one or many, each told what became of it.

use crate::support::CENTRE;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;

const PATH: &str = "/drivers/d-1/location";

/// A fix of now. A higher `seq` is later by the clock too, within one millisecond as well: of two fixes of one moment the first is shown.
fn fix(seq: i64, metres: f64) -> Value {
    let at = CENTRE.north(metres);
    json!({ "latitude": at.latitude, "longitude": at.longitude, "seq": seq, "timestamp": now_ms() + seq })
}

fn with(mut fix: Value, field: &str, value: Value) -> Value {
    fix[field] = value;
    fix
}

fn without(mut fix: Value, field: &str) -> Value {
    fix.as_object_mut().unwrap().remove(field);
    fix
}

/// A fix for each code that refuses, at `seq`; the server has seen `seen`.
fn refused(seq: i64, seen: i64) -> [(&'static str, Value); 7] {
    [
        ("out_of_range", with(fix(seq, 1.0), "latitude", json!(-90.5))),
        ("out_of_range", with(fix(seq, 1.0), "longitude", json!(1e9))),
        ("malformed", with(fix(seq, 1.0), "latitude", json!("x"))),
        ("malformed", json!({ "seq": seq })),
        ("bad_time", with(fix(seq, 1.0), "timestamp", json!(now_ms() + 60_000))),
        ("bad_time", with(fix(seq, 1.0), "timestamp", json!("2020-01-01T00:00:00Z"))),
        ("duplicate", fix(seen, 1.0)),
    ]
}

/// A fix for each flag, from `seq` on.
fn flagged(seq: i64) -> [(&'static str, Value); 4] {
    [
        ("late", with(fix(seq, 1.0), "timestamp", json!(now_ms() - 20_000))),
        ("inaccurate", with(fix(seq + 1, 1.0), "accuracy", json!(101))),
        ("null_island", with(with(fix(seq + 2, 0.0), "latitude", json!(0.0)), "longitude", json!(0.0))),
        ("teleport", fix(seq + 3, 12_000.0)),
    ]
}

#[tokio::test]
async fn a_single_bad_fix_is_422_with_its_code() {
    let server = Server::with(&UNLIMITED).await;
    let tracker = server.caller("driver", "d-1");
    let good = tracker.post(PATH, fix(1, 0.0)).await.expect(202).body;
    assert_eq!(good, json!({ "accepted": 1, "conflated": 0, "rejected": [] }));
    for (code, bad) in refused(2, 1) {
        tracker.post(PATH, bad).await.problem(422, code);
    }
    let request = tracker.request(reqwest::Method::POST, &format!("/api/v1{PATH}"));
    tracker.send(request.header("Content-Type", "application/json").body("{")).await.problem(400, "malformed");
}

#[tokio::test]
async fn a_single_flagged_fix_is_accepted_told_and_never_live() {
    let server = Server::with(&UNLIMITED).await;
    let tracker = server.caller("driver", "d-1");
    tracker.post(PATH, fix(1, 0.0)).await.expect(202);
    for (code, odd) in flagged(2) {
        let answer = tracker.post(PATH, odd).await.expect(202).body;
        assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(1), &json!([])), "{code}");
        assert_eq!(answer["flagged"], json!([{ "index": 0, "code": code }]));
        let live = tracker.get(PATH).await.expect(200).body;
        assert!(CENTRE.is_at(&live), "{code} moved the marker: {live}");
    }
    let route = tracker.get("/drivers/d-1/route").await.expect(200).body;
    let mut flags: Vec<&str> = route["points"].as_array().unwrap().iter().filter_map(|p| p["flag"].as_str()).collect();
    flags.sort_unstable();
    assert_eq!(flags, ["inaccurate", "late", "null_island", "teleport"]);
}

#[tokio::test]
async fn bad_ones_in_an_array_are_named_in_the_202() {
    let server = Server::with(&UNLIMITED).await;
    let tracker = server.caller("driver", "d-1");
    tracker.post(PATH, fix(1, 0.0)).await.expect(202);
    let bad = refused(2, 1);
    let odd = flagged(3);
    let mut fixes: Vec<Value> = bad.iter().map(|(_, fix)| fix.clone()).collect();
    fixes.extend(odd.iter().map(|(_, fix)| fix.clone()));
    fixes.push(fix(20, 30.0));
    let answer = tracker.post(PATH, json!(fixes)).await.expect(202).body;
    assert_eq!((&answer["accepted"], &answer["conflated"]), (&json!(5), &json!(0)));
    let named = |list: &[(&str, Value)], from: usize| -> Value {
        list.iter().enumerate().map(|(n, (code, _))| json!({ "index": from + n, "code": code })).collect()
    };
    assert_eq!(answer["rejected"], named(&bad, 0));
    assert_eq!(answer["flagged"], named(&odd, bad.len()));
    assert!(CENTRE.north(30.0).is_at(&tracker.get(PATH).await.expect(200).body));
}

#[tokio::test]
async fn five_hundred_fit_into_one_call_and_one_more_does_not() {
    let server = Server::with(&UNLIMITED).await;
    let tracker = server.caller("driver", "d-1");
    let now = now_ms();
    let at = |n: i64| with(fix(n, 0.0), "timestamp", json!(now - 3_600_000 + n * 1_000));
    let batch: Vec<Value> = (1..=500).map(at).collect();
    let answer = tracker.post(PATH, json!(batch)).await.expect(202).body;
    assert_eq!(answer["accepted"], 500);
    let too_many: Vec<Value> = (501..=1_001).map(at).collect();
    tracker.post(PATH, json!(too_many)).await.problem(413, "too_large");
    let nothing = tracker.post(PATH, json!([])).await.expect(202).body;
    assert_eq!(nothing["accepted"], 0);
    assert_eq!(tracker.get("/drivers/d-1/route").await.expect(200).body["points"].as_array().unwrap().len(), 500);
}

#[tokio::test]
async fn the_track_comes_in_pages_and_as_geojson() {
    let server = Server::with(&UNLIMITED).await;
    let tracker = server.caller("driver", "d-1");
    let now = now_ms();
    let batch: Vec<Value> =
        (1..=25).map(|n| with(fix(n, 10.0 * n as f64), "timestamp", json!(now - 100_000 + n * 1_000))).collect();
    tracker.post(PATH, json!(batch)).await.expect(202);
    let mut seqs = Vec::new();
    let mut path = "/drivers/d-1/route?limit=10".to_owned();
    for page in 0..3 {
        let answer = tracker.get(&path).await.expect(200).body;
        seqs.extend(answer["points"].as_array().unwrap().iter().map(|point| point["seq"].as_i64().unwrap()));
        match answer["next_cursor"].as_str() {
            Some(cursor) => path = format!("/drivers/d-1/route?limit=10&cursor={cursor}"),
            None => assert_eq!(page, 2),
        }
    }
    assert_eq!(seqs, (1..=25).collect::<Vec<_>>());
    let (from, to) = (now - 100_000 + 5_000, now - 100_000 + 8_000);
    let part = tracker.get(&format!("/drivers/d-1/route?start_time={from}&end_time={to}")).await.expect(200).body;
    let count = part["points"].as_array().unwrap().len();
    assert!((3..=4).contains(&count), "5 to 8, the end in or out: {part}");
    let drawn = tracker.get("/drivers/d-1/route?format=geojson").await.expect(200).body;
    assert_eq!((&drawn["type"], &drawn["geometry"]["type"]), (&json!("Feature"), &json!("LineString")));
    let line = drawn["geometry"]["coordinates"].as_array().unwrap();
    assert_eq!(line.len(), 25);
    assert_eq!(line[0][0].as_f64(), Some(CENTRE.longitude), "longitude first");
}

#[tokio::test]
async fn a_tracker_beside_a_phone_takes_no_socket_over() {
    let server = Server::with(&UNLIMITED).await;
    let mut phone = Driver::on_shift(&server, "d-1", CENTRE).await;
    let tracker = server.service();
    // The phone's clock times both: the one that runs ahead would otherwise make the other late.
    let reading = without(phone.fix(CENTRE.north(40.0)), "type");
    let told = tracker.post(PATH, reading).await.expect(202).body;
    let shown = tracker.get(PATH).await.expect(200).body;
    assert!(CENTRE.north(40.0).is_at(&shown), "{told} {shown}");
    phone.arrive(CENTRE.north(50.0)).await;
    let shown = tracker.get(PATH).await.expect(200).body;
    assert!(CENTRE.north(50.0).is_at(&shown), "{shown}");
}

#[tokio::test]
async fn nearby_lists_fresh_drivers_nearest_first() {
    let server = Server::with(&[UNLIMITED[0], ("BEELINE_STALE", "2s")]).await;
    let service = server.service();
    for (id, metres) in [("far", 900.0), ("near", 100.0), ("middle", 500.0), ("outside", 2_500.0)] {
        service.post(&format!("/drivers/{id}/location"), CENTRE.north(metres).json()).await.expect(202);
    }
    let around = format!("/drivers/nearby?lat={}&lng={}&radius=1000", CENTRE.latitude, CENTRE.longitude);
    let ids = |body: &Value| -> Vec<String> {
        body["drivers"].as_array().unwrap().iter().map(|d| d["driver_id"].as_str().unwrap().to_owned()).collect()
    };
    let found = service.get(&around).await.expect(200).body;
    assert_eq!(ids(&found), ["near", "middle", "far"]);
    let distance = found["drivers"][0]["distance_m"].as_f64().unwrap();
    assert!((distance - 100.0).abs() < 1.5, "{distance}");
    assert_eq!(ids(&service.get(&format!("{around}&limit=1")).await.expect(200).body), ["near"]);
    assert!(ids(&service.get(&format!("{around}&status=available")).await.expect(200).body).is_empty());
    crate::support::until("stale drivers leave the list", || async {
        ids(&service.get(&around).await.expect(200).body).is_empty().then_some(())
    })
    .await;
}
