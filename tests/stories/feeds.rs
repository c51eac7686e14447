//! What other systems are told, and what was done by hand: both can be read again from any place.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::order_body;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

/// Every event so far.
async fn feed(caller: &Caller) -> Vec<Value> {
    caller.get("/events?limit=1000").await.expect(200).body["events"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event_type"].as_str()).collect()
}

#[tokio::test]
async fn the_way_of_an_order_to_its_driver_is_published_with_all_its_fields() {
    let server = Server::start().await;
    let mut near = Driver::on_shift(&server, "near", CENTRE.north(100.0)).await;
    let mut far = Driver::on_shift(&server, "far", CENTRE.north(700.0)).await;
    let mut body = order_body(CENTRE, CENTRE.north(2_000.0));
    body["prep_seconds"] = json!(120);
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order_with(body).await;
    let offer_id = near.offer_of(&order_id).await;
    near.socket.command(json!({ "type": "offer.decline", "offer_id": offer_id })).await;
    far.take(&order_id).await;
    let events = feed(&server.service()).await;
    let expected = ["AssignmentRequested", "AssignmentFailed", "AssignmentRequested", "DriverAssigned"];
    assert_eq!(types(&events), expected);
    let order = customer.look(&order_id).await;
    for event in &events {
        for field in ["cursor", "event_id", "occurred_at", "order_id", "geo_key", "correlation_id"] {
            assert!(event[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {event}");
        }
        assert_eq!((&event["order_id"], &event["geo_key"]), (&order["order_id"], &order["geo_key"]));
        assert_eq!(event["correlation_id"], events[0]["correlation_id"]);
    }
    let (requested, failed, again, assigned) = (&events[0], &events[1], &events[2], &events[3]);
    assert!(CENTRE.is_at(&requested["pickup"]) && CENTRE.north(2_000.0).is_at(&requested["dropoff"]), "{requested}");
    assert_eq!((&requested["prep_total"], &requested["priority"]), (&json!(120), &json!(0)));
    assert!(requested["prep_remaining"].as_i64().is_some_and(|left| (100..=120).contains(&left)), "{requested}");
    assert_eq!(requested["items"], order["items"]);
    assert_eq!((&failed["reason"], &failed["retry_after_seconds"]), (&json!("declined"), &json!(0.0)));
    assert_eq!(again["priority"], 1);
    let versions: Vec<i64> = events.iter().filter_map(|event| event["version"].as_i64()).collect();
    assert_eq!(versions, [3, 4, 4, 5], "a decline raises the version");
    assert_eq!((&assigned["driver_id"], &assigned["version"]), (&json!("far"), &order["version"]));
    let (pickup, dropoff) = (assigned["pickup_eta_s"].as_i64().unwrap(), assigned["dropoff_eta_s"].as_i64().unwrap());
    assert!(0 < pickup && pickup < dropoff, "{assigned}");
    assert!(assigned["assignment_score"].is_number(), "{assigned}");
}

#[tokio::test]
async fn the_feed_is_read_again_from_any_cursor_even_after_a_crash() {
    let mut server = Server::start().await;
    let customer = Customer::new(&server, "c-1");
    for _ in 0..5 {
        customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    }
    let service = server.service();
    let whole = feed(&service).await;
    assert_eq!(whole.len(), 5);
    // Page by page is the same as at once.
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("/events?limit=2{after}")).await.expect(200).body;
        let events = page["events"].as_array().unwrap().clone();
        after = format!("&after={}", page["next_cursor"].as_str().unwrap());
        if events.is_empty() {
            break;
        }
        pages.extend(events);
    }
    assert_eq!(pages, whole);
    // From the same place the same again; and what is new comes after the last.
    let from_second = format!("/events?after={}", whole[1]["cursor"].as_str().unwrap());
    assert_eq!(service.get(&from_second).await.expect(200).body["events"], json!(whole[2..]));
    server.kill().await;
    server.boot_again().await;
    let service = server.service();
    assert_eq!(feed(&service).await, whole, "published means stored");
    let order_id = Customer::new(&server, "c-2").order(CENTRE, CENTRE.north(2_000.0)).await;
    let fresh = service.get(&format!("/events?limit=2{after}")).await.expect(200).body;
    assert_eq!(fresh["events"][0]["order_id"], order_id.as_str());
    // One area only.
    let here = whole[0]["geo_key"].as_str().unwrap();
    let of_area = |geo_key: String| {
        let service = service.clone();
        async move { service.get(&format!("/events?geo_key={geo_key}")).await.expect(200).body["events"].clone() }
    };
    assert_eq!(of_area(here.to_owned()).await.as_array().map(Vec::len), Some(6));
    assert_eq!(of_area("851ea2dbfffffff".to_owned()).await, json!([]));
}

#[tokio::test]
async fn cursors_and_limits_that_are_none_are_refused() {
    let server = Server::start().await;
    let operator = server.operator();
    for path in ["/events", "/audit"] {
        for bad in ["x", "-1", "", "1.5", "99999999999999999999"] {
            let refused = operator.get(&format!("{path}?after={bad}")).await.problem(422, "invalid");
            assert_eq!(refused.pointers(), ["/after"], "{path} {bad}");
        }
        for bad in ["0", "1001"] {
            let refused = operator.get(&format!("{path}?limit={bad}")).await.problem(422, "invalid");
            assert_eq!(refused.pointers(), ["/limit"], "{path} {bad}");
        }
        let empty = operator.get(&format!("{path}?after=7")).await.expect(200).body;
        assert_eq!(empty["next_cursor"], "7", "nothing new: go on from where you are");
    }
}

#[tokio::test]
async fn the_feeds_are_refused_to_everybody_else() {
    let server = Server::start().await;
    for (path, allowed) in
        [("/events", ["service", "operator", "admin"].as_slice()), ("/audit", &["operator", "admin"])]
    {
        for role in ["driver", "customer", "merchant", "operator", "admin", "service"] {
            let answer = server.caller(role, "x-1").get(path).await;
            if allowed.contains(&role) {
                answer.expect(200);
            } else {
                answer.problem(403, "forbidden");
            }
        }
        server.stranger().get(path).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn whatever_is_done_by_hand_is_in_the_audit_trail() {
    let server = Server::start().await;
    let _one = Driver::on_shift(&server, "d-1", CENTRE.north(4_900.0)).await;
    let _two = Driver::on_shift(&server, "d-2", CENTRE.north(4_900.0)).await;
    let (operator, admin) = (server.operator(), server.caller("admin", "boss"));
    let mut body = order_body(CENTRE, CENTRE.north(2_000.0));
    // Nobody is asked yet.
    body["prep_seconds"] = json!(6 * 3_600);
    let order_id = Customer::new(&server, "c-1").order_with(body).await;
    let order = format!("/orders/{order_id}");
    operator.post(&format!("{order}/assign"), json!({ "driver_id": "d-1" })).await.expect(200);
    // Said twice is done once.
    operator.post(&format!("{order}/assign"), json!({ "driver_id": "d-1" })).await.expect(200);
    let moved = admin.post(&format!("{order}/assign"), json!({ "driver_id": "d-2" })).await.expect(200).body;
    assert_eq!((&moved["driver_id"], &moved["status"]), (&json!("d-2"), &json!("assigned")));
    operator.post(&format!("{order}/unassign"), json!(null)).await.expect(200);
    operator.post("/drivers/d-2/status", json!({ "status": "paused" })).await.expect(200);
    let profile = operator.request(Method::PUT, "/api/v1/drivers/d-1").json(&json!({ "vehicle": "car" }));
    operator.send(profile).await.expect(200);
    admin.post(&format!("{order}/cancel"), json!({ "reason": "closed early" })).await.expect(200);
    // What people do with their own things is no override.
    server.caller("driver", "d-1").post("/drivers/d-1/status", json!({ "status": "paused" })).await.expect(200);
    let trail = operator.get("/audit").await.expect(200).body["audit"].as_array().unwrap().clone();
    let seen: Vec<[&str; 4]> = trail
        .iter()
        .map(|row| ["actor", "act", "order_id", "driver_id"].map(|field| row[field].as_str().unwrap_or("")))
        .collect();
    let (order_id, by) = (order_id.as_str(), "operator:operator-1");
    let expected = [
        [by, "assign", order_id, "d-1"],
        ["admin:boss", "reassign", order_id, "d-2"],
        [by, "unassign", order_id, "d-2"],
        [by, "driver_status", "", "d-2"],
        [by, "profile", "", "d-1"],
        ["admin:boss", "cancel", order_id, ""],
    ];
    assert_eq!(seen, expected);
    assert!(trail.iter().all(|row| row["at"].is_string()), "{trail:#?}");
    let after_two = format!("/audit?after={}&limit=1", trail[1]["cursor"].as_str().unwrap());
    assert_eq!(operator.get(&after_two).await.expect(200).body["audit"], json!([trail[2]]));
}
