//! Actors die in the middle of things: nothing that was told is lost, nothing is told wrongly, somebody takes over.

use super::Boom;
use super::Phone;
use super::Stage;
use super::Viewer;
use super::fix;
use crate::actors::desk;
use crate::actors::mailbox::tell;
use crate::actors::steward;
use crate::actors::world::Tuning;
use crate::clock;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::OrderChange;
use crate::domain::driver::DriverStatus;
use crate::domain::order;
use crate::domain::order::By;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::protocol::close::CloseCode;
use crate::store::Claim;
use futures_util::FutureExt;

#[actix::test]
async fn an_order_actor_that_dies_has_its_followers_subscribe_again_without_a_gap() {
    let stage = Stage::new();
    let phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("the current event", || viewer.reader.seqs("order") == [order.version]).await;
    let actor = stage.world.directory.order(&order.order_id).expect("an actor");
    assert!(tell(&actor, Boom));
    stage.until("the follower is poked", || viewer.reader.has("poke")).await;
    // What happens before the follower is back is not missed.
    stage.assign(&order.order_id, &phone.driver_id).await;
    let by = By::Driver(phone.driver_id.clone());
    stage.step(&order.order_id, Step::ArriveAtPickup, by.clone()).await;
    viewer.subscribe(&stage.world, &order.order_id, Some(order.version));
    let last = stage.step(&order.order_id, Step::PickUp, by).await.version;
    stage.until("the last event", || viewer.reader.seqs("order").last() == Some(&last)).await;
    assert_eq!(viewer.reader.seqs("order"), (order.version..=last).collect::<Vec<_>>());
    stage.until("the driver is seen again", || viewer.reader.has("location")).await;
}

#[actix::test]
async fn a_driver_actor_that_dies_closes_its_socket_and_what_is_sent_again_is_stored_once() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    for metres in 1..=5 {
        phone.send(f64::from(metres));
    }
    stage.until("all is acknowledged", || phone.acked() == phone.seq).await;
    let actor = stage.world.directory.driver(&phone.driver_id).expect("an actor");
    assert!(tell(&actor, Boom));
    stage.until("the socket is closed", || phone.reader.has("close")).await;
    assert_eq!(phone.reader.of("close")[0]["code"], CloseCode::Restarting.number());
    let mut again = Phone::connect(&stage.world, phone.driver_id.clone(), phone.seq);
    for metres in 4..=5 {
        again.send_this(fix(metres + 1, phone.at - (5 - metres), 4.0));
    }
    again.at = phone.at;
    let last = again.send(6.0);
    stage.until("the new one is acknowledged", || again.acked() == last).await;
    assert_eq!(again.reader.seqs("rejected"), [5, 6], "duplicates");
    let seqs: Vec<i64> = stage.stored(&phone.driver_id).await.iter().filter_map(|fix| fix.seq).collect();
    assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
    assert_eq!(stage.live(&phone.driver_id).unwrap().status, DriverStatus::Available);
}

#[actix::test]
async fn a_command_whose_asker_has_gone_is_heard_of_all_the_same() {
    let stage = Stage::new();
    let order = stage.order().await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("followed", || viewer.reader.has("order")).await;
    let request = desk::Request::new(order.order_id.clone(), Step::Cancel, By::Customer);
    let gone = Box::pin(desk::take_step(&stage.world, request)).now_or_never();
    assert!(gone.is_none(), "dropped while the store was at it");
    stage.until("cancelled", || viewer.reader.of("order").iter().any(|frame| frame["status"] == "cancelled")).await;
}

#[actix::test]
async fn an_order_nobody_is_found_for_waits_as_a_dead_letter_and_fails_in_the_end() {
    let stage = Stage::with(Tuning { tries_max: 2, ..super::tuning() });
    let order = stage.order().await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    let named =
        |viewer: &mut Viewer, event: &str| viewer.reader.of("order").iter().any(|frame| frame["event"] == event);
    stage.until("parked", || named(&mut viewer, "parked")).await;
    let letters = || stage.world.store.feed.dead_letters("orders".into(), None, 10);
    let letter = letters().await.unwrap().remove(0);
    assert_eq!((letter.order_id.as_ref(), letter.tries), (Some(&order.order_id), 2));
    // A driver who comes now is not asked: a person is to look first.
    let phone = &mut stage.driver("d", 10.0).await;
    steward::expire_dead_letters(&stage.world, letter.at).await;
    assert_eq!(letters().await.unwrap().len(), 1, "not yet");
    steward::expire_dead_letters(&stage.world, letter.at + 1).await;
    stage.until("failed", || named(&mut viewer, "failed")).await;
    assert!(letters().await.unwrap().is_empty());
    assert!(!phone.reader.has("offer"));
}

#[actix::test]
async fn the_steward_finds_orders_nobody_spoke_of() {
    let stage = Stage::new();
    // A commit whose hint was lost, an actor that died unnoticed.
    let (hidden, orphan) = (stage.order().await, stage.order().await);
    let mut viewer = Viewer::follow(&stage.world, &hidden.order_id, None);
    stage.until("followed", || viewer.reader.has("order")).await;
    let taken = order::step(&hidden, &Step::Cancel, &By::Customer, None, clock::now()).unwrap();
    let change = OrderChange { expected_version: hidden.version, order: taken.order, events: vec![taken.event] };
    let commit = Commit { changes: vec![change], ..Commit::default() };
    stage.world.store.orders.order_commit(commit).await.unwrap();
    let actor = stage.world.directory.order(&orphan.order_id).expect("an actor");
    assert!(tell(&actor, Boom));
    stage.until("the actor is off the list", || stage.world.directory.order(&orphan.order_id).is_none()).await;
    steward::look_over(&stage.world).await;
    stage.until("the end is told", || viewer.reader.seqs("order").contains(&(hidden.version + 1))).await;
    let phone = &mut stage.driver("d", 10.0).await;
    stage.until("the orphan is offered", || phone.reader.has("offer")).await;
    let offered = phone.reader.of("offer");
    assert_eq!(offered[0]["orders"][0]["order_id"], orphan.order_id.as_str());
}

#[actix::test]
async fn a_follower_who_does_not_read_is_let_go_and_resumes_where_it_stood() {
    let stage = Stage::new();
    let phone = stage.driver("d", 5_500.0).await;
    let order = stage.order().await;
    let slow = Viewer::follow(&stage.world, &order.order_id, None);
    let mut version = order.version;
    while slow.reader.outbox.state().closed.is_none() {
        stage.assign(&order.order_id, &phone.driver_id).await;
        version = desk::unassign(&stage.world, order.order_id.clone(), "op".into()).await.unwrap().version;
        assert!(version < 400, "never closed");
    }
    assert_eq!(slow.reader.outbox.state().closed, Some(CloseCode::SlowReader.number()));
    assert_eq!(slow.reader.outbox.state().events, 0, "what it did not read is not kept");
    let mut again = Viewer::follow(&stage.world, &order.order_id, Some(order.version));
    stage.until("all of it", || again.reader.seqs("order").last() == Some(&version)).await;
    assert_eq!(again.reader.seqs("order"), (order.version + 1..=version).collect::<Vec<_>>());
    let found = stage.world.store.orders.order_fetch(order.order_id.clone()).await.unwrap().unwrap();
    assert_eq!(found.status, Status::Searching);
}

#[actix::test]
async fn an_order_whose_answer_was_lost_with_its_node_is_the_answer_however_it_ended() {
    let stage = Stage::new();
    let claim = Claim { principal: "customer:c".into(), key: "k".into(), body_hash: [7; 32], now: clock::now() };
    let order = stage.order_with(Some(claim.clone())).await;
    stage.step(&order.order_id, Step::Fail, By::System).await;
    let repeated = stage.order_with(Some(claim)).await;
    assert_eq!((&repeated.order_id, repeated.status), (&order.order_id, Status::Failed), "it was paid for");
}
