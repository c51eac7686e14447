//! What the contract has and the program has not yet says so: 422 `not_available`, never silence, never half a thing.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Server;
use crate::support::order_body;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn calls_that_are_not_built_say_so() {
    let server = Server::start().await;
    let order_id = Customer::new(&server, "c-1").order(CENTRE, CENTRE.north(500.0)).await;
    let share = format!("/orders/{order_id}/share");
    let calls = [
        ("customer", Method::POST, share.as_str()),
        ("customer", Method::DELETE, share.as_str()),
        ("operator", Method::GET, "/cells?bbox=11,43,12,44"),
        ("customer", Method::POST, "/quotes"),
        ("customer", Method::POST, "/eta/delivery"),
        ("customer", Method::GET, "/restaurants/r-1"),
        ("customer", Method::GET, "/search/restaurants?q=soup"),
        ("customer", Method::POST, "/auth/login"),
        ("admin", Method::POST, "/admin/settings"),
        ("operator", Method::GET, "/analytics/orders"),
        ("service", Method::POST, "/osmand"),
        ("service", Method::POST, "/owntracks"),
    ];
    for (role, method, path) in calls {
        let caller = server.caller(role, "x-1");
        let request = caller.request(method.clone(), &format!("/api/v1{path}"));
        let request = if method == Method::GET { request } else { request.json(&json!({})) };
        let answer = caller.send(request).await;
        assert_eq!(answer.status, 422, "{role} {method} {path}: {}", answer.text);
        answer.problem(422, "not_available");
    }
}

#[tokio::test]
async fn fields_that_are_not_built_say_so() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let fields = [("scheduled_for", json!("2030-01-01T12:00:00Z")), ("quote_id", json!("q-1"))];
    for (field, value) in fields {
        let mut body = order_body(CENTRE, CENTRE.north(500.0));
        body[field] = value;
        customer.post("/orders", body).await.problem(422, "not_available");
    }
    assert_eq!(customer.get("/orders").await.expect(200).body["orders"], json!([]));
    for query in ["format=gpx", "format=csv", "simplify_m=10"] {
        server.operator().get(&format!("/drivers/d-1/route?{query}")).await.problem(422, "not_available");
    }
}
