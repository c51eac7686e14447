//! The store of the simulation against the real one: both are asked the same, by rules that have looked lately or long ago and by commits with a
//! flaw, and must answer the same and hold the same. What the simulation shows of the one then holds for the other.

mod flaw;
mod pair;
mod play;

use crate::seeds::from_env;
use crate::switches::Switch;
use pair::Pair;
use pair::Told;
use play::Play;

/// Sequences that `make test` looks at; `BEELINE_SIM_SEEDS` asks for one in so many seeds.
const SEQUENCES: u64 = 80;
const SEEDS_A_SEQUENCE: u64 = 25;
/// Calls of a sequence.
const CALLS: usize = 250;
/// Calls between two comparisons of everything that is stored.
const CALLS_A_LOOK: usize = 10;

/// Plays one sequence; where and how the two differ, if they do.
async fn sequence(seed: u64, switch: Option<Switch>, told: &mut Told) -> Result<(), String> {
    let (mut pair, mut play) = (Pair::open(switch), Play::new(seed));
    let mut done = Ok(());
    for number in 0..CALLS {
        let Some(call) = play.next(&pair.model) else { continue };
        let asked = format!("{call:?}");
        done = pair.ask(call, told).await;
        if done.is_ok() && number % CALLS_A_LOOK == 0 {
            done = pair.compare(play.now).await;
        }
        if let Err(difference) = done {
            done = Err(format!("sequence {seed}, call {number}: {difference}\n{asked}"));
            break;
        }
    }
    pair.close().await;
    done
}

#[tokio::test]
async fn the_store_of_the_simulation_means_what_the_real_one_means() {
    let one = from_env("BEELINE_SIM_SEED");
    let sequences = from_env("BEELINE_SIM_SEEDS").map_or(SEQUENCES, |seeds| seeds.div_ceil(SEEDS_A_SEQUENCE));
    let mut told = Told::default();
    for seed in one.map_or(0..sequences, |seed| seed..seed + 1) {
        if let Err(difference) = sequence(seed, None, &mut told).await {
            panic!("{difference}\nreplay: BEELINE_SIM_SEED={seed} cargo test --test sim differential::the_store");
        }
    }
    println!("{told:#?}");
    let missing: Vec<&&str> = WANTED.iter().filter(|answer| one.is_none() && !told.contains_key(**answer)).collect();
    assert!(missing.is_empty(), "never answered: {missing:?}");
}

/// Answers without which a comparison would say little.
const WANTED: &[&str] = &[
    "commit: Ok(())",
    "commit: Err(Aborted)",
    "commit: Err(NotFound)",
    "commit: Err(Conflict(OrderChanged))",
    "commit: Err(Conflict(DriverChanged))",
    "commit: Err(Conflict(DriverBusy))",
    "commit: Err(Conflict(DriverUnavailable))",
    "accepted: Ok(())",
    "accepted: Err(Conflict(OrderChanged))",
    "accepted: Err(Conflict(DriverChanged))",
    "accepted: Err(Conflict(DriverUnknown))",
    "accepted: Err(Conflict(OfferClosed))",
    "declined: Ok(())",
    "declined: Err(Conflict(OfferClosed))",
    "expired: Ok(())",
    "offer: Ok(())",
    "offer: Err(Aborted)",
    "offer: Err(NotFound)",
    "offer: Err(Conflict(OrderChanged))",
    "offer: Err(Conflict(DriverBusy))",
    "offer: Err(Conflict(OrderOffered))",
    "withdraw: Ok(true)",
    "withdraw: Ok(false)",
    "withdraw: Err(NotFound)",
    "place: Ok(New)",
    "place: Ok(Before)",
    "place: Ok(Mismatch)",
    "place: Err(Conflict(OrderChanged))",
    "answer: Ok(())",
    "answer: Err(NotFound)",
    "save: Ok(())",
    "save: Err(Conflict(DriverChanged))",
];

#[tokio::test]
async fn a_store_that_means_something_else_is_found_out() {
    let switches = [
        Switch::NoUniqueIndex,
        Switch::NoOrderVersionTest,
        Switch::NoDriverVersionTest,
        Switch::ManyOffersAnOrder,
        Switch::ManyOffersADriver,
        Switch::ForgottenKeys,
        Switch::LostAnswers,
        Switch::ForgottenEvents,
        Switch::KeptLetters,
        Switch::NoAudit,
    ];
    for switch in switches {
        let mut found = None;
        for seed in 0..SEQUENCES {
            found = sequence(seed, Some(switch), &mut Told::default()).await.err();
            if found.is_some() {
                break;
            }
        }
        assert!(found.is_some(), "{switch:?} made no difference in {SEQUENCES} sequences");
    }
}
