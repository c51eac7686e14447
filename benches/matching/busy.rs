//! A busy evening to decide on: a thousand open orders and four hundred drivers of one city, the same for every run.

use beeline::domain::eta::Town;
use beeline::domain::fleet::Needs;
use beeline::domain::fleet::VehicleKind;
use beeline::domain::geo::Position;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::MerchantId;
use beeline::domain::ids::OrderId;
use beeline::domain::matching::Candidate;
use beeline::domain::matching::OpenOrder;
use beeline::domain::matching::Ready;
use beeline::domain::matching::Record;
use beeline::domain::matching::View;
use beeline::domain::time::Millis;
use std::collections::BTreeSet;
use std::collections::HashSet;

const NOW: Millis = Millis(1_800_000_000_000);
/// Restaurants stand within this share of the city's width.
const CENTRE: (f64, f64) = (43.77, 11.25);
const RESTAURANTS: usize = 250;

/// What a tick sees.
pub struct Evening {
    orders: Vec<OpenOrder<Position>>,
    drivers: Vec<Candidate<Position>>,
}

/// A linear congruential generator (Knuth's MMIX constants): fixtures need variety, not chance.
struct Mixed(u64);

impl Mixed {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1_u32 << 24)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.share() * bound as f64) as usize
    }

    /// A place within so many metres east or west, north or south of the centre; nearer ones are likelier.
    fn place(&mut self, reach_m: f64) -> Position {
        let off = |a: f64, b: f64| (a + b - 1.0) * reach_m / 111_195.0;
        let (north, east) = (off(self.share(), self.share()), off(self.share(), self.share()));
        Position::new(CENTRE.0 + north, CENTRE.1 + east / CENTRE.0.to_radians().cos()).unwrap()
    }
}

impl Evening {
    /// One of many evenings.
    pub fn new(seed: u64, orders: usize, drivers: usize) -> Self {
        let mut mixed = Mixed(seed);
        let restaurants: Vec<Position> = (0..RESTAURANTS).map(|_| mixed.place(4_000.0)).collect();
        let orders = (0..orders).map(|index| order(index, &restaurants, &mut mixed)).collect();
        let drivers = (0..drivers).map(|index| driver(index, &mut mixed)).collect();
        Self { orders, drivers }
    }

    /// What matching sees of it.
    pub fn view(&self) -> View<'_, Position> {
        View { now: NOW, orders: &self.orders, drivers: &self.drivers }
    }

    /// Ways in this city.
    pub fn town() -> Town {
        Town::around(Position::new(CENTRE.0, CENTRE.1).unwrap())
    }
}

fn order(index: usize, restaurants: &[Position], mixed: &mut Mixed) -> OpenOrder<Position> {
    let restaurant = mixed.below(restaurants.len());
    let placed_at = NOW - (mixed.share() * 1_800_000.0) as i64;
    OpenOrder {
        order_id: OrderId::parse(&format!("order-{index}")).unwrap(),
        pickup: restaurants[restaurant],
        dropoff: mixed.place(6_000.0),
        shared_pickup: Some(MerchantId::parse(&format!("shop-{restaurant}")).unwrap()),
        placed_at,
        due_at: placed_at,
        ready: Ready { at: placed_at + (mixed.share() * 2_400_000.0) as i64, spread_s: 0.0 },
        needs: Needs::default(),
        refused_by: HashSet::new(),
        mine: true,
    }
}

fn driver(index: usize, mixed: &mut Mixed) -> Candidate<Position> {
    let is_free = mixed.share() < 0.3;
    let free_at = if is_free { NOW } else { NOW + (mixed.share() * 1_500_000.0) as i64 };
    Candidate {
        driver_id: DriverId::parse(&format!("driver-{index}")).unwrap(),
        position: mixed.place(6_000.0),
        free_at,
        off_at: Some(NOW + 3_600_000 + (mixed.share() * 14_400_000.0) as i64),
        capacity: 3,
        vehicle: VehicleKind::Scooter,
        skills: BTreeSet::new(),
        idle_since: NOW - (mixed.share() * 600_000.0) as i64,
        record: Record { acceptance: 0.8 + 0.2 * mixed.share(), on_time: 0.8 + 0.2 * mixed.share() },
    }
}
