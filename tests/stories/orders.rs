//! Placing and listing orders: the same key leads to the same order, lists come in pages.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Reply;
use crate::support::Server;
use crate::support::order_body;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

async fn place(caller: &Caller, key: &str, body: &Value) -> Reply {
    let request = caller.request(Method::POST, "/api/v1/orders").header("Idempotency-Key", key).json(body);
    caller.send(request).await
}

#[tokio::test]
async fn the_same_key_and_body_replay_the_first_answer() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let body = order_body(CENTRE, CENTRE.north(500.0));
    let first = place(&customer, "key-1", &body).await.expect(201);
    let again = place(&customer, "key-1", &body).await.expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("location"), again.header("location"));
    let listed = customer.get("/orders").await.expect(200).body;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    // The order has gone on: the answer is still the first one.
    let order_id = first.body["order_id"].as_str().unwrap();
    customer.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    assert_eq!(place(&customer, "key-1", &body).await.expect(201).body, first.body);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    place(&customer, "key-1", &order_body(CENTRE, CENTRE.north(500.0))).await.expect(201);
    let other = order_body(CENTRE, CENTRE.north(501.0));
    place(&customer, "key-1", &other).await.problem(422, "idempotency_mismatch");
    place(&customer, "key-2", &other).await.expect(201);
}

#[tokio::test]
async fn keys_of_different_people_do_not_meet() {
    let server = Server::start().await;
    let mut body = order_body(CENTRE, CENTRE.north(500.0));
    let one = place(&server.caller("customer", "c-1"), "key-1", &body).await.expect(201);
    let two = place(&server.caller("customer", "c-2"), "key-1", &body).await.expect(201);
    body["customer_id"] = json!("c-1");
    let three = place(&server.caller("service", "c-1"), "key-1", &body).await.expect(201);
    let ids: std::collections::BTreeSet<&str> =
        [&one, &two, &three].iter().filter_map(|reply| reply.body["order_id"].as_str()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(two.body["customer_id"], "c-2");
}

#[tokio::test]
async fn many_tries_at_once_with_one_key_place_one_order() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let body = order_body(CENTRE, CENTRE.north(500.0));
    let tries = (0..12).map(|_| place(&customer, "key-1", &body));
    let answers = futures_util::future::join_all(tries).await;
    for answer in &answers {
        let running = answer.status == 409 && answer.body["code"] == "idempotency_running";
        assert!(answer.status == 201 || running, "{}", answer.text);
    }
    let listed = customer.get("/orders").await.expect(200).body;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    let last = place(&customer, "key-1", &body).await.expect(201);
    assert_eq!(last.body["order_id"], listed["orders"][0]["order_id"]);
}

#[tokio::test]
async fn a_refused_order_leaves_its_key_free() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let mut bad = order_body(CENTRE, CENTRE.north(500.0));
    bad["pickup"]["latitude"] = json!(95);
    place(&customer, "key-1", &bad).await.problem(422, "invalid");
    place(&customer, "key-1", &order_body(CENTRE, CENTRE.north(500.0))).await.expect(201);
    place(&customer, &"k".repeat(300), &bad).await.problem(422, "invalid");
    let good = order_body(CENTRE, CENTRE.north(500.0));
    let refused = place(&customer, &"k".repeat(300), &good).await;
    assert!(matches!(refused.status, 400 | 422), "{}", refused.text);
}

#[tokio::test]
async fn orders_are_listed_newest_first_in_pages_and_by_status() {
    let server = Server::start().await;
    let customer = Customer::new(&server, "c-1");
    let mut placed = Vec::new();
    for number in 0..7 {
        placed.push(customer.order(CENTRE.north(f64::from(number) * 10.0), CENTRE.north(800.0)).await);
    }
    Customer::new(&server, "c-2").order(CENTRE, CENTRE.north(800.0)).await;
    placed.reverse();
    let ids = |body: &Value| -> Vec<String> {
        body["orders"].as_array().unwrap().iter().map(|order| order["order_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = Vec::new();
    let mut path = "/orders?limit=3".to_owned();
    loop {
        let page = customer.caller.get(&path).await.expect(200).body;
        let on_page = ids(&page);
        assert!(on_page.len() <= 3);
        found.extend(on_page);
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/orders?limit=3&cursor={cursor}");
    }
    assert_eq!(found, placed);
    customer.caller.post(&format!("/orders/{}/cancel", placed[2]), json!(null)).await.expect(200);
    let cancelled = customer.caller.get("/orders?status=cancelled").await.expect(200).body;
    assert_eq!(ids(&cancelled), placed[2..3]);
    let searching = customer.caller.get("/orders?status=searching").await.expect(200).body;
    assert_eq!(ids(&searching).len(), 6);
    let all = server.operator().get("/orders?limit=200").await.expect(200).body;
    assert_eq!(ids(&all).len(), 8, "an operator sees everybody's");
    let unknown = customer.caller.get("/orders?status=lost").await;
    assert!(matches!(unknown.status, 400 | 422), "{}", unknown.text);
}

#[tokio::test]
async fn what_was_ordered_is_kept_as_it_was_sent() {
    let server = Server::start().await;
    let body = json!({
        "kind": "parcel",
        "pickup": { "latitude": CENTRE.latitude, "longitude": CENTRE.longitude, "address": "Piazza della Repubblica 1" },
        "dropoff": { "latitude": 43.78, "longitude": 11.26, "address": "Via Ghibellina 7 \u{1F41D}" },
        "items": [{ "name": "caff\u{e8}", "quantity": 3, "unit_price": 150 }, { "name": "map" }],
        "note": "ring twice", "unknown_field": 1,
    });
    let customer = Customer::new(&server, "c-1");
    let order = customer.look(&customer.order_with(body.clone()).await).await;
    for field in ["kind", "pickup", "dropoff", "note"] {
        assert_eq!(order[field], body[field], "{field}");
    }
    assert_eq!(order["items"][0], body["items"][0]);
    assert_eq!(order["items"][1], json!({ "name": "map", "quantity": 1, "unit_price": 0 }));
    assert_eq!(order["price"]["amount"], 450);
}
