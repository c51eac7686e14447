//! What drivers bring and how they did: set by those in charge, used by dispatch, shown to whom it concerns.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::order_body;
use crate::support::until;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

const A_WHILE: Duration = Duration::from_millis(700);

async fn put(caller: &Caller, driver_id: &str, profile: Value) -> Reply {
    caller.send(caller.request(Method::PUT, &format!("/api/v1/drivers/{driver_id}")).json(&profile)).await
}

#[tokio::test]
async fn a_profile_is_set_whole_and_read_by_whom_it_concerns() {
    let server = Server::start().await;
    let service = server.service();
    let profile = json!({
        "name": "Anna", "vehicle": "van", "skills": ["cold_box", "age_check", "cold_box"], "capacity": 3,
        "share_location": true,
    });
    let set = put(&service, "d-1", profile).await.expect(200).body;
    assert_eq!((&set["name"], &set["vehicle"], &set["capacity"]), (&json!("Anna"), &json!("van"), &json!(3)));
    assert_eq!((&set["skills"], &set["status"]), (&json!(["age_check", "cold_box"]), &json!("offline")));
    assert_eq!(set["share_location"], true);
    assert!(set["consented_at"].is_string(), "{set}");
    let nothing = json!({
        "accepted": 0, "declined": 0, "lapsed": 0, "completed": 0, "on_time": 0, "acceptance": 1.0, "punctuality": 1.0,
    });
    assert_eq!(set["record"], nothing);
    for caller in [&service, &server.operator(), &server.caller("admin", "a-1"), &server.caller("driver", "d-1")] {
        assert_eq!(caller.get("/drivers/d-1").await.expect(200).body, set);
    }
    // All of it anew: what is left out is unset, but for the consent.
    let set = put(&server.operator(), "d-1", json!({ "vehicle": "bicycle" })).await.expect(200).body;
    assert_eq!((&set["name"], &set["skills"], &set["capacity"]), (&json!(null), &json!([]), &json!(null)));
    assert_eq!((&set["vehicle"], &set["share_location"]), (&json!("bicycle"), &json!(true)));
    service.get("/drivers/nobody").await.problem(404, "not_found");
}

#[tokio::test]
async fn every_bad_field_of_a_profile_is_pointed_at() {
    let server = Server::start().await;
    let service = server.service();
    let bad = json!({ "name": "n".repeat(501), "vehicle": "rocket", "skills": ["ok", "No"], "capacity": 17 });
    let refused = put(&service, "d-1", bad).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/name", "/vehicle", "/skills/1", "/capacity"]);
    let many: Vec<String> = (0..33).map(|index| format!("s{index}")).collect();
    let fields = [
        (json!({ "skills": many }), "/skills"),
        (json!({ "capacity": 0 }), "/capacity"),
        (json!({ "capacity": -1 }), "/capacity"),
        (json!({ "vehicle": 7 }), "/vehicle"),
        (json!({ "share_location": "yes" }), "/share_location"),
    ];
    for (profile, pointer) in fields {
        assert_eq!(put(&service, "d-1", profile).await.problem(422, "invalid").pointers(), [pointer]);
    }
    put(&service, "no id", json!({})).await.problem(404, "not_found");
    service.get("/drivers/d-1").await.problem(404, "not_found");
}

#[tokio::test]
async fn profiles_and_offers_are_refused_to_everybody_else() {
    let server = Server::start().await;
    let _driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    for role in ["driver", "customer", "merchant"] {
        put(&server.caller(role, "d-1"), "d-1", json!({ "vehicle": "van" })).await.problem(403, "forbidden");
    }
    for path in ["", "/offers"] {
        for role in ["customer", "merchant"] {
            server.caller(role, "d-1").get(&format!("/drivers/d-1{path}")).await.problem(403, "forbidden");
        }
        let other = server.caller("driver", "d-2");
        let theirs = other.get(&format!("/drivers/d-1{path}")).await.problem(404, "not_found");
        let absent = other.get(&format!("/drivers/nobody{path}")).await.problem(404, "not_found");
        assert_eq!(theirs.anonymous(), absent.anonymous());
        server.stranger().get(&format!("/drivers/d-1{path}")).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn an_order_that_needs_a_van_goes_to_the_van_though_it_is_farther() {
    let server = Server::start().await;
    let mut near = Driver::on_shift(&server, "near", CENTRE.north(100.0)).await;
    let mut van = Driver::on_shift(&server, "van", CENTRE.north(900.0)).await;
    let profile = json!({ "vehicle": "van", "skills": ["cold_box"] });
    put(&server.service(), "van", profile).await.expect(200);
    let customer = Customer::new(&server, "c-1");
    let mut body = order_body(CENTRE, CENTRE.north(2_000.0));
    body["vehicle"] = json!("van");
    body["skills"] = json!(["cold_box"]);
    let order_id = customer.order_with(body).await;
    van.take(&order_id).await;
    let order = customer.look(&order_id).await;
    assert_eq!((&order["vehicle"], &order["skills"]), (&json!("van"), &json!(["cold_box"])));
    assert!(near.socket.listen(A_WHILE).await.iter().all(|frame| frame["type"] != "offer"));
    // Without needs anybody will do.
    let plain = customer.order(CENTRE, CENTRE.north(2_000.0)).await;
    let order = customer.look(&plain).await;
    assert_eq!((&order["vehicle"], &order["skills"]), (&json!(null), &json!([])));
    near.take(&plain).await;
}

#[tokio::test]
async fn an_order_that_asks_for_what_there_is_not_is_refused() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let mut body = order_body(CENTRE, CENTRE.north(500.0));
    body["vehicle"] = json!("rocket");
    body["skills"] = json!(["Cold Box"]);
    let refused = customer.post("/orders", body).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/vehicle", "/skills/0"]);
}

#[tokio::test]
async fn open_offers_are_listed_until_they_are_answered() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    assert_eq!(driver.caller.get("/drivers/d-1/offers").await.expect(200).body, json!({ "offers": [] }));
    let order_id = Customer::new(&server, "c-1").order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let pushed = driver.socket.wait_for("offer").await;
    for caller in [&driver.caller, &server.operator(), &server.caller("admin", "a-1"), &server.service()] {
        let listed = caller.get("/drivers/d-1/offers").await.expect(200).body;
        let offer = &listed["offers"][0];
        assert_eq!(offer["orders"][0]["order_id"], order_id.as_str());
        for field in ["offer_id", "expires_at", "pickup_eta_s"] {
            assert_eq!(offer[field], pushed[field], "{field}");
        }
    }
    let shown = server.operator().get("/drivers/d-1").await.expect(200).body;
    assert_eq!(shown["status"], "offered");
    driver.take_offer(&pushed).await;
    assert_eq!(driver.caller.get("/drivers/d-1/offers").await.expect(200).body, json!({ "offers": [] }));
    assert_eq!(server.operator().get("/drivers/d-1").await.expect(200).body["status"], "busy");
}

#[tokio::test]
async fn a_bundle_is_one_offer_and_is_accepted_by_any_of_its_orders() {
    let server = Server::with(&[("BEELINE_DRIVER_CAPACITY", "2")]).await;
    let customer = Customer::new(&server, "c-1");
    let mut orders = Vec::new();
    for door in [900.0, 920.0] {
        let mut body = order_body(CENTRE, CENTRE.north(door));
        body["merchant_id"] = json!("shop");
        orders.push(customer.order_with(body).await);
    }
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE.north(100.0)).await;
    let offer = driver.socket.wait_for("offer").await;
    assert_eq!(offer["orders"].as_array().map(Vec::len), Some(2), "{offer:#}");
    let listed = driver.caller.get("/drivers/d-1/offers").await.expect(200).body;
    assert_eq!(listed["offers"][0]["orders"].as_array().map(Vec::len), Some(2));
    let second = offer["orders"][1]["order_id"].as_str().unwrap();
    let offer_id = offer["offer_id"].as_str().unwrap();
    let taken =
        driver.caller.post(&format!("/orders/{second}/offers/{offer_id}/accept"), json!(null)).await.expect(200);
    assert_eq!(taken.body["order_id"], second);
    let (one, two) = (customer.look(&orders[0]).await, customer.look(&orders[1]).await);
    assert_eq!((&one["driver_id"], &two["driver_id"]), (&json!("d-1"), &json!("d-1")));
    assert_eq!(one["assignment_id"], two["assignment_id"]);
}

#[tokio::test]
async fn answers_and_deliveries_make_the_record() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let refused = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    let offer_id = driver.offer_of(&refused).await;
    driver.socket.command(json!({ "type": "offer.decline", "offer_id": offer_id })).await;
    let taken = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&taken).await;
    for status in ["at_pickup", "picked_up", "at_dropoff", "delivered"] {
        driver.step(&taken, status).await;
    }
    let record = until("the record", || async {
        let record = driver.caller.get("/drivers/d-1").await.expect(200).body["record"].clone();
        (record["completed"] == 1).then_some(record)
    });
    let record = record.await;
    assert_eq!((&record["accepted"], &record["declined"], &record["lapsed"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(record["on_time"], 1, "well before the time foreseen");
    assert!((record["acceptance"].as_f64().unwrap() - 11.0 / 12.0).abs() < 1e-9, "{record}");
}
