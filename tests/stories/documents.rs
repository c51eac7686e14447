//! The documents say what the server does: every call and every message is made once, and what comes back has the documented shape.

mod checker;

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::now_ms;
use crate::support::order_body;
use checker::Checker;
use serde_json::Value;
use serde_json::json;
use std::path::Path;

const NONE: Value = Value::Null;

#[tokio::test]
async fn the_server_hands_out_the_documents_of_the_repository() {
    let server = Server::start().await;
    let kept = |file| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file)).unwrap();
    let stranger = server.stranger();
    for (path, file) in [("/openapi.json", "openapi.json"), ("/asyncapi.yaml", "asyncapi.yaml")] {
        let served = stranger.send(stranger.request(reqwest::Method::GET, path)).await.expect(200);
        assert!(served.text == kept(file), "{path} differs from docs/{file}");
        let known =
            stranger.request(reqwest::Method::GET, path).header("If-None-Match", served.header("etag").unwrap());
        stranger.send(known).await.expect(304);
    }
    for path in ["/docs", "/docs/errors"] {
        let page = stranger.send(stranger.request(reqwest::Method::GET, path)).await.expect(200);
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{path}");
    }
    let problem = stranger.get("/orders").await.problem(401, "unauthorized");
    let (page, code) = problem.body["type"].as_str().unwrap().split_once('#').unwrap();
    let page = stranger.send(stranger.request(reqwest::Method::GET, page)).await.expect(200);
    assert!(page.text.contains(&format!("<tr id=\"{code}\">")), "no row for {code}");
}

#[tokio::test]
async fn every_call_answers_as_documented() {
    let server = Server::with(&UNLIMITED).await;
    let mut check = Checker::new();
    for id in ["healthz", "health", "readyz", "metrics", "tileJson"] {
        check.call(&server.stranger(), id, &[], NONE).await.expect(200);
    }
    check.call(&server.stranger(), "tile", &["0", "0", "0"], NONE).await.expect(200);
    drivers(&server, &mut check).await;
    orders(&server, &mut check).await;
    doors(&server, &mut check).await;
    feeds(&mut check).await;
    let all = check.calls().into_iter().filter(|(.., call)| call["tags"][0] != "later").map(|(id, ..)| id);
    assert_eq!(all.filter(|id| !check.called.contains(id)).collect::<Vec<_>>(), Vec::<String>::new(), "never called");
}

async fn drivers(server: &Server, check: &mut Checker) {
    let (operator, service, driver) = (server.operator(), server.service(), server.caller("driver", "d-http"));
    let customer = server.caller("customer", "c-1");
    let shift = json!({ "status": "available", "share_location": true });
    check
        .call(&driver, "setDriverStatus", &["d-http"], json!({ "status": "available" }))
        .await
        .problem(409, "consent_needed");
    check.call(&driver, "setDriverStatus", &["d-http"], shift).await.expect(200);
    let fix =
        |seq: i64| json!({ "latitude": 43.8, "longitude": 11.2, "seq": seq, "timestamp": now_ms(), "accuracy": 5 });
    check.call(&driver, "reportLocation", &["d-http"], fix(1)).await.expect(202);
    let batch = json!([fix(2), { "latitude": 43.8, "longitude": 11.2, "accuracy": 500, "battery": 80 }, fix(3)]);
    let reported = check.call(&service, "reportLocation", &["d-http"], batch).await.expect(202);
    assert_eq!(reported.body["flagged"][0]["code"], "inaccurate");
    check
        .call(&driver, "reportLocation", &["d-http"], json!({ "latitude": 91, "longitude": 0 }))
        .await
        .problem(422, "out_of_range");
    check.call(&operator, "driverLocation", &["d-http"], NONE).await.expect(200);
    check.call(&operator, "driverLocation", &["nobody"], NONE).await.problem(404, "not_found");
    let circle = "?lat=43.8&lng=11.2&radius=1000&status=available";
    let near = check.call(&operator, "nearbyDrivers", &[circle], NONE).await.expect(200);
    assert_eq!(near.body["drivers"][0]["driver_id"], "d-http");
    check.call(&operator, "nearbyDrivers", &["?lat=43.8"], NONE).await.problem(400, "malformed");
    for format in ["json", "geojson"] {
        check.call(&driver, "driverRoute", &["d-http", &format!("?format={format}")], NONE).await.expect(200);
    }
    check.call(&driver, "setDriverStatus", &["d-http"], json!({ "status": "offline" })).await.expect(200);
    let profile =
        json!({ "name": "Anna", "vehicle": "van", "skills": ["cold_box"], "capacity": 2, "share_location": true });
    check.call(&service, "setDriver", &["d-http"], profile).await.expect(200);
    check.call(&service, "setDriver", &["d-http"], json!({ "capacity": 17 })).await.problem(422, "invalid");
    check.call(&customer, "setDriver", &["d-http"], json!({})).await.problem(403, "forbidden");
    check.call(&driver, "driver", &["d-http"], NONE).await.expect(200);
    check.call(&operator, "driver", &["nobody"], NONE).await.problem(404, "not_found");
}

/// Events of all three kinds, audit rows, and dead letters taken up and given up.
async fn feeds(check: &mut Checker) {
    let server = Server::with(&[("BEELINE_DISPATCH_TRIES", "2")]).await;
    let (operator, service) = (server.operator(), server.service());
    let mut desk = operator.socket("/ws/operator").await;
    desk.command(json!({ "type": "watch", "bbox": [11.0, 43.5, 11.5, 44.0] })).await;
    let customer = Customer::new(&server, "c-1");
    let (one, two) =
        (customer.order(CENTRE, CENTRE.north(900.0)).await, customer.order(CENTRE, CENTRE.north(900.0)).await);
    for _ in 0..2 {
        desk.wait_for("alert").await;
    }
    let letters = check.call(&operator, "deadLetters", &["?queue=orders&limit=10"], NONE).await.expect(200).body;
    let letter_of = |order_id: &str| {
        let all = letters["dead_letters"].as_array().unwrap();
        let found = all.iter().find(|letter| letter["order_id"] == order_id).unwrap();
        found["dead_letter_id"].as_str().unwrap().to_owned()
    };
    check.call(&operator, "purgeDeadLetter", &[&letter_of(&one)], NONE).await.expect(204);
    check.call(&operator, "purgeDeadLetter", &[&letter_of(&one)], NONE).await.problem(404, "not_found");
    check.call(&operator, "replayDeadLetter", &[&letter_of(&two)], NONE).await.expect(200);
    check.call(&operator, "deadLetters", &["?queue=mail"], NONE).await.problem(422, "invalid");
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    driver.offer_of(&two).await;
    let offers = check.call(&driver.caller, "driverOffers", &["d-1"], NONE).await.expect(200).body;
    driver.take_offer(&offers["offers"][0]).await;
    let events = check.call(&service, "publishedEvents", &["?after=0&limit=100"], NONE).await.expect(200).body;
    for kind in ["AssignmentRequested", "AssignmentFailed", "DriverAssigned"] {
        assert!(events["events"].as_array().unwrap().iter().any(|event| event["event_type"] == kind), "{kind}");
    }
    check.call(&service, "publishedEvents", &["?after=x"], NONE).await.problem(422, "invalid");
    let trail = check.call(&operator, "audit", &["?limit=10"], NONE).await.expect(200).body;
    assert_eq!(trail["audit"].as_array().map(Vec::len), Some(2));
    let admin = server.caller("admin", "root");
    check.call(&admin, "revoke", &[], json!({ "subject": "c-9", "reason": "lost" })).await.expect(201);
    check.call(&admin, "revoke", &[], json!({ "jti": "j-9" })).await.expect(201);
    check.call(&admin, "revoke", &[], json!({})).await.problem(422, "invalid");
    check.call(&operator, "revoke", &[], json!({ "jti": "j-9" })).await.problem(403, "forbidden");
    check.call(&operator, "audit", &["?limit=10"], NONE).await.expect(200);
    check.call(&service, "audit", &[], NONE).await.problem(403, "forbidden");
    check_frames(check, "operator", &desk);
    assert!(check.spoken.contains("alert"));
}

async fn orders(server: &Server, check: &mut Checker) {
    let (operator, customer, merchant) =
        (server.operator(), server.caller("customer", "c-1"), server.caller("merchant", "m-1"));
    let mut near = Driver::on_shift(server, "near", CENTRE.north(100.0)).await;
    let mut far = Driver::on_shift(server, "far", CENTRE.north(700.0)).await;
    let mut body = order_body(CENTRE, CENTRE.north(2_000.0));
    body["merchant_id"] = json!("m-1");
    body["note"] = json!("second door");
    let with_key = |request: reqwest::RequestBuilder| request.header("Idempotency-Key", "one");
    let placed = check.call_with(&customer, "placeOrder", &[], body.clone(), with_key).await.expect(201);
    let again = check.call_with(&customer, "placeOrder", &[], body, with_key).await.expect(201);
    assert_eq!(again.body["order_id"], placed.body["order_id"]);
    let order_id = placed.body["order_id"].as_str().unwrap();
    check.call(&customer, "orderDriverLocation", &[order_id], NONE).await.problem(409, "not_in_delivery");
    let offer_id = near.offer_of(order_id).await;
    check.call(&near.caller, "declineOffer", &[order_id, &offer_id], NONE).await.expect(200);
    check.call(&near.caller, "acceptOffer", &[order_id, &offer_id], NONE).await.problem(409, "offer_closed");
    let offer_id = far.offer_of(order_id).await;
    check.call(&far.caller, "acceptOffer", &[order_id, &offer_id], NONE).await.expect(200);
    check.call(&operator, "unassignOrder", &[order_id], NONE).await.expect(200);
    check
        .call(&operator, "assignOrder", &[order_id], json!({ "driver_id": "nobody" }))
        .await
        .problem(422, "unknown_driver");
    check.call(&operator, "assignOrder", &[order_id], json!({ "driver_id": "near" })).await.expect(200);
    near.arrive(CENTRE.north(90.0)).await;
    check.call(&customer, "orderDriverLocation", &[order_id], NONE).await.expect(200);
    check.call(&merchant, "orderReady", &[order_id], NONE).await.expect(200);
    check
        .call(&near.caller, "stepOrder", &[order_id], json!({ "status": "delivered" }))
        .await
        .problem(409, "illegal_transition");
    check.call(&near.caller, "stepOrder", &[order_id], json!({ "status": "at_pickup" })).await.expect(200);
    check.call(&operator, "order", &[order_id], NONE).await.expect(200);
    check.call(&merchant, "listOrders", &["?limit=5&status=at_pickup"], NONE).await.expect(200);
    let cancelled =
        check.call(&operator, "cancelOrder", &[order_id], json!({ "reason": "closed early" })).await.expect(200);
    assert_eq!(cancelled.body["status"], "cancelled");
    check.call(&customer, "cancelOrder", &[order_id], NONE).await.expect(200);
    let events = check.call(&customer, "orderEvents", &[order_id, "?after=1"], NONE).await.expect(200);
    assert!(events.body["events"].as_array().unwrap().len() > 5);
}

async fn doors(server: &Server, check: &mut Checker) {
    for (role, id) in [("driver", "driverSocket"), ("customer", "customerSocket"), ("operator", "operatorSocket")] {
        let caller = server.caller(role, "somebody");
        check.call(&caller, id, &[], NONE).await.problem(426, "upgrade_required");
        let socket = caller.socket(&format!("/ws/{role}")).await;
        assert_eq!(socket.upgrade.status(), 101);
        check.upgraded(id);
    }
}

#[tokio::test]
async fn refusals_are_as_documented() {
    let server = Server::start().await;
    let mut check = Checker::new();
    let (stranger, driver, customer) =
        (server.stranger(), server.caller("driver", "d-1"), server.caller("customer", "c-1"));
    for (id, _, path, call) in check.calls() {
        let arguments = vec!["1"; path.matches('{').count()];
        if call["security"] != json!([]) {
            check.call(&stranger, &id, &arguments, NONE).await.problem(401, "unauthorized");
        }
        if call["tags"][0] == "later" {
            let caller = if call["security"] == json!([]) { &stranger } else { &driver };
            check.call(caller, &id, &arguments, NONE).await.problem(422, "not_available");
        }
    }
    let body = order_body(CENTRE, CENTRE.north(500.0));
    check.call(&driver, "placeOrder", &[], body.clone()).await.problem(403, "forbidden");
    check.call(&customer, "order", &["none"], NONE).await.problem(404, "not_found");
    check.call(&customer, "listOrders", &["?limit=0"], NONE).await.problem(422, "invalid");
    check.call(&customer, "placeOrder", &[], json!({ "kind": "food" })).await.problem(422, "invalid");
    let mut booked = body.clone();
    booked["scheduled_for"] = json!("2030-01-01T12:00:00Z");
    check.call(&customer, "placeOrder", &[], booked).await.problem(422, "not_available");
    let broken = |request: reqwest::RequestBuilder| request.header("Content-Type", "application/json").body("{");
    check.call_with(&customer, "placeOrder", &[], NONE, broken).await.problem(400, "malformed");
    let text = |request: reqwest::RequestBuilder| request.header("Content-Type", "text/plain").body("soup");
    check.call_with(&customer, "placeOrder", &[], NONE, text).await.problem(415, "unsupported_media_type");
    let large =
        |request: reqwest::RequestBuilder| request.header("Content-Type", "application/json").body(" ".repeat(300_000));
    check.call_with(&customer, "placeOrder", &[], NONE, large).await.problem(413, "too_large");
    let with_key = |request: reqwest::RequestBuilder| request.header("Idempotency-Key", "one");
    check.call_with(&customer, "placeOrder", &[], body, with_key).await.expect(201);
    let other = order_body(CENTRE, CENTRE.north(600.0));
    check.call_with(&customer, "placeOrder", &[], other, with_key).await.problem(422, "idempotency_mismatch");
}

/// Sends a command that fits the documents and must be done.
async fn tell(check: &mut Checker, door: &str, socket: &mut Socket, frame: Value) -> Value {
    check.heard(door, &frame);
    socket.command(frame).await
}

/// Sends a fresh token of the same person.
async fn renew(check: &mut Checker, server: &Server, door: &str, socket: &mut Socket, subject: &str) {
    let token = server.token(&Claims::of(door, subject));
    tell(check, door, socket, json!({ "type": "auth", "token": token })).await;
}

fn check_frames(check: &mut Checker, door: &str, socket: &Socket) {
    assert!(!socket.all.is_empty());
    for frame in &socket.all {
        check.said(door, frame);
    }
}

#[tokio::test]
async fn every_frame_is_as_documented() {
    let server = Server::with(&UNLIMITED).await;
    let mut check = Checker::new();
    let mut operator = server.operator().socket("/ws/operator").await;
    let area = json!({ "type": "watch", "bbox": [11.0, 43.5, 11.5, 44.0], "layers": ["drivers", "orders", "cells"] });
    tell(&mut check, "operator", &mut operator, area).await;
    operator.wait_for("snapshot").await;
    let mut near = Driver::connect(&server, "near").await;
    let mut far = Driver::on_shift(&server, "far", CENTRE.north(700.0)).await;
    fixes(&server, &mut check, &mut near).await;

    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let mut screen = customer.caller.socket("/ws/customer").await;
    tell(&mut check, "customer", &mut screen, json!({ "type": "subscribe", "order_id": order_id, "after": 0 })).await;
    let offer_id = near.offer_of(&order_id).await;
    let no = json!({ "type": "offer.decline", "offer_id": offer_id, "reason": "flat tyre" });
    tell(&mut check, "driver", &mut near.socket, no).await;
    near.socket.wait_for("offer.closed").await;
    let offer_id = far.offer_of(&order_id).await;
    tell(&mut check, "driver", &mut far.socket, json!({ "type": "offer.accept", "offer_id": offer_id })).await;
    for status in ["at_pickup", "picked_up"] {
        let step = json!({ "type": "order.status", "order_id": order_id, "status": status });
        tell(&mut check, "driver", &mut far.socket, step).await;
    }
    far.arrive(CENTRE.north(10.0)).await;
    screen.wait_for("location").await;
    screen.wait("the pickup", |frame| frame["type"] == "order" && frame["status"] == "picked_up").await;
    far.socket.wait("the pickup", |frame| frame["type"] == "order" && frame["status"] == "picked_up").await;
    operator.wait("the pickup", |frame| frame["type"] == "delta" && frame["orders"][0]["status"] == "picked_up").await;
    tell(&mut check, "customer", &mut screen, json!({ "type": "unsubscribe", "order_id": order_id })).await;
    screen.refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
    operator.refused(json!({ "type": "dance" }), "unknown_type").await;
    renew(&mut check, &server, "customer", &mut screen, "c-1").await;
    renew(&mut check, &server, "operator", &mut operator, "operator-1").await;

    check_frames(&mut check, "customer", &screen);
    check_frames(&mut check, "operator", &operator);
    check_frames(&mut check, "driver", &near.socket);
    check_frames(&mut check, "driver", &far.socket);
    let unspoken: Vec<String> = check.messages().difference(&check.spoken).cloned().collect();
    assert_eq!(unspoken, ["alert", "location.gone", "location.stale"], "left to other stories");
}

/// Everything a driver says and hears of fixes.
async fn fixes(server: &Server, check: &mut Checker, near: &mut Driver) {
    let shift = json!({ "type": "status", "status": "available", "share_location": true });
    tell(check, "driver", &mut near.socket, shift).await;
    let fix = near.fix(CENTRE.north(100.0));
    check.heard("driver", &fix);
    near.socket.send(fix).await;
    near.settled(near.seq).await;
    let named = near.fix(CENTRE.north(101.0));
    tell(check, "driver", &mut near.socket, named).await;
    let mut kept = [near.fix(CENTRE.north(102.0)), near.fix(CENTRE.north(103.0))];
    for fix in &mut kept {
        fix.as_object_mut().unwrap().remove("type");
    }
    tell(check, "driver", &mut near.socket, json!({ "type": "locations", "fixes": kept })).await;
    let mut bad = near.fix(CENTRE);
    bad["latitude"] = json!(91);
    near.socket.send(bad).await;
    near.socket.wait_for("rejected").await;
    let mut blurred = near.fix(CENTRE.north(100.0));
    blurred["accuracy"] = json!(500);
    check.heard("driver", &blurred);
    near.socket.send(blurred).await;
    near.socket.wait_for("flagged").await;
    near.arrive(CENTRE.north(100.0)).await;
    renew(check, server, "driver", &mut near.socket, "near").await;
}

#[tokio::test]
async fn a_silent_drivers_notices_are_as_documented() {
    let server = Server::with(&[("BEELINE_STALE", "1s"), ("BEELINE_GONE", "2s")]).await;
    let mut check = Checker::new();
    let caller: Caller = server.operator();
    let driver = Driver::on_shift(&server, "d-1", CENTRE.north(100.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let mut screen = customer.follow(&order_id).await;
    caller.post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": driver.id })).await.expect(200);
    screen.wait_for("location.stale").await;
    screen.wait_for("location.gone").await;
    check_frames(&mut check, "customer", &screen);
    assert!(check.spoken.contains("location.stale") && check.spoken.contains("location.gone"));
}
