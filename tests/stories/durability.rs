//! A power cut in the middle: what was acknowledged is there afterwards, and everybody goes on where they were.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::SERVE;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::order_body;
use crate::support::until;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;

async fn stored(server: &Server, driver: &str) -> BTreeSet<i64> {
    let mut seqs = BTreeSet::new();
    let mut path = format!("/drivers/{driver}/route");
    loop {
        let page = server.operator().get(&path).await.expect(200).body;
        seqs.extend(page["points"].as_array().unwrap().iter().filter_map(|point| point["seq"].as_i64()));
        let Some(cursor) = page["next_cursor"].as_str() else { return seqs };
        path = format!("/drivers/{driver}/route?cursor={cursor}");
    }
}

#[tokio::test]
async fn a_power_cut_loses_no_settled_fix_and_no_order() {
    let mut server = Server::with(&UNLIMITED).await;
    let acked = Arc::new(Mutex::new(Vec::new()));
    let placed = Arc::new(Mutex::new(Vec::new()));
    let progress = Arc::new(AtomicUsize::new(0));
    let mut work = Vec::new();
    for number in 0..4 {
        let id = format!("d-{number}");
        let mut driver = Driver::connect(&server, &id).await;
        let (acked, progress) = (acked.clone(), progress.clone());
        acked.lock().await.push(0);
        work.push(tokio::spawn(async move {
            loop {
                for _ in 0..20 {
                    driver.at(CENTRE.north(driver.seq as f64 * 0.1)).await;
                }
                let ack = driver.socket.wait_for("ack").await;
                acked.lock().await[number] = ack["seq"].as_i64().unwrap();
                progress.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for number in 0..3 {
        let caller = server.caller("customer", &format!("c-{number}"));
        let (placed, progress) = (placed.clone(), progress.clone());
        work.push(tokio::spawn(async move {
            loop {
                let answer =
                    caller.post("/orders", order_body(CENTRE.north(50.0), CENTRE.north(900.0))).await.expect(201);
                placed.lock().await.push(answer.body["order_id"].as_str().unwrap().to_owned());
                progress.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    until("traffic in full swing", || async { (progress.load(Ordering::Relaxed) > 60).then_some(()) }).await;
    server.kill().await;
    for task in work {
        // Each ends by itself, its peer gone.
        assert!(task.await.is_err());
    }
    server.boot_again().await;
    for (number, last) in acked.lock().await.iter().enumerate() {
        let kept = stored(&server, &format!("d-{number}")).await;
        let lost: Vec<i64> = (1..=*last).filter(|seq| !kept.contains(seq)).collect();
        assert!(*last > 0 && lost.is_empty(), "driver {number}: acknowledged up to {last}, lost {lost:?}");
    }
    let operator = server.operator();
    for order_id in placed.lock().await.iter() {
        let order = operator.get(&format!("/orders/{order_id}")).await.expect(200).body;
        assert_eq!(order["status"], "searching", "{order_id}");
    }
}

#[tokio::test]
async fn after_a_power_cut_the_delivery_goes_on() {
    let mut server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    driver.step(&order_id, "at_pickup").await;
    driver.arrive(CENTRE.north(95.0)).await;
    let last_seq = driver.seq;
    server.kill().await;
    assert_eq!(driver.socket.closed().await.0, 1006);
    server.boot_again().await;

    let (operator, customer) = (server.operator(), Customer::new(&server, "c-1"));
    let live = until("the position comes back by itself", || async {
        let answer = operator.get("/drivers/d-1/location").await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert!(CENTRE.north(95.0).is_at(&live), "{live}");
    assert_eq!(live["status"], "busy");
    let order = customer.look(&order_id).await;
    assert_eq!((&order["status"], &order["driver_id"]), (&json!("at_pickup"), &json!("d-1")));

    let mut screen = customer.follow(&order_id).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    assert_eq!((driver.seq, driver.welcome["status"].as_str()), (last_seq, Some("busy")));
    driver.at(CENTRE.north(105.0)).await;
    screen.wait("the driver", |frame: &Value| CENTRE.north(105.0).is_at(frame)).await;
    for status in ["picked_up", "at_dropoff", "delivered"] {
        driver.step(&order_id, status).await;
    }
    screen.wait("delivered", |frame| frame["status"] == "delivered").await;
}

#[tokio::test]
async fn after_a_power_cut_orders_that_waited_are_offered() {
    let mut server = Server::with(&UNLIMITED).await;
    let body = order_body(CENTRE, CENTRE.north(900.0));
    let place = |server: &Server| {
        let caller = server.caller("customer", "c-1");
        let request =
            caller.request(reqwest::Method::POST, "/api/v1/orders").header("Idempotency-Key", "k").json(&body);
        async move { caller.send(request).await.expect(201).body }
    };
    let first = place(&server).await;
    server.kill().await;
    server.boot_again().await;
    assert_eq!(place(&server).await, first, "the key is remembered");
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    driver.take(first["order_id"].as_str().unwrap()).await;
}

#[tokio::test]
async fn an_open_offer_survives_a_power_cut() {
    let mut server = Server::with(&[UNLIMITED[0], ("BEELINE_OFFER_TIMEOUT", "60s")]).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let order_id = Customer::new(&server, "c-1").order(CENTRE, CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    server.kill().await;
    server.boot_again().await;
    let mut driver = Driver::connect(&server, "d-1").await;
    assert_eq!(driver.offer_of(&order_id).await, offer_id);
    driver.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start().await;
    let second =
        tokio::time::timeout(crate::support::PATIENCE, server.serve_command().output()).await.unwrap().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).to_string();
    let data = server.data().display().to_string();
    assert!(said.contains("in use") && said.contains(&data) && said.contains("BEELINE_DATA"), "{said}");
    server.operator().get("/orders").await.expect(200);
}

/// Every order there is, page by page: id, version and status.
async fn all_orders(server: &Server) -> Vec<(String, i64, String)> {
    let operator = server.operator();
    let mut found = Vec::new();
    let mut path = "/orders?limit=200".to_owned();
    loop {
        let page = operator.get(&path).await.expect(200).body;
        found.extend(page["orders"].as_array().unwrap().iter().map(|order| {
            let text = |field: &str| order[field].as_str().unwrap().to_owned();
            (text("order_id"), order["version"].as_i64().unwrap(), text("status"))
        }));
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        path = format!("/orders?limit=200&cursor={cursor}");
    }
}

#[tokio::test]
async fn the_demo_killed_in_the_middle_loses_no_order_and_no_settled_fix() {
    let mut server = Server::run(&["demo"], &[]).await;
    let before = until("deliveries under way in the demo", || async {
        let orders = all_orders(&server).await;
        let carried = orders.iter().filter(|(_, _, status)| status == "assigned" || status == "at_pickup").count();
        (orders.len() >= 5 && carried >= 2).then_some(orders)
    })
    .await;
    let around = format!("/drivers/nearby?lat={}&lng={}&radius=20000&limit=20", CENTRE.latitude, CENTRE.longitude);
    let nearby = server.operator().get(&around).await.expect(200).body;
    let mut settled = Vec::new();
    for driver in nearby["drivers"].as_array().unwrap() {
        let id = driver["driver_id"].as_str().unwrap().to_owned();
        settled.push((stored(&server, &id).await, id));
    }
    assert!(settled.iter().any(|(seqs, _)| !seqs.is_empty()));
    server.kill().await;
    server.arguments = SERVE;
    server.boot_again().await;
    let after: BTreeMap<String, i64> =
        all_orders(&server).await.into_iter().map(|(id, version, _)| (id, version)).collect();
    for (order_id, version, status) in before {
        let kept = after.get(&order_id).copied();
        assert!(kept >= Some(version), "{order_id} was {status} at version {version}, is at {kept:?}");
    }
    for (seqs, id) in settled {
        let kept = stored(&server, &id).await;
        assert!(seqs.is_subset(&kept), "{id}: {:?} is lost", seqs.difference(&kept));
    }
}
