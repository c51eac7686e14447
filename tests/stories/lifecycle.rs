//! The life of an order: every step, over HTTP and over the driver's socket, and every step that may not be taken.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::order_body;
use crate::support::until;
use serde_json::Value;
use serde_json::json;

const STEPS: [&str; 4] = ["at_pickup", "picked_up", "at_dropoff", "delivered"];

async fn place(server: &Server) -> (Customer, String) {
    let customer = Customer::new(server, "c-1");
    let mut body = order_body(CENTRE.north(100.0), CENTRE.north(900.0));
    body["merchant_id"] = json!("shop");
    let order_id = customer.order_with(body).await;
    (customer, order_id)
}

async fn events(caller: &Caller, order_id: &str) -> Vec<Value> {
    let answer = caller.get(&format!("/orders/{order_id}/events")).await.expect(200);
    answer.body["events"].as_array().unwrap().clone()
}

async fn step(caller: &Caller, order_id: &str, status: &str) -> Reply {
    caller.post(&format!("/orders/{order_id}/status"), json!({ "status": status })).await
}

#[tokio::test]
async fn an_order_lives_from_created_to_delivered_over_http() {
    let server = Server::start().await;
    let tracker = server.caller("driver", "d-1");
    let available = json!({ "status": "available", "share_location": true });
    tracker.post("/drivers/d-1/status", available).await.expect(200);
    tracker.post("/drivers/d-1/location", CENTRE.json()).await.expect(202);
    let customer = server.caller("customer", "c-1");
    let placed = customer.post("/orders", order_body(CENTRE.north(100.0), CENTRE.north(900.0))).await.expect(201);
    let order = &placed.body;
    let order_id = order["order_id"].as_str().unwrap().to_owned();
    assert_eq!(placed.header("location"), Some(&*format!("/api/v1/orders/{order_id}")));
    assert_eq!((&order["status"], &order["version"]), (&json!("searching"), &json!(3)));
    assert_eq!(order["price"], json!({ "amount": 1_300, "currency": "EUR" }));
    assert_eq!(order["prep"]["state"], "ready", "nothing to prepare");
    for field in ["created_at", "updated_at", "due_at", "geo_key", "customer_id", "kind"] {
        assert!(order[field].is_string(), "{field} in {order}");
    }
    server.operator().post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": "d-1" })).await.expect(200);
    for status in STEPS {
        let after = step(&tracker, &order_id, status).await.expect(200).body;
        assert_eq!(after["status"], status);
        assert_eq!(step(&tracker, &order_id, status).await.expect(200).body["version"], after["version"], "once");
    }
    let told = events(&customer, &order_id).await;
    let names: Vec<&str> = told.iter().filter_map(|event| event["status"].as_str()).collect();
    let whole = ["created", "paid", "searching", "assigned", "at_pickup", "picked_up", "at_dropoff", "delivered"];
    assert_eq!(names, whole);
    let seqs: Vec<i64> = told.iter().filter_map(|event| event["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
    assert!(told.iter().all(|event| event["at"].is_string() && event["by"].is_string()));
    let after = customer.get(&format!("/orders/{order_id}/events?after=6")).await.expect(200).body;
    assert_eq!(after["events"].as_array().unwrap().as_slice(), &told[6..]);
    let delivered = customer.get(&format!("/orders/{order_id}")).await.expect(200).body;
    assert_eq!((&delivered["version"], &delivered["driver_id"]), (&json!(8), &json!("d-1")));
}

#[tokio::test]
async fn an_order_lives_from_offer_to_delivered_over_the_socket() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id) = place(&server).await;
    driver.take(&order_id).await;
    assert!(customer.look(&order_id).await["eta"]["dropoff_at"].is_string());
    for status in STEPS {
        let ask = json!({ "type": "order.status", "order_id": order_id, "status": status });
        let first = driver.socket.command(ask.clone()).await;
        let again = driver.socket.command(ask).await;
        assert_eq!((&first["status"], &first["version"]), (&again["status"], &again["version"]));
        let told = driver.socket.wait("the event", |frame| frame["type"] == "order" && frame["status"] == status).await;
        assert_eq!(told["order_id"], order_id.as_str());
    }
    assert_eq!(customer.look(&order_id).await["status"], "delivered");
    // Free for the next one at once.
    let (_, next) = place(&server).await;
    driver.take(&next).await;
}

#[tokio::test]
async fn no_step_is_skipped_and_none_goes_back() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id) = place(&server).await;
    driver.take(&order_id).await;
    let refused: [(&str, &[&str]); 4] = [
        ("assigned", &["picked_up", "at_dropoff", "delivered", "failed", "created", "paid", "assigned", "cancelled"]),
        ("at_pickup", &["at_dropoff", "delivered", "failed"]),
        ("picked_up", &["delivered", "searching"]),
        ("at_dropoff", &["searching"]),
    ];
    for ((status, illegal), next) in refused.into_iter().zip(STEPS) {
        let before = customer.look(&order_id).await;
        assert_eq!(before["status"], status);
        for wish in illegal {
            step(&driver.caller, &order_id, wish).await.problem(409, "illegal_transition");
            let ask = json!({ "type": "order.status", "order_id": order_id, "status": wish });
            driver.socket.refused(ask, "illegal_transition").await;
        }
        assert_eq!(customer.look(&order_id).await["version"], before["version"], "{status}: nothing happened");
        driver.step(&order_id, next).await;
    }
    for wish in ["failed", "searching", "cancelled"] {
        step(&driver.caller, &order_id, wish).await.problem(409, "illegal_transition");
    }
    for caller in [&customer.caller, &server.operator(), &server.caller("merchant", "shop")] {
        caller.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.problem(409, "illegal_transition");
    }
    let operator = server.operator();
    let assign = json!({ "driver_id": "d-1" });
    operator.post(&format!("/orders/{order_id}/assign"), assign).await.problem(409, "illegal_transition");
    operator.post(&format!("/orders/{order_id}/unassign"), json!(null)).await.problem(409, "illegal_transition");
}

#[tokio::test]
async fn a_step_decided_on_an_old_version_is_refused() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id) = place(&server).await;
    driver.take(&order_id).await;
    let version = customer.look(&order_id).await["version"].as_i64().unwrap();
    let wish = |version: i64| json!({ "type": "order.status", "order_id": order_id, "status": "at_pickup", "version": version });
    driver.socket.refused(wish(version - 1), "conflict").await;
    let path = format!("/orders/{order_id}/status");
    driver.caller.post(&path, wish(version + 1)).await.problem(409, "conflict");
    assert_eq!(driver.socket.command(wish(version)).await["version"], version + 1);
}

#[tokio::test]
async fn customer_and_merchant_cancel_before_pickup_and_an_operator_at_any_time() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let cancel = |caller: Caller, order_id: String| async move {
        caller.post(&format!("/orders/{order_id}/cancel"), json!({ "reason": "enough" })).await
    };
    for role in ["customer", "merchant"] {
        let caller = server.caller(role, if role == "customer" { "c-1" } else { "shop" });
        let (customer, order_id) = place(&server).await;
        driver.take(&order_id).await;
        driver.step(&order_id, "at_pickup").await;
        let cancelled = cancel(caller.clone(), order_id.clone()).await.expect(200).body;
        assert_eq!(cancelled["status"], "cancelled");
        let again = cancel(caller.clone(), order_id.clone()).await.expect(200).body;
        assert_eq!(again["version"], cancelled["version"], "cancelled once");
        let last = events(&customer.caller, &order_id).await.pop().unwrap();
        assert_eq!((&last["by"], &last["reason"]), (&json!(role), &json!("enough")));

        let (_, order_id) = place(&server).await;
        driver.take(&order_id).await;
        driver.step(&order_id, "at_pickup").await;
        driver.step(&order_id, "picked_up").await;
        cancel(caller, order_id.clone()).await.problem(409, "illegal_transition");
        cancel(driver.caller.clone(), order_id.clone()).await.problem(403, "forbidden");
        let by_operator = cancel(server.operator(), order_id.clone()).await.expect(200).body;
        assert_eq!(by_operator["status"], "cancelled");
        step(&driver.caller, &order_id, "at_dropoff").await.problem(409, "illegal_transition");
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_delivered_fails() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id) = place(&server).await;
    driver.take(&order_id).await;
    driver.step(&order_id, "at_pickup").await;
    driver.step(&order_id, "picked_up").await;
    let wish = json!({ "status": "failed", "reason": "nobody at the door" });
    let failed = driver.caller.post(&format!("/orders/{order_id}/status"), wish).await.expect(200).body;
    assert_eq!(failed["status"], "failed");
    let last = events(&customer.caller, &order_id).await.pop().unwrap();
    assert_eq!(last["reason"], "nobody at the door");
}

#[tokio::test]
async fn a_driver_hands_an_order_back_before_pickup_and_another_gets_it() {
    let server = Server::start().await;
    let mut first = Driver::on_shift(&server, "first", CENTRE).await;
    let mut second = Driver::on_shift(&server, "second", CENTRE.north(1_500.0)).await;
    let (customer, order_id) = place(&server).await;
    first.take(&order_id).await;
    first.step(&order_id, "at_pickup").await;
    first.socket.command(json!({ "type": "status", "status": "paused" })).await;
    first.step(&order_id, "searching").await;
    second.take(&order_id).await;
    let order = customer.look(&order_id).await;
    assert_eq!((&order["status"], &order["driver_id"]), (&json!("assigned"), &json!("second")));
    step(&first.caller, &order_id, "at_pickup").await.problem(404, "not_found");
}

#[tokio::test]
async fn the_merchant_says_when_the_goods_are_ready() {
    let server = Server::start().await;
    let mut body = order_body(CENTRE, CENTRE.north(900.0));
    (body["merchant_id"], body["prep_seconds"]) = (json!("shop"), json!(900));
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order_with(body).await;
    let prep = &customer.look(&order_id).await["prep"];
    assert_eq!((&prep["state"], &prep["seconds"]), (&json!("preparing"), &json!(900)));
    assert!(prep["ready_at"].is_string());
    let mut screen = customer.follow(&order_id).await;
    let shop = server.caller("merchant", "shop");
    let ready = shop.post(&format!("/orders/{order_id}/ready"), json!(null)).await.expect(200).body;
    assert_eq!((&ready["prep"]["state"], &ready["status"]), (&json!("ready"), &json!("searching")));
    screen.wait("ready", |frame| frame["event"] == "ready").await;
    let again = shop.post(&format!("/orders/{order_id}/ready"), json!(null)).await.expect(200).body;
    assert_eq!(again["version"], ready["version"]);
    customer.caller.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    shop.post(&format!("/orders/{order_id}/ready"), json!(null)).await.problem(409, "illegal_transition");
}

#[tokio::test]
async fn a_driver_has_one_active_assignment_at_most() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (_, first) = place(&server).await;
    driver.take(&first).await;
    let (_, second) = place(&server).await;
    let operator = server.operator();
    let assign = |order: &str| format!("/orders/{order}/assign");
    operator.post(&assign(&second), json!({ "driver_id": "d-1" })).await.problem(409, "driver_busy");
    operator.post(&assign(&second), json!({ "driver_id": "never-seen" })).await.problem(422, "unknown_driver");
    operator.post(&assign("none"), json!({ "driver_id": "d-1" })).await.problem(404, "not_found");
    let again = operator.post(&assign(&first), json!({ "driver_id": "d-1" })).await.expect(200).body;
    assert_eq!(again["version"], 4, "assigned to him already");
    let nearby = format!("/drivers/nearby?lat={}&lng={}&radius=500&status=busy", CENTRE.latitude, CENTRE.longitude);
    until("the driver seen as busy", || async {
        let found = operator.get(&nearby).await.expect(200).body;
        (found["drivers"][0]["status"] == "busy").then_some(())
    })
    .await;
    operator.post(&format!("/orders/{first}/unassign"), json!(null)).await.expect(200);
    let assigned = operator.post(&assign(&second), json!({ "driver_id": "d-1" })).await.expect(200).body;
    assert_eq!(assigned["status"], "assigned");
    let told = driver
        .socket
        .wait("told over the socket", |frame| frame["order_id"] == second.as_str() && frame["status"] == "assigned");
    told.await;
}
