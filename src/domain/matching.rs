//! Matching: which driver is offered which order. Pure: the cell hands in what it sees and carries out what comes back.
//!
//! For now the nearest free driver; `decide` is the seam behind which joint optimal assignment will stand.

use super::eta;
use super::geo::Position;
use super::ids::DriverId;
use super::ids::OrderId;
use super::time::Millis;
use std::collections::HashSet;

/// An order that is to be offered now.
#[derive(Debug, Clone)]
pub struct OpenOrder {
    /// Which.
    pub order_id: OrderId,
    /// Where the driver has to go first.
    pub pickup: Position,
    /// Since when matching should act.
    pub due_at: Millis,
    /// Drivers who have already said no, or nothing.
    pub refused_by: HashSet<DriverId>,
}

/// A driver who is free now.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Who.
    pub driver_id: DriverId,
    /// Where.
    pub position: Position,
}

/// One offer to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairing {
    /// The order.
    pub order_id: OrderId,
    /// The driver it goes to.
    pub driver_id: DriverId,
    /// Seconds until the driver reaches the pickup.
    pub pickup_eta_s: i64,
}

/// Pairs orders with drivers: longest due first, each with the nearest driver within `radius_m` who is still free and has not refused it.
#[must_use]
pub fn decide(orders: &[OpenOrder], candidates: &[Candidate], radius_m: f64) -> Vec<Pairing> {
    let mut by_due: Vec<&OpenOrder> = orders.iter().collect();
    by_due.sort_by_key(|order| order.due_at);
    let mut taken: HashSet<&DriverId> = HashSet::new();
    let mut pairings = Vec::new();
    for order in by_due {
        let nearest = candidates
            .iter()
            .filter(|driver| !taken.contains(&driver.driver_id) && !order.refused_by.contains(&driver.driver_id))
            .map(|driver| (driver.position.distance_m(order.pickup), driver))
            .filter(|(distance_m, _)| *distance_m <= radius_m)
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, driver)) = nearest {
            taken.insert(&driver.driver_id);
            pairings.push(Pairing {
                order_id: order.order_id.clone(),
                driver_id: driver.driver_id.clone(),
                pickup_eta_s: eta::travel_whole_s(driver.position, order.pickup),
            });
        }
    }
    pairings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lng: f64) -> Position {
        Position::new(43.77, lng).unwrap()
    }

    fn order(id: &str, lng: f64, due: i64) -> OpenOrder {
        let order_id = OrderId::parse(id).unwrap();
        OpenOrder { order_id, pickup: at(lng), due_at: Millis(due), refused_by: HashSet::new() }
    }

    fn driver(id: &str, lng: f64) -> Candidate {
        Candidate { driver_id: DriverId::parse(id).unwrap(), position: at(lng) }
    }

    fn pairs(pairings: &[Pairing]) -> Vec<(&str, &str)> {
        pairings.iter().map(|p| (p.order_id.as_str(), p.driver_id.as_str())).collect()
    }

    #[test]
    fn the_longest_due_order_gets_the_nearest_driver_and_nobody_gets_two() {
        let orders = [order("new", 11.25, 20), order("old", 11.25, 10)];
        let drivers = [driver("far", 11.27), driver("near", 11.251)];
        let pairings = decide(&orders, &drivers, 5_000.0);
        assert_eq!(pairs(&pairings), [("old", "near"), ("new", "far")]);
        assert!(pairings[0].pickup_eta_s < pairings[1].pickup_eta_s);
    }

    #[test]
    fn who_refused_or_is_too_far_is_not_asked() {
        let mut one = order("o", 11.25, 0);
        one.refused_by.insert(DriverId::parse("near").unwrap());
        let drivers = [driver("near", 11.251), driver("far", 11.40)];
        assert!(decide(&[one.clone()], &drivers, 5_000.0).is_empty());
        assert_eq!(pairs(&decide(&[one], &drivers, 50_000.0)), [("o", "far")]);
    }
}
