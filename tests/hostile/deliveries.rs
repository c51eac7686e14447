//! Who sees whom: every position that reaches anybody lies in the active part of that order with that very driver.
//!
//! Drivers stream fixes while orders are given, taken away, given to others, called off and delivered, and while drivers
//! pause and withdraw their consent. Everything delivered is noted with its time and held against the store afterwards.
//! `BEELINE_DELIVERIES` says how many deliveries.

mod city;
mod eye;
mod history;
mod screens;

use crate::proof::Dice;
use crate::proof::seed;
use crate::proof::server_without_limits;
use crate::proof::tries;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Server;
use city::City;
use city::customer_name;
use history::Delivery;
use history::Part;
use screens::Screen;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

const USUAL: usize = 10_000;
/// Each has one order open at a time.
const CUSTOMERS: usize = 40;
const DRIVERS: usize = 20;
const OPERATORS: usize = 10;
/// Customers with a second socket that comes and goes, and who read plainly too.
const RESTLESS: usize = 12;
const STRANGERS: usize = 5;
/// Longest run for the usual number.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_position_delivered_lies_in_the_active_part_of_its_order_with_its_driver() {
    let wanted = tries("BEELINE_DELIVERIES", USUAL);
    let mut dice = Dice::new(seed());
    let server = server_without_limits().await;
    let city = City::new(wanted);
    let began = Instant::now();
    let mut busy = Vec::new();
    for driver in city::drivers(&server, DRIVERS).await {
        busy.push(tokio::spawn(city.clone().drive(driver, dice.split())));
    }
    for number in 0..CUSTOMERS {
        let name = customer_name(number);
        busy.push(tokio::spawn(city.clone().order(Customer::new(&server, &name), name, dice.split())));
    }
    for _ in 0..OPERATORS {
        busy.push(tokio::spawn(city.clone().meddle(server.operator(), DRIVERS, dice.split())));
    }
    let screens = screens(&server, &city, &mut dice);
    let deadline = began + DEADLINE * u32::try_from(wanted.div_ceil(USUAL)).unwrap();
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    while !city.is_over() && screens.iter().all(|screen| !screen.is_finished()) {
        beat.tick().await;
        assert!(Instant::now() < deadline, "{:?} deliveries by the deadline", city.delivered);
        assert!(busy.iter().all(|person| !person.is_finished()) || city.is_over(), "somebody gave up");
    }
    let (mut deliveries, mut sockets, mut refusals) = (Vec::new(), 0, 0);
    for screen in screens {
        let seen = screen.await.unwrap().unwrap_or_else(|what| panic!("{what}"));
        deliveries.extend(seen.deliveries);
        (sockets, refusals) = (sockets + seen.sockets, refusals + seen.refusals);
    }
    for person in busy {
        person.await.unwrap();
    }
    let (took, changes) = (began.elapsed(), city.changes.load(Ordering::Relaxed));
    println!("{} deliveries to {sockets} sockets in {took:.1?}, {changes} changes", deliveries.len());
    check(&deliveries, &truth(&server.operator(), &city).await, &city);
    assert!(changes > wanted / 100 && refusals > 0, "too little happened: {changes} changes, {refusals} refusals");
}

type Looking = tokio::task::JoinHandle<Result<screens::Seen, String>>;

/// Everybody who looks: one socket for each customer, and what else there is.
fn screens(server: &Server, city: &Arc<City>, dice: &mut Dice) -> Vec<Looking> {
    let address = server.base.strip_prefix("http://").unwrap();
    let mut screen = |name: String| {
        let caller = server.caller("customer", &name);
        Screen::new(city, address, caller, name, dice.split())
    };
    let mut all: Vec<Looking> = Vec::new();
    for number in 0..CUSTOMERS {
        all.push(tokio::spawn(screen(customer_name(number)).stay()));
    }
    for number in 0..RESTLESS {
        all.push(tokio::spawn(screen(customer_name(number)).come_and_go()));
        all.push(tokio::spawn(screen(customer_name(number)).poll()));
    }
    for number in 0..STRANGERS {
        all.push(tokio::spawn(screen(format!("stranger-{number}")).intrude()));
    }
    all
}

/// The active parts of every order, as the store tells them.
async fn truth(operator: &Caller, city: &City) -> HashMap<String, Vec<Part>> {
    let (answers, mut truth) = (city.answers(), HashMap::new());
    for order_id in city.all_orders() {
        let answer = operator.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
        truth.insert(order_id, history::parts(answer["events"].as_array().unwrap(), &answers));
    }
    truth
}

fn check(deliveries: &[Delivery], truth: &HashMap<String, Vec<Part>>, city: &City) {
    let hidden = city.hidden();
    let (mut outside, mut late, mut slow, mut latest_ms) = (Vec::new(), 0, 0, 0);
    for delivery in deliveries {
        match truth.get(&delivery.order_id).map(|parts| history::judge(delivery, parts)) {
            None => outside.push(format!("{delivery:?}: nobody's order")),
            Some(Err(why)) => outside.push(why),
            Some(Ok(fine)) => {
                late += usize::from(fine.late_ms > 0);
                slow += usize::from(fine.by_slow_store);
                latest_ms = latest_ms.max(fine.late_ms);
            }
        }
        if history::shows_hidden(delivery, &hidden) {
            outside.push(format!("{delivery:?}: shown without consent"));
        }
    }
    let parts: usize = truth.values().map(Vec::len).sum();
    println!(
        "{} outside, of {parts} active parts of {} orders; {} times hidden",
        outside.len(),
        truth.len(),
        hidden.len()
    );
    println!("{late} after the end, at most {latest_ms} ms; {slow} of them because the store was slow");
    assert!(outside.is_empty(), "{} outside: {:#?}", outside.len(), &outside[..outside.len().min(10)]);
}
