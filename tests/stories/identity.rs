//! Who is believed: tokens over HTTP and on the upgrade, and what happens when one runs out.

use crate::support::Claims;
use crate::support::Server;
use crate::support::Socket;
use crate::support::now_ms;
use crate::support::sign;
use crate::support::until;
use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn nobody_gets_in_without_a_good_token() {
    let server = Server::start().await;
    let stranger = server.stranger();
    let refusal = stranger.get("/orders").await.problem(401, "unauthorized");
    assert!(refusal.header("www-authenticate").is_some());

    let good = Claims::of("customer", "c-1");
    let other_secret = "a secret of the right length that is not the server's";
    let unsigned =
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjLTEiLCJyb2xlIjoiYWRtaW4iLCJhdWQiOiJiZWVsaW5lIiwiZXhwIjo0MTAyNDQ0ODAwfQ.";
    let bad = [
        ("another secret", sign(&good, other_secret, Algorithm::HS256)),
        ("another algorithm", sign(&good, &server.secret, Algorithm::HS384)),
        ("no signature", unsigned.to_owned()),
        ("another audience", server.token(&good.clone().with("aud", "elsewhere"))),
        ("no audience", server.token(&good.clone().with("aud", json!(null)))),
        ("no expiry", server.token(&good.clone().with("exp", json!(null)))),
        ("no subject", server.token(&good.clone().with("sub", json!(null)))),
        ("a subject that is no id", server.token(&good.clone().with("sub", "a b"))),
        ("not yet", server.token(&good.clone().with("nbf", now_ms() / 1_000 + 60))),
        ("no token at all", "hello".to_owned()),
    ];
    for (what, token) in bad {
        let mut caller = stranger.clone();
        caller.token = Some(token.clone());
        let answer = caller.get("/orders").await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        let refused = caller.refused_socket("/ws/customer").await;
        assert_eq!(refused.code(), (401, "unauthorized"), "{what}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_after_ten_seconds_of_leeway() {
    let server = Server::start().await;
    let expired = server.caller_with(&Claims::of("customer", "c-1").expiring_in(-12));
    expired.get("/orders").await.problem(401, "token_expired");
    assert_eq!(expired.refused_socket("/ws/customer").await.code(), (401, "token_expired"));
    server.caller_with(&Claims::of("customer", "c-1").expiring_in(-4)).get("/orders").await.expect(200);
}

#[tokio::test]
async fn each_socket_opens_for_its_own_roles_only() {
    let server = Server::start().await;
    let doors = [
        ("/ws/driver", &["driver"][..]),
        ("/ws/customer", &["customer", "service"][..]),
        ("/ws/operator", &["operator", "admin"][..]),
    ];
    for (door, allowed) in doors {
        assert_eq!(server.stranger().refused_socket(door).await.code(), (401, "unauthorized"));
        for role in ["driver", "customer", "merchant", "operator", "admin", "service"] {
            let caller = server.caller(role, "x-1");
            if allowed.contains(&role) {
                caller.socket(door).await;
            } else {
                assert_eq!(caller.refused_socket(door).await.code(), (403, "forbidden"), "{role} at {door}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_in_a_query_string_is_refused_even_when_valid() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let token = customer.token.clone().unwrap();
    for name in ["token", "access_token", "jwt"] {
        customer.get(&format!("/orders?{name}={token}")).await.problem(400, "malformed");
        let refused = server.stranger().refused_socket(&format!("/ws/customer?{name}={token}")).await;
        assert_eq!(refused.code(), (400, "malformed"), "{name}");
    }
}

#[tokio::test]
async fn a_browser_brings_its_token_as_a_subprotocol() {
    let server = Server::start().await;
    let token = server.token(&Claims::of("customer", "c-1"));
    let mut request = Socket::request(&server.base, "/ws/customer");
    let offers = format!("beeline.v1, bearer.{token}").parse().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", offers);
    let mut socket = Socket::open_request(request).await.unwrap();
    assert_eq!(socket.upgrade.headers()["sec-websocket-protocol"], "beeline.v1");
    let welcome = socket.welcome().await;
    assert_eq!(welcome["heartbeat_s"], 15);
    assert!(welcome["session"].is_string() && welcome["server_time"].is_string(), "{welcome}");
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_socket() {
    let server = Server::with(&[("BEELINE_ORIGINS", "https://shop.example")]).await;
    let token = server.token(&Claims::of("customer", "c-1"));
    for (origin, opens) in [("https://evil.example", false), ("https://shop.example", true), (&*server.base, true)] {
        let mut request = Socket::request(&server.base, "/ws/customer");
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        match Socket::open_request(request).await {
            Ok(_) => assert!(opens, "{origin}"),
            Err(refused) => assert!(!opens && refused.code() == (403, "forbidden"), "{origin}: {refused:?}"),
        }
    }
}

#[tokio::test]
async fn a_socket_ends_with_its_token_unless_a_new_one_is_brought_in_time() {
    let server = Server::start().await;
    // Expired six seconds ago, so that the leeway of ten ends in four.
    let short = Claims::of("customer", "c-1").expiring_in(-6);
    let caller = server.caller_with(&short);
    let (mut left, mut renewed) = (caller.socket("/ws/customer").await, caller.socket("/ws/customer").await);
    let fresh = server.token(&Claims::of("customer", "c-1"));
    renewed.command(json!({ "type": "auth", "token": fresh })).await;
    assert_eq!(left.closed().await.0, 4401);
    renewed.refused(json!({ "type": "subscribe", "order_id": "nothing" }), "not_found").await;

    let somebody_else = server.token(&Claims::of("customer", "c-2"));
    renewed.refused(json!({ "type": "auth", "token": somebody_else }), "forbidden").await;
    let elevated = server.token(&Claims::of("operator", "c-1"));
    renewed.refused(json!({ "type": "auth", "token": elevated }), "forbidden").await;
    renewed.refused(json!({ "type": "auth", "token": "rubbish" }), "unauthorized").await;
}

#[tokio::test]
async fn a_wrong_role_is_forbidden_on_every_route_that_names_roles() {
    let server = Server::start().await;
    let absent = "/orders/0190a000-0000-7000-8000-000000000000";
    let location = json!({ "latitude": 43.7, "longitude": 11.2 });
    let refused = [
        ("driver", Method::POST, "/orders".to_owned(), json!({})),
        ("merchant", Method::POST, "/orders".to_owned(), json!({})),
        ("customer", Method::GET, "/drivers/nearby?lat=43.7&lng=11.2&radius=500".to_owned(), json!(null)),
        ("driver", Method::GET, "/drivers/nearby?lat=43.7&lng=11.2&radius=500".to_owned(), json!(null)),
        ("customer", Method::POST, "/drivers/d-1/location".to_owned(), location.clone()),
        ("merchant", Method::POST, "/drivers/d-1/location".to_owned(), location.clone()),
        ("operator", Method::POST, "/drivers/d-1/location".to_owned(), location),
        ("customer", Method::GET, "/drivers/d-1/location".to_owned(), json!(null)),
        ("merchant", Method::GET, "/drivers/d-1/route".to_owned(), json!(null)),
        ("customer", Method::POST, "/drivers/d-1/status".to_owned(), json!({ "status": "paused" })),
        ("customer", Method::POST, format!("{absent}/assign"), json!({ "driver_id": "d-1" })),
        ("service", Method::POST, format!("{absent}/assign"), json!({ "driver_id": "d-1" })),
        ("driver", Method::POST, format!("{absent}/assign"), json!({ "driver_id": "d-1" })),
        ("service", Method::POST, format!("{absent}/unassign"), json!(null)),
        ("merchant", Method::POST, format!("{absent}/unassign"), json!(null)),
        ("customer", Method::POST, format!("{absent}/ready"), json!(null)),
        ("driver", Method::POST, format!("{absent}/ready"), json!(null)),
        ("customer", Method::POST, format!("{absent}/status"), json!({ "status": "delivered" })),
        ("merchant", Method::POST, format!("{absent}/status"), json!({ "status": "delivered" })),
        ("customer", Method::POST, format!("{absent}/offers/o-1/accept"), json!(null)),
        ("customer", Method::POST, format!("{absent}/offers/o-1/decline"), json!(null)),
    ];
    for (role, method, path, body) in refused {
        let caller = server.caller(role, "x-1");
        let answer = match method {
            Method::GET => caller.get(&path).await,
            _ => caller.post(&path, body.clone()).await,
        };
        assert_eq!(answer.status, 403, "{role} {method} {path}: {}", answer.text);
        answer.problem(403, "forbidden");
        let stranger = server.stranger();
        let answer = if method == Method::GET { stranger.get(&path).await } else { stranger.post(&path, body).await };
        answer.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_refused_token_is_counted_and_never_logged() {
    let server = Server::start().await;
    let secret_token = server.token(&Claims::of("customer", "c-1").with("aud", "elsewhere"));
    let mut caller = server.stranger();
    caller.token = Some(secret_token.clone());
    caller.get("/orders").await.expect(401);
    let series = r#"beeline_auth_failures_total{alg="HS256",reason="audience"}"#;
    until("the refusal in the metrics", || async { (server.metric(series).await >= 1.0).then_some(()) }).await;
    // The log line of the request is written before its answer is counted.
    let signature = secret_token.rsplit('.').next().unwrap();
    assert!(!server.log_end().contains(signature));
}
