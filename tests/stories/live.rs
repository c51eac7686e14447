//! A fix on its way to the customer's screen: what arrives, in which order, how often.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::Spot;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const PICKUP: f64 = 300.0;
const DROPOFF: f64 = 1_500.0;

/// A driver who carries an order of `customer`.
async fn under_way(server: &Server, driver: &str, customer: &str, at: Spot) -> (Driver, Customer, String) {
    let mut driver = Driver::on_shift(server, driver, at).await;
    let customer = Customer::new(server, customer);
    let order_id = customer.order(at.north(PICKUP), at.north(DROPOFF)).await;
    driver.take(&order_id).await;
    (driver, customer, order_id)
}

async fn location_at(socket: &mut Socket, at: Spot) -> Value {
    socket.wait(&format!("a location at {at:?}"), |frame| frame["type"] == "location" && at.is_at(frame)).await
}

/// Every position but the first place, which a new follower is shown besides what is being pushed at that moment.
fn moves(socket: &Socket, from: Spot) -> Vec<&Value> {
    socket.every("location").into_iter().filter(|frame| !from.is_at(frame)).collect()
}

fn times<'a>(frames: &[&'a Value]) -> Vec<&'a str> {
    frames.iter().filter_map(|frame| frame["timestamp"].as_str()).collect()
}

#[tokio::test]
async fn the_customer_sees_the_order_first_and_then_every_move() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.caller.socket("/ws/customer").await;
    screen.send(json!({ "type": "subscribe", "order_id": order_id })).await;
    location_at(&mut screen, CENTRE).await;
    let kinds: Vec<&str> = screen.all.iter().filter_map(|frame| frame["type"].as_str()).collect();
    assert_eq!(kinds, ["welcome", "order", "location"]);
    let order = screen.every("order")[0];
    assert_eq!((&order["order_id"], &order["status"]), (&json!(order_id), &json!("assigned")));
    assert!(order["seq"].as_i64() >= Some(4), "{order}");
    for metres in [20.0, 40.0, 60.0] {
        driver.at(CENTRE.north(metres)).await;
        let frame = location_at(&mut screen, CENTRE.north(metres)).await;
        assert_eq!((&frame["order_id"], &frame["driver_id"]), (&json!(order_id), &json!("d-1")));
        assert_eq!((frame["heading"].as_f64(), frame["speed"].as_f64()), (Some(90.0), Some(8.5)));
        assert!(frame["age_ms"].as_i64().is_some_and(|age| (0..10_000).contains(&age)), "{frame}");
        assert!(frame["eta_s"].is_i64() && frame["battery"].is_null(), "{frame}");
    }
    let counted = || async {
        let pushed = server.metric("beeline_fixes_pushed_total").await;
        (pushed >= 4.0 && server.metric("beeline_fix_push_seconds_count").await >= 4.0).then_some(())
    };
    until("the pushes are counted", counted).await;
}

#[tokio::test]
async fn crossing_from_cell_to_cell_loses_doubles_and_reorders_nothing() {
    let quiet = [UNLIMITED[0], UNLIMITED[1], ("BEELINE_STALE", "0s"), ("BEELINE_GONE", "0s")];
    let server = Server::with(&quiet).await;
    let (mut driver, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.follow(&order_id).await;
    location_at(&mut screen, CENTRE).await;
    let mut cells = std::collections::BTreeSet::new();
    // 340 m in 5 s are 68 m/s: fast, and plausible. The device's clock runs ahead of ours only as far as it may.
    let began = now_ms();
    let mut place = CENTRE;
    for step in 1..=5 {
        place = place.east(340.0);
        let mut fix = driver.fix(place);
        fix["timestamp"] = json!(began + step * 5_000);
        driver.socket.send(fix).await;
        location_at(&mut screen, place).await;
        let live = driver.caller.get("/drivers/d-1/location").await.expect(200).body;
        cells.insert(live["cell"].as_str().unwrap().to_owned());
    }
    assert!(cells.len() >= 3, "{cells:?}");
    let seen = times(&moves(&screen, CENTRE));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    assert_eq!(seen.len(), 5, "each once");
}

#[tokio::test]
async fn a_rush_through_many_cells_arrives_in_order_and_the_newest_last() {
    let quiet = [UNLIMITED[0], UNLIMITED[1], ("BEELINE_STALE", "0s"), ("BEELINE_GONE", "0s")];
    let server = Server::with(&quiet).await;
    let start = CENTRE.east(-7_000.0);
    let mut driver = Driver::connect(&server, "d-1").await;
    driver.available().await;
    let began = now_ms() - 300_000;
    let mut first = driver.fix(start);
    first["timestamp"] = json!(began);
    driver.socket.send(first).await;
    driver.settled(driver.seq).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(start.north(PICKUP), start.north(DROPOFF)).await;
    server.operator().post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": "d-1" })).await.expect(200);
    let mut screen = customer.follow(&order_id).await;
    location_at(&mut screen, start).await;
    for step in 1..=50 {
        let mut fix = driver.fix(start.east(f64::from(step) * 300.0));
        fix["timestamp"] = json!(began + i64::from(step) * 5_000);
        driver.socket.send(fix).await;
    }
    location_at(&mut screen, start.east(15_000.0)).await;
    let seen = times(&moves(&screen, start));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    driver.settled(driver.seq).await;
    assert!(driver.socket.every("flagged").is_empty() && driver.socket.every("rejected").is_empty());
    let route = driver.caller.get("/drivers/d-1/route").await.expect(200).body;
    assert_eq!(route["points"].as_array().unwrap().len(), 51);
}

#[tokio::test]
async fn pushes_keep_their_distance_in_time() {
    let server = Server::with(&[UNLIMITED[0], ("BEELINE_PUSH_INTERVAL", "1s")]).await;
    let (mut driver, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.follow(&order_id).await;
    let mut last = CENTRE;
    for step in 1..=14 {
        last = CENTRE.north(f64::from(step) * 5.0);
        // An ack comes at most each 250 ms, which paces this.
        driver.arrive(last).await;
    }
    location_at(&mut screen, last).await;
    let sent_at = |frame: &Value| {
        let at: jiff::Timestamp = frame["timestamp"].as_str().unwrap().parse().unwrap();
        at.as_millisecond() + frame["age_ms"].as_i64().unwrap()
    };
    let moments: Vec<i64> = moves(&screen, CENTRE).into_iter().map(sent_at).collect();
    assert!(moments.len() >= 2 && moments.len() < 14, "{moments:?}");
    assert!(moments.windows(2).all(|pair| pair[1] - pair[0] >= 990), "{moments:?}");
}

#[tokio::test]
async fn one_socket_follows_many_orders_and_lets_go_of_each() {
    let server = Server::with(&UNLIMITED).await;
    let mut riders = Vec::new();
    let customer = Customer::new(&server, "c-1");
    let mut screen = customer.caller.socket("/ws/customer").await;
    for (number, driver) in ["d-1", "d-2", "d-3"].into_iter().enumerate() {
        let start = CENTRE.east(7_000.0 * number as f64);
        let (driver, _, order_id) = under_way(&server, driver, "c-1", start).await;
        screen.command(json!({ "type": "subscribe", "order_id": order_id })).await;
        riders.push((driver, order_id, start));
    }
    for (driver, order_id, start) in &mut riders {
        let there = start.north(33.0);
        driver.at(there).await;
        let frame = location_at(&mut screen, there).await;
        assert_eq!((&frame["order_id"], &frame["driver_id"]), (&json!(order_id), &json!(driver.id)));
    }
    let (driver, order_id, start) = &mut riders[1];
    screen.command(json!({ "type": "unsubscribe", "order_id": order_id })).await;
    screen.skip();
    driver.arrive(start.north(66.0)).await;
    driver.step(order_id, "at_pickup").await;
    let left = order_id.clone();
    let (driver, _, start) = &mut riders[2];
    driver.at(start.north(66.0)).await;
    location_at(&mut screen, start.north(66.0)).await;
    let frames = screen.listen(Duration::from_millis(600)).await;
    assert!(frames.iter().all(|frame| frame["order_id"] != left.as_str()), "{frames:#?}");
}

#[tokio::test]
async fn the_same_address_upgraded_follows_the_order_at_once() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.caller.socket(&format!("/api/v1/orders/{order_id}/driver-location")).await;
    let order = screen.wait_for("order").await;
    assert_eq!(order["order_id"], order_id.as_str());
    driver.at(CENTRE.north(25.0)).await;
    location_at(&mut screen, CENTRE.north(25.0)).await;
    driver.step(&order_id, "at_pickup").await;
    screen.wait("at_pickup", |frame| frame["type"] == "order" && frame["status"] == "at_pickup").await;
}

#[tokio::test]
async fn events_resume_after_a_gap_in_order_and_without_a_hole() {
    let server = Server::with(&UNLIMITED).await;
    let (mut driver, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.caller.socket("/ws/customer").await;
    screen.send(json!({ "type": "subscribe", "order_id": order_id, "after": 0 })).await;
    screen.wait("assigned", |frame| frame["status"] == "assigned").await;
    let statuses = |socket: &Socket| -> Vec<(i64, String)> {
        let told = |frame: &&Value| (frame["seq"].as_i64().unwrap(), frame["status"].as_str().unwrap().to_owned());
        socket.every("order").iter().map(told).collect()
    };
    let named = |from: i64, names: &[&str]| -> Vec<(i64, String)> {
        (from..).zip(names.iter().map(|name| (*name).to_owned())).collect()
    };
    assert_eq!(statuses(&screen), named(1, &["created", "paid", "searching", "assigned"]));
    drop(screen);
    driver.step(&order_id, "at_pickup").await;
    driver.step(&order_id, "picked_up").await;
    let mut again = customer.caller.socket("/ws/customer").await;
    again.send(json!({ "type": "subscribe", "order_id": order_id, "after": 4 })).await;
    again.wait("picked_up", |frame| frame["status"] == "picked_up").await;
    driver.step(&order_id, "at_dropoff").await;
    driver.step(&order_id, "delivered").await;
    again.wait("delivered", |frame| frame["status"] == "delivered").await;
    assert_eq!(statuses(&again), named(5, &["at_pickup", "picked_up", "at_dropoff", "delivered"]));
    // Also once it has ended.
    let mut late = customer.caller.socket("/ws/customer").await;
    late.send(json!({ "type": "subscribe", "order_id": order_id, "after": 6 })).await;
    late.wait("delivered", |frame| frame["status"] == "delivered").await;
    assert_eq!(statuses(&late), named(7, &["at_dropoff", "delivered"]));
    let mut bare = customer.caller.socket("/ws/customer").await;
    bare.send(json!({ "type": "subscribe", "order_id": order_id })).await;
    assert_eq!(bare.wait_for("order").await["seq"], 8, "without `after` the present state");
}

#[tokio::test]
async fn a_newer_connection_of_a_driver_takes_over() {
    let server = Server::with(&UNLIMITED).await;
    let (mut old, customer, order_id) = under_way(&server, "d-1", "c-1", CENTRE).await;
    let mut screen = customer.follow(&order_id).await;
    let mut new = Driver::connect(&server, "d-1").await;
    assert_eq!(new.seq, old.seq);
    let (code, _) = old.socket.closed().await;
    assert_eq!(code, 4409);
    new.arrive(CENTRE.north(70.0)).await;
    location_at(&mut screen, CENTRE.north(70.0)).await;
    new.step(&order_id, "at_pickup").await;
    assert!(server.metric(r#"beeline_evictions_total{reason="replaced"}"#).await >= 1.0);
}
