//! The live index: where every driver is now, by driver and by cell. Shared memory, written by driver actors, read by everybody.
//!
//! A cache: after a start it fills from the store and from the fixes that come in.

use crate::domain::cell::CellId;
use crate::domain::driver::DriverStatus;
use crate::domain::fix::Fix;
use crate::domain::fleet::Record;
use crate::domain::fleet::Skill;
use crate::domain::fleet::VehicleKind;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use dashmap::DashMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;

/// A driver with a live position.
#[derive(Debug, Clone)]
pub struct LiveDriver {
    /// The newest fix that went live.
    pub fix: Arc<Fix>,
    /// The cell it lies in.
    pub cell: CellId,
    /// The status seen outside.
    pub status: DriverStatus,
    /// What matching wants to know of them.
    pub standing: Arc<Standing>,
}

/// What matching wants to know of a driver beside where they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// What they move by.
    pub vehicle: VehicleKind,
    /// What they can do.
    pub skills: BTreeSet<Skill>,
    /// Orders they carry at once.
    pub room: usize,
    /// How offers and deliveries went.
    pub record: Record,
    /// Since when they have had nothing to do.
    pub idle_since: Millis,
}

/// A driver near a point.
#[derive(Debug, Clone)]
pub struct Nearby {
    /// Who.
    pub driver_id: DriverId,
    /// How far, in metres.
    pub distance_m: f64,
    /// The driver.
    pub live: LiveDriver,
}

/// See the module.
#[derive(Default)]
pub struct LiveIndex {
    drivers: DashMap<DriverId, LiveDriver>,
    cells: DashMap<CellId, HashSet<DriverId>>,
}

impl LiveIndex {
    /// Puts a driver where their newest live fix is, and returns the cell they were in before if it is another one.
    pub fn put(&self, driver_id: &DriverId, live: LiveDriver) -> Option<CellId> {
        let cell = live.cell;
        let left = self.drivers.insert(driver_id.clone(), live).map(|before| before.cell);
        if left == Some(cell) {
            return None;
        }
        self.cells.entry(cell).or_default().insert(driver_id.clone());
        if let Some(left) = left {
            self.leave(driver_id, left);
        }
        left
    }

    /// Changes what is known of a driver who has a live position.
    pub fn set_status(&self, driver_id: &DriverId, status: DriverStatus, standing: Arc<Standing>) {
        if let Some(mut live) = self.drivers.get_mut(driver_id) {
            live.status = status;
            live.standing = standing;
        }
    }

    /// Forgets a driver whose newest fix is not newer than `timestamp`.
    pub fn forget(&self, driver_id: &DriverId, timestamp: Millis) {
        let gone = self.drivers.remove_if(driver_id, |_, live| live.fix.timestamp <= timestamp);
        if let Some((_, live)) = gone {
            self.leave(driver_id, live.cell);
        }
    }

    fn leave(&self, driver_id: &DriverId, cell: CellId) {
        // The driver may be back by now, put there by another thread: looked up under the cell's lock, which `put` takes last.
        if let Some(mut inside) = self.cells.get_mut(&cell)
            && self.drivers.get(driver_id).is_none_or(|live| live.cell != cell)
        {
            inside.remove(driver_id);
        }
        self.cells.remove_if(&cell, |_, inside| inside.is_empty());
    }

    /// One driver.
    #[must_use]
    pub fn get(&self, driver_id: &DriverId) -> Option<LiveDriver> {
        self.drivers.get(driver_id).map(|live| live.clone())
    }

    /// How many drivers have a live position.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drivers.len()
    }

    /// Whether nobody has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drivers.is_empty()
    }

    /// Visits every driver. `visit` must not call the index.
    pub fn for_each(&self, mut visit: impl FnMut(&DriverId, &LiveDriver)) {
        for entry in &self.drivers {
            visit(entry.key(), entry.value());
        }
    }

    /// Visits the drivers of one cell. `visit` must not call the index.
    pub fn for_each_in(&self, cell: CellId, mut visit: impl FnMut(&DriverId, &LiveDriver)) {
        let Some(inside) = self.cells.get(&cell) else { return };
        for driver_id in inside.iter() {
            if let Some(live) = self.drivers.get(driver_id) {
                visit(driver_id, &live);
            }
        }
    }

    /// Drivers within `radius_m` of a point that pass `wanted`, nearest first, at most `limit`.
    #[must_use]
    pub fn nearby(
        &self,
        centre: Position,
        cell: CellId,
        radius_m: f64,
        limit: usize,
        wanted: impl Fn(&LiveDriver) -> bool,
    ) -> Vec<Nearby> {
        let mut found = Vec::new();
        let mut consider = |driver_id: &DriverId, live: &LiveDriver| {
            let distance_m = centre.distance_m(live.fix.position);
            if distance_m <= radius_m && wanted(live) {
                found.push(Nearby { driver_id: driver_id.clone(), distance_m, live: live.clone() });
            }
        };
        let steps = cell.steps_for_radius(radius_m);
        let disk_cells = 3 * usize::try_from(steps).unwrap_or(usize::MAX).saturating_pow(2);
        if disk_cells > self.cells.len() {
            self.for_each(&mut consider);
        } else {
            for nearby_cell in cell.disk(steps) {
                self.for_each_in(nearby_cell, &mut consider);
            }
        }
        found.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then_with(|| a.driver_id.cmp(&b.driver_id)));
        found.truncate(limit);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cell::CellResolution;
    use proptest::prelude::*;

    fn live(lat: f64, lng: f64) -> LiveDriver {
        let position = Position::new(lat, lng).unwrap();
        let fix = Fix {
            position,
            timestamp: Millis(1),
            seq: None,
            speed: None,
            heading: None,
            accuracy: None,
            altitude: None,
            order_id: None,
            battery: None,
            signal: None,
        };
        LiveDriver {
            fix: Arc::new(fix),
            cell: CellId::at(position, CellResolution::new(8).unwrap()),
            status: DriverStatus::Available,
            standing: Arc::default(),
        }
    }

    proptest! {
        #[test]
        fn nearby_finds_exactly_the_drivers_in_the_radius_nearest_first(
            places in prop::collection::vec((43.70f64..43.85, 11.10f64..11.40), 1..60), radius in 10.0f64..9_000.0,
        ) {
            let index = LiveIndex::default();
            for (number, (lat, lng)) in places.iter().enumerate() {
                let driver_id = DriverId::parse(&format!("d{number}")).unwrap();
                index.put(&driver_id, live(43.7, 11.2));
                index.put(&driver_id, live(*lat, *lng));
            }
            let centre = live(43.77, 11.25);
            let found = index.nearby(centre.fix.position, centre.cell, radius, 1_000, |_| true);
            let inside = places.iter().filter(|(lat, lng)| {
                Position::new(*lat, *lng).unwrap().distance_m(centre.fix.position) <= radius
            });
            prop_assert_eq!(found.len(), inside.count());
            prop_assert!(found.windows(2).all(|pair| pair[0].distance_m <= pair[1].distance_m));
        }
    }

    #[test]
    fn a_driver_who_moved_on_is_not_forgotten_by_an_old_word() {
        let index = LiveIndex::default();
        let driver_id = DriverId::parse("d").unwrap();
        index.put(&driver_id, live(43.7, 11.2));
        index.forget(&driver_id, Millis(0));
        assert!(index.get(&driver_id).is_some());
        index.forget(&driver_id, Millis(1));
        assert!(index.get(&driver_id).is_none() && index.cells.is_empty());
    }
}
