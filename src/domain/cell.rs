//! Geo-cells: H3 hexagons that own presence, routing and matching.

use super::geo::Position;
use h3o::CellIndex;
use h3o::LatLng;
use h3o::Resolution;
use std::fmt;

/// Resolution of `geo_key`, the area by which orders are indexed and can be sharded (about 253 km² each).
const GEO_KEY_RESOLUTION: Resolution = Resolution::Five;

/// One H3 cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(CellIndex);

/// H3 resolution of the supervisors, 0 (continents) to 15 (square metres).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellResolution(Resolution);

impl CellResolution {
    /// Checks a resolution; `geo_key` needs at least 5.
    #[must_use]
    pub fn new(resolution: u8) -> Option<Self> {
        let checked = Resolution::try_from(resolution).ok()?;
        (checked >= GEO_KEY_RESOLUTION).then_some(Self(checked))
    }
}

impl CellId {
    /// The cell a position lies in.
    #[must_use]
    pub fn at(position: Position, resolution: CellResolution) -> Self {
        // `Position` is finite by construction, which is all that h3o asks of a coordinate.
        let point = LatLng::new(position.latitude(), position.longitude()).unwrap_or_default();
        Self(point.to_cell(resolution.0))
    }

    /// This cell and all within `k` steps of it.
    #[must_use]
    pub fn disk(self, k: u32) -> Vec<CellId> {
        self.0.grid_disk::<Vec<_>>(k).into_iter().map(CellId).collect()
    }

    /// Steps that surely reach everything within `radius_m` of any point of this cell.
    ///
    /// Neighbouring centres lie about `sqrt(3)` edge lengths apart; H3 cells vary by a factor of about two in area over the globe,
    /// so the average edge is shrunk by a third before it is used as a step.
    #[must_use]
    pub fn steps_for_radius(self, radius_m: f64) -> u32 {
        let step_m = self.0.resolution().edge_length_m() * 0.66 * 1.5;
        let steps = (radius_m / step_m).ceil() + 1.0;
        // A radius is bounded by `limits`, far below `u32::MAX` steps; `as` saturates anyway.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = steps as u32;
        whole
    }

    /// The area key of an order picked up here: the resolution 5 parent.
    #[must_use]
    pub fn geo_key(self) -> String {
        self.0.parent(GEO_KEY_RESOLUTION).unwrap_or(self.0).to_string()
    }

    /// Number of the cell, for hashing it onto a worker.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.0)
    }

    /// Corners of the cell, in order.
    #[must_use]
    pub fn boundary(self) -> Vec<Position> {
        let corner = |point: &LatLng| Position::new(point.lat(), point.lng()).ok();
        self.0.boundary().iter().filter_map(corner).collect()
    }

    /// Centre of the cell.
    #[must_use]
    pub fn centre(self) -> Option<Position> {
        let centre = LatLng::from(self.0);
        Position::new(centre.lat(), centre.lng()).ok()
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_disk_reaches_every_point_within_its_radius(
            lat in -85.0..85.0f64, lng in -180.0..180.0f64,
            bearing in 0.0..std::f64::consts::TAU, radius in 1.0..6000.0f64,
        ) {
            let resolution = CellResolution::new(8).unwrap();
            let here = Position::new(lat, lng).unwrap();
            let north = radius * 0.999 * bearing.cos() / 111_195.0;
            let east = radius * 0.999 * bearing.sin() / (111_195.0 * lat.to_radians().cos());
            let wrapped = (lng + east + 540.0).rem_euclid(360.0) - 180.0;
            let there = Position::new(lat + north, wrapped).unwrap();
            prop_assume!(here.distance_m(there) <= radius);
            let cell = CellId::at(here, resolution);
            let disk = cell.disk(cell.steps_for_radius(radius));
            prop_assert!(disk.contains(&CellId::at(there, resolution)));
        }

        #[test]
        fn every_position_has_a_cell_and_a_geo_key(lat in -90.0..=90.0f64, lng in -180.0..=180.0f64) {
            let cell = CellId::at(Position::new(lat, lng).unwrap(), CellResolution::new(8).unwrap());
            prop_assert_eq!(cell.geo_key().len(), 15);
        }
    }

    #[test]
    fn the_poles_and_the_antimeridian_have_cells() {
        for (lat, lng) in [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (0.0, -180.0)] {
            let cell = CellId::at(Position::new(lat, lng).unwrap(), CellResolution::new(8).unwrap());
            assert!(!cell.disk(1).is_empty());
        }
    }
}
