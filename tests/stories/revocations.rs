//! Tokens made void before their time: refused over HTTP, their sockets closed, after a restart too; and nobody else feels it.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::beeline;
use crate::support::now_ms;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// How soon a socket has to end.
const SOON: Duration = Duration::from_secs(5);

fn admin(server: &Server) -> Caller {
    server.caller("admin", "root")
}

async fn revoke(server: &Server, body: Value) -> Reply {
    admin(server).post("/admin/revocations", body).await.expect(201)
}

/// A token issued in a later second than now.
fn issued_later(role: &str, subject: &str) -> Claims {
    Claims::of(role, subject).with("iat", now_ms() / 1_000 + 2)
}

#[tokio::test]
async fn a_revoked_subject_is_not_heard_any_more() {
    let server = Server::start().await;
    let (first, second) = (server.caller("customer", "c-1"), server.caller("merchant", "c-1"));
    let (without_iat, neighbour) =
        (Claims::of("customer", "c-1").with("iat", Value::Null), Claims::of("customer", "c-2"));
    let (undated, neighbour) = (server.caller_with(&without_iat), server.caller_with(&neighbour));
    for caller in [&first, &second, &undated, &neighbour] {
        caller.get("/orders").await.expect(200);
    }
    let before_ms = now_ms();
    let answer = revoke(&server, json!({ "subject": "c-1", "reason": "lost the phone" })).await;
    assert_eq!(
        (&answer.body["subject"], &answer.body["sessions_ended"]),
        (&json!("c-1"), &json!(0)),
        "{}",
        answer.text
    );
    assert!(answer.body.get("jti").is_none(), "{}", answer.text);
    let revoked_at: jiff::Timestamp = answer.body["revoked_at"].as_str().unwrap().parse().unwrap();
    assert!((before_ms..=now_ms()).contains(&revoked_at.as_millisecond()), "{}", answer.text);

    let refused = first.get("/orders").await.problem(401, "unauthorized");
    assert_eq!(refused.anonymous(), server.stranger().get("/orders").await.anonymous(), "the text tells nothing");
    for caller in [&second, &undated] {
        caller.get("/orders").await.problem(401, "unauthorized");
        assert_eq!(caller.refused_socket("/ws/customer").await.code(), (401, "unauthorized"));
    }
    neighbour.get("/orders").await.expect(200);
    server.caller_with(&issued_later("customer", "c-1")).get("/orders").await.expect(200);
    let series = r#"beeline_auth_failures_total{alg="HS256",reason="revoked"}"#;
    assert!(server.metric(series).await >= 3.0);
}

#[tokio::test]
async fn a_revoked_token_ends_its_socket_at_once_and_no_message_follows() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let (mut screen, mut other) = (customer.follow(&order_id).await, server.operator().socket("/ws/operator").await);
    let there = CENTRE.north(3.0);
    driver.at(there).await;
    screen.wait("the move", |frame| there.is_at(frame)).await;

    let asked = Instant::now();
    let answer = revoke(&server, json!({ "subject": "c-1" })).await;
    assert_eq!(answer.body["sessions_ended"], 1);
    let seen = screen.all.len();
    let later = CENTRE.north(6.0);
    driver.at(later).await;
    driver.step(&order_id, "at_pickup").await;
    assert_eq!(screen.closed().await, (4401, "token revoked".to_owned()));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let after = &screen.all[seen..];
    assert!(!after.iter().any(|frame| later.is_at(frame) || frame["status"] == "at_pickup"), "{after:?}");
    other.command(json!({ "type": "watch", "bbox": [11.0, 43.5, 11.5, 44.0] })).await;
    assert_eq!(server.metric(r#"beeline_evictions_total{reason="token"}"#).await, 1.0);
}

#[tokio::test]
async fn a_revoked_jti_ends_that_token_and_leaves_the_others_of_its_subject() {
    let server = Server::start().await;
    let phone = server.caller_with(&Claims::of("driver", "d-1").with("jti", "phone"));
    let tracker = server.caller_with(&Claims::of("driver", "d-1").with("jti", "tracker"));
    let mut socket = phone.socket("/ws/driver").await;
    let answer = revoke(&server, json!({ "jti": "phone" })).await;
    assert_eq!((&answer.body["jti"], &answer.body["sessions_ended"]), (&json!("phone"), &json!(1)), "{}", answer.text);
    assert_eq!(socket.closed().await.0, 4401);
    phone.get("/drivers/d-1/offers").await.problem(401, "unauthorized");
    tracker.get("/drivers/d-1/offers").await.expect(200);
    // For ever: an `iat` from later on does not bring it back.
    let again = server.caller_with(&issued_later("driver", "d-1").with("jti", "phone"));
    again.get("/drivers/d-1/offers").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_socket_is_lengthened_by_a_good_token_only() {
    let server = Server::start().await;
    let mut socket = server.caller_with(&Claims::of("customer", "c-1").with("jti", "one")).socket("/ws/customer").await;
    revoke(&server, json!({ "jti": "two" })).await;
    let revoked = server.token(&Claims::of("customer", "c-1").with("jti", "two"));
    socket.refused(json!({ "type": "auth", "token": revoked }), "unauthorized").await;
    let fresh = server.token(&issued_later("customer", "c-1").with("jti", "three"));
    socket.command(json!({ "type": "auth", "token": fresh })).await;
    // It hangs on its new token from here on: neither the old one nor what was issued before concerns it.
    assert_eq!(revoke(&server, json!({ "jti": "one" })).await.body["sessions_ended"], 0);
    assert_eq!(revoke(&server, json!({ "subject": "c-1" })).await.body["sessions_ended"], 0);
    socket.refused(json!({ "type": "subscribe", "order_id": "nothing" }), "not_found").await;
    assert_eq!(revoke(&server, json!({ "jti": "three" })).await.body["sessions_ended"], 1);
    assert_eq!(socket.closed().await.0, 4401);
}

#[tokio::test]
async fn a_revocation_survives_a_kill() {
    let mut server = Server::start().await;
    let claims = Claims::of("customer", "c-1").with("jti", "mine");
    let other = Claims::of("customer", "c-2").with("jti", "another");
    revoke(&server, json!({ "subject": "c-1" })).await;
    revoke(&server, json!({ "jti": "another" })).await;
    server.kill().await;
    server.boot_again().await;
    for claims in [&claims, &other] {
        server.caller_with(claims).get("/orders").await.problem(401, "unauthorized");
    }
    server.caller("customer", "c-2").get("/orders").await.expect(200);
    server.caller_with(&issued_later("customer", "c-1")).get("/orders").await.expect(200);
}

#[tokio::test]
async fn only_an_admin_revokes_and_says_exactly_what() {
    let server = Server::start().await;
    for role in ["operator", "service", "driver", "customer", "merchant"] {
        let caller = server.caller(role, "x-1");
        caller.post("/admin/revocations", json!({ "subject": "c-1" })).await.problem(403, "forbidden");
        caller.get("/orders").await.expect(200);
    }
    server.stranger().post("/admin/revocations", json!({ "subject": "c-1" })).await.problem(401, "unauthorized");
    let root = admin(&server);
    for (body, pointers) in [
        (json!({}), &["/subject", "/jti"][..]),
        (json!({ "subject": "c-1", "jti": "j" }), &["/subject", "/jti"]),
        (json!({ "subject": "a b" }), &["/subject"]),
        (json!({ "subject": 7 }), &["/subject"]),
        (json!({ "jti": "" }), &["/jti"]),
        (json!({ "jti": "j".repeat(257) }), &["/jti"]),
        (json!({ "jti": "j", "reason": "r".repeat(501) }), &["/reason"]),
    ] {
        let refused = root.post("/admin/revocations", body.clone()).await.problem(422, "invalid");
        assert_eq!(refused.pointers(), pointers, "{body}");
    }
    server.caller("customer", "c-1").get("/orders").await.expect(200);
    assert_eq!(root.get("/audit").await.expect(200).body["audit"], json!([]), "nothing of it was done");
}

#[tokio::test]
async fn a_revocation_may_be_repeated_and_each_time_leaves_an_audit_row() {
    let server = Server::start().await;
    let first = revoke(&server, json!({ "subject": "c-1", "reason": "lost the phone" })).await;
    let second = revoke(&server, json!({ "subject": "c-1" })).await;
    assert!(second.body["revoked_at"].as_str() >= first.body["revoked_at"].as_str());
    revoke(&server, json!({ "jti": "j-1" })).await;
    let trail = server.operator().get("/audit").await.expect(200).body;
    let rows = trail["audit"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["act"], &row["actor"], row["detail"].as_str().unwrap())).collect();
    let (act, actor) = (&json!("revoke"), &json!("admin:root"));
    let expected = [(act, actor, "subject c-1: lost the phone"), (act, actor, "subject c-1"), (act, actor, "jti j-1")];
    assert_eq!(told, expected);
    assert_eq!(rows[0]["at"], first.body["revoked_at"]);
}

#[tokio::test]
async fn a_socket_whose_token_expires_ends_and_one_that_was_renewed_lives_on() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let short = server.caller_with(&Claims::of("customer", "c-1").expiring_in(3));
    let subscribe = json!({ "type": "subscribe", "order_id": order_id });
    let (mut left, mut renewed) = (short.socket("/ws/customer").await, short.socket("/ws/customer").await);
    left.command(subscribe.clone()).await;
    renewed.command(subscribe).await;
    let fresh = server.token(&Claims::of("customer", "c-1"));
    renewed.command(json!({ "type": "auth", "token": fresh })).await;
    let ends_by = Instant::now() + Duration::from_secs(3) + SOON;
    assert_eq!(left.closed().await, (4401, "token expired".to_owned()));
    assert!(Instant::now() < ends_by);
    let told = left.all.len();
    let there = CENTRE.north(6.0);
    driver.at(there).await;
    renewed.wait("the move", |frame| there.is_at(frame)).await;
    assert_eq!(left.closed().await.0, 4401);
    assert_eq!(left.all.len(), told, "no message after it");
}

#[tokio::test]
async fn a_token_is_revoked_from_the_command_line() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let _open = customer.socket("/ws/customer").await;
    let secret = server.data().join("dev-secret");
    let run = async |flags: &[&str]| {
        let mut command = beeline(&["revoke", "--url", &server.base]);
        command.arg("--secret-file").arg(&secret).args(flags).output().await.unwrap()
    };
    let output = run(&["--subject", "c-1", "--reason", "lost the phone"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("subject c-1") && said.contains("1 open sockets"), "{output:?}");
    customer.get("/orders").await.problem(401, "unauthorized");
    let refused = run(&["--subject", "not an id"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("(invalid)"), "{refused:?}");
    let trail = server.operator().get("/audit").await.expect(200).body;
    assert_eq!(trail["audit"][0]["actor"], "admin:revoke-cli");
}
