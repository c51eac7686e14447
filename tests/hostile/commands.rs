//! Rows 15 to 17: sessions that were replaced, steps out of turn, keys used twice.

use crate::evidence::rows;
use crate::proof::tries;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::order_body;
use futures_util::StreamExt;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Instant;

#[tokio::test]
async fn row_15_the_newer_phone_replaces_the_older_whose_writes_count_no_more() {
    let server = Server::with(&UNLIMITED).await;
    let mut old = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let mut reached = CENTRE;
    for round in 1..=12 {
        let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
        let offer_id = old.offer_of(&order_id).await;
        let mut new = Driver::connect(&server, "d-1").await;
        // Answered, so the new session has taken over; from here on the old one is nobody.
        reached = CENTRE.north(f64::from(round));
        new.arrive(reached).await;
        let mut late = new.fix(CENTRE.north(500.0));
        late["type"] = Value::Null;
        let messages = [
            json!({ "type": "location", "latitude": 43.7, "longitude": 11.2, "seq": new.seq }),
            json!({ "type": "locations", "fixes": [late] }),
            json!({ "type": "offer.decline", "offer_id": offer_id }),
            json!({ "type": "status", "status": "offline" }),
        ];
        for message in messages {
            let text = tokio_tungstenite::tungstenite::Message::text(message.to_string());
            old.socket.send_raw(text).await;
        }
        let (code, _) = old.socket.closed().await;
        assert_eq!(code, 4409, "round {round}");
        assert!(old.socket.every("ok").iter().all(|answer| answer["status"] != "offline"), "{:#?}", old.socket.all);
        new.seq -= 1;
        let shown = new.caller.get("/drivers/d-1/location").await.expect(200).body;
        assert!(reached.is_at(&shown), "round {round}: the old phone moved the marker to {shown}");
        assert_eq!(shown["status"], "offered", "round {round}: neither declined nor gone offline");
        // The new phone has the offer, and its counter is its own.
        new.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
        server.operator().post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
        old = new;
    }
    let route = old.caller.get("/drivers/d-1/route").await.expect(200).body;
    assert_eq!(route["points"].as_array().unwrap().len(), 13, "each new phone's fix once, and none of an old one's");
    let shown = old.caller.get("/drivers/d-1/location").await.expect(200).body;
    assert!(reached.is_at(&shown));
}

#[tokio::test]
async fn row_15_of_many_phones_at_once_one_is_left() {
    let server = Server::with(&[("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "0")]).await;
    let phones = (0..8).map(|_| Driver::connect(&server, "d-1"));
    let phones = futures_util::future::join_all(phones).await;
    let ended = phones.into_iter().map(|mut phone| async move {
        let heard = phone.socket.listen(std::time::Duration::from_secs(1)).await;
        assert!(heard.iter().all(|frame| frame["type"] == "welcome"), "{heard:?}");
        // Whoever is left answers; the others are closed already.
        phone.socket.send_raw(tokio_tungstenite::tungstenite::Message::text(r#"{"type":"dance","id":1}"#)).await;
        let answers = phone.socket.listen(std::time::Duration::from_secs(1)).await;
        if answers.iter().any(|answer| answer["code"] == "unknown_type") {
            None
        } else {
            Some(phone.socket.closed().await.0)
        }
    });
    let ended = futures_util::future::join_all(ended).await;
    assert_eq!(ended.iter().filter(|code| code.is_none()).count(), 1, "{ended:?}");
    assert!(ended.iter().flatten().all(|code| *code == 4409), "{ended:?}");
}

async fn step(caller: &Caller, order_id: &str, body: Value) -> Reply {
    caller.post(&format!("/orders/{order_id}/status"), body).await
}

#[tokio::test]
async fn row_16_no_step_is_skipped_and_nothing_happens_by_trying() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    // Before there is a driver, nobody takes a step.
    step(&driver.caller, &order_id, json!({ "status": "delivered" })).await.problem(404, "not_found");
    driver.take(&order_id).await;
    let audit = rows(&server, "audit");
    let skipped: [(&str, &[&str]); 4] = [
        ("at_pickup", &["delivered", "at_dropoff", "picked_up", "created", "paid", "assigned", "cancelled", "failed"]),
        ("picked_up", &["delivered", "at_dropoff"]),
        ("at_dropoff", &["delivered", "searching"]),
        ("delivered", &["searching"]),
    ];
    for (next, wishes) in skipped {
        let before = customer.look(&order_id).await;
        for wish in wishes {
            let refused = step(&driver.caller, &order_id, json!({ "status": wish })).await;
            let refused = refused.problem(409, "illegal_transition");
            let version = format!("version {}", before["version"]);
            let is_step = ["picked_up", "at_dropoff", "delivered", "failed", "searching"].contains(wish);
            assert!(!is_step || refused.text.contains(&version), "it says where the order stands: {}", refused.text);
            let over_socket = json!({ "type": "order.status", "order_id": order_id, "status": wish });
            driver.socket.refused(over_socket, "illegal_transition").await;
        }
        assert_eq!(customer.look(&order_id).await, before, "{next}: nothing happened");
        driver.step(&order_id, next).await;
    }
    let events = customer.caller.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
    assert_eq!(events["events"].as_array().unwrap().len(), 8, "every step once");
    assert_eq!(rows(&server, "audit"), audit, "no operator had a hand in it");
}

#[tokio::test]
async fn row_16_a_step_decided_on_another_version_is_a_conflict_that_names_the_present_one() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let before = customer.look(&order_id).await;
    let version = before["version"].as_i64().unwrap();
    for stale in [version - 1, version + 1, 0, -1, i64::MAX, i64::MIN] {
        let refused = step(&driver.caller, &order_id, json!({ "status": "at_pickup", "version": stale })).await;
        let refused = refused.problem(409, "conflict");
        assert!(refused.text.contains(&format!("version {version}")), "{}", refused.text);
        let over_socket =
            json!({ "type": "order.status", "order_id": order_id, "status": "at_pickup", "version": stale });
        let answer = driver.socket.refused(over_socket, "conflict").await;
        assert!(answer["detail"].as_str().unwrap().contains(&format!("version {version}")), "{answer}");
    }
    assert_eq!(customer.look(&order_id).await, before);
    // The same step many times at once is taken once.
    let wish = json!({ "status": "at_pickup", "version": version });
    let tries = (0..8).map(|_| step(&driver.caller, &order_id, wish.clone()));
    for answer in futures_util::future::join_all(tries).await {
        let again = answer.status == 409 && answer.body["code"] == "conflict";
        assert!(answer.status == 200 || again, "{}", answer.text);
    }
    assert_eq!(customer.look(&order_id).await["version"], version + 1);
}

async fn place(caller: &Caller, key: &str, body: &Value) -> Reply {
    let request = caller.request(Method::POST, "/api/v1/orders").header("Idempotency-Key", key).json(body);
    caller.send(request).await
}

#[tokio::test]
async fn row_17_a_key_belongs_to_one_body_and_one_person() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let body = order_body(CENTRE, CENTRE.north(500.0));
    let first = place(&customer, "key-1", &body).await.expect(201);
    let mut dearer = body.clone();
    dearer["items"][0]["quantity"] = json!(1);
    let refused = place(&customer, "key-1", &dearer).await.problem(422, "idempotency_mismatch");
    assert!(!refused.text.contains(first.body["order_id"].as_str().unwrap()), "the first order is not told");
    assert_eq!(rows(&server, "orders"), 1);
    // Another person with the same key learns nothing and gets an order of their own, by whatever role.
    let mut for_c1 = body.clone();
    for_c1["customer_id"] = json!("c-1");
    let mut seen = BTreeSet::from([first.body["order_id"].as_str().unwrap().to_owned()]);
    for (role, subject, body) in [("customer", "c-2", &body), ("service", "c-1", &for_c1), ("operator", "c-1", &for_c1)]
    {
        let other = place(&server.caller(role, subject), "key-1", body).await.expect(201);
        assert!(other.header("idempotent-replayed").is_none(), "{role}");
        assert!(seen.insert(other.body["order_id"].as_str().unwrap().to_owned()), "{role} was given the other's");
    }
    // A name cannot be made so that two people meet under it.
    let tricky = server.caller_with(&Claims::of("customer", "c-1:key"));
    assert!(place(&tricky, "1", &body).await.expect(201).header("idempotent-replayed").is_none());
    for bad in ["", &"k".repeat(256)] {
        let answer = place(&customer, bad, &body).await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
    }
}

#[tokio::test]
async fn row_17_random_keys_are_limited_by_the_rate_and_leave_no_trace_beyond_it() {
    const A_MINUTE: i64 = 20;
    const AT_ONCE: usize = 8;
    let wanted = tries("BEELINE_KEYS", 20_000);
    let server = Server::with(&[("BEELINE_RATE_ORDERS", &format!("{A_MINUTE}/m"))]).await;
    let customer = server.caller("customer", "c-1");
    let body = order_body(CENTRE, CENTRE.north(500.0));
    let began = Instant::now();
    let tried = futures_util::stream::iter(0..wanted).map(async |_| {
        let answer = place(&customer, &format!("key-{:x}", rand::random::<u128>()), &body).await;
        if answer.status == 201 {
            return true;
        }
        let answer = answer.problem(429, "too_many");
        let retry_after = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
        assert!(retry_after >= Some(1), "{:?}", answer.headers);
        false
    });
    let placed = tried.buffer_unordered(AT_ONCE).fold(0, async |placed, one| placed + i64::from(one)).await;
    let refilled = i64::try_from(began.elapsed().as_secs()).unwrap() * A_MINUTE / 60 + 1;
    println!("{wanted} keys in {:.1} s, {placed} orders", began.elapsed().as_secs_f64());
    assert!((A_MINUTE..=A_MINUTE + refilled).contains(&placed), "{placed} placed, {refilled} since the first");
    assert_eq!(rows(&server, "idempotency_keys"), placed, "a key that was refused is not kept");
    assert_eq!(rows(&server, "orders"), placed);
    place(&server.caller("customer", "c-2"), "key-1", &body).await.expect(201);
}

#[tokio::test]
async fn row_17_keys_are_kept_for_a_day_and_not_longer() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let mut server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let body = order_body(CENTRE, CENTRE.north(500.0));
    place(&customer, "old", &body).await.expect(201);
    place(&customer, "young", &body).await.expect(201);
    server.kill().await;
    {
        let store = Connection::open(server.data().join("beeline.db")).unwrap();
        let aged = "UPDATE idempotency_keys SET claimed_at = claimed_at - ? WHERE key = ?";
        assert_eq!(store.execute(aged, (DAY_MS + 60_000, "old")).unwrap(), 1);
        assert_eq!(store.execute(aged, (DAY_MS - 600_000, "young")).unwrap(), 1);
    }
    server.boot_again().await;
    let customer = server.caller("customer", "c-1");
    let again = place(&customer, "young", &body).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let anew = place(&customer, "old", &body).await.expect(201);
    assert!(anew.header("idempotent-replayed").is_none());
    assert_eq!(rows(&server, "idempotency_keys"), 2, "the new claim has the place of the old one");
}
