//! A contest: 60 orders, 20 drivers, and everybody at once, again and again. Whatever they try, the history in the database shows one winner.
//!
//! `BEELINE_CONTEST` says how many assignments are contested; `make contest` asks for a million.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNHURRIED;
use crate::support::order_body;
use rusqlite::Connection;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

const ORDERS: usize = 60;
const DRIVERS: usize = 20;
const OPERATORS: usize = 6;
/// Longest run for the usual number of contested assignments.
const DEADLINE: Duration = Duration::from_secs(180);
const USUAL: u64 = 10_000;

/// A small generator: the order of events is the network's, the choices are the seed's.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// What everybody sees: the orders that are about, and how many assignments have been fought for.
#[derive(Clone, Default)]
struct Arena {
    orders: Arc<Mutex<Vec<String>>>,
    contested: Arc<AtomicU64>,
    won: Arc<AtomicU64>,
    wanted: u64,
}

impl Arena {
    fn is_over(&self) -> bool {
        self.contested.load(Ordering::Relaxed) >= self.wanted
    }

    async fn any(&self, dice: &mut Dice) -> Option<String> {
        let orders = self.orders.lock().await;
        (!orders.is_empty()).then(|| orders[dice.roll(orders.len())].clone())
    }

    /// An attempt to be the one: 200 is a win (or a repeated yes), 404 and 409 a loss, anything else a bug.
    async fn fight(&self, caller: &Caller, path: &str, body: Value) -> bool {
        let status = caller.post(path, body).await.status;
        assert!(matches!(status, 200 | 404 | 409), "{path} answered {status}");
        self.contested.fetch_add(1, Ordering::Relaxed);
        self.won.fetch_add(u64::from(status == 200), Ordering::Relaxed);
        status == 200
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_everybody_who_wants_an_order_or_a_driver_one_wins() {
    let wanted = std::env::var("BEELINE_CONTEST").ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    let settings = [("BEELINE_OFFER_TIMEOUT", "1s"), ("BEELINE_STALE", "0s"), ("BEELINE_GONE", "0s")];
    let settings: Vec<_> = settings.into_iter().chain(UNHURRIED).collect();
    let mut server = Server::with(&settings).await;
    let arena = Arena { wanted, ..Arena::default() };
    let mut people = Vec::new();
    for number in 0..DRIVERS {
        let driver = Driver::on_shift(&server, &format!("d-{number}"), CENTRE.north(40.0 * number as f64)).await;
        let rival = server.caller("driver", &format!("d-{}", (number + 1) % DRIVERS));
        people.push(tokio::spawn(drive(driver, rival, arena.clone(), Dice(number as u64))));
    }
    for number in 0..OPERATORS {
        let operator = server.caller("operator", &format!("op-{number}"));
        people.push(tokio::spawn(meddle(operator, arena.clone(), Dice(1_000 + number as u64))));
    }
    for number in 0..4 {
        let customer = Customer::new(&server, &format!("c-{number}"));
        people.push(tokio::spawn(order(customer, arena.clone(), Dice(2_000 + number as u64))));
    }
    let deadline = Instant::now() + DEADLINE * u32::try_from(wanted.div_ceil(USUAL)).unwrap();
    let mut told = Instant::now();
    while !arena.is_over() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let contested = arena.contested.load(Ordering::Relaxed);
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            println!("{contested} of {wanted} contested assignments, {} won", arena.won.load(Ordering::Relaxed));
        }
        assert!(Instant::now() < deadline, "{contested} of {wanted} contested assignments by the deadline");
    }
    for person in people {
        person.await.unwrap();
    }
    server.terminate().await;
    assert!(server.exit().await.success());
    let history = Connection::open(server.data().join("beeline.db")).unwrap();
    let (drivers, assignments) = drivers_carry_one_at_a_time(&history);
    let orders = orders_have_one_driver_at_a_time(&history);
    println!(
        "{} contested, {} won: {assignments} assignments of {drivers} drivers over {orders} orders, none double",
        arena.contested.load(Ordering::Relaxed),
        arena.won.load(Ordering::Relaxed)
    );
    assert!(assignments > wanted / 200, "too little happened: {assignments} assignments");
}

/// Answers offers in every way there is, lets a rival try the same, and takes a few steps with what was won.
async fn drive(mut driver: Driver, rival: Caller, arena: Arena, mut dice: Dice) {
    while !arena.is_over() {
        for frame in driver.socket.listen(Duration::from_millis(30)).await {
            match frame["type"].as_str() {
                Some("offer") => answer(&driver.caller, &rival, &frame, &arena, &mut dice).await,
                Some("order") if frame["order"]["driver_id"] == driver.id.as_str() => {
                    let order_id = frame["order_id"].as_str().unwrap().to_owned();
                    go_on(&driver.caller, &order_id, frame["status"].as_str().unwrap(), &mut dice).await;
                }
                _ => {}
            }
        }
        driver.at(CENTRE.north(40.0 * dice.roll(DRIVERS) as f64)).await;
    }
}

async fn answer(me: &Caller, rival: &Caller, offer: &Value, arena: &Arena, dice: &mut Dice) {
    let order_id = offer["orders"][0]["order_id"].as_str().unwrap();
    let path = format!("/orders/{order_id}/offers/{}", offer["offer_id"].as_str().unwrap());
    let (accept, decline) = (format!("{path}/accept"), format!("{path}/decline"));
    let nothing = || Value::Null;
    match dice.roll(8) {
        0 => {
            me.post(&decline, nothing()).await;
        }
        // Left to lapse.
        1 => {}
        2 | 3 => {
            let (yes, _) = tokio::join!(arena.fight(me, &accept, nothing()), me.post(&decline, nothing()));
            let _ = yes;
        }
        _ => {
            let fights = tokio::join!(
                arena.fight(me, &accept, nothing()),
                arena.fight(rival, &accept, nothing()),
                arena.fight(me, &accept, nothing())
            );
            assert!(!fights.1, "a rival accepted an offer that was not theirs");
        }
    }
}

async fn go_on(me: &Caller, order_id: &str, status: &str, dice: &mut Dice) {
    let next = match status {
        "assigned" if dice.roll(4) == 0 => "searching",
        "assigned" => "at_pickup",
        "at_pickup" => "picked_up",
        "picked_up" => "at_dropoff",
        "at_dropoff" => "delivered",
        _ => return,
    };
    let answer = me.post(&format!("/orders/{order_id}/status"), json!({ "status": next })).await;
    assert!(matches!(answer.status, 200 | 404 | 409), "a step answered {}", answer.text);
}

/// Gives orders to drivers by hand, two of each at the same time, and takes some back.
async fn meddle(operator: Caller, arena: Arena, mut dice: Dice) {
    while !arena.is_over() {
        let Some(order_id) = arena.any(&mut dice).await else { continue };
        let Some(other) = arena.any(&mut dice).await else { continue };
        let mut to = || json!({ "driver_id": format!("d-{}", dice.roll(DRIVERS)) });
        let (first, second) = (to(), to());
        let (this, that) = (format!("/orders/{order_id}/assign"), format!("/orders/{other}/assign"));
        tokio::join!(
            arena.fight(&operator, &this, first.clone()),
            arena.fight(&operator, &this, second),
            arena.fight(&operator, &that, first)
        );
        match dice.roll(10) {
            0..=3 => {
                operator.post(&format!("/orders/{order_id}/unassign"), Value::Null).await;
            }
            4 => {
                operator.post(&format!("/orders/{other}/cancel"), Value::Null).await;
            }
            _ => {}
        }
    }
}

/// Keeps the arena full, and thinks better of some.
async fn order(customer: Customer, arena: Arena, mut dice: Dice) {
    while !arena.is_over() {
        if arena.orders.lock().await.len() < ORDERS {
            let order_id = customer.order_with(order_body(CENTRE, CENTRE.north(900.0))).await;
            arena.orders.lock().await.push(order_id);
            continue;
        }
        let Some(order_id) = arena.any(&mut dice).await else { continue };
        let seen = customer.caller.get(&format!("/orders/{order_id}")).await;
        if seen.status == 404 {
            continue;
        }
        let status = seen.body["status"].as_str().unwrap().to_owned();
        if matches!(status.as_str(), "delivered" | "cancelled" | "failed") {
            arena.orders.lock().await.retain(|other| *other != order_id);
        } else if dice.roll(20) == 0 {
            customer.caller.post(&format!("/orders/{order_id}/cancel"), Value::Null).await;
        }
    }
}

/// Every driver's assignments, one after the other: each ends before the next begins. How many drivers and assignments there were.
fn drivers_carry_one_at_a_time(history: &Connection) -> (usize, u64) {
    let mut statement = history
        .prepare("SELECT driver_id, began_at, ended_at FROM assignments ORDER BY driver_id, began_at, ended_at IS NULL, ended_at")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let mut free_from: BTreeMap<String, Option<i64>> = BTreeMap::new();
    let mut count = 0;
    for row in rows {
        let (driver_id, began_at, ended_at): (String, i64, Option<i64>) = row.unwrap();
        if let Some(before) = free_from.get(&driver_id) {
            let freed_at =
                before.unwrap_or_else(|| panic!("{driver_id} began at {began_at} without having been freed"));
            assert!(freed_at <= began_at, "{driver_id} began at {began_at}, and was free only at {freed_at}");
        }
        free_from.insert(driver_id, ended_at);
        count += 1;
    }
    (free_from.len(), count)
}

/// Every order's events: no gap, and between two `assigned` the first driver was let go. How many orders there were.
fn orders_have_one_driver_at_a_time(history: &Connection) -> usize {
    let mut statement =
        history.prepare("SELECT order_id, seq, event, driver_id FROM order_events ORDER BY order_id, seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let mut seen: BTreeMap<String, (i64, Option<String>)> = BTreeMap::new();
    for row in rows {
        let (order_id, seq, event, driver_id): (String, i64, String, Option<String>) = row.unwrap();
        let (last, carrier) = seen.entry(order_id.clone()).or_insert((0, None));
        assert_eq!(seq, *last + 1, "{order_id} has a gap");
        *last = seq;
        match event.as_str() {
            "assigned" => {
                assert_eq!(*carrier, None, "{order_id} has two winners at {seq}");
                carrier.clone_from(&driver_id);
                assert!(carrier.is_some(), "{order_id} is assigned to nobody at {seq}");
            }
            "released" => *carrier = None,
            _ => assert!(driver_id.is_none() || driver_id == *carrier, "{order_id} changed hands at {seq}"),
        }
    }
    seen.len()
}
