use super::super::city::CUSTOMERS_LIVE;
use super::super::city::tests::CITY;
use super::super::plan;
use super::*;
use crate::simulate::wire::Prep;

fn courier() -> Courier {
    let plan = &plan::drivers(&CITY, 1, 1, plan::Shape::default())[0];
    Courier::new(Arc::clone(&CITY), plan, 1, 0)
}

fn meal(courier: &mut Courier, ready: bool) -> Order {
    let mut dice = Dice::new(2, "meal");
    let pickup = CITY.address_near(courier.motion.at(), CUSTOMERS_LIVE, &mut dice);
    let dropoff = CITY.address_near(pickup.at, CUSTOMERS_LIVE, &mut dice);
    Order {
        order_id: "order-1".to_owned(),
        status: Status::Assigned,
        version: 4,
        customer_id: None,
        merchant_id: None,
        driver_id: Some("D001".to_owned()),
        pickup: pickup.lat_lng(),
        dropoff: dropoff.lat_lng(),
        assignment_id: None,
        created_at: None,
        due_at: None,
        prep: Some(prep(ready)),
    }
}

fn prep(ready: bool) -> Prep {
    Prep { state: if ready { "ready" } else { "preparing" }.to_owned(), seconds: 120.0, ready_at: None }
}

fn event(status: Status, seq: i64, driver_id: Option<&str>) -> OrderEvent {
    let driver_id = driver_id.map(str::to_owned);
    OrderEvent { order_id: "order-1".to_owned(), seq, status, at: None, driver_id, order: None }
}

/// Ticks each second until a step is wanted, an hour at most.
fn until_step(courier: &mut Courier, now_ms: &mut i64) -> Option<Step> {
    (0..3_600).find_map(|_| {
        *now_ms += 1_000;
        courier.tick(*now_ms)
    })
}

#[test]
fn an_order_is_carried_from_door_to_door_step_by_step() {
    let mut courier = courier();
    let order = meal(&mut courier, true);
    courier.adopt(&order);
    let mut now_ms = 0;
    for status in [Status::AtPickup, Status::PickedUp, Status::AtDropoff, Status::Delivered] {
        let step = until_step(&mut courier, &mut now_ms).unwrap();
        assert_eq!(step.status, status);
        assert_eq!(courier.tick(now_ms + 500).as_ref(), Some(&step), "wanted until it is taken");
        let goal = if rank(status) <= 2 { order.pickup } else { order.dropoff };
        let off_m = courier.motion.at().distance_m(goal.into());
        assert!(off_m < 1.0, "{status:?} taken {off_m} m from the place");
        courier.step_taken(&step);
    }
    assert!(!courier.is_busy());
    assert!((60_000..3_000_000).contains(&now_ms), "{now_ms} ms");
}

#[test]
fn a_trip_of_a_given_length_ends_at_the_door_when_it_is_over() {
    let mut courier = courier().with_trip(Some(Duration::from_secs(1_800)));
    let order = meal(&mut courier, true);
    courier.adopt(&order);
    let (mut now_ms, mut steps) = (0, Vec::new());
    while let Some(step) = courier.is_busy().then(|| until_step(&mut courier, &mut now_ms)).flatten() {
        courier.step_taken(&step);
        steps.push((step.status, now_ms));
    }
    assert_eq!(steps.last().unwrap(), &(Status::Delivered, 1_800_000));
    assert_eq!(steps[1], (Status::PickedUp, steps[0].1 + 1_000), "no time is lost at the counter");
    let straight_m = Point::from(order.pickup).distance_m(order.dropoff.into());
    #[allow(clippy::cast_precision_loss)]
    let carried_m = courier.take_carried_m() as f64;
    assert!(carried_m > straight_m, "{carried_m} m driven, {straight_m} m apart");
    assert_eq!(courier.take_carried_m(), 0);
}

#[test]
fn who_would_come_too_late_for_a_given_trip_hurries_and_jumps_nowhere() {
    let ended = |trip: Option<Duration>| {
        let mut courier = courier().with_trip(trip);
        let order = meal(&mut courier, true);
        courier.adopt(&order);
        let mut now_ms = 0;
        while courier.is_busy() {
            let before = courier.motion.at();
            now_ms += 1_000;
            let step = courier.tick(now_ms);
            let moved_m = courier.motion.at().distance_m(before);
            assert!(moved_m <= HURRY_MAX_MPS, "{moved_m} m in a second");
            step.into_iter().for_each(|step| courier.step_taken(&step));
        }
        now_ms
    };
    let (usual, hurried) = (ended(None), ended(Some(Duration::from_secs(60))));
    assert!(hurried * 2 < usual, "{hurried} and {usual} ms");
}

#[test]
fn nothing_is_taken_before_the_kitchen_is_ready() {
    let mut courier = courier();
    let mut order = meal(&mut courier, false);
    courier.adopt(&order);
    let mut now_ms = 0;
    let step = until_step(&mut courier, &mut now_ms).unwrap();
    courier.step_taken(&step);
    for _ in 0..300 {
        now_ms += 1_000;
        assert_eq!(courier.tick(now_ms), None);
    }
    assert_eq!(courier.waits_for(), Some("order-1"));
    order.prep = Some(prep(true));
    order.status = Status::AtPickup;
    order.version = 6;
    courier.adopt(&order);
    assert_eq!(courier.waits_for(), None);
    assert_eq!(until_step(&mut courier, &mut now_ms).unwrap().status, Status::PickedUp);
}

#[test]
fn an_order_taken_away_is_dropped_and_an_old_event_changes_nothing() {
    let mut courier = courier();
    let order = meal(&mut courier, true);
    courier.adopt(&order);
    assert_eq!(courier.order_changed(&event(Status::AtPickup, 5, Some("D001"))), Effect::Noted);
    courier.order_changed(&event(Status::Assigned, 4, Some("D001")));
    assert_eq!(courier.current().unwrap().status, Status::AtPickup);
    courier.order_changed(&event(Status::Searching, 6, None));
    assert!(!courier.is_busy());
    assert_eq!(courier.order_changed(&event(Status::Assigned, 8, Some("D002"))), Effect::Noted);
    assert_eq!(courier.order_changed(&event(Status::Assigned, 9, Some("D001"))), Effect::Unknown);
}

#[test]
fn after_a_reconnect_the_list_of_the_server_counts() {
    let mut courier = courier();
    let mut order = meal(&mut courier, true);
    courier.adopt(&order);
    order.status = Status::PickedUp;
    order.version = 7;
    courier.resume(std::slice::from_ref(&order));
    let mut now_ms = 0;
    assert_eq!(until_step(&mut courier, &mut now_ms).unwrap().status, Status::AtDropoff);
    courier.resume(&[]);
    assert!(!courier.is_busy());
}

#[test]
fn idle_drivers_move_and_rest() {
    let mut courier = courier();
    let (mut moved, mut rested) = (0, 0);
    for second in 1..1_800 {
        assert_eq!(courier.tick(second * 1_000), None);
        if courier.motion.speed_mps() > 1.0 {
            moved += 1;
        } else {
            rested += 1;
        }
    }
    assert!(moved > 60 && rested > 60, "{moved} s moving, {rested} s resting");
}

#[test]
fn fixes_are_near_the_truth_and_never_implausible() {
    let mut courier = courier();
    let order = meal(&mut courier, true);
    courier.adopt(&order);
    let mut last: Option<Fix> = None;
    for second in 1..600 {
        courier.tick(second * 1_000);
        if second % 3 != 0 {
            continue;
        }
        let fix = courier.fix(second, second * 1_000);
        assert!(Point::from(fix.at).distance_m(courier.motion.at()) < 5.0 * fix.accuracy);
        assert!((3.0..=8.0).contains(&fix.accuracy));
        assert!(fix.heading.is_none_or(|heading| (0.0..360.0).contains(&heading)));
        if let Some(last) = last {
            let mps = Point::from(fix.at).distance_m(last.at.into()) / 3.0;
            assert!(mps < 35.0, "{mps} m/s between two fixes");
            assert!(fix.battery <= last.battery);
        }
        last = Some(fix);
    }
}

#[test]
fn a_new_run_starts_where_the_server_saw_the_driver() {
    let mut courier = courier();
    let seen = CITY.restaurants[5].place.lat_lng();
    courier.start_at(seen);
    assert!(courier.motion.at().distance_m(seen.into()) < 1.0);
}

/// Seconds from the acceptance to the door, for the driver whose home is nearest.
fn busy_s(plan: &plan::OrderPlan, drivers: &[plan::DriverPlan]) -> i64 {
    let distance = |driver: &&plan::DriverPlan| driver.home.distance_m(plan.pickup.at);
    let nearest = drivers.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
    let mut courier = Courier::new(Arc::clone(&CITY), nearest, 1, 0);
    let ready_ms = match &plan.goods {
        plan::Goods::Meal { ready_after, .. } => i64::try_from(ready_after.as_millis()).unwrap(),
        plan::Goods::Parcel => 0,
    };
    let mut order = Order {
        driver_id: Some(nearest.id.clone()),
        pickup: plan.pickup.lat_lng(),
        dropoff: plan.dropoff.lat_lng(),
        ..meal(&mut courier, false)
    };
    courier.adopt(&order);
    order.prep = None;
    let mut now_ms = 0;
    while courier.is_busy() && now_ms < 7_200_000 {
        now_ms += 1_000;
        if now_ms >= ready_ms {
            courier.adopt(&order);
        }
        if let Some(step) = courier.tick(now_ms) {
            courier.step_taken(&step);
        }
    }
    now_ms / 1_000
}

#[test]
fn with_the_defaults_about_half_of_the_drivers_are_busy() {
    let defaults = crate::simulate::SimulateOptions::default();
    let drivers = plan::drivers(&CITY, 1, defaults.drivers, plan::Shape::default());
    let orders = plan::Orders::new(Arc::clone(&CITY), 1, defaults.orders_per_minute);
    let times: Vec<i64> = orders.take(120).map(|order| busy_s(&order, &drivers)).collect();
    let mean_s = f64::from(i32::try_from(times.iter().sum::<i64>()).unwrap()) / 120.0;
    // Little's law.
    let busy = mean_s * defaults.orders_per_minute / 60.0;
    let share = busy / f64::from(u32::try_from(defaults.drivers).unwrap());
    assert!((0.4..0.6).contains(&share), "{share} of the drivers are busy, {mean_s} s an order");
}
