//! Offers: the nearest free driver is asked, then the next; answers are taken once, over the socket or over HTTP.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use serde_json::json;
use std::time::Duration;

const A_WHILE: Duration = Duration::from_millis(700);

/// Drivers 100 m and 700 m from the pickup, and a customer.
async fn street(server: &Server) -> (Driver, Driver, Customer) {
    let near = Driver::on_shift(server, "near", CENTRE.north(100.0)).await;
    let far = Driver::on_shift(server, "far", CENTRE.north(700.0)).await;
    (near, far, Customer::new(server, "c-1"))
}

#[tokio::test]
async fn the_nearest_driver_is_asked_and_nobody_else() {
    let server = Server::start().await;
    let (mut near, mut far, customer) = street(&server).await;
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer = near.socket.wait_for("offer").await;
    assert_eq!(offer["orders"][0]["order_id"], order_id.as_str());
    assert!(offer["offer_id"].is_string() && offer["expires_at"].is_string(), "{offer}");
    assert!(offer["pickup_eta_s"].as_i64().is_some_and(|seconds| (1..600).contains(&seconds)), "{offer}");
    assert!(far.socket.listen(A_WHILE).await.iter().all(|frame| frame["type"] != "offer"));
    let seen = near.caller.get("/drivers/near/location").await.expect(200).body;
    assert_eq!(seen["status"], "offered");
    near.socket.command(json!({ "type": "offer.accept", "offer_id": offer["offer_id"] })).await;
    let closed = near.socket.wait_for("offer.closed").await;
    assert_eq!((&closed["offer_id"], &closed["reason"]), (&offer["offer_id"], &json!("accepted")));
    assert_eq!(customer.look(&order_id).await["driver_id"], "near");
}

#[tokio::test]
async fn a_declined_order_goes_to_the_next_driver() {
    let server = Server::start().await;
    let (mut near, mut far, customer) = street(&server).await;
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = near.offer_of(&order_id).await;
    let no = json!({ "type": "offer.decline", "offer_id": offer_id, "reason": "flat tyre" });
    near.socket.command(no.clone()).await;
    near.socket.command(no).await;
    let closed = near.socket.wait_for("offer.closed").await;
    assert_eq!(closed["reason"], "declined");
    let yes = json!({ "type": "offer.accept", "offer_id": offer_id });
    near.socket.refused(yes, "offer_closed").await;
    far.take(&order_id).await;
    let again = near.socket.listen(A_WHILE).await;
    assert!(again.iter().all(|frame| frame["type"] != "offer"), "not asked twice: {again:#?}");
}

#[tokio::test]
async fn an_offer_nobody_answers_goes_to_the_next_driver() {
    let server = Server::with(&[("BEELINE_OFFER_TIMEOUT", "1s")]).await;
    let (mut near, mut far, customer) = street(&server).await;
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = near.offer_of(&order_id).await;
    let closed = near.socket.wait_for("offer.closed").await;
    assert_eq!((&closed["offer_id"], &closed["reason"]), (&json!(offer_id), &json!("expired")));
    far.take(&order_id).await;
    near.socket.refused(json!({ "type": "offer.accept", "offer_id": offer_id }), "offer_closed").await;
    let late = near.caller.post(&format!("/orders/{order_id}/offers/{offer_id}/accept"), json!(null)).await;
    late.problem(409, "offer_closed");
    assert_eq!(customer.look(&order_id).await["driver_id"], "far");
}

#[tokio::test]
async fn saying_yes_twice_is_one_yes() {
    let server = Server::start().await;
    let (mut near, _far, customer) = street(&server).await;
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = near.offer_of(&order_id).await;
    let yes = json!({ "type": "offer.accept", "offer_id": offer_id });
    let first = near.socket.command(yes.clone()).await;
    let second = near.socket.command(yes).await;
    assert_eq!((&first["order_id"], &first["version"]), (&second["order_id"], &second["version"]));
    let path = format!("/orders/{order_id}/offers/{offer_id}");
    let third = near.caller.post(&format!("{path}/accept"), json!(null)).await.expect(200).body;
    assert_eq!((&third["version"], &third["status"]), (&first["version"], &json!("assigned")));
    near.caller.post(&format!("{path}/decline"), json!(null)).await.problem(409, "offer_closed");
}

#[tokio::test]
async fn answers_over_http_do_the_same() {
    let server = Server::start().await;
    let (mut near, mut far, customer) = street(&server).await;
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = near.offer_of(&order_id).await;
    near.caller.post(&format!("/orders/{order_id}/offers/{offer_id}/decline"), json!({})).await.expect(200);
    let offer_id = far.offer_of(&order_id).await;
    let wrong_order = format!("/orders/none/offers/{offer_id}/accept");
    far.caller.post(&wrong_order, json!(null)).await.problem(404, "not_found");
    let path = format!("/orders/{order_id}/offers/{offer_id}/accept");
    let accepted = far.caller.post(&path, json!(null)).await.expect(200).body;
    assert_eq!((&accepted["status"], &accepted["driver_id"]), (&json!("assigned"), &json!("far")));
    far.socket.wait("the socket is told", |frame| frame["type"] == "offer.closed").await;
}

#[tokio::test]
async fn an_offer_waits_for_a_driver_who_reconnects() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let order_id = Customer::new(&server, "c-1").order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    drop(driver);
    let mut again = Driver::connect(&server, "d-1").await;
    assert_eq!(again.welcome["status"], "offered");
    assert_eq!(again.offer_of(&order_id).await, offer_id);
    again.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
}

#[tokio::test]
async fn a_cancelled_order_takes_its_offer_back() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    customer.caller.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    driver.socket.refused(json!({ "type": "offer.accept", "offer_id": offer_id }), "offer_closed").await;
    let closed = driver.socket.wait_for("offer.closed").await;
    assert_eq!(closed["offer_id"], offer_id.as_str());
    // Free for the next one.
    let next = customer.order(CENTRE, CENTRE.north(1_000.0)).await;
    driver.take(&next).await;
}

#[tokio::test]
async fn an_order_that_waits_is_offered_to_the_first_who_comes() {
    let server = Server::start().await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let mut paused = Driver::connect(&server, "paused").await;
    paused.arrive(CENTRE).await;
    let mut outside = Driver::on_shift(&server, "outside", CENTRE.north(6_000.0)).await;
    assert!(outside.socket.listen(A_WHILE).await.iter().all(|frame| frame["type"] != "offer"), "over 5 km away");
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE.north(3_000.0)).await;
    driver.take(&order_id).await;
}

#[tokio::test]
async fn two_orders_never_win_the_same_driver() {
    let server = Server::start().await;
    let (mut near, mut far, customer) = street(&server).await;
    let one = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let two = customer.order(CENTRE.north(5.0), CENTRE.north(2_000.0)).await;
    let first = near.socket.wait_for("offer").await;
    let second = far.socket.wait_for("offer").await;
    for (driver, offer) in [(&mut near, &first), (&mut far, &second)] {
        driver.socket.command(json!({ "type": "offer.accept", "offer_id": offer["offer_id"] })).await;
    }
    let drivers = [customer.look(&one).await["driver_id"].clone(), customer.look(&two).await["driver_id"].clone()];
    assert!(drivers[0] != drivers[1] && drivers.iter().all(|id| id.is_string()), "{drivers:?}");
}
