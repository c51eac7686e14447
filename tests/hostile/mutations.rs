//! Frames spoilt at random: every answer and close code is one of the contract, and nobody else notices.
//!
//! Good messages of every door are changed in their JSON, their bytes, their headers and their order, and sent over many
//! connections. Beside them a healthy driver and customer must go on within a second. `BEELINE_MUTATIONS` says how many.

mod attacker;
mod frames;
mod messages;
mod pair;
mod raw;
mod spoil;
mod tally;

use crate::proof::Dice;
use crate::proof::seed;
use crate::proof::server_without_limits;
use crate::proof::tries;
use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Server;
use attacker::Attacker;
use messages::Door;
use pair::Pair;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;
use tally::Outcome;
use tally::Tally;

const USUAL: usize = 50_000;
/// At each door.
const ATTACKERS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoilt_frames_get_an_answer_of_the_contract_and_disturb_nobody() {
    let wanted = tries("BEELINE_MUTATIONS", USUAL);
    let mut dice = Dice::new(seed());
    let server = Arc::new(server_without_limits().await);
    let pair = Pair::live(server.clone());
    let left = Arc::new(AtomicUsize::new(wanted));
    let began = Instant::now();
    let mut attackers = Vec::new();
    for door in Door::ALL {
        for number in 0..ATTACKERS {
            let attacker = attacker(&server, door, number, dice.split(), left.clone()).await;
            attackers.push(tokio::spawn(attacker.attack()));
        }
    }
    let mut tally = Tally::default();
    for attacker in attackers {
        tally.add(&attacker.await.unwrap().unwrap_or_else(|what| panic!("{what}")));
    }
    let health = pair.end();
    println!("{wanted} spoilt frames in {:.1?}: {tally}", began.elapsed());
    println!("the healthy pair: {} fixes, the slowest shown after {:.1?}", health.fixes, health.slowest);
    assert_eq!(health.hangs, Vec::<String>::new());
    assert!(health.fixes > 0 && tally.left_lying > 0);
    server.stranger().send(server.stranger().request(reqwest::Method::GET, "/healthz")).await.expect(200);
    let log = server.log_text();
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    for outcome in [Outcome::Answered, Outcome::Ignored, Outcome::Held, Outcome::Closed(1002)] {
        assert!(tally.by_outcome.contains_key(&outcome), "{outcome:?} never happened");
    }
}

async fn attacker(server: &Server, door: Door, number: usize, dice: Dice, left: Arc<AtomicUsize>) -> Attacker {
    let name = format!("spoiler-{number}");
    let order_id = match door {
        Door::Customer => Customer::new(server, &name).order(CENTRE.north(50_000.0), CENTRE.north(50_900.0)).await,
        Door::Driver | Door::Operator => format!("no-order-{number}"),
    };
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let token = server.caller(door.role(), &name).token.unwrap();
    Attacker { address, door, token, order_id, dice, left }
}
