//! The operator's map: a snapshot, then what changed, within a second; only what is inside.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::Spot;
use crate::support::UNLIMITED;
use serde_json::Value;
use serde_json::json;
use tokio::time::Duration;
use tokio::time::Instant;

fn around(at: Spot, metres: f64) -> Value {
    let (low, high) = (at.north(-metres).east(-metres), at.north(metres).east(metres));
    json!([low.longitude, low.latitude, high.longitude, high.latitude])
}

async fn watch(server: &Server, bbox: &Value, layers: &[&str]) -> (Socket, Value) {
    let mut map = server.operator().socket("/ws/operator").await;
    map.command(json!({ "type": "watch", "bbox": bbox, "layers": layers })).await;
    let snapshot = map.wait_for("snapshot").await;
    (map, snapshot)
}

fn holds(frame: &Value, list: &str, key: &str, id: &str) -> bool {
    frame[list].as_array().is_some_and(|entries| entries.iter().any(|entry| entry[key] == id))
}

fn removes(frame: &Value, list: &str, id: &str) -> bool {
    frame["removed"][list].as_array().is_some_and(|ids| ids.iter().any(|entry| entry == id))
}

#[tokio::test]
async fn the_snapshot_holds_what_is_inside_and_deltas_follow_within_a_second() {
    let server = Server::with(&UNLIMITED).await;
    let mut inside = Driver::on_shift(&server, "inside", CENTRE).await;
    let _outside = Driver::on_shift(&server, "outside", CENTRE.north(5_000.0)).await;
    let (mut map, snapshot) = watch(&server, &around(CENTRE, 1_000.0), &["drivers"]).await;
    assert!(holds(&snapshot, "drivers", "driver_id", "inside"), "{snapshot}");
    assert!(!holds(&snapshot, "drivers", "driver_id", "outside"), "{snapshot}");
    assert_eq!((&snapshot["orders"], &snapshot["cells"]), (&json!([]), &json!([])), "not asked for");
    for metres in [20.0, 40.0] {
        let there = CENTRE.north(metres);
        let sent = Instant::now();
        inside.at(there).await;
        let moved = |frame: &Value| {
            let drivers = frame["drivers"].as_array();
            frame["type"] == "delta" && drivers.is_some_and(|all| all.iter().any(|driver| there.is_at(driver)))
        };
        let delta = map.wait("the move", moved).await;
        assert!(sent.elapsed() < Duration::from_millis(1_500), "{:?}", sent.elapsed());
        assert_eq!(delta["drivers"].as_array().unwrap().len(), 1, "only what changed: {delta}");
        assert_eq!(delta["drivers"][0]["status"], "available");
    }
}

#[tokio::test]
async fn who_leaves_the_map_is_removed_and_who_comes_is_shown() {
    let server = Server::with(&UNLIMITED).await;
    let mut leaver = Driver::on_shift(&server, "leaver", CENTRE.north(950.0)).await;
    let mut comer = Driver::on_shift(&server, "comer", CENTRE.north(1_050.0)).await;
    let (mut map, snapshot) = watch(&server, &around(CENTRE, 1_000.0), &["drivers"]).await;
    assert!(!holds(&snapshot, "drivers", "driver_id", "comer"));
    leaver.at(CENTRE.north(1_060.0)).await;
    map.wait("removed", |frame| removes(frame, "drivers", "leaver")).await;
    comer.at(CENTRE.north(940.0)).await;
    map.wait("shown", |frame| holds(frame, "drivers", "driver_id", "comer")).await;
    // Another area in place of the first.
    map.command(json!({ "type": "watch", "bbox": around(CENTRE.north(1_300.0), 300.0), "layers": ["drivers"] })).await;
    let snapshot = map.wait_for("snapshot").await;
    assert!(holds(&snapshot, "drivers", "driver_id", "leaver") && !holds(&snapshot, "drivers", "driver_id", "comer"));
}

#[tokio::test]
async fn orders_appear_change_and_leave() {
    let server = Server::with(&UNLIMITED).await;
    let customer = Customer::new(&server, "c-1");
    let waiting = customer.order(CENTRE.north(50.0), CENTRE.north(600.0)).await;
    let (mut map, snapshot) = watch(&server, &around(CENTRE, 1_000.0), &["orders", "drivers"]).await;
    if !holds(&snapshot, "orders", "order_id", &waiting) {
        map.wait("placed a moment ago", |frame| holds(frame, "orders", "order_id", &waiting)).await;
    }
    let (_, snapshot) = watch(&server, &around(CENTRE, 1_000.0), &["orders"]).await;
    assert!(holds(&snapshot, "orders", "order_id", &waiting), "{snapshot}");
    let elsewhere = customer.order(CENTRE.north(4_000.0), CENTRE.north(6_000.0)).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    driver.take(&waiting).await;
    let assigned = |frame: &Value| {
        let orders = frame["orders"].as_array();
        orders.is_some_and(|all| all.iter().any(|o| o["order_id"] == waiting.as_str() && o["status"] == "assigned"))
    };
    map.wait("assigned", assigned).await;
    let busy = |frame: &Value| frame["drivers"].as_array().is_some_and(|all| all.iter().any(|d| d["status"] == "busy"));
    // It may have come in the frame that brought the order.
    if !map.all.iter().any(busy) {
        map.wait("busy", busy).await;
    }
    for status in ["at_pickup", "picked_up", "at_dropoff", "delivered"] {
        driver.step(&waiting, status).await;
    }
    map.wait("gone", |frame| removes(frame, "orders", &waiting)).await;
    assert!(!map.all.iter().any(|frame| holds(frame, "orders", "order_id", &elsewhere)), "outside the map");
}

#[tokio::test]
async fn cells_show_supply_and_demand() {
    let server = Server::with(&UNLIMITED).await;
    let driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let cell = driver.caller.get("/drivers/d-1/location").await.expect(200).body["cell"].clone();
    let (mut map, snapshot) = watch(&server, &around(CENTRE, 4_000.0), &["cells"]).await;
    let shown = snapshot["cells"].as_array().unwrap().iter().find(|shown| shown["cell"] == cell).unwrap().clone();
    assert_eq!((&shown["free_drivers"], &shown["open_orders"]), (&json!(1), &json!(0)));
    let ring = shown["boundary"].as_array().unwrap();
    assert!(ring.len() >= 6 && ring.first() == ring.last(), "{shown}");
    let far = CENTRE.north(3_000.0).east(1_500.0);
    Customer::new(&server, "c-1").order(far, CENTRE).await;
    let demand = |frame: &Value| {
        frame["cells"].as_array().is_some_and(|all| all.iter().any(|cell| cell["open_orders"].as_i64() > Some(0)))
    };
    map.wait("demand", demand).await;
}

#[tokio::test]
async fn a_map_that_is_none_is_refused() {
    let server = Server::start().await;
    let mut map = server.operator().socket("/ws/operator").await;
    for bbox in [json!([11.0, 44.0, 12.0, 43.0]), json!([11, 43, 12, 91])] {
        let answer = map.ask(json!({ "type": "watch", "bbox": bbox })).await;
        assert_eq!(answer["type"], "error", "{bbox}: {answer}");
    }
    let answer = map.ask(json!({ "type": "watch", "bbox": [11, 43] })).await;
    assert_eq!(answer["code"], "malformed");
}
