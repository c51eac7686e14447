//! Every offer comes to an end that everybody concerned hears of.

use super::Boom;
use super::Phone;
use super::Stage;
use crate::actors::desk;
use crate::actors::driver::GetGreeting;
use crate::actors::driver::MakeOffer;
use crate::actors::driver::ReloadDriver;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::tell;
use crate::clock;
use crate::domain::dispatch::Offer;
use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::DriverStatus;
use crate::domain::driver::Shift;
use crate::domain::ids::OfferId;
use crate::domain::order::By;
use crate::domain::order::Step;
use crate::protocol::problem::Code;
use bytestring::ByteString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

async fn offered(stage: &Stage, phone: &mut Phone) -> OfferId {
    stage.until("an offer", || phone.reader.has("offer")).await;
    OfferId::parse(phone.reader.of("offer").last().unwrap()["offer_id"].as_str().unwrap()).unwrap()
}

async fn closed(stage: &Stage, phone: &mut Phone, offer_id: &OfferId) -> String {
    stage.until("the offer is closed", || phone.reader.has("offer.closed")).await;
    let told = phone.reader.of("offer.closed");
    let of_this: Vec<_> = told.iter().filter(|frame| frame["offer_id"] == offer_id.as_str()).collect();
    assert_eq!(of_this.len(), 1, "told once: {told:?}");
    of_this[0]["reason"].as_str().unwrap().to_owned()
}

async fn outcome(stage: &Stage, offer_id: &OfferId) -> Option<OfferOutcome> {
    stage.world.store.orders.offer_fetch(offer_id.clone()).await.unwrap().unwrap().outcome
}

#[actix::test]
async fn a_cancelled_order_frees_the_driver_it_was_offered_to_at_once() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    let offer_id = offered(&stage, &mut phone).await;
    stage.until_status(&phone.driver_id, DriverStatus::Offered).await;
    stage.step(&order.order_id, Step::Cancel, By::Customer).await;
    assert_eq!(closed(&stage, &mut phone, &offer_id).await, "withdrawn");
    stage.until_status(&phone.driver_id, DriverStatus::Available).await;
}

#[actix::test]
async fn an_order_assigned_by_hand_takes_back_the_offer_its_driver_had() {
    let stage = Stage::new();
    let mut near = stage.driver("near", 100.0).await;
    let offered_order = stage.order().await;
    let offer_id = offered(&stage, &mut near).await;
    let mut far = stage.driver("far", 700.0).await;
    stage.shift(&far.driver_id, Shift::Paused, None).await;
    stage.until_status(&far.driver_id, DriverStatus::Paused).await;
    let by_hand = stage.order().await;
    stage.assign(&by_hand.order_id, &near.driver_id).await;
    assert_eq!(closed(&stage, &mut near, &offer_id).await, "withdrawn");
    assert_eq!(outcome(&stage, &offer_id).await, Some(OfferOutcome::Withdrawn));
    stage.until_status(&near.driver_id, DriverStatus::Busy).await;
    stage.shift(&far.driver_id, Shift::Available, None).await;
    offered(&stage, &mut far).await;
    assert_eq!(far.reader.of("offer")[0]["orders"][0]["order_id"], offered_order.order_id.as_str());
}

#[actix::test]
async fn a_driver_who_turns_away_loses_the_offer_and_the_next_one_gets_it() {
    let stage = Stage::new();
    let mut near = stage.driver("near", 100.0).await;
    stage.order().await;
    let offer_id = offered(&stage, &mut near).await;
    let seen = desk::shift(&stage.world, &near.driver_id, Shift::Offline, None).await.unwrap();
    assert_eq!(seen, DriverStatus::Offline);
    assert_eq!(closed(&stage, &mut near, &offer_id).await, "withdrawn");
    stage.until_status(&near.driver_id, DriverStatus::Offline).await;
    let mut far = stage.driver("far", 700.0).await;
    offered(&stage, &mut far).await;
    // Refused nothing: asked again once back, when the other says no.
    stage.shift(&near.driver_id, Shift::Available, None).await;
    near.reader.got.clear();
    let to_far = offered(&stage, &mut far).await;
    desk::decline(&stage.world, &far.driver_id, &to_far, None).await.unwrap();
    offered(&stage, &mut near).await;
}

#[actix::test]
async fn a_driver_is_never_free_between_a_yes_and_the_assignment() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 100.0).await;
    stage.order().await;
    let offer_id = offered(&stage, &mut phone).await;
    stage.until_status(&phone.driver_id, DriverStatus::Offered).await;
    let (world, driver_id) = (stage.world.clone(), phone.driver_id.clone());
    let was_free = Arc::new(AtomicBool::new(false));
    let noted = was_free.clone();
    let watcher = std::thread::spawn(move || {
        loop {
            match world.live.get(&driver_id).map(|live| live.status) {
                Some(DriverStatus::Busy) | None => return,
                Some(DriverStatus::Available) => noted.store(true, Ordering::Relaxed),
                Some(_) => {}
            }
        }
    });
    desk::accept(&stage.world, &phone.driver_id, &offer_id, None).await.unwrap();
    stage.until_status(&phone.driver_id, DriverStatus::Busy).await;
    watcher.join().unwrap();
    assert!(!was_free.load(Ordering::Relaxed));
    assert_eq!(closed(&stage, &mut phone, &offer_id).await, "accepted");
}

#[actix::test]
async fn reads_of_the_store_under_way_neither_lose_nor_revive_an_offer() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 5_500.0).await;
    let addr = stage.world.driver(&phone.driver_id).unwrap();
    for round in 0..20 {
        let order = stage.order().await;
        let now = clock::now();
        let offer = Offer {
            offer_id: clock::offer_id(),
            order_ids: vec![order.order_id.clone()],
            driver_id: phone.driver_id.clone(),
            created_at: now,
            expires_at: now + 20_000,
            pickup_eta_s: 1,
            score: 0.0,
            outcome: None,
        };
        let offer_id = offer.offer_id.clone();
        assert!(tell(&addr, ReloadDriver));
        let made = ask(&addr, MakeOffer { offer, frame: ByteString::from_static(r#"{"type":"offer"}"#) });
        assert!(tell(&addr, ReloadDriver));
        assert_eq!(made.await, Ok(true), "round {round}");
        for _ in 0..3 {
            assert!(tell(&addr, ReloadDriver));
            assert_eq!(ask(&addr, GetGreeting).await.unwrap().status, DriverStatus::Offered, "round {round}");
        }
        desk::decline(&stage.world, &phone.driver_id, &offer_id, None).await.unwrap();
        assert!(tell(&addr, ReloadDriver));
        stage.until_status(&phone.driver_id, DriverStatus::Available).await;
        assert_eq!(closed(&stage, &mut phone, &offer_id).await, "declined", "round {round}");
        phone.reader.got.clear();
    }
    assert!(!phone.reader.has("offer"), "none was shown again");
}

#[actix::test]
async fn a_driver_actor_that_dies_takes_its_offer_up_again() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    let offer_id = offered(&stage, &mut phone).await;
    let actor = stage.world.directory.driver(&phone.driver_id).expect("an actor");
    assert!(tell(&actor, Boom));
    stage.until("the socket is closed", || phone.reader.has("close")).await;
    let mut again = Phone::connect(&stage.world, phone.driver_id.clone(), phone.seq);
    assert_eq!(offered(&stage, &mut again).await, offer_id);
    let taken = desk::accept(&stage.world, &phone.driver_id, &offer_id, None).await.unwrap();
    assert_eq!(taken.order_id, order.order_id);
    stage.until_status(&phone.driver_id, DriverStatus::Busy).await;
}

#[actix::test]
async fn after_a_restart_an_offer_waits_on_lapses_and_the_order_goes_on() {
    let mut tuning = super::tuning();
    tuning.offer_timeout_ms = 1_500;
    let stage = Stage::with(tuning.clone());
    let mut phone = stage.driver("near", 100.0).await;
    let order = stage.order().await;
    let offer_id = offered(&stage, &mut phone).await;
    let stage = stage.restart(tuning).await;
    stage.world.order(&order.order_id).unwrap();
    let mut again = Phone::connect(&stage.world, phone.driver_id.clone(), phone.seq);
    assert_eq!(offered(&stage, &mut again).await, offer_id, "shown to the driver who is back");
    stage.until_status(&phone.driver_id, DriverStatus::Offered).await;
    assert_eq!(closed(&stage, &mut again, &offer_id).await, "expired");
    assert_eq!(outcome(&stage, &offer_id).await, Some(OfferOutcome::Expired));
    let mut far = stage.driver("far", 700.0).await;
    offered(&stage, &mut far).await;
}

#[actix::test]
async fn a_yes_after_the_deadline_ends_the_offer_for_every_yes_still_under_way() {
    let stage = Stage::new();
    let phone = stage.driver("d", 5_500.0).await;
    let order = stage.order().await;
    let now = clock::now();
    let offer = Offer {
        offer_id: clock::offer_id(),
        order_ids: vec![order.order_id.clone()],
        driver_id: phone.driver_id.clone(),
        created_at: now - 20_000,
        expires_at: now - 1,
        pickup_eta_s: 1,
        score: 0.0,
        outcome: None,
    };
    stage.world.store.orders.offer_insert(offer.clone()).await.unwrap();
    let late = desk::accept(&stage.world, &phone.driver_id, &offer.offer_id, None).await;
    assert_eq!(late.unwrap_err().code, Code::OfferClosed);
    assert_eq!(outcome(&stage, &offer.offer_id).await, Some(OfferOutcome::Expired));
}
