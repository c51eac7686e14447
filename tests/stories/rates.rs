//! How often a principal may ask: one budget for each class, over HTTP and sockets together, whatever address or
//! connection it is asked from.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Reply;
use crate::support::Server;
use crate::support::now_ms;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// Budgets that do not grow while a story runs.
const SMALL: [(&str, &str); 2] = [("BEELINE_RATE_BROWSE", "20/d"), ("BEELINE_RATE_ORDERS", "3/d")];

/// The numbers of a `RateLimit` or `RateLimit-Policy` header.
fn parameter(reply: &Reply, header: &str, name: &str) -> u64 {
    let value = reply.header(header).unwrap_or_else(|| panic!("no {header}"));
    let found = value.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {value}"))
}

async fn spend(caller: &Caller, times: u32) {
    for _ in 0..times {
        caller.get("/orders").await.expect(200);
    }
}

#[tokio::test]
async fn every_limited_answer_says_what_is_left_and_the_first_over_the_budget_when_to_come_back() {
    let server = Server::with(&SMALL).await;
    let caller = server.caller("customer", "c-1");
    for left in (0..20).rev() {
        let reply = caller.get("/orders").await.expect(200);
        assert_eq!(parameter(&reply, "ratelimit", "r"), left);
        assert_eq!(parameter(&reply, "ratelimit-policy", "q"), 20);
        assert_eq!(parameter(&reply, "ratelimit-policy", "w"), 86_400);
        assert!(reply.header("ratelimit").unwrap().starts_with("\"browse\";"));
    }
    let refused = caller.get("/orders").await.problem(429, "too_many");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_000..=4_320).contains(&wait), "one of 20 a day comes back in 4,320 s, not in {wait}");
    assert_eq!(parameter(&refused, "ratelimit", "r"), 0);
    assert_eq!(parameter(&refused, "ratelimit", "t"), wait);
}

#[tokio::test]
async fn each_class_has_a_budget_of_its_own_and_each_principal_too() {
    let server = Server::with(&SMALL).await;
    let caller = server.caller("customer", "c-1");
    spend(&caller, 20).await;
    caller.get("/orders").await.problem(429, "too_many");
    for _ in 0..3 {
        caller.post("/orders", json!({})).await.problem(422, "invalid");
    }
    caller.post("/orders", json!({})).await.problem(429, "too_many");
    server.caller("customer", "c-2").get("/orders").await.expect(200);
    server.caller("merchant", "c-1").get("/orders").await.expect(200);
}

#[tokio::test]
async fn the_budget_is_one_over_http_and_every_socket_and_a_forged_address_buys_nothing() {
    let server = Server::with(&SMALL).await;
    let caller = server.caller("customer", "c-1");
    // Each upgrade is a request too.
    let mut first = caller.socket("/ws/customer").await;
    let mut second = caller.socket("/ws/customer").await;
    spend(&caller, 10).await;
    for _ in 0..4 {
        first.refused(json!({ "type": "subscribe", "order_id": "nothing" }), "not_found").await;
        second.refused(json!({ "type": "nonsense" }), "unknown_type").await;
    }
    first.refused(json!({ "type": "subscribe", "order_id": "nothing" }), "too_many").await;
    second.refused(json!({ "type": "unsubscribe", "order_id": "nothing" }), "too_many").await;
    assert_eq!(caller.refused_socket("/ws/customer").await.code(), (429, "too_many"));
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.10"),
        ("X-Real-IP", "203.0.113.11"),
        ("True-Client-IP", "203.0.113.12"),
    ] {
        let request = caller.request(Method::GET, "/api/v1/orders").header(name, value);
        caller.send(request).await.problem(429, "too_many");
    }
    // A fresh token is the same person.
    server.caller("customer", "c-1").get("/orders").await.problem(429, "too_many");
}

#[tokio::test]
async fn a_tier_multiplies_the_rate_and_a_service_has_no_limit() {
    let settings = [SMALL[0], SMALL[1], ("BEELINE_RATE_TIERS", "gold=2")];
    let server = Server::with(&settings).await;
    let tiered = |tier: &str| server.caller_with(&Claims::of("customer", &format!("c-{tier}")).with("tier", tier));
    let gold = tiered("gold");
    spend(&gold, 40).await;
    gold.get("/orders").await.problem(429, "too_many");
    let unknown = tiered("platinum");
    spend(&unknown, 20).await;
    unknown.get("/orders").await.problem(429, "too_many");
    let service = server.service();
    spend(&service, 50).await;
    assert!(service.get("/orders").await.expect(200).header("ratelimit").is_none());
}

#[tokio::test]
async fn positions_are_never_refused_for_their_number() {
    let server = Server::with(&SMALL).await;
    let driver = server.caller("driver", "d-1");
    spend(&driver, 20).await;
    driver.get("/orders").await.problem(429, "too_many");
    for index in 0..40 {
        let fix = json!({ "latitude": CENTRE.latitude, "longitude": CENTRE.longitude, "timestamp": now_ms() + index });
        driver.post("/drivers/d-1/location", fix).await.expect(202);
    }
}

#[tokio::test]
async fn who_goes_on_in_spite_of_being_refused_is_closed_with_4429() {
    let server = Server::with(&SMALL).await;
    let mut socket = server.caller("customer", "c-1").socket("/ws/customer").await;
    let beyond: u32 = 20 + 110;
    for _ in 0..beyond {
        let frame: Value = json!({ "type": "unsubscribe", "order_id": "nothing" });
        socket.send_raw(frame.to_string().into()).await;
    }
    assert_eq!(socket.closed().await.0, 4429);
    let told = socket.every("error").iter().filter(|error| error["code"] == "too_many").count();
    assert!(told >= 100, "{told} refusals before the end");
}

#[tokio::test]
async fn a_refused_request_counts_too_so_that_guessing_is_slow() {
    let server = Server::with(&SMALL).await;
    let caller = server.caller("customer", "c-1");
    for index in 0..20 {
        caller.get(&format!("/orders/guess-{index}")).await.problem(404, "not_found");
    }
    caller.get("/orders/guess-20").await.problem(429, "too_many");
}

#[tokio::test]
async fn the_budget_grows_again_steadily() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "5/s")]).await;
    let caller = server.caller("customer", "c-1");
    let mut refused = None;
    for _ in 0..50 {
        let reply = caller.get("/orders").await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let wait: u64 =
        refused.expect("five a second are fewer than fifty at once").header("retry-after").unwrap().parse().unwrap();
    assert_eq!(wait, 1);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    tokio::time::sleep_until(deadline).await;
    caller.get("/orders").await.expect(200);
}
