//! Row 29: texts and ids that would be a query, a log line, a pattern, a script or the end of a string somewhere else.
//!
//! How the pages show such a text is one of the stories in `tests/browser`.

use crate::bare::Bare;
use crate::evidence::log_lines;
use crate::evidence::log_text;
use crate::evidence::rows;
use crate::support::CENTRE;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::now_ms;
use crate::support::order_body;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::Value;
use serde_json::json;

/// Texts that are dangerous elsewhere and only texts here.
const TEXTS: [&str; 12] = [
    "'; DROP TABLE orders; --",
    "\" OR \"\"=\"",
    "x', 'y'); DELETE FROM drivers WHERE ('a' = 'a",
    "%s%n%x ${jndi:ldap://evil.example/a} {{7*7}}",
    "first\r\nsecond\r\n{\"level\":\"INFO\",\"fields\":{\"message\":\"forged\"}}",
    "<script>alert(document.domain)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "*?[a-z]{hash}:tag",
    "\u{202e}backwards\u{2066} \u{feff}",
    "\u{1b}[31mred\u{7}",
    "../../../../etc/passwd",
];
/// What an id may not be made of.
const BAD_IDS: [&str; 16] = [
    "a b",
    "a'b",
    "a\"b",
    "a;b",
    "a/b",
    "..%2f..",
    "a*",
    "a?",
    "{tag}",
    "[x]",
    "a\nb",
    "a\r\nb",
    "a\0b",
    "caf\u{e9}",
    "<script>",
    "",
];

#[tokio::test]
async fn row_29_texts_are_kept_as_they_are_and_do_nothing() {
    let server = Server::with(&[("BEELINE_LOG", "debug")]).await;
    let customer = server.caller("customer", "c-1");
    for text in TEXTS {
        let mut body = order_body(CENTRE, CENTRE.north(500.0));
        body["note"] = json!(text);
        body["items"][0]["name"] = json!(text);
        body["pickup"]["address"] = json!(text);
        let placed = customer.post("/orders", body.clone()).await.expect(201).body;
        let order_id = placed["order_id"].as_str().unwrap();
        let order = customer.get(&format!("/orders/{order_id}")).await.expect(200).body;
        assert_eq!((&order["note"], &order["items"][0]["name"]), (&json!(text), &json!(text)));
        assert_eq!(order["pickup"]["address"], text);
        customer.post(&format!("/orders/{order_id}/cancel"), json!({ "reason": text })).await.expect(200);
        let events = customer.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
        assert_eq!(events["events"].as_array().unwrap().last().unwrap()["reason"], text);
        // As a name of a driver, and as an idempotency key, where it may be one.
        let profile = server.service().request(Method::PUT, "/api/v1/drivers/d-1").json(&json!({ "name": text }));
        assert_eq!(server.service().send(profile).await.expect(200).body["name"], text);
        if text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
            let keyed = customer.request(Method::POST, "/api/v1/orders").header("Idempotency-Key", text);
            body["note"] = json!("keyed");
            customer.send(keyed.json(&body)).await.expect(201);
        }
    }
    let keyed = TEXTS.iter().filter(|text| text.bytes().all(|byte| (0x20..0x7F).contains(&byte))).count();
    assert_eq!(rows(&server, "orders"), (TEXTS.len() + keyed) as i64, "every table is still there");
    assert_eq!(rows(&server, "drivers"), 1);
    // Whatever was written down of it is one JSON object a line.
    assert!(log_lines(&server).len() > TEXTS.len());
    assert!(!log_text(&server).contains("\nsecond"));
}

#[tokio::test]
async fn row_29_a_nul_is_refused_wherever_a_text_goes() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = server.caller("customer", "c-1");
    let nul = "before\u{0}after";
    for pointer in ["/note", "/items/0/name", "/pickup/address", "/dropoff/address"] {
        let mut body = order_body(CENTRE, CENTRE.north(500.0));
        (body["note"], body["pickup"]["address"], body["dropoff"]["address"]) = (json!("a"), json!("b"), json!("c"));
        *body.pointer_mut(pointer).unwrap() = json!(nul);
        let refused = customer.post("/orders", body).await.problem(422, "invalid");
        assert_eq!(refused.pointers(), [pointer]);
    }
    let service = server.service();
    for (field, value) in [("name", json!(nul)), ("vehicle", json!(nul)), ("skills", json!([nul]))] {
        let profile = service.request(Method::PUT, "/api/v1/drivers/d-1").json(&json!({ field: value }));
        service.send(profile).await.problem(422, "invalid");
    }
    let order_id = Customer::new(&server, "c-1").order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    let decline = json!({ "type": "offer.decline", "offer_id": offer_id, "reason": nul });
    let answer = driver.socket.ask(decline).await;
    assert!(answer["type"] == "ok" || answer["code"] == "invalid", "{answer}");
    let path = format!("/orders/{order_id}/cancel");
    customer.post(&path, json!({ "reason": nul })).await.problem(422, "invalid");
    server.operator().post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": "d-1" })).await.expect(200);
    let back = json!({ "type": "order.status", "order_id": order_id, "status": "searching", "reason": nul });
    driver.socket.refused(back, "invalid").await;
    let back = json!({ "status": "searching", "reason": nul });
    driver.caller.post(&format!("/orders/{order_id}/status"), back).await.problem(422, "invalid");
    assert_eq!(customer.get(&format!("/orders/{order_id}")).await.body["status"], "assigned", "nothing happened");
    let store = Connection::open(server.data().join("beeline.db")).unwrap();
    let kept = "SELECT count(*) FROM order_events WHERE instr(reason, char(0)) > 0";
    let kept: i64 = store.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn row_29_ids_are_made_of_a_few_letters_and_nothing_else() {
    let server = Server::start().await;
    let (customer, operator) = (server.caller("customer", "c-1"), server.operator());
    let mut socket = customer.socket("/ws/customer").await;
    let mut driver = server.caller("driver", "d-1").socket("/ws/driver").await;
    let long = "x".repeat(65);
    let bad_ids = BAD_IDS.iter().copied().chain([&*long]);
    for (number, id) in bad_ids.enumerate() {
        // In a token.
        for claims in [
            Claims::of("customer", id),
            Claims::of("merchant", "m-1").with("merchant_id", id),
            Claims::of("customer", "c-1").with("tier", id),
        ] {
            server.caller_with(&claims).get("/orders").await.problem(401, "unauthorized");
        }
        // In a body.
        for field in ["merchant_id", "customer_id"] {
            let mut body = order_body(CENTRE, CENTRE.north(500.0));
            body["customer_id"] = json!("c-1");
            body[field] = json!(id);
            server.service().post("/orders", body).await.problem(422, "invalid");
        }
        let assign = operator.post("/orders/none/assign", json!({ "driver_id": id })).await;
        assert!(matches!(assign.status, 404 | 422), "{id:?}: {}", assign.text);
        // In a path, where it is encoded.
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in ["/orders/ID", "/orders/ID/events", "/drivers/ID/location", "/orders/none/offers/ID/accept"] {
            let path = path.replace("ID", &encoded);
            let answer = operator.get(&path).await;
            assert!(matches!(answer.status, 400 | 404 | 405), "{path}: {} {}", answer.status, answer.text);
        }
        // In a message: two of them, so that the third strike is never reached on one socket.
        if number % 2 == 0 {
            socket = customer.socket("/ws/customer").await;
            driver = server.caller("driver", "d-1").socket("/ws/driver").await;
        }
        let answer = socket.ask(json!({ "type": "subscribe", "order_id": id })).await;
        assert!(matches!(answer["code"].as_str(), Some("malformed" | "not_found" | "invalid")), "{id:?}: {answer}");
        let answer = driver.ask(json!({ "type": "offer.accept", "offer_id": id })).await;
        assert!(matches!(answer["code"].as_str(), Some("malformed" | "not_found" | "invalid")), "{id:?}: {answer}");
    }
    assert_eq!(rows(&server, "orders"), 0);
    customer.get("/orders?cursor=%7Btag%7D*").await.problem(422, "invalid");
}

#[tokio::test]
async fn row_29_no_header_splits_an_answer_or_a_log_line() {
    let server = Server::with(&[("BEELINE_LOG", "debug")]).await;
    let token = server.token(&Claims::of("customer", "c-1"));
    for id in ["a%0d%0aX-Evil: 1", "a\tb", "a\"b", "{\"level\":\"ERROR\"}", "\u{e9}", &"x".repeat(5_000)] {
        let mut connection = Bare::connect(&server).await;
        let request = format!(
            "GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nX-Request-Id: {id}\r\n\
             traceparent: {id}\r\nUser-Agent: {id}\r\n\r\n"
        );
        connection.send(&request).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.head.to_ascii_lowercase().contains("x-evil:") && !answer.head.contains(id), "{}", answer.head);
    }
    // Line breaks by percent in the path and the query come back in no header either.
    let caller = server.caller("customer", "c-1");
    for path in [
        "/orders/a%0d%0aSet-Cookie:x=1",
        "/orders?status=%0d%0aSet-Cookie:x=1",
        "/%0d%0aLocation:%20http://evil.example",
    ] {
        let answer = caller.get(path).await;
        assert!(matches!(answer.status, 400 | 404 | 422), "{path}: {}", answer.status);
        assert!(answer.header("set-cookie").is_none() && answer.header("location").is_none(), "{path}");
    }
    for line in log_lines(&server) {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        assert!(!line.to_string().contains("Set-Cookie"), "{line}");
    }
}

#[tokio::test]
async fn row_29_an_answer_is_never_taken_for_a_page() {
    let server = Server::start().await;
    let script = "<script>alert(1)</script>";
    let caller = server.caller("customer", "c-1");
    let mut body = order_body(CENTRE, CENTRE.north(500.0));
    body["note"] = json!(script);
    let placed = caller.post("/orders", body).await.expect(201);
    let order = format!("/orders/{}", placed.body["order_id"].as_str().unwrap());
    let encoded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [order, format!("/orders/{encoded}"), format!("/orders?status={encoded}"), format!("/{encoded}")] {
        let answer = caller.get(&path).await;
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(matches!(kind, "application/json" | "application/problem+json"), "{path}: {kind}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    // The pages themselves run no script that stands in them.
    for page in ["/", "/operator", "/customer", "/docs"] {
        let answer = caller.send(caller.request(Method::GET, page)).await.expect(200);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{page}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{page}: {policy}");
        assert!(!answer.text.contains("<script>"), "{page} has a script of its own");
    }
}

#[tokio::test]
async fn row_29_operators_are_shown_texts_as_json_and_no_more() {
    let server = Server::start().await;
    let mut operator: Socket = server.operator().socket("/ws/operator").await;
    operator.command(json!({ "type": "watch", "bbox": [11.0, 43.0, 12.0, 44.0] })).await;
    operator.wait_for("snapshot").await;
    let mut body = order_body(CENTRE, CENTRE.north(500.0));
    body["note"] = json!("</script><script>alert(1)</script>");
    let order_id = Customer::new(&server, "c-1").order_with(body).await;
    let delta = operator
        .wait("the order", |frame| {
            let orders = frame["orders"].as_array().map(Vec::as_slice).unwrap_or_default();
            frame["type"] == "delta" && orders.iter().any(|order| order["order_id"] == order_id.as_str())
        })
        .await;
    assert!(delta.is_object());
    let fix: Value = json!({ "latitude": 43.7, "longitude": 11.25, "timestamp": now_ms(), "note": "<b>" });
    server.service().post("/drivers/d-1/location", fix).await.expect(202);
}
