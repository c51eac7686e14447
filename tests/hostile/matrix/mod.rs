//! Every cell of the table of rules: each call and message, asked by every kind of person, about their own things and
//! others', at every step of an order. The table says what the answer must be; who is refused learns nothing and changes
//! nothing.

mod cast;

use crate::support::Caller;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNHURRIED;
use beeline::domain::order::Status;
use beeline::http::access::Action;
use beeline::http::access::Asked;
use beeline::http::access::RULES;
use beeline::http::access::Rule;
use beeline::http::access::Who;
use beeline::http::access::Whose;
use beeline::http::documents::Door;
use beeline::protocol::identity::Role;
use cast::Cast;
use cast::Person;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

const ABSENT: &str = "0190a000-0000-7000-8000-000000000000";
/// Steps an order is asked about at.
const STEPS: [Status; 8] = [
    Status::Searching,
    Status::Assigned,
    Status::AtPickup,
    Status::PickedUp,
    Status::AtDropoff,
    Status::Delivered,
    Status::Cancelled,
    Status::Failed,
];

/// What the table says of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Refused(u16, String),
}

/// What the table says of this person and a thing that is theirs or not, at this step if it is an order.
fn verdict(rule: &Rule, person: &Person, step: Option<Status>) -> Verdict {
    let refused = |status, code: &str| Verdict::Refused(status, code.to_owned());
    let grants = match (&rule.who, person.role) {
        (Who::Everybody, _) => return Verdict::Allowed,
        (Who::These(_), None) => return refused(401, "unauthorized"),
        (Who::These(grants), Some(_)) => grants,
    };
    let Some(grant) = grants.iter().find(|grant| Some(grant.role) == person.role) else {
        return refused(403, "forbidden");
    };
    if grant.whose == Whose::Own && !person.owns {
        return refused(404, "not_found");
    }
    match step {
        Some(step) if !grant.when.steps.contains(&step) => {
            refused(grant.when.otherwise.status(), grant.when.otherwise.as_str())
        }
        _ => Verdict::Allowed,
    }
}

/// What is asked of an answer.
fn check(cell: &str, wanted: &Verdict, status: u16, body: &Value, secrets: &[&str]) {
    match wanted {
        Verdict::Allowed => {
            assert!(!matches!(status, 401 | 403 | 404 | 429) && status < 500, "{cell}: allowed, but {status} {body}");
        }
        Verdict::Refused(wanted, code) => {
            assert_eq!((status, body["code"].as_str()), (*wanted, Some(code.as_str())), "{cell}: {body}");
            let said = body.to_string();
            for secret in secrets {
                assert!(!said.contains(secret), "{cell}: the refusal tells {secret}: {said}");
            }
        }
    }
}

/// The calls about one order, with what they send.
fn about_an_order(action: Action, cast: &Cast) -> Option<Value> {
    match action {
        Action::Order | Action::OrderEvents | Action::OrderDriverLocation | Action::FollowOrder => Some(Value::Null),
        Action::CancelOrder | Action::OrderReady | Action::UnassignOrder => Some(json!({})),
        Action::OrderStatus => Some(json!({ "status": "at_pickup" })),
        Action::AssignOrder => Some(json!({ "driver_id": cast.driver })),
        _ => None,
    }
}

fn changes(action: Action) -> bool {
    let Asked::Call { method, .. } = action.rule().asked else { return true };
    method != "GET"
}

/// Asks one call; the status and body of the answer.
async fn ask(server: &Server, caller: &Caller, rule: &Rule, id: &str, body: &Value) -> (u16, Value) {
    let Asked::Call { method, path, upgrade } = rule.asked else { panic!("no call") };
    let path = path.replace("{id}", id).replace("{offer_id}", ABSENT);
    if upgrade == Some(true) || path.starts_with("/ws/") {
        return match Socket::open(&server.base, &path, caller.token.as_deref()).await {
            Ok(_) => (101, Value::Null),
            Err(refused) => (refused.status, refused.body),
        };
    }
    let request = caller.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
    let request = if body.is_null() { request } else { request.json(body) };
    let reply = caller.send(request).await;
    (reply.status, reply.body)
}

async fn version(server: &Server, order_id: &str) -> i64 {
    let order = server.operator().get(&format!("/orders/{order_id}")).await.expect(200).body;
    order["version"].as_i64().unwrap()
}

async fn server() -> Server {
    let settings = [
        ("BEELINE_DRIVER_LOST", "0s"),
        ("BEELINE_MAX_SOCKETS_PER_PRINCIPAL", "0"),
        ("BEELINE_MAX_SOCKETS_PER_ADDRESS", "0"),
        ("BEELINE_OFFER_TIMEOUT", "5m"),
    ];
    let settings: Vec<_> = settings.into_iter().chain(UNHURRIED).collect();
    Server::with(&settings).await
}

#[tokio::test]
async fn every_call_about_an_order_is_answered_as_the_table_says() {
    let server = server().await;
    let mut cells = 0;
    for step in STEPS {
        let victim = Cast::at(&server, step).await;
        let before = version(&server, &victim.order_id).await;
        for rule in RULES {
            let Some(body) = about_an_order(rule.action, &victim) else { continue };
            for person in victim.people() {
                let wanted = verdict(rule, &person, Some(step));
                let cell = format!("{:?} by {} at {}", rule.action, person.name, step.as_str());
                let caller = victim.caller(&server, &person);
                if wanted == Verdict::Allowed && changes(rule.action) {
                    // What is allowed changes the order: on one of its own.
                    let fresh = Cast::at(&server, step).await;
                    let body = about_an_order(rule.action, &fresh).unwrap();
                    let caller = fresh.caller(&server, &person);
                    let (status, body) = ask(&server, &caller, rule, &fresh.order_id, &body).await;
                    check(&cell, &wanted, status, &body, &[]);
                } else {
                    let (status, said) = ask(&server, &caller, rule, &victim.order_id, &body).await;
                    check(&cell, &wanted, status, &said, &victim.secrets());
                    if wanted == Verdict::Refused(404, "not_found".to_owned()) {
                        let (status, absent) = ask(&server, &caller, rule, ABSENT, &body).await;
                        assert_eq!((status, without_id(absent)), (404, without_id(said)), "{cell}: not as if absent");
                    }
                }
                cells += 1;
            }
        }
        assert_eq!(version(&server, &victim.order_id).await, before, "a refused call changed an order at {step:?}");
    }
    eprintln!("{cells} cells about orders over HTTP, 0 leaks");
    assert!(cells >= 600, "{cells}");
}

fn without_id(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body
}

#[tokio::test]
async fn every_other_call_is_answered_as_the_table_says() {
    let server = server().await;
    let victim = Cast::at(&server, Status::Assigned).await;
    let mut cells = 0;
    for rule in RULES {
        if !matches!(rule.asked, Asked::Call { .. }) || about_an_order(rule.action, &victim).is_some() {
            continue;
        }
        let (id, body) = other_call(rule.action, &victim);
        for person in victim.people() {
            // Addresses without a name in them are everybody's own.
            let owns = person.owns || !names_a_driver(rule.action);
            let person = Person { owns, ..person };
            let wanted = verdict(rule, &person, None);
            let cell = format!("{:?} by {}", rule.action, person.name);
            let caller = victim.caller(&server, &person);
            let (status, said) = ask(&server, &caller, rule, &id, &body).await;
            // Nothing lies at these addresses: who may ask is told so.
            let nothing = matches!(
                rule.action,
                Action::Tile
                    | Action::PurgeDeadLetter
                    | Action::ReplayDeadLetter
                    | Action::AcceptOffer
                    | Action::DeclineOffer
            );
            match wanted {
                Verdict::Allowed if nothing => assert_eq!(status, 404, "{cell}: {said}"),
                _ => check(&cell, &wanted, status, &said, &victim.secrets()),
            }
            cells += 1;
        }
    }
    eprintln!("{cells} other cells over HTTP, 0 leaks");
    assert!(cells >= 200, "{cells}");
}

fn names_a_driver(action: Action) -> bool {
    let Asked::Call { path, .. } = action.rule().asked else { return false };
    path.starts_with("/api/v1/drivers/{id}")
}

/// The id in the address, and what is sent.
fn other_call(action: Action, cast: &Cast) -> (String, Value) {
    let body = match action {
        Action::ReportLocation => cast.fix(),
        Action::SetDriver => json!({ "name": "someone" }),
        Action::SetDriverStatus => json!({ "status": "paused" }),
        Action::Revoke => json!({ "subject": "nobody-in-particular" }),
        // Without what an order needs: who may place one is told what is wrong with it.
        Action::PlaceOrder => json!({}),
        Action::ReplayDeadLetter | Action::AcceptOffer | Action::DeclineOffer => json!({}),
        _ => Value::Null,
    };
    let id = if names_a_driver(action) { cast.driver.clone() } else { ABSENT.to_owned() };
    (id, body)
}

#[tokio::test]
async fn every_message_about_an_order_is_answered_as_the_table_says() {
    let server = server().await;
    let mut cells = 0;
    for step in STEPS {
        let victim = Cast::at(&server, step).await;
        let before = version(&server, &victim.order_id).await;
        for (rule, door) in messages_about_orders() {
            for person in victim.people() {
                if verdict(door_of(door).rule(), &Person { owns: true, ..person.clone() }, None) != Verdict::Allowed {
                    // The door itself is closed to them, which is a cell of its own.
                    continue;
                }
                let wanted = verdict(rule, &person, Some(step));
                let cell = format!("{:?} by {} at {}", rule.action, person.name, step.as_str());
                let fresh;
                let cast = if wanted == Verdict::Allowed && rule.action == Action::SayOrderStatus {
                    fresh = Cast::at(&server, step).await;
                    &fresh
                } else {
                    &victim
                };
                let mut socket = cast.caller(&server, &person).socket(&format!("/ws/{}", door.name())).await;
                let answer = socket.ask(message(rule.action, &cast.order_id)).await;
                match &wanted {
                    // The order itself may say no to a step.
                    Verdict::Allowed => assert!(
                        answer["type"] == "ok" || answer["code"] == "illegal_transition",
                        "{cell}: allowed, but {answer}"
                    ),
                    Verdict::Refused(_, code) => {
                        assert_eq!(
                            (&answer["type"], &answer["code"]),
                            (&json!("error"), &json!(code)),
                            "{cell}: {answer}"
                        );
                        let absent = socket.ask(message(rule.action, ABSENT)).await;
                        if code == "not_found" {
                            assert_eq!(absent["detail"], answer["detail"], "{cell}: not as if absent");
                        }
                        assert!(socket.every("order").is_empty() && socket.every("location").is_empty(), "{cell}");
                    }
                }
                cells += 1;
            }
        }
        assert_eq!(version(&server, &victim.order_id).await, before, "a refused message changed an order at {step:?}");
    }
    eprintln!("{cells} cells of messages, 0 leaks");
    assert!(cells >= 30, "{cells}");
}

fn messages_about_orders() -> Vec<(&'static Rule, Door)> {
    let about = [Action::SaySubscribe, Action::SayOrderStatus];
    let doors = |rule: &'static Rule| match rule.asked {
        Asked::Message { doors, .. } => doors.iter().map(|door| (rule, *door)).collect(),
        _ => Vec::new(),
    };
    about.iter().flat_map(|action| doors(action.rule())).collect()
}

fn door_of(door: Door) -> Action {
    match door {
        Door::Driver => Action::DriverDoor,
        Door::Customer => Action::CustomerDoor,
        Door::Operator => Action::OperatorDoor,
    }
}

fn message(action: Action, order_id: &str) -> Value {
    match action {
        Action::SaySubscribe => json!({ "type": "subscribe", "order_id": order_id }),
        _ => json!({ "type": "order.status", "order_id": order_id, "status": "at_pickup" }),
    }
}

#[tokio::test]
async fn an_offer_is_answered_by_the_driver_it_was_made_to_and_by_nobody_else() {
    let server = server().await;
    for verb in ["accept", "decline"] {
        let (cast, offer_id) = Cast::offered(&server).await;
        for person in cast.people() {
            let owner = person.role == Some(Role::Driver) && person.owns;
            if owner || person.role == Some(Role::Service) {
                continue;
            }
            let path = format!("/orders/{}/offers/{offer_id}/{verb}", cast.order_id);
            let (status, code) = match person.role {
                None => (401, "unauthorized"),
                Some(Role::Driver) => (404, "not_found"),
                Some(_) => (403, "forbidden"),
            };
            cast.caller(&server, &person).post(&path, json!({})).await.problem(status, code);
        }
        let mut other = server.caller("driver", "another").socket("/ws/driver").await;
        other.refused(json!({ "type": format!("offer.{verb}"), "offer_id": offer_id }), "not_found").await;
        let path = format!("/orders/{}/offers/{offer_id}/{verb}", cast.order_id);
        server.caller("driver", &cast.driver).post(&path, json!({})).await.expect(200);
    }
}
