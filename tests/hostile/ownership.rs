//! Rows 11, 12 and 14: things of other people: their orders, their drivers, their fields.

use crate::evidence::median;
use crate::evidence::rows;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::order_body;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const ABSENT: &str = "0190a000-0000-7000-8000-000000000000";
/// Long enough for a push that should not come to have come.
const A_WHILE: Duration = Duration::from_millis(1_200);

/// The id next to this one: the last hexadecimal digit moved by one.
fn neighbour(order_id: &str) -> String {
    let (start, last) = order_id.split_at(order_id.len() - 1);
    let next = (u8::from_str_radix(last, 16).unwrap() + 1) % 16;
    format!("{start}{next:x}")
}

async fn wish(socket: &mut Socket, order_id: &str) -> (Value, Duration) {
    let began = Instant::now();
    let mut answer = socket.refused(json!({ "type": "subscribe", "order_id": order_id }), "not_found").await;
    answer["id"] = Value::Null;
    (answer, began.elapsed())
}

#[tokio::test]
async fn row_11_the_order_of_another_customer_is_not_found_like_one_that_never_was() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "0"), ("BEELINE_RATE_ORDERS", "0")]).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let theirs = Customer::new(&server, "a").order(CENTRE.north(200.0), CENTRE.north(900.0)).await;
    driver.take(&theirs).await;
    let outsider = Customer::new(&server, "b");
    let own = outsider.order(CENTRE.north(4_000.0), CENTRE.north(4_900.0)).await;
    let mut socket = outsider.caller.socket("/ws/customer").await;
    let mut guesses = vec![theirs.clone(), neighbour(&theirs), neighbour(&own), ABSENT.to_owned()];
    guesses.extend(["1".to_owned(), theirs.to_uppercase()]);
    let nothing = wish(&mut socket, "no-such-order").await.0;
    for guess in &guesses {
        assert_eq!(wish(&mut socket, guess).await.0, nothing, "{guess}");
        for call in ["", "/events", "/driver-location"] {
            let path = |id: &str| format!("/orders/{id}{call}");
            let answer = outsider.caller.get(&path(guess)).await.problem(404, "not_found");
            let absent = outsider.caller.get(&path("no-such-order")).await.problem(404, "not_found");
            assert_eq!(answer.anonymous(), absent.anonymous(), "{guess}{call}");
        }
    }
    // Nothing of it comes by itself either.
    driver.arrive(CENTRE.north(20.0)).await;
    driver.step(&theirs, "at_pickup").await;
    let heard = socket.listen(A_WHILE).await;
    assert!(heard.iter().all(|frame| frame["type"] != "order" && frame["type"] != "location"), "{heard:#?}");
}

#[tokio::test]
async fn row_11_neither_does_the_time_it_takes_tell_whether_an_order_exists() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "0")]).await;
    let theirs = Customer::new(&server, "a").order(CENTRE.north(200.0), CENTRE.north(900.0)).await;
    let mut socket = server.caller("customer", "b").socket("/ws/customer").await;
    let (mut existing, mut absent) = (Vec::new(), Vec::new());
    for _ in 0..150 {
        existing.push(wish(&mut socket, &theirs).await.1);
        absent.push(wish(&mut socket, ABSENT).await.1);
    }
    let (existing, absent) = (median(&mut existing), median(&mut absent));
    let class = absent.max(existing) / 2 + Duration::from_millis(1);
    assert!(existing.abs_diff(absent) < class, "existing {existing:?}, absent {absent:?}");
}

/// An order on its way, seen by its customer.
async fn watched(server: &Server, driver: &mut Driver) -> (Customer, String, Socket) {
    let customer = Customer::new(server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    screen.wait_for("location").await;
    (customer, order_id, screen)
}

/// Drives on for more than a second after an end, and holds that nobody follows.
async fn unseen_from_now_on(driver: &mut Driver, screen: &mut Socket) {
    let began = Instant::now();
    let mut metres = 0.0;
    let mut last_seen = None;
    while began.elapsed() < Duration::from_millis(2_500) {
        metres += 1.0;
        driver.arrive(CENTRE.east(metres)).await;
        let frames = screen.listen(Duration::from_millis(50)).await;
        if frames.iter().any(|frame| !frame["latitude"].is_null()) {
            last_seen = Some(began.elapsed());
        }
    }
    assert!(last_seen.is_none_or(|at| at < Duration::from_secs(1)), "seen {last_seen:?} after the end");
}

/// Comes back with whatever was kept from before: the whole story up to its end, and nowhere a position.
async fn replays_without_a_position(customer: &Customer, order_id: &str, ending: &str) {
    for after in [json!(null), json!(0), json!(4), json!(-1)] {
        let mut screen = customer.caller.socket("/ws/customer").await;
        let mut wish = json!({ "type": "subscribe", "order_id": order_id });
        if !after.is_null() {
            wish["after"] = after.clone();
        }
        screen.command(wish).await;
        screen.wait("the end", |frame| frame["type"] == "order" && frame["status"] == ending).await;
        screen.listen(Duration::from_millis(300)).await;
        let orders = screen.every("order");
        assert!(orders.iter().rev().skip(1).all(|frame| frame["status"] != ending), "after {after}: told once, last");
        let told = screen.all.iter().filter(|frame| frame["type"] != "order");
        for frame in told {
            assert!(frame["latitude"].is_null() && frame["type"] != "location", "after {after}: {frame}");
        }
    }
    let path = format!("/orders/{order_id}/driver-location");
    customer.caller.get(&path).await.problem(409, "not_in_delivery");
}

#[tokio::test]
async fn row_12_after_delivery_the_driver_is_seen_no_more() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id, mut screen) = watched(&server, &mut driver).await;
    for status in ["at_pickup", "picked_up", "at_dropoff", "delivered"] {
        driver.step(&order_id, status).await;
    }
    unseen_from_now_on(&mut driver, &mut screen).await;
    replays_without_a_position(&customer, &order_id, "delivered").await;
}

#[tokio::test]
async fn row_12_after_a_cancellation_the_driver_is_seen_no_more() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let (customer, order_id, mut screen) = watched(&server, &mut driver).await;
    customer.caller.post(&format!("/orders/{order_id}/cancel"), json!(null)).await.expect(200);
    unseen_from_now_on(&mut driver, &mut screen).await;
    replays_without_a_position(&customer, &order_id, "cancelled").await;
}

#[tokio::test]
async fn row_12_of_two_drivers_only_the_present_one_is_seen() {
    let server = Server::with(&UNLIMITED).await;
    let mut first = Driver::on_shift(&server, "first", CENTRE).await;
    let (_customer, order_id, mut screen) = watched(&server, &mut first).await;
    let mut second = Driver::on_shift(&server, "second", CENTRE.north(2_000.0)).await;
    let operator = server.operator();
    operator.post(&format!("/orders/{order_id}/unassign"), json!(null)).await.expect(200);
    operator.post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": "second" })).await.expect(200);
    let by_second = |frame: &Value| frame["type"] == "location" && frame["driver_id"] == "second";
    screen.wait("the new driver", by_second).await;
    screen.skip();
    for metres in 1..=10 {
        first.arrive(CENTRE.east(f64::from(metres))).await;
        second.arrive(CENTRE.north(2_000.0 + f64::from(metres))).await;
    }
    let frames = screen.listen(A_WHILE).await;
    let seen: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "location").collect();
    assert!(!seen.is_empty() && seen.iter().all(|frame| frame["driver_id"] == "second"), "{seen:#?}");
    assert!(seen.iter().all(|frame| frame["latitude"].as_f64() > Some(CENTRE.north(1_000.0).latitude)), "{seen:#?}");
}

async fn shown(caller: &Caller, driver_id: &str) -> Value {
    caller.get(&format!("/drivers/{driver_id}/location")).await.expect(200).body
}

#[tokio::test]
async fn row_14_a_driver_is_who_the_token_says_whatever_the_message_says() {
    let server = Server::with(&UNLIMITED).await;
    let mut victim = Driver::on_shift(&server, "victim", CENTRE).await;
    let mut liar = Driver::on_shift(&server, "liar", CENTRE.north(3_000.0)).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    victim.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    screen.wait_for("location").await;
    screen.skip();
    // Whose fix it is, which order it is for, and everything else that is not the device's to say.
    let lies = |mut fix: Value| {
        let order_id = order_id.clone();
        for (name, value) in [("driver_id", "victim"), ("sub", "victim"), ("subject", "victim"), ("role", "operator")] {
            fix[name] = json!(value);
        }
        (fix["order_id"], fix["version"], fix["price"], fix["status"]) =
            (json!(order_id), json!(99), json!(0), json!("delivered"));
        fix
    };
    let place = CENTRE.north(3_010.0);
    let fix = lies(liar.fix(place));
    liar.socket.send(fix).await;
    liar.settled(liar.seq).await;
    let batched = lies(liar.fix(CENTRE.north(3_020.0)));
    liar.socket.command(json!({ "type": "locations", "driver_id": "victim", "fixes": [batched] })).await;
    let over_http = lies(liar.fix(CENTRE.north(3_030.0)));
    liar.caller.post("/drivers/liar/location", over_http.clone()).await.expect(202);
    liar.caller.post("/drivers/victim/location", over_http).await.problem(404, "not_found");

    let operator = server.operator();
    assert!(CENTRE.is_at(&shown(&operator, "victim").await), "the victim's marker moved");
    assert!(CENTRE.north(3_030.0).is_at(&shown(&operator, "liar").await), "it is the liar's own");
    let heard = screen.listen(A_WHILE).await;
    assert!(heard.iter().all(|frame| frame["latitude"].is_null() || CENTRE.is_at(frame)), "{heard:#?}");
    assert!(heard.iter().all(|frame| frame["type"] != "order"), "the order took no step: {heard:#?}");
    // Commands too are done in the own name.
    let status = json!({ "type": "status", "status": "offline", "driver_id": "victim" });
    liar.socket.command(status).await;
    assert_eq!(shown(&operator, "victim").await["status"], "busy");
    let step = json!({ "type": "order.status", "order_id": order_id, "status": "at_pickup", "driver_id": "victim" });
    liar.socket.refused(step, "not_found").await;
}

#[tokio::test]
async fn row_14_what_only_the_server_sets_is_refused_in_an_order() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let good = || order_body(CENTRE, CENTRE.north(500.0));
    for (name, value) in [
        ("order_id", json!(ABSENT)),
        ("status", json!("delivered")),
        ("version", json!(7)),
        ("price", json!({ "amount": 0, "currency": "EUR" })),
        ("driver_id", json!("d-1")),
        ("assignment_id", json!(ABSENT)),
        ("eta", json!({ "dropoff_at": "2030-01-01T00:00:00Z" })),
        ("due_at", json!("2030-01-01T00:00:00Z")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("updated_at", json!("2020-01-01T00:00:00Z")),
        ("geo_key", json!("851ea6a3fffffff")),
    ] {
        let mut body = good();
        body[name] = value.clone();
        let refused = customer.post("/orders", body).await.problem(400, "malformed");
        assert_eq!(refused.pointers(), [format!("/{name}")], "{}", refused.text);
        // Said twice it is refused as well, and behind an escape.
        for key in [name.to_owned(), format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..])] {
            let twice = format!("{{\"{key}\":{value},\"{key}\":{value},{}", &good().to_string()[1..]);
            let request = customer.request(reqwest::Method::POST, "/api/v1/orders");
            let request = request.header("Content-Type", "application/json").body(twice);
            let refused = customer.send(request).await.problem(400, "malformed");
            assert!(refused.pointers().contains(&&*format!("/{name}")), "{name}: {}", refused.text);
        }
    }
    // Somebody else's name is not one's own to give.
    let mut body = good();
    body["customer_id"] = json!("c-2");
    customer.post("/orders", body).await.problem(403, "forbidden");
    assert_eq!(rows(&server, "orders"), 0, "none of them was placed");
    // What nobody knows is ignored.
    let mut body = good();
    for name in ["role", "sub", "is_admin", "tier", "__proto__", "constructor", "subject", "discount"] {
        body[name] = json!("operator");
    }
    let placed = customer.post("/orders", body).await.expect(201).body;
    assert_eq!((&placed["customer_id"], &placed["status"]), (&json!("c-1"), &json!("searching")));
    assert_eq!(placed["price"]["amount"], 1_300);
    for name in ["role", "sub", "is_admin", "discount"] {
        assert!(placed[name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn row_14_a_profile_or_a_step_changes_nothing_but_what_it_names() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let before = customer.look(&order_id).await;
    let step = json!({
        "status": "at_pickup", "price": { "amount": 1 }, "driver_id": "d-2", "customer_id": "c-2", "role": "admin",
        "order_id": ABSENT, "due_at": "2030-01-01T00:00:00Z",
    });
    driver.caller.post(&format!("/orders/{order_id}/status"), step).await.expect(200);
    let after = customer.look(&order_id).await;
    for field in ["order_id", "price", "driver_id", "customer_id", "due_at", "items", "dropoff"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    // A driver does not write their own profile.
    let grown = json!({ "name": "me", "capacity": 16, "skills": ["cold_box"] });
    let request = driver.caller.request(reqwest::Method::PUT, "/api/v1/drivers/d-1").json(&grown);
    driver.caller.send(request).await.problem(403, "forbidden");
}
