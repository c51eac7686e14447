//! What pages may do with answers: whose scripts may read them (CORS), and what every answer tells a browser not to do.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Reply;
use crate::support::Server;
use crate::support::Socket;
use crate::support::order_body;
use reqwest::Method;
use serde_json::Value;

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://evil.example";
const ORIGINS: [(&str, &str); 1] = [("BEELINE_ORIGINS", "https://shop.example, http://localhost:3000")];

/// Asks as a browser does for a page of this origin.
async fn from(origin: &str, caller: &Caller, method: Method, path: &str, body: Value) -> Reply {
    let request = caller.request(method, path).header("Origin", origin);
    caller.send(if body.is_null() { request } else { request.json(&body) }).await
}

async fn preflight(server: &Server, origin: &str, path: &str) -> Reply {
    let stranger = server.stranger();
    let request = stranger.request(Method::OPTIONS, path).header("Origin", origin);
    let request = request.header("Access-Control-Request-Method", "POST");
    stranger.send(request.header("Access-Control-Request-Headers", "authorization,idempotency-key")).await
}

fn varies_by_origin(reply: &Reply) -> bool {
    reply.headers.get_all("vary").iter().any(|line| line.to_str().unwrap().contains("Origin"))
}

/// The headers of an answer that let a script read it.
fn shared_with(reply: &Reply) -> Option<&str> {
    assert_eq!(reply.header("access-control-allow-credentials"), None, "a cookie is never looked at");
    reply.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_on_the_list_is_told_what_it_may_ask() {
    let server = Server::with(&ORIGINS).await;
    for origin in [SHOP, "http://localhost:3000", &server.base] {
        for path in ["/api/v1/orders", "/api/v1/drivers/d-1/location", "/api/v1/nowhere"] {
            let told = preflight(&server, origin, path).await.expect(204);
            assert_eq!(shared_with(&told), Some(origin), "{path}");
            assert!(varies_by_origin(&told) && told.text.is_empty() && told.header("x-request-id").is_some());
            for method in ["GET", "POST", "PUT", "DELETE"] {
                assert!(told.header("access-control-allow-methods").unwrap().contains(method), "{method}");
            }
            let headers = told.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
            for name in ["authorization", "content-type", "idempotency-key", "x-request-id", "traceparent"] {
                assert!(headers.split(", ").any(|each| each == name), "{name} in {headers}");
            }
            assert!(told.header("access-control-max-age").unwrap().parse::<u32>().unwrap() > 60);
        }
    }
}

#[tokio::test]
async fn a_page_on_the_list_reads_answers_and_refusals() {
    let server = Server::with(&ORIGINS).await;
    let customer = server.caller("customer", "c-1");
    let order = order_body(CENTRE, CENTRE.north(900.0));
    let placed = from(SHOP, &customer, Method::POST, "/api/v1/orders", order).await.expect(201);
    let refused = from(SHOP, &server.stranger(), Method::GET, "/api/v1/orders", Value::Null).await;
    let absent = from(SHOP, &customer, Method::GET, "/api/v1/orders/none", Value::Null).await;
    let tile = from(SHOP, &customer, Method::GET, "/tiles/florence/0/0/0.mvt", Value::Null).await.expect(200);
    for reply in [&placed, &refused, &absent, &tile] {
        assert_eq!(shared_with(reply), Some(SHOP), "{}", reply.status);
        assert!(varies_by_origin(reply), "{}", reply.status);
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for name in ["X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After", "Location", "Idempotent-Replayed"]
        {
            assert!(exposed.split(", ").any(|each| each == name), "{name} in {exposed}");
        }
    }
    refused.problem(401, "unauthorized");
    absent.problem(404, "not_found");
    let both: Vec<_> = tile.headers.get_all("vary").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!(both, ["Accept-Encoding", "Origin"], "what a tile varied by it still does");
}

#[tokio::test]
async fn a_page_outside_the_list_reads_nothing_and_its_preflight_is_refused() {
    let server = Server::with(&ORIGINS).await;
    let customer = server.caller("customer", "c-1");
    for origin in [EVIL, "https://shop.example.evil.example", "http://shop.example", "null"] {
        let refused = preflight(&server, origin, "/api/v1/orders").await.problem(403, "forbidden");
        assert!(shared_with(&refused).is_none() && varies_by_origin(&refused), "{origin}");
        assert_eq!(refused.header("access-control-allow-methods"), None, "{origin}");
        let answered = from(origin, &customer, Method::GET, "/api/v1/orders", Value::Null).await.expect(200);
        assert!(shared_with(&answered).is_none() && varies_by_origin(&answered), "{origin}");
        assert_eq!(answered.header("access-control-expose-headers"), None, "{origin}");
    }
    let unsaid = customer.get("/orders").await.expect(200);
    assert!(shared_with(&unsaid).is_none() && varies_by_origin(&unsaid), "a cache must not hand this on");
}

#[tokio::test]
async fn pages_of_the_server_itself_post_and_connect() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let order = order_body(CENTRE, CENTRE.north(900.0));
    from(&server.base, &customer, Method::POST, "/api/v1/orders", order).await.expect(201);
    preflight(&server, EVIL, "/api/v1/orders").await.problem(403, "forbidden");
    let token = server.token(&Claims::of("customer", "c-1"));
    Socket::open(&server.base, "/ws/customer", Some(&token)).await.unwrap().welcome().await;
}

#[tokio::test]
async fn probes_metrics_tokens_and_pages_are_shared_with_nobody() {
    let server = Server::with(&ORIGINS).await;
    for path in ["/healthz", "/readyz", "/metrics", "/dev/tokens", "/", "/docs"] {
        let answer = from(SHOP, &server.stranger(), Method::GET, path, Value::Null).await.expect(200);
        assert_eq!(shared_with(&answer), None, "{path}");
    }
    // A question about it is a method that it does not have.
    assert_eq!(preflight(&server, SHOP, "/healthz").await.status, 405);
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_is_answered_like_any_method() {
    let server = Server::with(&ORIGINS).await;
    let stranger = server.stranger();
    let bare = stranger.send(stranger.request(Method::OPTIONS, "/api/v1/orders")).await;
    assert_eq!(bare.problem(405, "method_not_allowed").header("allow"), Some("GET, POST"));
    from(SHOP, &stranger, Method::OPTIONS, "/api/v1/orders", Value::Null).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn every_answer_forbids_browsers_what_it_has_no_use_for() {
    let server = Server::start().await;
    let (stranger, customer) = (server.stranger(), server.caller("customer", "c-1"));
    let get = |path: &'static str| from(&server.base, &customer, Method::GET, path, Value::Null);
    let api = [
        get("/api/v1/orders").await.expect(200),
        get("/api/v1/orders/none").await.expect(404),
        get("/api/v1/orders?token=x").await.expect(400),
        stranger.get("/orders").await.expect(401),
        get("/healthz").await.expect(200),
        get("/metrics").await.expect(200),
        get("/dev/tokens").await.expect(200),
        get("/ws/customer").await.expect(426),
        get("/nowhere").await.expect(404),
    ];
    for reply in &api {
        assert_eq!(reply.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let kept = ["/", "/operator", "/docs", "/docs/errors", "/openapi.json", "/static/js/motion.js"];
    let mut all = Vec::from(api);
    for path in kept {
        let reply = get(path).await.expect(200);
        assert_ne!(reply.header("cache-control"), Some("no-store"), "{path} says itself how long it is kept");
        all.push(reply);
    }
    all.push(get("/tiles/florence/0/0/0.mvt").await.expect(200));
    for reply in &all {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name} of {}", reply.status);
            assert_eq!(reply.headers.get_all(name).iter().count(), 1, "{name}");
        }
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("strict-transport-security"), None, "there is no TLS to insist on");
    }
}
