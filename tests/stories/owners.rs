//! Things that are not yours are answered exactly like things that do not exist: over HTTP and over sockets.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::Socket;
use crate::support::order_body;
use serde_json::Value;
use serde_json::json;

const ABSENT: &str = "0190a000-0000-7000-8000-000000000000";

/// An order of `owner` at merchant `shop`, carried by `courier`.
async fn order_under_way(server: &Server) -> (String, Driver) {
    let mut driver = Driver::on_shift(server, "courier", CENTRE).await;
    let mut body = order_body(CENTRE.north(200.0), CENTRE.north(900.0));
    body["merchant_id"] = json!("shop");
    let order_id = Customer::new(server, "owner").order_with(body).await;
    driver.take(&order_id).await;
    (order_id, driver)
}

async fn same_as_absent(caller: &Caller, who: &str, order_id: &str, call: &str, body: &Value) {
    let ask = |id: String| async move {
        let path = format!("/orders/{id}{call}");
        let answer = if body.is_null() { caller.get(&path).await } else { caller.post(&path, body.clone()).await };
        answer.problem(404, "not_found")
    };
    let (theirs, absent) = (ask(order_id.to_owned()).await, ask(ABSENT.to_owned()).await);
    assert_eq!(theirs.anonymous(), absent.anonymous(), "{who} {call}");
    let names = |reply: &Reply| {
        // Whether the connection is kept depends on whether the body had arrived, not on the order.
        let kept = reply.headers.keys().filter(|name| *name != "connection");
        let mut names: Vec<String> = kept.map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&theirs), names(&absent), "{who} {call}: headers");
}

#[tokio::test]
async fn an_order_of_somebody_else_does_not_exist() {
    let server = Server::start().await;
    let (order_id, _driver) = order_under_way(&server).await;
    let no_body = json!(null);
    let outsiders = [("customer", "other"), ("driver", "other"), ("merchant", "other")];
    for (role, subject) in outsiders {
        let caller = server.caller(role, subject);
        for call in ["", "/events", "/events?after=0"] {
            same_as_absent(&caller, role, &order_id, call, &no_body).await;
        }
        let location = format!("/orders/{order_id}/driver-location");
        match role {
            "customer" => same_as_absent(&caller, role, &order_id, "/driver-location", &no_body).await,
            _ => drop(caller.get(&location).await.problem(403, "forbidden")),
        }
        let listed = caller.get("/orders").await.expect(200);
        assert_eq!(listed.body["orders"], json!([]), "{role}");
    }
    same_as_absent(&server.caller("customer", "other"), "customer", &order_id, "/cancel", &json!({})).await;
    same_as_absent(&server.caller("merchant", "other"), "merchant", &order_id, "/cancel", &json!({})).await;
    same_as_absent(&server.caller("merchant", "other"), "merchant", &order_id, "/ready", &json!({})).await;
    let step = json!({ "status": "at_pickup" });
    same_as_absent(&server.caller("driver", "other"), "driver", &order_id, "/status", &step).await;

    // Same subject, other role: an id means nothing without its role.
    for (role, subject) in [("driver", "owner"), ("merchant", "owner"), ("customer", "courier"), ("customer", "shop")] {
        same_as_absent(&server.caller(role, subject), role, &order_id, "", &no_body).await;
    }
}

#[tokio::test]
async fn an_order_is_shown_to_everybody_it_concerns() {
    let server = Server::start().await;
    let (order_id, _driver) = order_under_way(&server).await;
    let insiders = [
        ("customer", "owner"),
        ("driver", "courier"),
        ("merchant", "shop"),
        ("operator", "any"),
        ("admin", "any"),
        ("service", "any"),
    ];
    for (role, subject) in insiders {
        let caller = server.caller(role, subject);
        let order = caller.get(&format!("/orders/{order_id}")).await.expect(200).body;
        assert_eq!((&order["customer_id"], &order["merchant_id"]), (&json!("owner"), &json!("shop")), "{role}");
        caller.get(&format!("/orders/{order_id}/events")).await.expect(200);
        let listed = caller.get("/orders").await.expect(200).body;
        assert_eq!(listed["orders"][0]["order_id"], order_id.as_str(), "{role}");
    }
    let viewers =
        [("customer", "owner", 200), ("operator", "any", 200), ("merchant", "shop", 403), ("driver", "courier", 403)];
    for (role, subject, status) in viewers {
        let answer = server.caller(role, subject).get(&format!("/orders/{order_id}/driver-location")).await;
        assert_eq!(answer.status, status, "{role}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_merchant_is_known_by_the_merchant_id_of_the_token() {
    let server = Server::start().await;
    let (order_id, _driver) = order_under_way(&server).await;
    let claims = Claims::of("merchant", "someone-at-the-shop").with("merchant_id", "shop");
    server.caller_with(&claims).get(&format!("/orders/{order_id}")).await.expect(200);
    let claims = Claims::of("merchant", "shop").with("merchant_id", "another-shop");
    server.caller_with(&claims).get(&format!("/orders/{order_id}")).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_socket_follows_no_order_of_somebody_else() {
    let server = Server::start().await;
    let (order_id, mut driver) = order_under_way(&server).await;
    let outsider = server.caller("customer", "other");
    let mut socket = outsider.socket("/ws/customer").await;
    let mut answers = Vec::new();
    for id in [order_id.as_str(), ABSENT] {
        for after in [json!(null), json!(0)] {
            let mut wish = json!({ "type": "subscribe", "order_id": id });
            if !after.is_null() {
                wish["after"] = after;
            }
            let mut answer = socket.refused(wish, "not_found").await;
            answer["id"] = json!(null);
            answers.push(answer);
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    // And nothing of it arrives.
    driver.arrive(CENTRE.north(30.0)).await;
    driver.step(&order_id, "at_pickup").await;
    socket.refused(json!({ "type": "subscribe", "order_id": ABSENT }), "not_found").await;
    assert!(socket.every("order").is_empty() && socket.every("location").is_empty(), "{:#?}", socket.all);

    let direct = |id: &str| {
        let path = format!("/api/v1/orders/{id}/driver-location");
        let (outsider, path) = (outsider.clone(), path);
        async move { outsider.refused_socket(&path).await.anonymous() }
    };
    let (theirs, absent) = (direct(&order_id).await, direct(ABSENT).await);
    assert_eq!((theirs.0, theirs), (404, absent));
}

#[tokio::test]
async fn a_driver_reaches_no_other_driver() {
    let server = Server::start().await;
    let driver = Driver::on_shift(&server, "courier", CENTRE).await;
    let other = server.caller("driver", "other");
    let fix = CENTRE.json();
    for call in ["/location", "/route"] {
        let theirs = other.get(&format!("/drivers/{}{call}", driver.id)).await.problem(404, "not_found");
        let absent = other.get(&format!("/drivers/nobody{call}")).await.problem(404, "not_found");
        assert_eq!(theirs.anonymous(), absent.anonymous());
    }
    for (call, body) in [("/location", fix.clone()), ("/status", json!({ "status": "offline" }))] {
        let theirs = other.post(&format!("/drivers/courier{call}"), body.clone()).await.problem(404, "not_found");
        let absent = other.post(&format!("/drivers/nobody{call}"), body).await.problem(404, "not_found");
        assert_eq!(theirs.anonymous(), absent.anonymous());
    }
    driver.caller.get("/drivers/courier/location").await.expect(200);
    server.operator().get("/drivers/courier/location").await.expect(200);
    server.service().get("/drivers/courier/location").await.expect(200);
    server.operator().get("/drivers/courier/route").await.expect(200);
    server.service().post("/drivers/courier/location", fix).await.expect(202);
}

#[tokio::test]
async fn an_offer_to_somebody_else_does_not_exist() {
    let server = Server::start().await;
    let mut driver = Driver::on_shift(&server, "courier", CENTRE).await;
    let mut other: Socket = server.caller("driver", "other").socket("/ws/driver").await;
    let order_id = Customer::new(&server, "owner").order(CENTRE.north(100.0), CENTRE.north(800.0)).await;
    let offer_id = driver.offer_of(&order_id).await;
    let caller = server.caller("driver", "other");
    for act in ["accept", "decline"] {
        let kind = format!("offer.{act}");
        let ask = |offer_id: &str| json!({ "type": kind, "offer_id": offer_id });
        let theirs = other.refused(ask(&offer_id), "not_found").await;
        let absent = other.refused(ask(ABSENT), "not_found").await;
        assert_eq!(theirs["detail"], absent["detail"], "{act}");
        let theirs = caller.post(&format!("/orders/{order_id}/offers/{offer_id}/{act}"), json!(null)).await;
        let absent = caller.post(&format!("/orders/{order_id}/offers/{ABSENT}/{act}"), json!(null)).await;
        assert_eq!(theirs.problem(404, "not_found").anonymous(), absent.problem(404, "not_found").anonymous(), "{act}");
    }
    driver.socket.command(json!({ "type": "offer.accept", "offer_id": offer_id })).await;
}

#[tokio::test]
async fn a_customer_orders_for_themselves_and_a_service_for_any_customer() {
    let server = Server::start().await;
    let mut body = order_body(CENTRE, CENTRE.north(500.0));
    body["customer_id"] = json!("somebody-else");
    server.caller("customer", "c-1").post("/orders", body.clone()).await.problem(403, "forbidden");
    let placed = server.service().post("/orders", body.clone()).await.expect(201);
    assert_eq!(placed.body["customer_id"], "somebody-else");
    let order_id = placed.body["order_id"].as_str().unwrap();
    server.caller("customer", "somebody-else").get(&format!("/orders/{order_id}")).await.expect(200);
    server.operator().post("/orders", body.clone()).await.expect(201);
    body.as_object_mut().unwrap().remove("customer_id");
    let refused = server.service().post("/orders", body).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/customer_id"]);
}
