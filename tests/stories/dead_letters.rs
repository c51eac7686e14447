//! Orders for which nobody was found: given up after so many tries, told to operators, tried again or given up for good.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::PATIENCE;
use crate::support::Reply;
use crate::support::Server;
use crate::support::Socket;
use crate::support::beeline;
use crate::support::until;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use std::process::Output;

const FEW_TRIES: [(&str, &str); 1] = [("BEELINE_DISPATCH_TRIES", "2")];

/// An operator's socket that watches a place far from everything: alerts come all the same.
async fn desk(server: &Server) -> Socket {
    let mut socket = server.operator().socket("/ws/operator").await;
    socket.command(json!({ "type": "watch", "bbox": [0.0, 0.0, 0.1, 0.1] })).await;
    socket
}

/// The dead letter of this order.
async fn letter_of(operator: &Caller, order_id: &str) -> Value {
    until("a dead letter", || async {
        let page = operator.get("/dead-letters?queue=orders").await.expect(200).body;
        let letters = page["dead_letters"].as_array().unwrap();
        letters.iter().find(|letter| letter["order_id"] == order_id).cloned()
    })
    .await
}

async fn purge(caller: &Caller, letter_id: &str) -> Reply {
    caller.send(caller.request(Method::DELETE, &format!("/api/v1/dead-letters/{letter_id}"))).await
}

#[tokio::test]
async fn an_order_nobody_takes_is_given_up_and_taken_up_again() {
    let server = Server::with(&FEW_TRIES).await;
    let operator = server.operator();
    let mut desk = desk(&server).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    let alert = desk.wait_for("alert").await;
    assert_eq!((&alert["code"], &alert["order_id"]), (&json!("dead_letter"), &json!(order_id)));
    assert!(alert["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{alert}");
    let letter = letter_of(&operator, &order_id).await;
    assert_eq!((&letter["queue"], &letter["cause"]), (&json!("orders"), &json!("no_driver")));
    assert_eq!(letter["tries"], 2);
    assert!(letter["at"].is_string(), "{letter}");
    let parked = customer.look(&order_id).await;
    assert_eq!((&parked["status"], &parked["due_at"]), (&json!("searching"), &json!(null)));
    let last = server.service().get("/events").await.expect(200).body["events"].as_array().unwrap().last().cloned();
    let last = last.unwrap();
    assert_eq!((&last["event_type"], &last["reason"]), (&json!("AssignmentFailed"), &json!("no_driver")));
    assert_eq!((&last["retry_after_seconds"], &last["version"]), (&json!(null), &parked["version"]));

    // A driver who comes now is not asked: a person has to look first.
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE.north(200.0)).await;
    let replay = format!("/dead-letters/{}/replay", letter["dead_letter_id"].as_str().unwrap());
    let again = operator.post(&replay, json!(null)).await.expect(200).body;
    assert_eq!((&again["order_id"], &again["status"]), (&json!(order_id), &json!("searching")));
    assert!(again["due_at"].is_string(), "{again}");
    driver.take(&order_id).await;
    operator.post(&replay, json!(null)).await.problem(404, "not_found");
    let events = customer.caller.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
    let names: Vec<&str> = events["events"].as_array().unwrap().iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!(names, ["created", "paid", "searching", "parked", "retried", "assigned"]);
    assert_eq!(operator.get("/dead-letters").await.expect(200).body["dead_letters"], json!([]));
    let trail = operator.get("/audit").await.expect(200).body["audit"].clone();
    assert_eq!((&trail[0]["act"], &trail[0]["actor"]), (&json!("replay"), &json!("operator:operator-1")));
    assert_eq!(trail[0]["order_id"], order_id.as_str());
}

#[tokio::test]
async fn a_purged_order_has_failed() {
    let server = Server::with(&FEW_TRIES).await;
    let operator = server.operator();
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
    let letter = letter_of(&operator, &order_id).await;
    let letter_id = letter["dead_letter_id"].as_str().unwrap();
    let gone = purge(&operator, letter_id).await.expect(204);
    assert_eq!(gone.text, "");
    assert_eq!(customer.look(&order_id).await["status"], "failed");
    purge(&operator, letter_id).await.problem(404, "not_found");
    let trail = operator.get("/audit").await.expect(200).body["audit"].clone();
    assert_eq!((&trail[0]["act"], &trail[0]["order_id"]), (&json!("purge"), &json!(order_id)));
}

#[tokio::test]
async fn a_dead_letter_survives_a_crash_and_pages_go_on_where_they_ended() {
    let mut server = Server::with(&FEW_TRIES).await;
    let customer = Customer::new(&server, "c-1");
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(customer.order(CENTRE, CENTRE.north(900.0)).await);
    }
    let operator = server.operator();
    for order_id in &orders {
        letter_of(&operator, order_id).await;
    }
    server.kill().await;
    server.boot_again().await;
    let operator = server.operator();
    let whole = operator.get("/dead-letters?queue=orders").await.expect(200).body;
    assert_eq!((whole["dead_letters"].as_array().map(Vec::len), &whole["next_cursor"]), (Some(3), &json!(null)));
    let first = operator.get("/dead-letters?queue=orders&limit=2").await.expect(200).body;
    assert_eq!(first["dead_letters"].as_array().unwrap(), &whole["dead_letters"].as_array().unwrap()[..2]);
    let after = first["next_cursor"].as_str().unwrap();
    let rest = operator.get(&format!("/dead-letters?queue=orders&limit=2&after={after}")).await.expect(200).body;
    assert_eq!(rest["dead_letters"], json!([whole["dead_letters"][2]]));
    assert_eq!(rest["next_cursor"], json!(null));
}

#[tokio::test]
async fn the_list_is_checked_and_refused_to_everybody_else() {
    let server = Server::start().await;
    let operator = server.operator();
    let empty = json!({ "dead_letters": [], "next_cursor": null });
    for queue in ["orders", "fixes"] {
        assert_eq!(operator.get(&format!("/dead-letters?queue={queue}")).await.expect(200).body, empty);
    }
    for (query, pointer) in [("queue=mail", "/queue"), ("after=no%20id", "/after"), ("limit=0", "/limit")] {
        let refused = operator.get(&format!("/dead-letters?{query}")).await.problem(422, "invalid");
        assert_eq!(refused.pointers(), [pointer], "{query}");
    }
    operator.post("/dead-letters/none/replay", json!(null)).await.problem(404, "not_found");
    purge(&operator, "none").await.problem(404, "not_found");
    for role in ["driver", "customer", "merchant", "service"] {
        let caller = server.caller(role, "x-1");
        caller.get("/dead-letters?queue=orders").await.problem(403, "forbidden");
        caller.post("/dead-letters/none/replay", json!(null)).await.problem(403, "forbidden");
        purge(&caller, "none").await.problem(403, "forbidden");
    }
    server.caller("admin", "boss").get("/dead-letters").await.expect(200);
    server.stranger().get("/dead-letters").await.problem(401, "unauthorized");
}

/// The command line on this server, as an operator.
async fn command(server: &Server, arguments: &[&str]) -> Output {
    let mut whole = vec!["dead-letters"];
    whole.extend(arguments);
    whole.extend(["--url", server.base.as_str()]);
    let mut command = beeline(&whole);
    command.env("BEELINE_TOKEN", server.operator().token.unwrap());
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the command ends").unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_string()
}

#[tokio::test]
async fn the_command_line_lists_replays_and_purges() {
    let server = Server::with(&FEW_TRIES).await;
    let operator = server.operator();
    let customer = Customer::new(&server, "c-1");
    let empty = command(&server, &["list", "--queue", "orders"]).await;
    assert_eq!((empty.status.code(), text(&empty.stdout).trim()), (Some(0), "No dead letters in queue orders."));
    let mut letters = Vec::new();
    for _ in 0..3 {
        let order_id = customer.order(CENTRE, CENTRE.north(900.0)).await;
        let letter = letter_of(&operator, &order_id).await["dead_letter_id"].as_str().unwrap().to_owned();
        letters.push((order_id, letter));
    }
    let table = text(&command(&server, &["list", "--queue", "orders"]).await.stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 4 && lines[0].starts_with("ID ") && lines[0].ends_with("CAUSE"), "{table}");
    for (line, (order_id, letter)) in lines[1..].iter().zip(&letters) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[0], words[1], words[2], words[4]), (letter.as_str(), order_id.as_str(), "2", "no_driver"));
    }
    let listed = command(&server, &["list", "--queue", "orders", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["dead_letters"][0]["dead_letter_id"], letters[0].1.as_str());

    // One is done, and what is not there is said.
    let purged = command(&server, &["purge", "--queue", "orders", &letters[0].1, "none"]).await;
    assert_eq!(purged.status.code(), Some(1), "{}", text(&purged.stderr));
    assert!(text(&purged.stdout).contains(&format!("Purged {}", letters[0].1)), "{}", text(&purged.stdout));
    assert!(text(&purged.stderr).contains("none: there is no such dead letter"), "{}", text(&purged.stderr));
    assert_eq!(customer.look(&letters[0].0).await["status"], "failed");
    let wrong_queue = command(&server, &["purge", "--queue", "fixes", &letters[1].1]).await;
    assert_eq!(wrong_queue.status.code(), Some(1));

    let mut driver = Driver::on_shift(&server, "d-1", CENTRE.north(200.0)).await;
    let replayed = command(&server, &["replay", "--queue", "orders", "--all", "--json"]).await;
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stderr));
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(replayed, json!({ "done": [letters[1].1, letters[2].1], "failed": [] }));
    let offer = driver.socket.wait_for("offer").await;
    driver.take_offer(&offer).await;
}

#[tokio::test]
async fn the_command_line_signs_its_own_token_and_says_what_went_wrong() {
    let server = Server::start().await;
    let secret = server.data().join("dev-secret");
    let list = ["dead-letters", "list", "--queue", "orders", "--url"];
    let signed = [&list[..], &[&server.base, "--secret-file", secret.to_str().unwrap()]].concat();
    let output = beeline(&signed).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let customer = server.caller("customer", "c-1").token.unwrap();
    let cases: [(&[&str], i32, &str); 4] = [
        (&[&server.base], 2, "BEELINE_TOKEN"),
        (&[&server.base, "--token", &customer], 1, "forbidden"),
        (&[&server.base, "--token", "x.y.z"], 1, "unauthorized"),
        (&["http://127.0.0.1:1", "--token", &customer], 1, "does not answer"),
    ];
    for (rest, code, why) in cases {
        let output = beeline(&[&list[..], rest].concat()).output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{why}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(why), "{why}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}
