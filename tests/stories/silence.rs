//! A driver who falls silent: the position grows stale, then goes; a new fix brings it back.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::until;

const SHORT: [(&str, &str); 4] = [UNLIMITED[0], UNLIMITED[1], ("BEELINE_STALE", "2s"), ("BEELINE_GONE", "5s")];

#[tokio::test]
async fn silence_is_told_as_stale_then_gone_and_a_new_fix_ends_it() {
    let server = Server::with(&SHORT).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    driver.arrive(CENTRE.north(10.0)).await;
    let shown = screen.wait("the location", |frame| CENTRE.north(10.0).is_at(frame)).await;
    let stale = screen.wait_for("location.stale").await;
    assert_eq!((&stale["order_id"], &stale["since"]), (&order_id.as_str().into(), &shown["timestamp"]));
    let gone = screen.wait_for("location.gone").await;
    assert_eq!(gone["order_id"], order_id.as_str());
    let counts = (screen.every("location.stale").len(), screen.every("location.gone").len());
    assert_eq!(counts, (1, 1), "each is told once");
    let path = format!("/orders/{order_id}/driver-location");
    let refused = customer.caller.get(&path).await;
    assert!(matches!(refused.status, 404 | 409), "{}", refused.text);
    driver.at(CENTRE.north(20.0)).await;
    screen.wait("the driver again", |frame| CENTRE.north(20.0).is_at(frame)).await;
    screen.wait_for("location.stale").await;
}

#[tokio::test]
async fn the_live_position_says_stale_and_then_is_no_more() {
    let server = Server::with(&SHORT).await;
    let driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let look = || driver.caller.get("/drivers/d-1/location");
    assert_eq!(look().await.expect(200).body["stale"], false);
    until("stale", || async { (look().await.body["stale"] == true).then_some(()) }).await;
    until("gone", || async { (look().await.status == 404).then_some(()) }).await;
}

#[tokio::test]
async fn somebody_silent_gets_no_offer() {
    let server = Server::with(&SHORT).await;
    let mut silent = Driver::on_shift(&server, "silent", CENTRE).await;
    let look = || silent.caller.get("/drivers/silent/location");
    until("stale", || async { (look().await.body["stale"] != false).then_some(()) }).await;
    let mut fresh = Driver::on_shift(&server, "fresh", CENTRE.north(800.0)).await;
    let order_id = Customer::new(&server, "c-1").order(CENTRE, CENTRE.north(900.0)).await;
    fresh.take(&order_id).await;
    let heard = silent.socket.listen(std::time::Duration::from_millis(300)).await;
    assert!(heard.iter().all(|frame| frame["type"] != "offer"), "{heard:#?}");
}
