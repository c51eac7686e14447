//! Refusals: every one is a problem of RFC 9457 with a stable code, and every answer names its request.

use crate::support::CENTRE;
use crate::support::Server;
use crate::support::order_body;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_stable_code() {
    let server = Server::start().await;
    let caller = server.caller("customer", "c-1");
    for path in ["/nothing", "/api/v1/nothing", "/api/v1/orders/none/nothing", "/api/v2/orders"] {
        caller.send(caller.request(Method::GET, path)).await.problem(404, "not_found");
    }
    let wrong_method = caller.send(caller.request(Method::DELETE, "/api/v1/orders")).await;
    let wrong_method = wrong_method.problem(405, "method_not_allowed");
    assert_eq!(wrong_method.header("allow"), Some("GET, POST"));
    let orders = || caller.request(Method::POST, "/api/v1/orders");
    let json = |text: &str| orders().header("Content-Type", "application/json").body(text.to_owned());
    for text in ["", "{", r#"{"kind": "food",}"#, "\u{1F41D}"] {
        caller.send(json(text)).await.problem(400, "malformed");
    }
    caller.send(json(&format!("{}1{}", "[".repeat(60), "]".repeat(60)))).await.problem(400, "malformed");
    caller.send(orders().header("Content-Type", "text/plain").body("{}")).await.problem(415, "unsupported_media_type");
    let huge = format!(r#"{{"note":"{}"}}"#, "x".repeat(300 * 1_024));
    caller.send(json(&huge)).await.problem(413, "too_large");
    let plain = caller.send(caller.request(Method::GET, "/ws/customer")).await.problem(426, "upgrade_required");
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    // What is no id names nothing.
    caller.get("/orders/no%20id").await.problem(404, "not_found");
    caller.get(&format!("/orders/{}", "x".repeat(65))).await.problem(404, "not_found");
}

#[tokio::test]
async fn bad_fields_are_named_by_pointer_all_at_once() {
    let server = Server::start().await;
    let caller = server.caller("customer", "c-1");
    let good = order_body(CENTRE, CENTRE.north(500.0));
    let change = |pointer: &str, value: serde_json::Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let one_field = [
        ("/kind", json!("boat")),
        ("/pickup/latitude", json!("north")),
        ("/items/0/quantity", json!(0)),
        ("/items/0/quantity", json!(-1)),
        ("/items/0/unit_price", json!(-5)),
        ("/items/0/name", json!("x".repeat(501))),
    ];
    for (pointer, value) in one_field {
        let refused = caller.post("/orders", change(pointer, value)).await.problem(422, "invalid");
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    let mut several = change("/pickup/latitude", json!(91));
    several["dropoff"]["longitude"] = json!(-181);
    several["prep_seconds"] = json!(1_000_000);
    several["note"] = json!("n".repeat(501));
    let refused = caller.post("/orders", several).await.problem(422, "invalid");
    let pointers = refused.pointers();
    for wanted in ["/pickup", "/dropoff", "/prep_seconds", "/note"] {
        assert!(pointers.iter().any(|pointer| pointer.starts_with(wanted)), "{wanted} in {pointers:?}");
    }
    let mut missing = good.clone();
    missing.as_object_mut().unwrap().remove("dropoff");
    assert!(!caller.post("/orders", missing).await.problem(422, "invalid").pointers().is_empty());
    let mut protected = good;
    protected["status"] = json!("delivered");
    protected["price"] = json!({ "amount": 0, "currency": "EUR" });
    let refused = caller.post("/orders", protected).await;
    assert!(matches!(refused.status, 400 | 422), "{}", refused.text);
    assert_eq!(refused.pointers(), ["/status", "/price"]);
}

#[tokio::test]
async fn queries_out_of_range_are_refused() {
    let server = Server::start().await;
    let operator = server.operator();
    for query in ["radius=0", "radius=-5", "radius=60000", "radius=500&limit=0", "radius=500&limit=201"] {
        operator.get(&format!("/drivers/nearby?lat=43.7&lng=11.2&{query}")).await.problem(422, "invalid");
    }
    for query in ["lat=91&lng=11&radius=5", "lat=43&lng=181&radius=5", "lat=NaN&lng=11&radius=5"] {
        let answer = operator.get(&format!("/drivers/nearby?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
    }
    for query in ["lat=43", "lat=x&lng=11&radius=5", "lat=43&lng=11&radius=5&status=asleep"] {
        let answer = operator.get(&format!("/drivers/nearby?{query}")).await;
        assert!(matches!(answer.status, 400 | 422), "{query}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{query}");
    }
    for query in ["limit=0", "limit=1001", "format=pdf", "start_time=noon", "cursor=rubbish"] {
        operator.get(&format!("/drivers/d-1/route?{query}")).await.problem(422, "invalid");
    }
    for query in ["limit=0", "limit=1000", "cursor=a%20b"] {
        operator.get(&format!("/orders?{query}")).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_a_sane_one_is_kept() {
    let server = Server::start().await;
    let caller = server.caller("customer", "c-1");
    let ask = |path: &'static str, id: &str| caller.send(caller.request(Method::GET, path).header("X-Request-Id", id));
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/orders", "/api/v1/orders/none", "/nothing"] {
        let kept = ask(path, "trace-7:a.b_C").await;
        assert_eq!(kept.header("x-request-id"), Some("trace-7:a.b_C"), "{path}");
        let bare = caller.send(caller.request(Method::GET, path)).await;
        let fresh = bare.header("x-request-id").unwrap_or_default().to_owned();
        assert!(!fresh.is_empty(), "{path}");
        for insane in ["a b", "x\"y", &"x".repeat(65)] {
            let replaced = ask(path, insane).await;
            let id = replaced.header("x-request-id").unwrap_or_default();
            assert!(!id.is_empty() && id != insane && id != fresh, "{path} {insane}: {id}");
        }
    }
}

#[tokio::test]
async fn nonsense_on_a_socket_is_answered_with_the_same_codes() {
    let server = Server::start().await;
    let mut socket = server.caller("customer", "c-1").socket("/ws/customer").await;
    socket.refused(json!({ "type": "dance" }), "unknown_type").await;
    socket.refused(json!({ "action": "dance", "type": null }), "unknown_type").await;
    let by_action = json!({ "action": "subscribe", "order_id": "none", "id": 17, "unknown": { "field": true } });
    socket.send(by_action).await;
    let answer = socket.wait_for("error").await;
    assert_eq!((&answer["id"], &answer["code"]), (&json!(17), &json!("not_found")));
    for text in ["{", "[]"] {
        socket.send_text(text).await;
        let answer = socket.wait_for("error").await;
        assert_eq!(answer["code"], "malformed", "{text}");
    }
    let deep = format!(r#"{{"type":"subscribe","order_id":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
    socket.send_text(deep).await;
    assert_eq!(socket.closed().await.0, 1008, "three malformed messages are enough");
}

#[tokio::test]
async fn a_message_over_the_size_of_its_door_closes_the_socket() {
    let server = Server::start().await;
    let note = |bytes: usize| json!({ "type": "dance", "note": "x".repeat(bytes) });
    let mut customer = server.caller("customer", "c-1").socket("/ws/customer").await;
    customer.refused(note(15 * 1_024), "unknown_type").await;
    customer.send(note(17 * 1_024)).await;
    assert_eq!(customer.closed().await.0, 1009);
    let mut driver = server.caller("driver", "d-1").socket("/ws/driver").await;
    driver.refused(note(200 * 1_024), "unknown_type").await;
    driver.send_text(note(300 * 1_024).to_string()).await;
    assert_eq!(driver.closed().await.0, 1009);
    let mut binary = server.caller("customer", "c-1").socket("/ws/customer").await;
    binary.send_raw(tokio_tungstenite::tungstenite::Message::binary(vec![1_u8, 2, 3])).await;
    assert_eq!(binary.closed().await.0, 1003);
}
