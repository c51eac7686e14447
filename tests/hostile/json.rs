//! Row 24: JSON that is deep, wide, said twice, or no JSON at all.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Driver;
use crate::support::Reply;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::order_body;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Nested so deep in arrays, or in objects.
fn deep(levels: usize) -> [String; 2] {
    let arrays = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = format!("{}0{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    [arrays, objects]
}

/// An answer that must be `malformed`, and not slow.
async fn malformed(socket: &mut Socket, what: &str, text: &str) {
    let began = Instant::now();
    socket.send_text(text).await;
    let answer = socket.wait_for("error").await;
    assert_eq!(answer["code"], "malformed", "{what}: {answer}");
    assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
}

#[tokio::test]
async fn row_24_a_message_that_is_no_message_is_answered_and_the_third_is_the_last() {
    let server = Server::start().await;
    let caller = server.caller("customer", "c-1");
    let mut bad: Vec<(&str, String)> = vec![
        ("nothing", " ".to_owned()),
        ("not JSON", "{".to_owned()),
        ("NaN", r#"{"type":"subscribe","order_id":"x","after":NaN}"#.to_owned()),
        ("Infinity", r#"{"type":"subscribe","order_id":"x","after":-Infinity}"#.to_owned()),
        ("1e400", r#"{"type":"subscribe","order_id":"x","after":1e400}"#.to_owned()),
        ("-0 where a whole number is", r#"{"type":"subscribe","order_id":"x","after":-0.0}"#.to_owned()),
        ("a number of many digits", format!(r#"{{"type":"subscribe","order_id":"x","after":{}}}"#, "9".repeat(9_000))),
        ("a lone surrogate as type", r#"{"type":"\ud800"}"#.to_owned()),
        ("a lone surrogate as id", r#"{"type":"dance","id":"\ud800"}"#.to_owned()),
        ("surrogates the wrong way round", r#"{"type":"dance","id":"\udc00\ud800"}"#.to_owned()),
        ("a number without bounds as id", r#"{"type":"dance","id":1e400}"#.to_owned()),
        ("an object as id", r#"{"type":"dance","id":{"a":1}}"#.to_owned()),
        ("a huge id", format!(r#"{{"type":"dance","id":"{}"}}"#, "i".repeat(200))),
        ("type twice", r#"{"type":"subscribe","type":"unsubscribe","order_id":"x"}"#.to_owned()),
        ("type twice, once escaped", r#"{"type":"subscribe","\u0074ype":"unsubscribe","order_id":"x"}"#.to_owned()),
        ("order_id twice", r#"{"type":"subscribe","order_id":"x","order_id":"y"}"#.to_owned()),
        ("id twice", r#"{"type":"dance","id":1,"id":2}"#.to_owned()),
        ("no object", r#"["subscribe","x"]"#.to_owned()),
        ("two objects", r#"{"type":"dance"}{"type":"dance"}"#.to_owned()),
        ("a comment", r#"{"type":"dance"/*, */}"#.to_owned()),
        ("a control character", "{\"type\":\"dan\nce\"}".to_owned()),
        ("a number as type", r#"{"type":1e400}"#.to_owned()),
    ];
    // As deep as a message may be long, and one deeper than allowed.
    for levels in [9, 2_000] {
        bad.extend(deep(levels).map(|text| ("depth", format!(r#"{{"type":"dance","x":{text}}}"#))));
        bad.push(("depth", deep(levels)[0].clone()));
    }
    for three in bad.chunks(3) {
        let mut socket = caller.socket("/ws/customer").await;
        for (what, text) in three {
            malformed(&mut socket, what, text).await;
        }
        if three.len() == 3 {
            assert_eq!(socket.closed().await.0, 1008, "after {three:?}");
        } else {
            socket.refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
        }
    }
}

#[tokio::test]
async fn row_24_what_is_only_odd_is_ignored_and_costs_nothing() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::connect(&server, "d-1").await;
    let keys: String = (0..18_000).map(|number| format!(r#""k{number}":0,"#)).collect();
    let same: String = r#""k":0,"#.repeat(35_000);
    let long_number = "7".repeat(64_000);
    for (what, text) in [
        ("thousands of keys", format!(r#"{{{keys}"type":"dance"}}"#)),
        ("one key thousands of times", format!(r#"{{{same}"type":"dance"}}"#)),
        ("a number of 64 kB", format!(r#"{{"n":{long_number},"type":"dance"}}"#)),
        ("a string of 200 kB of escapes", format!(r#"{{"s":"{}","type":"dance"}}"#, r"\u0041".repeat(33_000))),
        ("a number without bounds", r#"{"n":1e400,"type":"dance"}"#.to_owned()),
        ("brackets within a string", format!(r#"{{"s":"{}","type":"dance"}}"#, "[{".repeat(10_000))),
        ("depth 8", r#"{"x":[[[[[[[]]]]]]],"type":"dance"}"#.to_owned()),
    ] {
        let began = Instant::now();
        driver.socket.send_text(text).await;
        let answer = driver.socket.wait_for("error").await;
        assert_eq!(answer["code"], "unknown_type", "{what}: {answer}");
        assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
    }
    driver.arrive(CENTRE).await;
}

#[tokio::test]
async fn row_24_numbers_that_are_none_never_become_a_position() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let digits = "1".repeat(64_000);
    for (field, value) in [
        ("latitude", "1e400"),
        ("latitude", "-1e400"),
        ("longitude", "NaN"),
        ("longitude", "Infinity"),
        ("latitude", "0x2b"),
        ("latitude", "+43"),
        ("latitude", "043.7"),
        ("latitude", &*digits),
        ("seq", &*digits),
        ("timestamp", "1e400"),
        ("order_id", r#""\ud800""#),
    ] {
        let mut fix = driver.fix(CENTRE.north(900.0));
        fix["type"] = Value::Null;
        fix[field] = json!("VALUE");
        let text = fix.to_string().replace("\"VALUE\"", value);
        let what: String = value.chars().take(12).collect();
        let request = driver.caller.request(Method::POST, "/api/v1/drivers/d-1/location");
        let answer = driver.caller.send(request.header("Content-Type", "application/json").body(text)).await;
        assert!(matches!(answer.status, 400 | 422), "{field} {what}: {} {}", answer.status, answer.text);
        assert!(matches!(answer.body["code"].as_str(), Some("malformed" | "out_of_range")), "{}", answer.text);
    }
    let shown = driver.caller.get("/drivers/d-1/location").await.expect(200).body;
    assert!(CENTRE.is_at(&shown), "{shown}");
    let route = driver.caller.get("/drivers/d-1/route").await.expect(200).body;
    assert_eq!(route["points"].as_array().unwrap().len(), 1);
}

async fn post(caller: &Caller, path: &str, text: String) -> Reply {
    let request = caller.request(Method::POST, &format!("/api/v1{path}"));
    caller.send(request.header("Content-Type", "application/json").body(text)).await
}

#[tokio::test]
async fn row_24_bodies_over_http_are_held_to_the_same() {
    let server = Server::start().await;
    let customer = server.caller("customer", "c-1");
    let driver = server.caller("driver", "d-1");
    let operator = server.operator();
    let calls = [
        (&customer, "/orders"),
        (&driver, "/drivers/d-1/location"),
        (&driver, "/drivers/d-1/status"),
        (&driver, "/orders/none/status"),
        (&customer, "/orders/none/cancel"),
        (&operator, "/orders/none/assign"),
    ];
    let [arrays, objects] = deep(10_000);
    for (caller, path) in calls {
        for (what, text) in [
            ("arrays", arrays.clone()),
            ("objects", objects.clone()),
            ("depth in a field", format!(r#"{{"status":"paused","x":{arrays}}}"#)),
            ("nine deep", deep(9)[1].clone()),
            ("NaN", r#"{"status":NaN,"latitude":NaN}"#.to_owned()),
            ("cut off", r#"{"status":"#.to_owned()),
            (
                "not UTF-8 by escape",
                r#"{"status":"\ud800","kind":"\ud800","latitude":"\ud800","driver_id":"\ud800"}"#.to_owned(),
            ),
        ] {
            let began = Instant::now();
            let answer = post(caller, path, text).await;
            // A body nobody reads is nobody's harm: what is not found is said before it is looked at.
            assert!(matches!(answer.status, 400 | 404 | 422), "{path} {what}: {} {}", answer.status, answer.text);
            assert!(began.elapsed() < Duration::from_secs(2), "{path} {what}: {:?}", began.elapsed());
        }
    }
    // A hundred thousand keys are more than a body may hold.
    let keys: String = (0..100_000).map(|number| format!(r#""k{number}":0,"#)).collect();
    post(&customer, "/orders", format!("{{{keys}\"kind\":\"food\"}}")).await.problem(413, "too_large");
    // As many as fit are ignored.
    let good = order_body(CENTRE, CENTRE.north(500.0)).to_string();
    let keys: String = (0..15_000).map(|number| format!(r#""k{number}":0,"#)).collect();
    post(&customer, "/orders", format!("{{{keys}{}", &good[1..])).await.expect(201);
    // A field said twice is not guessed at.
    let twice = format!(r#"{{"kind":"parcel",{}"#, &good[1..]);
    post(&customer, "/orders", twice).await.problem(422, "invalid");
    let twice = format!(r#"{{"customer_id":"c-1","customer_id":"c-2",{}"#, &good[1..]);
    post(&customer, "/orders", twice).await.problem(422, "invalid");
    // Numbers out of every range.
    for price in ["1e400", "1e308", "-1", "99999999999999999999", "0.5"] {
        let text = good.replace("650", price);
        let answer = post(&customer, "/orders", text).await;
        assert!(matches!(answer.status, 400 | 422), "{price}: {}", answer.text);
    }
    let listed = customer.get("/orders").await.expect(200).body;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    assert_eq!(listed["orders"][0]["price"]["amount"], 1_300);
}
