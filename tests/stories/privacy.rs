//! When a customer sees the driver: from assigned to at the door, with the driver's consent, and at no other time.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::Spot;
use crate::support::UNLIMITED;
use serde_json::json;
use std::time::Duration;

/// Long enough for a push that should not come to have come.
const A_WHILE: Duration = Duration::from_millis(1_200);

async fn location_at(socket: &mut Socket, at: Spot) {
    socket.wait(&format!("a location at {at:?}"), |frame| frame["type"] == "location" && at.is_at(frame)).await;
}

/// Reads for a while; nothing may say where anybody is.
async fn sees_nobody(socket: &mut Socket) {
    socket.skip();
    let frames = socket.listen(A_WHILE).await;
    assert!(frames.iter().all(|frame| frame["latitude"].is_null()), "{frames:#?}");
}

#[tokio::test]
async fn nobody_is_shown_before_a_driver_has_accepted() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    let mut screen = customer.follow(&order_id).await;
    let offer_id = driver.offer_of(&order_id).await;
    driver.arrive(CENTRE.north(10.0)).await;
    sees_nobody(&mut screen).await;
    let path = format!("/orders/{order_id}/driver-location");
    customer.caller.get(&path).await.problem(409, "not_in_delivery");
    driver.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
    location_at(&mut screen, CENTRE.north(10.0)).await;
    let seen = customer.caller.get(&path).await.expect(200).body;
    assert!(CENTRE.north(10.0).is_at(&seen) && seen["eta_s"].is_i64(), "{seen}");
    assert!(seen["battery"].is_null() && seen["signal"].is_null());
}

#[tokio::test]
async fn the_driver_is_seen_through_every_active_step_and_never_after_the_last() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    let path = format!("/orders/{order_id}/driver-location");
    let mut metres = 0.0;
    for step in ["at_pickup", "picked_up", "at_dropoff"] {
        driver.step(&order_id, step).await;
        metres += 40.0;
        driver.at(CENTRE.north(metres)).await;
        location_at(&mut screen, CENTRE.north(metres)).await;
        customer.caller.get(&path).await.expect(200);
    }
    driver.step(&order_id, "delivered").await;
    // From the answer on the plain read is refused, and the driver drives on.
    customer.caller.get(&path).await.problem(409, "not_in_delivery");
    for more in 1..=5 {
        driver.at(CENTRE.north(metres + f64::from(more) * 10.0)).await;
    }
    driver.settled(driver.seq).await;
    screen.wait("delivered", |frame| frame["status"] == "delivered").await;
    sees_nobody(&mut screen).await;
    let last_order = screen.all.iter().rposition(|frame| frame["type"] == "order").unwrap();
    let last_location = screen.all.iter().rposition(|frame| frame["type"] == "location").unwrap();
    assert!(last_location < last_order, "no position after the end was told");
    let mut again = customer.follow(&order_id).await;
    driver.arrive(CENTRE.north(metres + 80.0)).await;
    sees_nobody(&mut again).await;
}

#[tokio::test]
async fn a_cancelled_order_shows_nobody() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    location_at(&mut screen, CENTRE).await;
    customer
        .caller
        .post(&format!("/orders/{order_id}/cancel"), json!({ "reason": "changed my mind" }))
        .await
        .expect(200);
    driver.socket.wait("the driver is told", |frame| frame["type"] == "order" && frame["status"] == "cancelled").await;
    screen.wait("cancelled", |frame| frame["status"] == "cancelled").await;
    driver.arrive(CENTRE.north(25.0)).await;
    sees_nobody(&mut screen).await;
}

#[tokio::test]
async fn a_driver_taken_off_an_order_is_seen_no_more_and_the_next_one_is() {
    let server = Server::with(&UNLIMITED).await;
    let mut first = Driver::on_shift(&server, "first", CENTRE).await;
    let mut second = Driver::on_shift(&server, "second", CENTRE.north(4_000.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    first.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    location_at(&mut screen, CENTRE).await;
    first.socket.command(json!({ "type": "status", "status": "paused" })).await;
    server.operator().post(&format!("/orders/{order_id}/unassign"), json!(null)).await.expect(200);
    screen.wait("searching", |frame| frame["status"] == "searching").await;
    first.arrive(CENTRE.north(15.0)).await;
    second.take(&order_id).await;
    location_at(&mut screen, CENTRE.north(4_000.0)).await;
    first.arrive(CENTRE.north(30.0)).await;
    second.at(CENTRE.north(3_990.0)).await;
    location_at(&mut screen, CENTRE.north(3_990.0)).await;
    for of_first in [15.0, 30.0] {
        let place = CENTRE.north(of_first);
        assert!(!screen.every("location").iter().any(|frame| place.is_at(frame)), "the first driver was shown");
    }
}

#[tokio::test]
async fn nobody_is_available_without_having_agreed_to_be_seen() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    assert_eq!(driver.welcome["status"], "offline");
    driver.arrive(CENTRE).await;
    driver.socket.refused(json!({ "type": "status", "status": "available" }), "consent_needed").await;
    let path = "/drivers/d-1/status";
    driver.caller.post(path, json!({ "status": "available" })).await.problem(409, "consent_needed");
    let refused = json!({ "status": "available", "share_location": false });
    driver.caller.post(path, refused).await.problem(409, "consent_needed");
    driver.socket.command(json!({ "type": "status", "status": "paused" })).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    let assign = format!("/orders/{order_id}/assign");
    server.operator().post(&assign, json!({ "driver_id": "d-1" })).await.problem(409, "driver_unavailable");
    assert!(driver.socket.listen(A_WHILE).await.iter().all(|frame| frame["type"] != "offer"));
    // Given once, it is remembered.
    let agreed = json!({ "status": "available", "share_location": true });
    assert_eq!(driver.caller.post(path, agreed).await.expect(200).body["status"], "available");
    driver.caller.post(path, json!({ "status": "paused" })).await.expect(200);
    driver.socket.command(json!({ "type": "status", "status": "available" })).await;
    driver.take(&order_id).await;
}

#[tokio::test]
async fn withdrawing_consent_ends_what_the_customer_sees() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    location_at(&mut screen, CENTRE).await;
    let withdrawn = json!({ "type": "status", "status": "paused", "share_location": false });
    driver.socket.command(withdrawn).await;
    let path = format!("/orders/{order_id}/driver-location");
    let refused = customer.caller.get(&path).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    // Whatever was under way has arrived within a second.
    screen.listen(Duration::from_secs(1)).await;
    for metres in 1..=4 {
        driver.arrive(CENTRE.north(f64::from(metres) * 10.0)).await;
    }
    sees_nobody(&mut screen).await;
    // The order itself goes on.
    driver.step(&order_id, "at_pickup").await;
    screen.wait("at_pickup", |frame| frame["status"] == "at_pickup").await;
}
