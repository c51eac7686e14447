//! Connections cut anywhere: whoever comes back with the last seq seen misses nothing, and what drivers send again is stored once.
//!
//! Customers follow orders, and drivers stream fixes, through proxies that cut every connection after a random number of
//! bytes: in the handshake, in a frame, between two, by FIN or by RST. `BEELINE_CUTS` says how many cuts.

mod booth;
mod courier;
mod place;
mod proxy;
mod told;
mod watcher;

use crate::proof::Dice;
use crate::proof::seed;
use crate::proof::server_without_limits;
use crate::proof::tries;
use crate::support::Caller;
use booth::Booth;
use booth::Keeper;
use courier::Courier;
use proxy::Knife;
use proxy::Reach;
use std::sync::Arc;
use std::time::Instant;
use told::Event;
use watcher::Watcher;

const USUAL: usize = 500;
const CUSTOMERS: usize = 10;
/// Sockets of each customer, each behind a proxy of its own.
const SCREENS: usize = 2;
const COURIERS: usize = 5;
const WATCHER_REACH: Reach = Reach { from_client: 1_500, from_server: 15_000 };
const COURIER_REACH: Reach = Reach { from_client: 15_000, from_server: 900 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_any_byte_lose_no_event_and_double_no_fix() {
    let wanted = tries("BEELINE_CUTS", USUAL);
    let mut dice = Dice::new(seed());
    let server = server_without_limits().await;
    let upstream = server.base.strip_prefix("http://").unwrap().to_owned();
    let knife = Knife::new(wanted);
    let began = Instant::now();
    let (mut keepers, mut watchers, mut couriers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..CUSTOMERS {
        let booth = Arc::new(Booth::default());
        for _ in 0..SCREENS {
            let address = proxy::start(upstream.clone(), knife.clone(), WATCHER_REACH, dice.split()).await;
            let token = server.caller("customer", &format!("watched-{number}")).token.unwrap();
            watchers.push(tokio::spawn(Watcher::new(booth.clone(), address, token, dice.split()).watch()));
        }
        let keeper = Keeper::new(&server, booth, number, dice.split()).await;
        keepers.push(tokio::spawn(keeper.keep(knife.clone())));
    }
    for number in 0..COURIERS {
        let name = format!("courier-{number}");
        let address = proxy::start(upstream.clone(), knife.clone(), COURIER_REACH, dice.split()).await;
        let token = server.caller("driver", &name).token.unwrap();
        couriers.push(tokio::spawn(Courier::new(name, address, token, dice.split()).stream(knife.clone())));
    }
    for keeper in keepers {
        keeper.await.unwrap();
    }
    let operator = server.operator();
    let (mut events, mut repeats, mut connections) = (0, 0, 0);
    for watcher in watchers {
        let watcher = watcher.await.unwrap().unwrap_or_else(|what| panic!("a watcher: {what}"));
        connections += watcher.connections;
        for (order_id, told) in &watcher.told {
            let truth = truth_of(&operator, order_id).await;
            told.compare(&truth).unwrap_or_else(|what| panic!("{order_id}: {what}"));
            events += told.events.len();
            repeats += told.repeats;
        }
    }
    let (mut fixes, mut sent_again) = (0, 0);
    for courier in couriers {
        let courier = courier.await.unwrap().unwrap_or_else(|what| panic!("a courier: {what}"));
        fixes += courier.check_history(&operator).await.unwrap_or_else(|what| panic!("{}: {what}", courier.name));
        (connections, sent_again) = (connections + courier.connections, sent_again + courier.sent_again);
    }
    println!("{} cuts of {connections} connections in {:.1?}: {:?}", knife.made(), began.elapsed(), knife.tally());
    println!("{events} events told, {repeats} of them again; {fixes} fixes, {sent_again} sent again, each stored once");
    assert!(knife.made() >= wanted && events > wanted, "too little happened: {events} events");
}

async fn truth_of(operator: &Caller, order_id: &str) -> Vec<Event> {
    let answer = operator.get(&format!("/orders/{order_id}/events")).await.expect(200).body;
    answer["events"].as_array().unwrap().iter().map(Event::read).collect()
}
