//! Drivers of whom nothing is heard, or who get no nearer: before the pickup somebody else goes, after it an operator is told.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::interval;

async fn watching(server: &Server) -> Socket {
    let mut desk = server.operator().socket("/ws/operator").await;
    desk.command(json!({ "type": "watch", "bbox": [11.0, 43.5, 11.5, 44.0], "layers": ["orders"] })).await;
    desk
}

/// The reasons for which this order had to look again.
async fn failures(server: &Server, order_id: &str) -> Vec<Value> {
    let events = server.service().get("/events?limit=1000").await.expect(200).body["events"].clone();
    let of_order = |event: &&Value| event["order_id"] == order_id && event["event_type"] == "AssignmentFailed";
    events.as_array().unwrap().iter().filter(of_order).map(|event| event["reason"].clone()).collect()
}

#[tokio::test]
async fn an_order_whose_driver_is_lost_before_the_pickup_goes_to_another() {
    let server = Server::with(&[("BEELINE_DRIVER_LOST", "2s")]).await;
    let mut lost = Driver::on_shift(&server, "lost", CENTRE.north(100.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    lost.take(&order_id).await;
    let version = customer.look(&order_id).await["version"].as_i64().unwrap();
    drop(lost);
    let mut other = Driver::on_shift(&server, "other", CENTRE.north(900.0)).await;
    other.take(&order_id).await;
    let order = customer.look(&order_id).await;
    assert_eq!((&order["driver_id"], &order["status"]), (&json!("other"), &json!("assigned")));
    assert_eq!(order["version"], version + 2, "released, and assigned again");
    assert_eq!(failures(&server, &order_id).await, ["driver_lost"]);
}

#[tokio::test]
async fn an_order_whose_driver_is_lost_after_the_pickup_is_an_alert() {
    let server = Server::with(&[("BEELINE_DRIVER_LOST", "2s")]).await;
    let mut desk = watching(&server).await;
    let mut lost = Driver::on_shift(&server, "lost", CENTRE.north(100.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    lost.take(&order_id).await;
    for status in ["at_pickup", "picked_up"] {
        lost.step(&order_id, status).await;
    }
    drop(lost);
    let alert = desk.wait_for("alert").await;
    assert_eq!((&alert["code"], &alert["driver_id"]), (&json!("driver_lost"), &json!("lost")));
    assert_eq!(alert["order_id"], order_id.as_str());
    let order = customer.look(&order_id).await;
    assert_eq!((&order["driver_id"], &order["status"]), (&json!("lost"), &json!("picked_up")), "the goods are there");
    assert_eq!(failures(&server, &order_id).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_driver_who_gets_no_nearer_is_taken_off_the_order() {
    let settings = [UNLIMITED[0], UNLIMITED[1], ("BEELINE_DRIVER_STALLED", "2s")];
    let server = Server::with(&settings).await;
    let mut idle = Driver::on_shift(&server, "idle", CENTRE.north(500.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    idle.take(&order_id).await;
    // Heard of all the time, and always at the same place.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut beat = interval(Duration::from_millis(500));
    while customer.look(&order_id).await["status"] != "searching" {
        assert!(Instant::now() < deadline, "still with a driver who stands");
        beat.tick().await;
        idle.arrive(CENTRE.north(500.0)).await;
    }
    assert_eq!(failures(&server, &order_id).await, ["no_progress"]);
    let mut other = Driver::on_shift(&server, "other", CENTRE.north(900.0)).await;
    other.take(&order_id).await;
    assert_eq!(customer.look(&order_id).await["driver_id"], "other");
}

#[tokio::test]
async fn a_driver_who_gets_no_nearer_with_the_goods_is_an_alert() {
    let settings = [UNLIMITED[0], UNLIMITED[1], ("BEELINE_DRIVER_STALLED", "2s")];
    let server = Server::with(&settings).await;
    let mut desk = watching(&server).await;
    let mut idle = Driver::on_shift(&server, "idle", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    idle.take(&order_id).await;
    for status in ["at_pickup", "picked_up"] {
        idle.step(&order_id, status).await;
    }
    let alert = desk.wait_for("alert").await;
    assert_eq!((&alert["code"], &alert["order_id"]), (&json!("driver_stalled"), &json!(order_id)));
    assert_eq!(customer.look(&order_id).await["status"], "picked_up");
    until("counted", || async { (failures(&server, &order_id).await.is_empty()).then_some(()) }).await;
}
