//! The city against a small server of its own: enough of the contract to prove the flow, the reconnect and that broken promises are seen.

mod fake;

use super::api::Api;
use super::city::tests::CITY;
use super::courier::Courier;
use super::customer;
use super::driver::Driver;
use super::driver::Habits;
use super::line::Exchange;
use super::plan;
use super::plan::OrderPlan;
use super::plan::Orders;
use super::run::SimulateOptions;
use super::run::run;
use super::tally::Count;
use super::tally::Span;
use super::tally::Tally;
use super::token::Mint;
use super::wire::Status;
use fake::Fake;
use fake::Fault;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const DEADLINE: Duration = Duration::from_secs(40);

/// One driver and one customer, living 600 times as fast as people do.
struct Town {
    tally: Arc<Tally>,
    driver: JoinHandle<()>,
    customer: JoinHandle<()>,
}

fn town(server: &Fake) -> Town {
    let tally = Arc::new(Tally::new());
    let api = Api::new(&server.url(), Mint::new(SECRET), Arc::clone(&tally)).unwrap();
    let exchange = Arc::new(Exchange::new(Arc::new(api)));
    let plan = plan::drivers(&CITY, 1, 1, plan::Shape::default()).remove(0);
    let habits = Habits {
        fix_every: Duration::from_millis(20),
        tick: Duration::from_millis(5),
        answer: None,
        declines: 0.0,
        pace: 600,
    };
    let courier = Courier::new(Arc::clone(&CITY), &plan, 1, jiff::Timestamp::now().as_millisecond());
    let driver = tokio::spawn(Driver::new(&exchange, courier, &plan, habits).drive());
    let order = OrderPlan { cancel_after: None, ..a_meal() };
    Town { tally, driver, customer: tokio::spawn(customer::order(exchange, order, 1)) }
}

/// The first meal of a seed, ready in no time.
fn a_meal() -> OrderPlan {
    let mut orders = Orders::new(Arc::clone(&CITY), 1, 60.0);
    let mut meal = orders.find(|order| order.goods != plan::Goods::Parcel).unwrap();
    if let plan::Goods::Meal { ready_after, .. } = &mut meal.goods {
        *ready_after = Duration::from_millis(200);
    }
    meal
}

async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < give_up, "{what} did not come to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_order_goes_from_the_click_to_the_door() {
    let server = Fake::start(SECRET, None).await;
    let town = town(&server);
    tokio::time::timeout(DEADLINE, town.customer).await.unwrap().unwrap();
    let tally = &town.tally;
    assert_eq!(tally.told(), Vec::<String>::new());
    let counts = [Count::OrdersPlaced, Count::OffersAccepted, Count::OrdersDelivered, Count::Reconnects];
    assert_eq!(counts.map(|count| tally.get(count)), [1, 1, 1, 0]);
    assert!(tally.get(Count::Pushes) > 10);
    assert!(tally.span(Span::PushAge).percentile_ms(0.5).is_some_and(|ms| ms < 1_000));
    let steps: Vec<Status> = server.state().history();
    let expected = [
        Status::Created,
        Status::Paid,
        Status::Searching,
        Status::Assigned,
        Status::AtPickup,
        Status::PickedUp,
        Status::AtDropoff,
        Status::Delivered,
    ];
    assert_eq!(steps, expected);
    town.driver.abort();
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_loses_no_order_and_no_fix() {
    let mut server = Fake::start(SECRET, None).await;
    let town = town(&server);
    wait_for("the pickup", || server.state().history().contains(&Status::PickedUp)).await;
    server.kill().await;
    let [taken, sent] = [Count::FixesTaken, Count::FixesSent].map(|count| town.tally.get(count));
    // The driver goes on driving and measuring; what is kept goes out as a batch.
    wait_for("fixes without a server", || town.tally.get(Count::FixesTaken) >= taken + 10).await;
    server.restart().await;
    tokio::time::timeout(DEADLINE, town.customer).await.unwrap().unwrap();
    assert_eq!(town.tally.told(), Vec::<String>::new());
    assert_eq!(town.tally.get(Count::OrdersDelivered), 1);
    assert!(town.tally.get(Count::Reconnects) >= 2, "driver and customer");
    assert!(server.state().largest_batch() >= 8);
    assert!(town.tally.get(Count::FixesSent) > sent);
    let stored = u64::try_from(server.state().fixes_stored()).unwrap();
    wait_for("all acks", || town.tally.get(Count::FixesAcked) >= stored).await;
    town.driver.abort();
}

#[tokio::test]
async fn a_driver_who_is_replaced_stays_away() {
    let server = Fake::start(SECRET, None).await;
    let town = town(&server);
    wait_for("the driver", || server.state().drivers_connected() == 1).await;
    let mut driver = town.driver;
    let replaced = async {
        // Again until it is heard: a session that counts as connected may not listen yet.
        loop {
            server.close_drivers(4409);
            tokio::select! {
                ended = &mut driver => return ended,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
    };
    tokio::time::timeout(DEADLINE, replaced).await.unwrap().unwrap();
    assert_eq!(server.state().drivers_connected(), 1, "no second connection");
    town.customer.abort();
}

async fn violations_of(fault: Fault) -> Vec<String> {
    let server = Fake::start(SECRET, Some(fault)).await;
    let town = town(&server);
    wait_for("a violation", || town.tally.violations() > 0).await;
    town.driver.abort();
    town.customer.abort();
    town.tally.told()
}

#[tokio::test]
async fn a_server_that_skips_an_event_is_caught() {
    let told = violations_of(Fault::SkipEvent).await;
    assert!(told[0].contains("gap"), "{told:?}");
}

#[tokio::test]
async fn a_server_that_shows_the_driver_too_early_is_caught() {
    let told = violations_of(Fault::ShowAlways).await;
    assert!(told[0].contains("a position while"), "{told:?}");
}

#[tokio::test]
async fn a_server_that_forgets_acknowledged_fixes_is_caught() {
    let told = violations_of(Fault::ForgetFixes).await;
    assert!(told[0].contains("an acknowledged fix is gone"), "{told:?}");
}

#[tokio::test]
async fn a_run_ends_when_told_and_says_how_it_went() {
    let server = Fake::start(SECRET, None).await;
    let url = server.url();
    let options = SimulateOptions {
        url,
        secret: SECRET.to_vec(),
        drivers: 3,
        orders_per_minute: 0.0,
        quiet: true,
        ..Default::default()
    };
    let all_here =
        wait_for("three drivers", || server.state().drivers_connected() == 3 && server.state().fixes_stored() > 0);
    let summary = tokio::time::timeout(DEADLINE, run(options, all_here)).await.unwrap().unwrap();
    assert_eq!((summary.drivers_online, summary.violations), (3, 0));
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["orders"]["placed"], 0);
    assert!(summary.to_string().contains("violations"));
}
