//! Rows 25 to 27: positions that cannot be, tracks that lie, and times out of order.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::Spot;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

async fn shown(driver: &Driver) -> Value {
    driver.caller.get(&format!("/drivers/{}/location", driver.id)).await.expect(200).body
}

async fn points(driver: &Driver) -> Vec<Value> {
    let (start, end) = (now_ms() - 2 * DAY_MS, now_ms() + DAY_MS);
    let path = format!("/drivers/{}/route?start_time={start}&end_time={end}&limit=1000", driver.id);
    driver.caller.get(&path).await.expect(200).body["points"].as_array().unwrap().clone()
}

/// A driver on their way, and the screen of the customer who may see them.
async fn on_the_way(server: &Server) -> (Driver, Socket) {
    let mut driver = Driver::on_shift(server, "d-1", CENTRE).await;
    let customer = Customer::new(server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    screen.wait_for("location").await;
    (driver, screen)
}

/// Nothing that is shown, to anybody, is anywhere but here.
async fn stayed_at(driver: &Driver, screen: &mut Socket, place: Spot, what: &str) {
    assert!(place.is_at(&shown(driver).await), "{what} moved the marker");
    screen.listen(Duration::from_millis(150)).await;
    let strays = screen.all.iter().filter(|frame| frame["type"] == "location" && !place.is_at(frame));
    assert_eq!(strays.count(), 0, "{what} was pushed: {:#?}", screen.all);
}

fn at(latitude: f64, longitude: f64) -> Spot {
    Spot { latitude, longitude }
}

/// The code with which a fix on the socket is told.
async fn told(driver: &mut Driver, fix: Value) -> Option<String> {
    let seq = fix["seq"].as_i64().unwrap();
    driver.socket.send(fix).await;
    let notice = driver
        .socket
        .wait("what became of it", |frame| {
            let named = frame["seq"] == seq && matches!(frame["type"].as_str(), Some("rejected" | "flagged"));
            named || frame["type"] == "ack" && frame["seq"].as_i64() >= Some(seq)
        })
        .await;
    if notice["type"] == "flagged" {
        // Told at once, stored a little later.
        driver.settled(seq).await;
    }
    notice["code"].as_str().map(ToOwned::to_owned)
}

#[tokio::test]
async fn row_25_what_is_nowhere_on_earth_is_refused_one_by_one() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    let stored = points(&driver).await.len();
    let bad: [(&str, &str, Value); 14] = [
        ("latitude", "out_of_range", json!(91)),
        ("latitude", "out_of_range", json!(-90.000_001)),
        ("longitude", "out_of_range", json!(181)),
        ("longitude", "out_of_range", json!(-180.000_001)),
        ("latitude", "out_of_range", json!(1e308)),
        ("longitude", "out_of_range", json!(-1e308)),
        ("longitude", "out_of_range", json!(360)),
        ("latitude", "malformed", json!(null)),
        ("longitude", "malformed", json!(null)),
        ("latitude", "malformed", json!("43.7")),
        ("longitude", "malformed", json!([11.2])),
        ("latitude", "malformed", json!({ "degrees": 43 })),
        ("longitude", "malformed", json!(true)),
        ("latitude", "malformed", json!("")),
    ];
    for (field, code, value) in &bad {
        let mut fix = driver.fix(CENTRE.north(5.0));
        fix[*field] = value.clone();
        assert_eq!(told(&mut driver, fix.clone()).await.as_deref(), Some(*code), "{field} {value}");
        fix["seq"] = json!(fix["seq"].as_i64().unwrap() + 1_000);
        let path = "/drivers/d-1/location";
        driver.caller.post(path, fix).await.problem(422, code);
    }
    // In a batch each is named, and the good ones among them are kept.
    driver.seq += 2_000;
    let mut fixes: Vec<Value> = Vec::new();
    for (field, _, value) in &bad {
        let mut fix = driver.fix(CENTRE);
        fix[*field] = value.clone();
        fixes.extend([fix, driver.fix(CENTRE)]);
    }
    let answer = driver.caller.post("/drivers/d-1/location", json!(fixes)).await.expect(202).body;
    assert_eq!(answer["accepted"], bad.len(), "{answer}");
    let rejected: Vec<Value> =
        bad.iter().enumerate().map(|(n, (_, code, _))| json!({ "index": 2 * n, "code": code })).collect();
    assert_eq!(answer["rejected"], json!(rejected));
    assert_eq!(points(&driver).await.len(), stored + bad.len());
    stayed_at(&driver, &mut screen, CENTRE, "a bad position").await;
}

#[tokio::test]
async fn row_25_null_island_is_flagged_and_never_shown() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    for zero in [json!(0), json!(0.0), json!(-0.0), json!(0e5)] {
        let mut fix = driver.fix(CENTRE);
        (fix["latitude"], fix["longitude"]) = (zero.clone(), zero);
        assert_eq!(told(&mut driver, fix).await.as_deref(), Some("null_island"));
    }
    let flagged = points(&driver).await;
    assert_eq!(flagged.iter().filter(|point| point["flag"] == "null_island").count(), 4);
    stayed_at(&driver, &mut screen, CENTRE, "(0,0)").await;
    // However long it goes on.
    for _ in 0..10 {
        let fix = driver.fix(at(0.0, 0.0));
        assert_eq!(told(&mut driver, fix).await.as_deref(), Some("null_island"));
    }
    stayed_at(&driver, &mut screen, CENTRE, "(0,0) again and again").await;
}

#[tokio::test]
async fn row_25_at_the_antimeridian_and_the_poles_people_are_where_they_are() {
    let server = Server::with(&UNLIMITED).await;
    let operator = server.operator();
    let around = [
        ("fiji", [at(-17.0, 179.999_9), at(-17.0, -179.999_9), at(-17.0, 180.0), at(-17.0, -180.0)]),
        ("north", [at(90.0, 0.0), at(90.0, 180.0), at(89.999_99, -90.0), at(90.0, -180.0)]),
        ("south", [at(-90.0, 0.0), at(-90.0, 180.0), at(-89.999_99, 90.0), at(-90.0, -180.0)]),
    ];
    for (name, places) in around {
        // A few metres there, though the longitude jumps by 360 degrees.
        let mut driver = Driver::on_shift(&server, name, places[0]).await;
        for place in places {
            let fix = driver.fix(place);
            assert_eq!(told(&mut driver, fix).await, None, "{name} at {place:?}");
            let seen = shown(&driver).await;
            assert!(place.is_at(&seen) && seen["cell"].is_string(), "{name}: {seen}");
            let near = format!("/drivers/nearby?lat={}&lng={}&radius=100", place.latitude, place.longitude);
            let found = operator.get(&near).await.expect(200).body;
            assert_eq!(found["drivers"][0]["driver_id"], name, "{place:?}: {found}");
        }
        let other_side = format!("/drivers/nearby?lat={}&lng={}&radius=50", -places[0].latitude, 0.0);
        let found = operator.get(&other_side).await.expect(200).body;
        assert!(found["drivers"].as_array().unwrap().iter().all(|driver| driver["driver_id"] != name), "{found}");
        // From there to the city is no way anybody takes.
        let fix = driver.fix(CENTRE);
        assert_eq!(told(&mut driver, fix).await.as_deref(), Some("teleport"), "{name}");
    }
}

#[tokio::test]
async fn row_26_a_teleport_is_kept_with_a_flag_and_shown_to_nobody() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    let mut fix = driver.fix(CENTRE.north(300_000.0));
    fix["timestamp"] = json!(now_ms() + 5_000);
    assert_eq!(told(&mut driver, fix).await.as_deref(), Some("teleport"));
    let stored = points(&driver).await;
    assert!(stored.iter().any(|point| point["flag"] == "teleport"), "{stored:#?}");
    stayed_at(&driver, &mut screen, CENTRE, "300 km in 5 s").await;
    // Those who watch keep the last plausible point, and how old it is grows.
    let first = shown(&driver).await["age_ms"].as_i64().unwrap();
    screen.listen(Duration::from_millis(300)).await;
    let later = shown(&driver).await["age_ms"].as_i64().unwrap();
    assert!(later >= first + 250, "{first} then {later}");
    // A mock provider's mark is one more unknown field: it does not make a jump plausible.
    let mut mock = driver.fix(CENTRE.north(200_000.0));
    (mock["mock"], mock["is_mock"], mock["accuracy"]) = (json!(true), json!(true), json!(0));
    mock["timestamp"] = json!(now_ms() + 6_000);
    assert_eq!(told(&mut driver, mock).await.as_deref(), Some("teleport"));
    stayed_at(&driver, &mut screen, CENTRE, "a mocked position").await;
}

#[tokio::test]
async fn row_26_two_cities_by_turns_never_move_the_marker() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    let (rome, milan) = (at(41.9, 12.5), at(45.46, 9.19));
    for round in 0..12 {
        let fix = driver.fix(if round % 2 == 0 { rome } else { milan });
        assert_eq!(told(&mut driver, fix).await.as_deref(), Some("teleport"), "round {round}");
    }
    stayed_at(&driver, &mut screen, CENTRE, "two cities").await;
    // Neither when the true place comes between them.
    for round in 0..6 {
        let fix = driver.fix(if round % 2 == 0 { rome } else { CENTRE });
        assert_eq!(told(&mut driver, fix).await.is_some(), round % 2 == 0, "round {round}");
    }
    stayed_at(&driver, &mut screen, CENTRE, "a city and the truth").await;
}

#[tokio::test]
async fn row_26_somebody_far_away_by_a_lie_gets_no_offer_there() {
    let server = Server::with(&UNLIMITED).await;
    let mut liar = Driver::on_shift(&server, "liar", CENTRE).await;
    let far = CENTRE.north(300_000.0);
    let mut honest = Driver::on_shift(&server, "honest", far.north(2_000.0)).await;
    let fix = liar.fix(far);
    assert_eq!(told(&mut liar, fix).await.as_deref(), Some("teleport"));
    let near = format!("/drivers/nearby?lat={}&lng={}&radius=5000", far.latitude, far.longitude);
    let found = server.operator().get(&near).await.expect(200).body;
    let names: Vec<&str> =
        found["drivers"].as_array().unwrap().iter().filter_map(|d| d["driver_id"].as_str()).collect();
    assert_eq!(names, ["honest"]);
    // Of the two, matching knows the liar where they were last believed, far out of reach.
    let order_id = Customer::new(&server, "c-1").order(far, far.north(500.0)).await;
    honest.take(&order_id).await;
    let heard = liar.socket.listen(Duration::from_millis(300)).await;
    assert!(heard.iter().all(|frame| frame["type"] != "offer"), "{heard:#?}");
}

#[tokio::test]
async fn row_26_a_track_frozen_to_the_bit_grows_stale_only_by_silence() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    for _ in 0..20 {
        let fix = driver.fix(CENTRE);
        assert_eq!(told(&mut driver, fix).await, None);
    }
    stayed_at(&driver, &mut screen, CENTRE, "standing still").await;
    // Perfect copies are told apart by their time, and copied ones are not stored again.
    let mut copy = driver.fix(CENTRE);
    copy.as_object_mut().unwrap().remove("seq");
    let stored = points(&driver).await.len();
    driver.caller.post("/drivers/d-1/location", copy.clone()).await.expect(202);
    for _ in 0..3 {
        driver.caller.post("/drivers/d-1/location", copy.clone()).await.problem(422, "duplicate");
    }
    assert_eq!(points(&driver).await.len(), stored + 1);
}

#[tokio::test]
async fn row_27_yesterdays_track_is_history_and_never_news() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    let reached = CENTRE.north(20.0);
    driver.arrive(reached).await;
    screen.wait("where the driver is", |frame| reached.is_at(frame)).await;
    screen.all.clear();
    let now = now_ms();
    let first = driver.seq + 1;
    let replay: Vec<Value> = (0..50_i64)
        .map(|n| {
            let mut fix = driver.fix(CENTRE.east(n as f64 * 40.0));
            fix["timestamp"] = json!(now - DAY_MS + 600_000 + n * 10_000);
            fix
        })
        .collect();
    let answer = driver.caller.post("/drivers/d-1/location", json!(replay)).await.expect(202).body;
    let names: Vec<&str> = answer["rejected"].as_array().unwrap().iter().filter_map(|r| r["code"].as_str()).collect();
    assert!(names.iter().all(|code| *code == "late"), "{answer}");
    stayed_at(&driver, &mut screen, reached, "yesterday's track").await;
    let stored = points(&driver).await;
    let seqs: Vec<i64> = stored.iter().filter_map(|point| point["seq"].as_i64()).filter(|seq| *seq >= first).collect();
    assert_eq!(seqs.len(), 50, "all of it is history");
    let times: Vec<&str> = stored.iter().filter_map(|point| point["timestamp"].as_str()).collect();
    assert!(times.is_sorted(), "in true time order");
    // A day and more is too old even for that.
    let mut ancient = driver.fix(CENTRE);
    ancient["timestamp"] = json!(now - DAY_MS - 60_000);
    assert_eq!(told(&mut driver, ancient).await.as_deref(), Some("bad_time"));
    // One by one over the socket it is the same.
    let mut late = driver.fix(CENTRE.east(500.0));
    late["timestamp"] = json!(now - 60_000);
    assert_eq!(told(&mut driver, late).await.as_deref(), Some("late"));
    stayed_at(&driver, &mut screen, reached, "a late fix").await;
}

#[tokio::test]
async fn row_27_a_counter_that_goes_back_is_a_repetition() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    for metres in 1..=5 {
        driver.arrive(CENTRE.north(f64::from(metres))).await;
    }
    let (place, stored, highest) = (CENTRE.north(5.0), points(&driver).await, driver.seq);
    screen.wait("the last of them", |frame| place.is_at(frame)).await;
    screen.all.clear();
    for seq in (1..=highest).rev() {
        let mut fix = driver.fix(CENTRE.north(700.0));
        fix["seq"] = json!(seq);
        driver.socket.send(fix).await;
        let notice = driver.socket.wait("rejected", |frame| frame["type"] == "rejected" && frame["seq"] == seq).await;
        assert_eq!(notice["code"], "duplicate", "{seq}");
    }
    assert_eq!(points(&driver).await, stored);
    stayed_at(&driver, &mut screen, place, "an old counter").await;
    // A counter far ahead is believed as little as a clock is: it must not lock the phone's own ones out.
    for seq in [i64::MAX, (1 << 53) + 1, -1] {
        let mut fix = driver.fix(place);
        fix["seq"] = json!(seq);
        driver.caller.post("/drivers/d-1/location", fix).await.problem(422, "malformed");
    }
    driver.seq = highest;
    driver.arrive(CENTRE.north(6.0)).await;
    assert!(CENTRE.north(6.0).is_at(&shown(&driver).await));
}

#[tokio::test]
async fn row_27_a_batch_sent_again_is_stored_once() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let batch: Vec<Value> = (0..30).map(|n| driver.fix(CENTRE.north(f64::from(n)))).collect();
    let by_socket = json!({ "type": "locations", "fixes": batch });
    assert_eq!(driver.socket.command(by_socket.clone()).await["accepted"], 30);
    let place = shown(&driver).await;
    // On the same socket, over HTTP, on another socket, at once.
    for _ in 0..2 {
        let again = driver.socket.command(by_socket.clone()).await;
        assert_eq!((again["accepted"].as_i64(), again["rejected"].as_array().unwrap().len()), (Some(0), 30), "{again}");
    }
    let repeats = (0..4).map(|_| driver.caller.post("/drivers/d-1/location", json!(batch)));
    for answer in futures_util::future::join_all(repeats).await {
        assert_eq!(answer.expect(202).body["accepted"], 0);
    }
    let mut next = Driver::connect(&server, "d-1").await;
    assert_eq!(next.welcome["last_seq"], driver.seq);
    assert_eq!(next.socket.command(by_socket).await["accepted"], 0);
    assert_eq!(points(&next).await.len(), 30);
    let after = shown(&next).await;
    assert_eq!((&after["latitude"], &after["timestamp"]), (&place["latitude"], &place["timestamp"]));
}

#[tokio::test]
async fn row_27_a_time_ahead_is_refused_and_the_latest_never_goes_back() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, mut screen) = on_the_way(&server).await;
    for ahead_ms in [3_600_000, 31_000 + 5_000, 365 * DAY_MS] {
        let mut fix = driver.fix(CENTRE.north(50.0));
        fix["timestamp"] = json!(now_ms() + ahead_ms);
        assert_eq!(told(&mut driver, fix).await.as_deref(), Some("bad_time"), "{ahead_ms}");
    }
    for nonsense in [json!(-1), json!(0), json!(i64::MAX), json!("0001-01-01T00:00:00Z"), json!("9999-12-31T23:59:59Z")]
    {
        let mut fix = driver.fix(CENTRE.north(50.0));
        fix["timestamp"] = nonsense.clone();
        let code = told(&mut driver, fix).await;
        assert!(matches!(code.as_deref(), Some("bad_time" | "malformed")), "{nonsense}: {code:?}");
    }
    stayed_at(&driver, &mut screen, CENTRE, "a time ahead").await;
    // A little ahead is a clock, not a lie; what comes after it with the right time is late, and the marker stays.
    let mut early = driver.fix(CENTRE.north(8.0));
    early["timestamp"] = json!(now_ms() + 20_000);
    assert_eq!(told(&mut driver, early).await, None);
    let mut right = driver.fix(CENTRE.north(4.0));
    right["timestamp"] = json!(now_ms());
    assert_eq!(told(&mut driver, right).await.as_deref(), Some("late"));
    assert!(CENTRE.north(8.0).is_at(&shown(&driver).await));
    let seen: Vec<String> =
        screen.every("location").iter().map(|frame| frame["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(seen.is_sorted(), "{seen:?}");
}
