//! Rows 1 to 8: tokens that are forged, confused, expired, of another issuer, or in the wrong place.

use crate::evidence::log_text;
use crate::forge::Keys;
use crate::forge::assemble;
use crate::forge::b64;
use crate::forge::hs256;
use crate::forge::shared;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::now_ms;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

const EXAMPLE_SECRET: &str = "a shared secret of the drivers' application, long enough";

/// Somebody with this token.
fn bearer(server: &Server, token: &str) -> Caller {
    Caller::new(server, Some(token.to_owned()))
}

/// Refused with 401 wherever a token may stand, and in the very words that no token at all gets.
async fn refused_everywhere(server: &Server, what: &str, token: &str) {
    let nothing = server.stranger().get("/orders").await.problem(401, "unauthorized").anonymous();
    let caller = bearer(server, token);
    let answer = caller.get("/orders").await;
    assert_eq!((answer.status, &answer.body["code"]), (401, &json!("unauthorized")), "{what}: {}", answer.text);
    assert_eq!(answer.anonymous(), nothing, "{what}: one constant text");
    assert_eq!(caller.refused_socket("/ws/customer").await.anonymous(), nothing, "{what}: on the upgrade");
    let mut request = Socket::request(&server.base, "/ws/customer");
    if let Ok(offers) = format!("beeline.v1, bearer.{token}").parse() {
        request.headers_mut().insert("Sec-WebSocket-Protocol", offers);
    }
    let refused = Socket::open_request(request).await.err().unwrap_or_else(|| panic!("{what}: opened"));
    assert_eq!(refused.anonymous(), nothing, "{what}: as a subprotocol");
}

/// Refused with 401 over HTTP.
async fn unauthorized(server: &Server, what: &str, token: &str) {
    let answer = bearer(server, token).get("/orders").await;
    assert_eq!((answer.status, &answer.body["code"]), (401, &json!("unauthorized")), "{what}: {}", answer.text);
}

#[tokio::test]
async fn row_01_tokens_without_a_signature_are_refused() {
    let server = Server::start().await;
    let claims = Claims::of("admin", "root");
    let unsigned = |head: Value| assemble(&head, &claims, |_| Vec::new());
    let mut none = 0.0;
    for alg in ["none", "None", "nOnE", "NONE"] {
        refused_everywhere(&server, alg, &unsigned(json!({ "alg": alg }))).await;
        let signed = shared(&json!({ "alg": alg }), &claims, &server.secret);
        refused_everywhere(&server, &format!("{alg}, signed"), &signed).await;
        none += 6.0;
    }
    let series = r#"beeline_auth_failures_total{alg="none",reason="algorithm"}"#;
    until("every one counted", || async { (server.metric(series).await >= none).then_some(()) }).await;

    refused_everywhere(&server, "an empty signature", &unsigned(json!({ "alg": "HS256" }))).await;
    let whole = server.token(&claims);
    let message = whole.rsplit_once('.').unwrap().0.to_owned();
    for (what, token) in [
        ("no signature part", message.clone()),
        ("two dots at the end", format!("{message}..")),
        ("a signature cut short", whole[..whole.len() - 3].to_owned()),
        ("no alg", unsigned(json!({ "typ": "JWT" }))),
        ("alg as a list", unsigned(json!({ "alg": ["HS256"] }))),
        ("alg null", unsigned(json!({ "alg": null }))),
    ] {
        refused_everywhere(&server, what, &token).await;
    }
    for alg in ["hs256", "HS384", "HS512", "PS256", ""] {
        refused_everywhere(&server, alg, &shared(&json!({ "alg": alg }), &claims, &server.secret)).await;
    }
    // Neither does an open socket believe one.
    let mut socket = server.caller("customer", "c-1").socket("/ws/customer").await;
    let forged = assemble(&json!({ "alg": "none" }), &Claims::of("customer", "c-1"), |_| Vec::new());
    socket.refused(json!({ "type": "auth", "token": forged }), "unauthorized").await;
}

#[tokio::test]
async fn row_02_a_public_key_is_no_shared_secret() {
    let (keys, folder) = (Keys::fresh(), TempDir::new().unwrap());
    let jwks = keys.jwks_file(folder.path());
    let server = Server::run(&["serve"], &[("BEELINE_JWKS", jwks.to_str().unwrap())]).await;
    let claims = Claims::of("customer", "c-1");
    for (alg, kid) in [("RS256", "r"), ("ES256", "e")] {
        bearer(&server, &keys.token(&json!({ "alg": alg, "kid": kid }), &claims)).get("/orders").await.expect(200);
    }
    for (what, secret) in keys.public_forms() {
        for kid in [None, Some("r"), Some("e")] {
            let mut head = json!({ "alg": "HS256" });
            if let Some(kid) = kid {
                head["kid"] = json!(kid);
            }
            let token = assemble(&head, &claims, |message| hs256(&secret, message));
            unauthorized(&server, &format!("{what} as a secret, kid {kid:?}"), &token).await;
        }
    }
    // One algorithm a key: what RSA signed is believed as RS256 and as nothing else.
    let message_of = |token: String| token.rsplit_once('.').unwrap().1.to_owned();
    let signature = message_of(keys.token(&json!({ "alg": "RS256", "kid": "r" }), &claims));
    for (alg, kid) in [("PS256", "r"), ("RS384", "r"), ("ES256", "r"), ("RS256", "e"), ("EdDSA", "e")] {
        let head = json!({ "alg": alg, "kid": kid });
        let message = assemble(&head, &claims, |_| Vec::new());
        unauthorized(&server, &format!("{alg} with the key {kid}"), &format!("{message}{signature}")).await;
        unauthorized(&server, &format!("{alg} by the key {kid}"), &keys.token(&head, &claims)).await;
    }
}

#[tokio::test]
async fn row_03_a_token_cannot_choose_its_key() {
    let server = Server::start().await;
    let claims = Claims::of("admin", "root");
    let long = "k".repeat(10_000);
    for kid in ["../../dev/null", "/dev/null", "' OR 1=1 --", "x' UNION SELECT 'AA", "unknown", "", &long] {
        let head = json!({ "alg": "HS256", "kid": kid });
        let what: String = kid.chars().take(20).collect();
        unauthorized(&server, &what, &shared(&head, &claims, &server.secret)).await;
        // What /dev/null would hold as a key.
        unauthorized(&server, &what, &assemble(&head, &claims, |message| hs256(b"", message))).await;
    }
    // Its header names a place to fetch the key from, or brings the key itself: nobody calls there.
    let keys = Keys::fresh();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/keys.json", listener.local_addr().unwrap());
    for alg in ["HS256", "RS256", "ES256"] {
        for (name, value) in [
            ("jku", json!(place)),
            ("x5u", json!(place)),
            ("jwk", keys.jwks()["keys"][0].clone()),
            ("jwk", json!({ "kty": "oct", "k": b64(b"my own key") })),
            ("crit", json!(["exp"])),
        ] {
            let mut head = json!({ "alg": alg });
            head[name] = value;
            let what = format!("{alg} with {name}");
            let signed =
                if alg == "HS256" { shared(&head, &claims, &server.secret) } else { keys.token(&head, &claims) };
            unauthorized(&server, &what, &signed).await;
            unauthorized(&server, &what, &assemble(&head, &claims, |message| hs256(b"my own key", message))).await;
        }
    }
    let called = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await;
    assert!(called.is_err(), "somebody fetched a key from where a token said");
    // The store is as it was.
    server.caller("customer", "c-1").get("/orders").await.expect(200);
}

#[tokio::test]
async fn row_04_times_that_cannot_be_are_refused() {
    let server = Server::start().await;
    let now = now_ms() / 1_000;
    let good = Claims::of("customer", "c-1");
    let expired = server.caller_with(&good.clone().expiring_in(-61));
    expired.get("/orders").await.problem(401, "token_expired");
    assert_eq!(expired.refused_socket("/ws/customer").await.code(), (401, "token_expired"));
    server.caller_with(&good.clone().expiring_in(-11)).get("/orders").await.problem(401, "token_expired");
    server.caller_with(&good.clone().expiring_in(-5)).get("/orders").await.expect(200);
    for (what, claim, value) in [
        ("not yet good", "nbf", json!(now + 3_600)),
        ("not yet good by more than the leeway", "nbf", json!(now + 20)),
        ("nbf as text", "nbf", json!("soon")),
        ("expiry at 2^63", "exp", json!(9_223_372_036_854_775_808_u64)),
        ("expiry at 1e300", "exp", json!(1e300)),
        ("negative expiry", "exp", json!(-1)),
        ("expiry as text", "exp", json!((now + 600).to_string())),
        ("expiry as a list", "exp", json!([now + 600])),
        ("no expiry", "exp", json!(null)),
        ("issued in the future", "iat", json!(now + 3_000)),
        ("longer than a day", "iat", json!(now + 3_600 - 86_500)),
        ("no subject", "sub", json!(null)),
    ] {
        refused_everywhere(&server, what, &server.token(&good.clone().with(claim, value))).await;
    }
    let mut explicit = good.clone();
    explicit.0["exp"] = Value::Null;
    refused_everywhere(&server, "expiry null", &server.token(&explicit)).await;
    server.caller_with(&good.with("nbf", now + 5)).get("/orders").await.expect(200);
}

/// A server that believes two issuers, one of them with keys of its own, and no secret besides.
async fn with_issuers(keys: &Keys, folder: &TempDir) -> Server {
    let jwks = keys.jwks_file(folder.path());
    let issuers = json!([
        { "issuer": "https://id.example", "roles": ["customer", "operator", "admin"], "jwks": jwks },
        { "issuer": "driver-app", "roles": ["driver"], "secret": EXAMPLE_SECRET },
    ]);
    Server::run(&["serve"], &[("BEELINE_ISSUERS", &issuers.to_string())]).await
}

#[tokio::test]
async fn row_05_tokens_meant_for_somewhere_else_are_refused() {
    let (keys, folder) = (Keys::fresh(), TempDir::new().unwrap());
    let server = with_issuers(&keys, &folder).await;
    let head = json!({ "alg": "ES256", "kid": "e", "typ": "JWT" });
    let good = Claims::of("customer", "c-1").with("iss", "https://id.example");
    bearer(&server, &keys.token(&head, &good)).get("/orders").await.expect(200);
    for (what, claim, value) in [
        ("another audience", "aud", json!("billing")),
        ("other audiences", "aud", json!(["billing", "beeline-staging"])),
        ("no audience", "aud", json!(null)),
        ("an audience that is a number", "aud", json!(1)),
        ("no issuer", "iss", json!(null)),
        ("an unknown issuer", "iss", json!("https://evil.example")),
        ("almost the issuer", "iss", json!("https://id.example/")),
        ("an issuer that is a list", "iss", json!(["https://id.example"])),
        ("staging", "iss", json!("https://staging.id.example")),
        ("the other issuer's name", "iss", json!("driver-app")),
        ("a refresh token", "typ", json!("refresh")),
        ("a refresh token by another name", "token_use", json!("refresh")),
        ("an id token", "token_type", json!("id_token")),
    ] {
        refused_everywhere(&server, what, &keys.token(&head, &good.clone().with(claim, value))).await;
    }
    for typ in ["refresh+jwt", "rt+jwt", "logout+jwt", "id_token"] {
        let head = json!({ "alg": "ES256", "kid": "e", "typ": typ });
        refused_everywhere(&server, typ, &keys.token(&head, &good)).await;
    }
    // Staging has keys of its own under the same names, and calls itself production.
    let staging = Keys::fresh();
    refused_everywhere(&server, "another's keys", &staging.token(&head, &good)).await;
    // The shared secret of one issuer says nothing in the name of the other.
    let crossed = shared(&json!({ "alg": "HS256" }), &good, EXAMPLE_SECRET);
    refused_everywhere(&server, "one issuer for the other", &crossed).await;
}

#[tokio::test]
async fn row_06_an_expired_token_ends_its_session_within_five_seconds() {
    let server = Server::start().await;
    let claims = Claims::of("customer", "c-1").expiring_in(2);
    let ends_at = claims.0["exp"].as_i64().unwrap() * 1_000;
    let mut socket = server.caller_with(&claims).socket("/ws/customer").await;
    let (code, _) = socket.closed().await;
    let late_ms = now_ms() - ends_at;
    assert_eq!(code, 4401);
    assert!((0..5_000).contains(&late_ms), "closed {late_ms} ms after the end");
    assert_eq!(socket.every("welcome").len(), socket.all.len(), "nothing more was said");
}

#[tokio::test]
async fn row_06_a_suspended_driver_is_out_within_five_seconds() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let mut other = Driver::on_shift(&server, "d-2", CENTRE.north(50.0)).await;
    let admin = server.caller("admin", "admin-1");
    let began = now_ms();
    let revoked = admin.post("/admin/revocations", json!({ "subject": "d-1" })).await;
    assert!((200..300).contains(&revoked.status), "{}", revoked.text);
    assert_eq!(driver.socket.closed().await.0, 4401);
    assert!(now_ms() - began < 5_000, "after {} ms", now_ms() - began);
    let told = driver.socket.all.len();
    // The token is as good as ever by its signature, and opens nothing any more.
    driver.caller.get("/drivers/d-1/location").await.problem(401, "unauthorized");
    assert_eq!(driver.caller.refused_socket("/ws/driver").await.code().0, 401);
    driver.caller.post("/drivers/d-1/location", CENTRE.json()).await.problem(401, "unauthorized");
    assert_eq!(driver.socket.all.len(), told);
    other.arrive(CENTRE.north(60.0)).await;
}

#[tokio::test]
async fn row_06_a_revoked_token_ends_alone() {
    let server = Server::start().await;
    let of = |jti: &str| server.caller_with(&Claims::of("customer", "c-1").with("jti", jti));
    let (stolen, own) = (of("stolen-phone"), of("new-phone"));
    let (mut left, mut stays) = (stolen.socket("/ws/customer").await, own.socket("/ws/customer").await);
    let revoked = server.caller("admin", "admin-1").post("/admin/revocations", json!({ "jti": "stolen-phone" })).await;
    assert!((200..300).contains(&revoked.status), "{}", revoked.text);
    assert_eq!(left.closed().await.0, 4401);
    stolen.get("/orders").await.problem(401, "unauthorized");
    own.get("/orders").await.expect(200);
    stays.refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
    // A socket does not take a revoked token for its own renewal either.
    let again = json!({ "type": "auth", "token": stolen.token });
    stays.refused(again, "unauthorized").await;
}

#[tokio::test]
async fn row_07_an_issuer_grants_its_own_roles_only() {
    let (keys, folder) = (Keys::fresh(), TempDir::new().unwrap());
    let server = with_issuers(&keys, &folder).await;
    let by_driver_app = |role: &str| {
        let claims = Claims::of(role, "d-1").with("iss", "driver-app");
        bearer(&server, &shared(&json!({ "alg": "HS256" }), &claims, EXAMPLE_SECRET))
    };
    by_driver_app("driver").get("/orders").await.expect(200);
    for role in ["ops", "operator", "admin", "service", "customer", "merchant", "Driver", "driver,admin", ""] {
        let forged = by_driver_app(role);
        forged.get("/orders").await.problem(403, "forbidden");
        assert_eq!(forged.refused_socket("/ws/operator").await.code(), (403, "forbidden"), "{role}");
        assert_eq!(forged.refused_socket("/ws/driver").await.code(), (403, "forbidden"), "{role}");
    }
    // Two roles in one token are no token at all.
    let claims = Claims::of("driver", "d-1").with("iss", "driver-app").with("role", json!(["driver", "admin"]));
    let token = shared(&json!({ "alg": "HS256" }), &claims, EXAMPLE_SECRET);
    unauthorized(&server, "a list of roles", &token).await;
    // A socket does not grow into another role.
    let mut socket = by_driver_app("driver").socket("/ws/driver").await;
    let elevated = by_driver_app("operator").token;
    socket.refused(json!({ "type": "auth", "token": elevated }), "forbidden").await;
    let operator = Claims::of("operator", "d-1").with("iss", "https://id.example");
    let genuine = keys.token(&json!({ "alg": "ES256", "kid": "e" }), &operator);
    socket.refused(json!({ "type": "auth", "token": genuine }), "forbidden").await;
    socket.refused(json!({ "type": "watch", "bbox": [-180, -90, 180, 90] }), "unknown_type").await;
}

#[tokio::test]
async fn row_08_a_token_in_the_address_is_refused_and_never_logged() {
    let server = Server::with(&[("BEELINE_LOG", "trace")]).await;
    let customer = server.caller("customer", "c-1");
    let token = customer.token.clone().unwrap();
    let stranger = server.stranger();
    for name in ["token", "access_token", "Token", "ACCESS_TOKEN", "jwt", "auth", "x"] {
        for query in [format!("{name}={token}"), format!("limit=5&{name}={token}"), format!("{name}=Bearer%20{token}")]
        {
            if query.contains("Bearer") && !["token", "access_token"].contains(&name) {
                continue;
            }
            customer.get(&format!("/orders?{query}")).await.problem(400, "malformed");
            stranger.get(&format!("/orders?{query}")).await.problem(400, "malformed");
            for door in ["/ws/customer", "/ws/driver", "/ws/operator", "/api/v1/orders/none/driver-location"] {
                let refused = stranger.refused_socket(&format!("{door}?{query}")).await;
                assert_eq!(refused.code(), (400, "malformed"), "{door} {name}");
                assert!(!refused.body.to_string().contains(&token));
            }
        }
    }
    // The secret parts of everything that was sent, wherever it stood.
    customer.get("/orders").await.expect(200);
    let mut socket = customer.socket("/ws/customer").await;
    socket.command(json!({ "type": "auth", "token": token })).await;
    socket.refused(json!({ "type": "auth", "token": format!("{token}x") }), "unauthorized").await;
    let log = log_text(&server);
    assert!(log.contains("/ws/customer"), "the log tells of the requests");
    let (message, signature) = token.rsplit_once('.').unwrap();
    for secret in [signature, message, &*server.secret] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
