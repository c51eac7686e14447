//! Row 13: offers made to somebody else, answered twice, or answered by several at once.
//!
//! The row names two nodes: with one, the parallel yes comes over two doors at once, and the store decides. The same over
//! two nodes comes with the cluster.

use crate::evidence::rows;
use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use serde_json::json;

#[tokio::test]
async fn row_13_an_offer_made_to_somebody_else_is_not_there() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "asked", CENTRE).await;
    let mut thief = Driver::on_shift(&server, "thief", CENTRE.north(30_000.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    for act in ["accept", "decline"] {
        thief.socket.refused(json!({ "type": format!("offer.{act}"), "offer_id": offer_id }), "not_found").await;
        let path = format!("/orders/{order_id}/offers/{offer_id}/{act}");
        thief.caller.post(&path, json!(null)).await.problem(404, "not_found");
        // Saying that one is somebody else changes nothing.
        thief.caller.post(&path, json!({ "driver_id": "asked" })).await.problem(404, "not_found");
    }
    let step = json!({ "type": "order.status", "order_id": order_id, "status": "at_pickup" });
    thief.socket.refused(step, "not_found").await;
    assert_eq!(customer.look(&order_id).await["status"], "searching");
    assert_eq!(rows(&server, "assignments"), 0);
    driver.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
}

#[tokio::test]
async fn row_13_a_yes_said_many_times_is_one_yes() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    let path = format!("/orders/{order_id}/offers/{offer_id}/accept");
    let by_http = driver.caller.clone();
    let over_http = futures_util::future::join_all((0..8).map(|_| by_http.post(&path, json!(null))));
    let yes = json!({ "type": "offer.accept", "offer_id": offer_id });
    let over_socket = driver.socket.command(yes.clone());
    let (answers, told) = tokio::join!(over_http, over_socket);
    for answer in answers {
        assert_eq!((answer.status, &answer.body["version"]), (200, &told["version"]), "{}", answer.text);
    }
    assert_eq!(driver.socket.command(yes).await["version"], told["version"], "and again later");
    assert_eq!(rows(&server, "assignments"), 1);
    let events = customer.caller.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
    let assigned = events["events"].as_array().unwrap().iter().filter(|event| event["status"] == "assigned").count();
    assert_eq!(assigned, 1);
}

/// Status and code of an answer to an attempt.
fn outcome(answer: &Reply) -> (u16, String) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn row_13_of_a_yes_and_a_no_at_the_same_moment_one_wins() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let operator = server.operator();
    let mut said_yes = 0;
    for round in 0..10 {
        let customer = Customer::new(&server, "c-1");
        let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
        let offer_id = driver.offer_of(&order_id).await;
        let by_http = driver.caller.clone();
        let path = |act: &str| format!("/orders/{order_id}/offers/{offer_id}/{act}");
        let (accept, decline) = (path("accept"), path("decline"));
        let (yes, no) = tokio::join!(by_http.post(&accept, json!(null)), by_http.post(&decline, json!(null)));
        let winners = [&yes, &no].into_iter().filter(|answer| answer.status == 200).count();
        assert_eq!(winners, 1, "round {round}: {:?} and {:?}", outcome(&yes), outcome(&no));
        let lost = if yes.status == 200 { &no } else { &yes };
        assert_eq!(outcome(lost), (409, "offer_closed".to_owned()));
        let carried = customer.look(&order_id).await["driver_id"] == "d-1";
        assert_eq!(carried, yes.status == 200, "round {round}");
        said_yes += usize::from(carried);
        operator.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    }
    assert_eq!(rows(&server, "assignments"), said_yes as i64);
}

#[tokio::test]
async fn row_13_a_yes_and_an_operators_hand_at_the_same_moment_leave_one_driver() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "asked", CENTRE).await;
    let _given = Driver::on_shift(&server, "given", CENTRE.north(20_000.0)).await;
    let operator = server.operator();
    for round in 0..6 {
        let customer = Customer::new(&server, "c-1");
        let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
        let offer_id = driver.offer_of(&order_id).await;
        let (accept, assign) =
            (format!("/orders/{order_id}/offers/{offer_id}/accept"), format!("/orders/{order_id}/assign"));
        let by_driver = driver.caller.clone();
        let (yes, hand) =
            tokio::join!(by_driver.post(&accept, json!(null)), operator.post(&assign, json!({ "driver_id": "given" })));
        // An operator may take it from whoever was first, and a driver from nobody.
        hand.expect(200);
        assert!(yes.status == 200 || yes.status == 409, "round {round}: {}", yes.text);
        assert_eq!(customer.look(&order_id).await["driver_id"], "given", "round {round}");
        let events = customer.caller.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
        let steps: Vec<&str> =
            events["events"].as_array().unwrap().iter().filter_map(|e| e["status"].as_str()).collect();
        let taken = ["created", "paid", "searching", "assigned", "searching", "assigned"];
        let given = ["created", "paid", "searching", "assigned"];
        assert_eq!(steps, if yes.status == 200 { &taken[..] } else { &given[..] }, "round {round}");
        operator.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    }
}

#[tokio::test]
async fn row_13_a_driver_who_takes_two_orders_at_once_gets_one() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let first = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&first).await;
    let second = customer.order(CENTRE.north(120.0), CENTRE.north(900.0)).await;
    let (accept, assign) = (format!("/orders/{first}/offers/{offer_id}/accept"), format!("/orders/{second}/assign"));
    let (caller, operator) = (driver.caller.clone(), server.operator());
    let (yes, hand) =
        tokio::join!(caller.post(&accept, json!(null)), operator.post(&assign, json!({ "driver_id": "d-1" })));
    let winners = [&yes, &hand].into_iter().filter(|answer| answer.status == 200).count();
    assert_eq!(winners, 1, "{:?} and {:?}", outcome(&yes), outcome(&hand));
    let lost = if yes.status == 200 { hand } else { yes };
    assert_eq!(lost.status, 409, "{}", lost.text);
    assert_eq!(rows(&server, "assignments"), 1);
    // The one that was not taken closes for good.
    let carried = [&first, &second].map(|order_id| customer.look(order_id));
    let carried = futures_util::future::join_all(carried).await;
    assert_eq!(carried.iter().filter(|order| order["driver_id"] == "d-1").count(), 1);
}
