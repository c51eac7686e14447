//! What a dispatcher would expect of matching, one behaviour a test, on a plane where a metre takes a second.

use super::*;
use crate::domain::fleet::Needs;
use crate::domain::fleet::Skill;
use crate::domain::fleet::VehicleKind;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::collections::HashSet;

type At = (f64, f64);
type Spoil = fn(&mut OpenOrder<At>, &mut Candidate<At>);
/// Pickup, door and seconds until ready of each order; place and seconds until free of each driver.
type Small = (Vec<(At, At, i64)>, Vec<(At, i64)>);

struct Plane;

impl Eta for Plane {
    type Place = At;

    fn travel_s(&self, from: At, to: At) -> f64 {
        self.plane_m(from).distance_m(self.plane_m(to))
    }

    fn plane_m(&self, place: At) -> PlanePoint {
        PlanePoint { x_m: place.0, y_m: place.1 }
    }

    fn pace_m_per_s(&self) -> f64 {
        1.0
    }
}

const NOW: Millis = Millis(1_000_000_000);

fn tuning() -> Tuning {
    Tuning { pickup_half_s: 0.0, drop_half_s: 0.0, answer_s: 0.0, decision_interval_s: 60.0, ..Tuning::default() }
}

fn order(id: &str, pickup: At, dropoff: At, ready_in_s: i64) -> OpenOrder<At> {
    OpenOrder {
        order_id: OrderId::parse(id).unwrap(),
        pickup,
        dropoff,
        shared_pickup: None,
        placed_at: NOW,
        due_at: NOW,
        ready: Ready { at: NOW + ready_in_s * 1_000, spread_s: 0.0 },
        needs: Needs::default(),
        refused_by: HashSet::new(),
        mine: true,
    }
}

fn driver(id: &str, position: At) -> Candidate<At> {
    Candidate {
        driver_id: DriverId::parse(id).unwrap(),
        position,
        free_at: NOW,
        off_at: None,
        capacity: 3,
        vehicle: VehicleKind::Scooter,
        skills: BTreeSet::new(),
        idle_since: NOW,
        record: Record::default(),
    }
}

fn plan(orders: &[OpenOrder<At>], drivers: &[Candidate<At>]) -> Plan {
    decide(&View { now: NOW, orders, drivers }, &Plane, &tuning())
}

/// `driver: order, order; ...` in the sequence of driver ids.
fn offers(plan: &Plan) -> String {
    let line = |pairing: &Pairing| {
        let orders: Vec<_> = pairing.orders.iter().map(OrderId::as_str).collect();
        format!("{}: {}", pairing.driver_id, orders.join(", "))
    };
    let mut lines: Vec<_> = plan.offers.iter().map(line).collect();
    lines.sort();
    lines.join("; ")
}

fn reason(plan: &Plan, id: &str) -> Option<WaitReason> {
    plan.waits.iter().find(|wait| wait.order_id.as_str() == id).map(|wait| wait.reason)
}

#[test]
fn the_nearest_driver_is_left_to_the_order_that_needs_them_more() {
    let orders = [order("a", (0.0, 0.0), (0.0, 500.0), 0), order("b", (1_000.0, 0.0), (1_000.0, 500.0), 0)];
    // The middle one is nearest to both; greedy by order would send `left` 1,900 m.
    let drivers = [driver("left", (-900.0, 0.0)), driver("middle", (450.0, 0.0))];
    assert_eq!(offers(&plan(&orders, &drivers)), "left: a; middle: b");
}

#[test]
fn nobody_leaves_while_waiting_is_free() {
    let orders = [order("a", (300.0, 0.0), (600.0, 0.0), 1_000)];
    let drivers = [driver("d", (0.0, 0.0))];
    let early = plan(&orders, &drivers);
    assert_eq!((offers(&early).as_str(), reason(&early, "a")), ("", Some(WaitReason::LaterIsBetter)));
    assert_eq!(early.waits[0].until, Some(NOW + 700_000), "the last moment that costs nothing");
    let orders = [order("a", (300.0, 0.0), (600.0, 0.0), 340)];
    assert_eq!(offers(&plan(&orders, &drivers)), "d: a", "the next decision would be too late");
}

#[test]
fn a_driver_soon_free_at_the_door_is_waited_for() {
    let orders = [order("a", (0.0, 0.0), (500.0, 0.0), 60)];
    let mut soon = driver("soon", (0.0, 0.0));
    soon.free_at = NOW + 120_000;
    let waits = plan(&orders, &[driver("far", (900.0, 0.0)), soon.clone()]);
    assert_eq!((offers(&waits).as_str(), reason(&waits, "a")), ("", Some(WaitReason::DriverSoonFree)));
    soon.free_at = NOW + 1_200_000;
    assert_eq!(offers(&plan(&orders, &[driver("far", (900.0, 0.0)), soon])), "far: a");
}

#[test]
fn orders_of_one_kitchen_share_a_trip_when_drivers_are_short_and_only_up_to_capacity() {
    let shop = MerchantId::parse("shop").unwrap();
    let mut orders: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip([1_000.0, 1_010.0, 1_020.0])
        .map(|(id, x)| order(id, (0.0, 0.0), (x, 0.0), 0))
        .collect();
    orders.iter_mut().for_each(|order| order.shared_pickup = Some(shop.clone()));
    let mut alone = driver("d", (0.0, 0.0));
    assert_eq!(offers(&plan(&orders, &[alone.clone()])), "d: a, b, c", "nearest door first");
    alone.capacity = 2;
    assert_eq!(plan(&orders, &[alone.clone()]).offers[0].orders.len(), 2);
    alone.capacity = 1;
    assert_eq!(plan(&orders, &[alone]).offers[0].orders.len(), 1);
    let plenty: Vec<_> = ["d", "e", "f"].iter().map(|id| driver(id, (0.0, 0.0))).collect();
    orders[1].dropoff = (0.0, 1_000.0);
    orders[2].dropoff = (-1_000.0, 0.0);
    assert_eq!(plan(&orders, &plenty).offers.len(), 3, "no bundle when everybody can have a driver");
}

#[test]
fn orders_of_two_kitchens_share_a_trip_only_when_the_kitchens_are_next_door() {
    let alone = [driver("d", (0.0, 0.0))];
    let next_door = [order("a", (1.0, 1.0), (1_000.0, 0.0), 0), order("b", (5.0, 5.0), (1_010.0, 0.0), 0)];
    assert_eq!(plan(&next_door, &alone).offers[0].orders.len(), 2);
    let apart = [order("a", (1.0, 1.0), (1_000.0, 0.0), 0), order("b", (300.0, 5.0), (1_010.0, 0.0), 0)];
    assert_eq!(plan(&apart, &alone).offers[0].orders.len(), 1);
}

#[test]
fn vehicle_skill_refusal_shift_and_radius_are_respected() {
    let near = driver("near", (10.0, 0.0));
    let cold = Skill::parse("cold_box").unwrap();
    let cases: [Spoil; 5] = [
        |order, _| order.needs.vehicle = Some(VehicleKind::Van),
        |order, _| order.needs.skills = BTreeSet::from([Skill::parse("cold_box").unwrap()]),
        |order, driver| {
            order.refused_by.insert(driver.driver_id.clone());
        },
        |_, driver| driver.off_at = Some(NOW + 5_000),
        |order, driver| driver.position.0 = order.pickup.0 + 20_000.0,
    ];
    for (index, spoil) in cases.into_iter().enumerate() {
        let (mut order, mut spoilt) = (order("a", (0.0, 0.0), (100.0, 0.0), 0), near.clone());
        spoil(&mut order, &mut spoilt);
        let alone = plan(std::slice::from_ref(&order), &[spoilt.clone()]);
        let wanted = if index == 4 { WaitReason::NobodyNear } else { WaitReason::NobodyFits };
        assert_eq!((offers(&alone).as_str(), reason(&alone, "a")), ("", Some(wanted)), "case {index}");
        let mut other = driver("other", (2_000.0, 0.0));
        other.vehicle = VehicleKind::Van;
        other.skills.insert(cold.clone());
        assert_eq!(offers(&plan(&[order], &[spoilt, other])), "other: a", "case {index}");
    }
}

#[test]
fn a_neighbours_order_competes_but_is_never_offered() {
    let mut foreign = order("foreign", (0.0, 0.0), (10.0, 0.0), 0);
    let own = order("own", (100.0, 0.0), (5_000.0, 0.0), 0);
    let drivers = [driver("d", (0.0, 0.0))];
    assert_eq!(offers(&plan(&[foreign.clone(), own.clone()], &drivers)), "d: foreign");
    foreign.mine = false;
    let plan = plan(&[foreign, own], &drivers);
    assert_eq!((offers(&plan).as_str(), plan.waits.len()), ("", 1), "left to the neighbour");
}

#[test]
fn what_is_not_due_is_not_offered() {
    let mut later = order("a", (0.0, 0.0), (10.0, 0.0), 0);
    later.due_at = NOW + 3_600_000;
    assert_eq!(reason(&plan(&[later], &[driver("d", (0.0, 0.0))]), "a"), Some(WaitReason::NotDue));
}

#[test]
fn the_record_decides_among_neighbours_and_never_weighs_more_than_said() {
    let orders = [order("a", (0.0, 0.0), (500.0, 0.0), 0)];
    let mut poor = driver("poor", (100.0, 0.0));
    poor.record = Record { acceptance: 0.0, on_time: 0.0 };
    let bound = tuning().record_s;
    assert_eq!(offers(&plan(&orders, &[poor.clone(), driver("good", (100.0 + bound - 2.0, 0.0))])), "good: a");
    assert_eq!(offers(&plan(&orders, &[poor, driver("good", (100.0 + bound + 2.0, 0.0))])), "poor: a");
}

#[test]
fn uncertain_food_is_met_earlier_than_certain_food() {
    let mut orders = [order("a", (300.0, 0.0), (600.0, 0.0), 700)];
    let drivers = [driver("d", (0.0, 0.0))];
    assert_eq!(offers(&plan(&orders, &drivers)), "");
    orders[0].ready.spread_s = 400.0;
    assert_eq!(offers(&plan(&orders, &drivers)), "d: a");
}

#[test]
fn what_is_still_not_ready_is_expected_later_and_later() {
    let ready = Ready { at: NOW, spread_s: 300.0 };
    let mut last = NOW;
    for minutes in -30..60 {
        let now = NOW + minutes * 60_000;
        let expected = ready.still_cooking(now);
        assert!(expected.at > now && expected.at >= last && expected.spread_s <= 301.0, "{minutes}: {expected:?}");
        last = expected.at;
    }
}

#[test]
fn no_order_is_offered_to_more_than_the_candidates_allowed() {
    let drivers: Vec<_> = (0..100).map(|index| driver(&format!("d{index}"), (f64::from(index), 0.0))).collect();
    let view = View { now: NOW, orders: &[order("a", (0.0, 0.0), (1.0, 0.0), 0)], drivers: &drivers };
    let near = super::near::of_orders(&view, &Plane, &tuning());
    assert_eq!(near[0], (0..32).collect::<Vec<u32>>(), "the nearest");
}

#[test]
fn a_cell_sees_its_drivers_and_the_orders_that_want_them_and_no_others() {
    let weights = Tuning { radius_m: 1_000.0, candidates_max: 2, ..tuning() };
    let own = vec![order("own", (0.0, 0.0), (10.0, 0.0), 0)];
    let foreign =
        vec![order("rival", (900.0, 0.0), (10.0, 0.0), 0), order("elsewhere", (9_000.0, 0.0), (10.0, 0.0), 0)];
    let drivers = [-300.0, 200.0, 500.0, 1_500.0, 9_000.0];
    let drivers = drivers.iter().map(|x| driver(&format!("at{x}"), (*x, 0.0))).collect();
    let view = Surroundings { own, foreign, drivers }.narrow(NOW, &Plane, &weights);
    let orders: Vec<_> = view.orders.iter().map(|order| (order.order_id.as_str(), order.mine)).collect();
    assert_eq!(orders, [("own", true)], "the rival has nearer drivers of its own");
    let drivers: Vec<_> = view.drivers.iter().map(|driver| driver.driver_id.as_str()).collect();
    assert_eq!(drivers, ["at-300", "at200"]);

    let own = vec![order("own", (0.0, 0.0), (10.0, 0.0), 0)];
    let foreign = vec![order("rival", (300.0, 0.0), (10.0, 0.0), 0)];
    let drivers = [-300.0, 200.0, 500.0, 1_500.0].iter().map(|x| driver(&format!("at{x}"), (*x, 0.0))).collect();
    let view = Surroundings { own, foreign, drivers }.narrow(NOW, &Plane, &weights);
    let orders: Vec<_> = view.orders.iter().map(|order| (order.order_id.as_str(), order.mine)).collect();
    assert_eq!(orders, [("own", true), ("rival", false)]);
    assert_eq!(view.drivers.len(), 3, "with the driver that the rival has besides");
    assert!(decide(&view.at(NOW), &Plane, &weights).offers.iter().all(|offer| offer.orders[0].as_str() == "own"));
}

#[test]
fn rings_widen_up_to_the_limit() {
    assert_eq!(rings_m(5_000.0).collect::<Vec<_>>(), [1_000.0, 2_000.0, 4_000.0, 5_000.0]);
    assert_eq!(rings_m(600.0).collect::<Vec<_>>(), [600.0]);
}

/// All ways to hand out trips of one order each, one after the other: the least sum of click-to-door.
fn brute(orders: &[OpenOrder<At>], drivers: &[(At, f64)], left: u32) -> f64 {
    if left == 0 {
        return 0.0;
    }
    let mut best = f64::INFINITY;
    for (index, order) in orders.iter().enumerate().filter(|(index, _)| left & (1 << index) != 0) {
        for who in 0..drivers.len() {
            let (place, free_s) = drivers[who];
            let ready_s = order.ready.at.since(NOW) as f64 / 1_000.0;
            let door_s = (free_s + Plane.travel_s(place, order.pickup)).max(ready_s)
                + Plane.travel_s(order.pickup, order.dropoff);
            let mut after = drivers.to_vec();
            after[who] = (order.dropoff, door_s);
            best = best.min(door_s + brute(orders, &after, left & !(1 << index)));
        }
    }
    best
}

fn small() -> impl Strategy<Value = Small> {
    let at = || (0.0..2_000.0f64, 0.0..2_000.0f64);
    let orders = proptest::collection::vec((at(), at(), 0_i64..1_500), 1..5);
    (orders, proptest::collection::vec((at(), 0_i64..900), 1..4))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_plan_of_small_problems_is_better((orders, drivers) in small()) {
        let list: Vec<_> = (0..).zip(&orders).map(|(index, &(from, to, ready))| order(&format!("o{index}"), from, to, ready)).collect();
        let fleet: Vec<_> = (0..).zip(&drivers).map(|(index, &(at, free))| {
            let free_at = NOW + free * 1_000;
            Candidate { free_at, capacity: 1, ..driver(&format!("d{index}"), at) }
        }).collect();
        let weights = Tuning { late_weight: 0.0, fairness_s: 0.0, ..tuning() };
        let view = View { now: NOW, orders: &list, drivers: &fleet };
        let problem = super::problem::Problem::new(&view, &Plane, &weights);
        let search = super::planned(&problem);
        let ours: f64 = search.routes.iter().map(super::route::Route::cost).sum();
        let starts: Vec<_> = drivers.iter().map(|&(at, free)| (at, free as f64)).collect();
        let best = brute(&list, &starts, (1 << list.len()) - 1);
        prop_assert!(ours <= best * 1.000_001 + 1e-6, "{} instead of {}", ours, best);
    }

    #[test]
    fn a_plan_keeps_every_rule((orders, drivers) in small(), capacity in 1_usize..4, off in 300_i64..4_000) {
        let list: Vec<_> = (0..).zip(&orders).map(|(index, &(from, to, ready))| order(&format!("o{index}"), from, to, ready)).collect();
        let fleet: Vec<_> = (0..).zip(&drivers).map(|(index, &(at, free))| {
            let (free_at, off_at) = (NOW + free * 1_000, Some(NOW + off * 1_000));
            Candidate { free_at, off_at, capacity, ..driver(&format!("d{index}"), at) }
        }).collect();
        let made = plan(&list, &fleet);
        prop_assert_eq!(&made, &plan(&list, &fleet), "the same view, the same plan");
        let mut named: Vec<_> = made.offers.iter().flat_map(|offer| offer.orders.clone()).collect();
        named.extend(made.waits.iter().map(|wait| wait.order_id.clone()));
        named.sort();
        let mut all: Vec<_> = list.iter().map(|order| order.order_id.clone()).collect();
        all.sort();
        prop_assert_eq!(named, all, "every order is offered once or waits");
        let who: HashSet<_> = made.offers.iter().map(|offer| &offer.driver_id).collect();
        prop_assert_eq!(who.len(), made.offers.len(), "nobody gets two offers");
        for offer in &made.offers {
            let driver = fleet.iter().find(|driver| driver.driver_id == offer.driver_id).unwrap();
            prop_assert!(driver.free_at <= NOW && offer.orders.len() <= capacity && offer.pickup_eta_s <= off);
            prop_assert!(offer.dropoff_eta_s.is_sorted() && offer.dropoff_eta_s.len() == offer.orders.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn among_equals_nobody_waits_more_than_twice_the_median(fleet in 3_usize..60, busy in 1_i64..40, gap in 1_i64..4) {
        let mut idle_since: Vec<i64> = vec![0; fleet];
        let mut free_at: Vec<i64> = vec![0; fleet];
        let mut waited = Vec::new();
        for tick in 0..(fleet as i64 * 6) {
            let now = tick * gap * 60;
            let at = |seconds: i64| NOW + seconds * 1_000;
            let mut wanted = order("o", (0.0, 0.0), (100.0, 0.0), 0);
            (wanted.placed_at, wanted.due_at, wanted.ready.at) = (at(now), at(now), at(now));
            let drivers: Vec<_> = (0..fleet).filter(|&index| free_at[index] <= now).map(|index| Candidate {
                free_at: at(free_at[index]), idle_since: at(idle_since[index]), ..driver(&format!("d{index:02}"), (10.0, 0.0))
            }).collect();
            let made = decide(&View { now: at(now), orders: &[wanted], drivers: &drivers }, &Plane, &tuning());
            for offer in made.offers {
                let index: usize = offer.driver_id.as_str()[1..].parse().unwrap();
                if tick >= fleet as i64 * 2 {
                    waited.push(now - idle_since[index]);
                }
                free_at[index] = now + busy * 60;
                idle_since[index] = free_at[index];
            }
        }
        waited.sort_unstable();
        if let (Some(longest), Some(median)) = (waited.last(), waited.get(waited.len() / 2)) {
            prop_assert!(*longest <= 2 * median + gap * 60, "{} against {}", longest, median);
        }
    }
}
