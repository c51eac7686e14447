//! When drivers who carry something will be free, and where: what matching needs to keep an order for somebody who is nearly done.
//!
//! A guess, written by the orders' actors and read by the cells. What is missing costs a decision that looks less far ahead.

use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use dashmap::DashMap;

/// The end of a driver's work in hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Engagement {
    /// The order that ends last.
    pub order_id: OrderId,
    /// When.
    pub until: Millis,
    /// Where.
    pub at: Position,
}

/// See the module.
#[derive(Default)]
pub struct Engagements(DashMap<DriverId, Engagement>);

impl Engagements {
    /// Notes when an order of a driver will end; of several the last one counts.
    pub fn note(&self, driver_id: &DriverId, engagement: Engagement) {
        let mut known = self.0.entry(driver_id.clone()).or_insert_with(|| engagement.clone());
        if known.order_id == engagement.order_id || known.until < engagement.until {
            *known = engagement;
        }
    }

    /// The driver carries nothing any more.
    pub fn end(&self, driver_id: &DriverId) {
        self.0.remove(driver_id);
    }

    /// What is known of a driver.
    #[must_use]
    pub fn get(&self, driver_id: &DriverId) -> Option<Engagement> {
        self.0.get(driver_id).map(|known| known.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_order_says_when_and_where() {
        let engagements = Engagements::default();
        let driver_id = DriverId::parse("d").unwrap();
        let work = |order: &str, until, lng| Engagement {
            order_id: OrderId::parse(order).unwrap(),
            until: Millis(until),
            at: Position::new(43.77, lng).unwrap(),
        };
        engagements.note(&driver_id, work("a", 10, 11.1));
        engagements.note(&driver_id, work("b", 20, 11.2));
        engagements.note(&driver_id, work("a", 12, 11.1));
        assert_eq!(engagements.get(&driver_id), Some(work("b", 20, 11.2)));
        engagements.note(&driver_id, work("b", 15, 11.2));
        assert_eq!(engagements.get(&driver_id), Some(work("b", 15, 11.2)), "news of the same order counts");
        engagements.end(&driver_id);
        assert_eq!(engagements.get(&driver_id), None);
    }
}
