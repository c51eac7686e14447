//! The instance's city laid over the live server's cells: metres become degrees around a fixed point.

use super::instance::Point;
use crate::domain::cell::CellId;
use crate::domain::cell::CellResolution;
use crate::domain::geo::Position;
use crate::domain::matching::OpenOrder;
use std::collections::BTreeMap;

/// Where the instances' origin is put: the middle of Florence, like the demo city.
const ORIGIN: (f64, f64) = (43.77, 11.25);
/// Metres of one degree of latitude on the mean sphere.
const DEGREE_M: f64 = 111_195.0;
/// The live server's default.
const RESOLUTION: u8 = 8;

/// The cell a point of an instance lies in. `None`: beyond the poles, where no instance reaches.
#[must_use]
pub fn cell_of(point: Point) -> Option<CellId> {
    let latitude = ORIGIN.0 + point.y / DEGREE_M;
    let longitude = ORIGIN.1 + point.x / (DEGREE_M * ORIGIN.0.to_radians().cos());
    let position = Position::new(latitude, longitude).ok()?;
    Some(CellId::at(position, CellResolution::new(RESOLUTION)?))
}

/// The open orders by the cell of their pickup, in a fixed sequence of cells. Points off the globe share one more.
#[must_use]
pub fn by_cell(orders: &[OpenOrder<Point>]) -> BTreeMap<Option<CellId>, Vec<OpenOrder<Point>>> {
    let mut cells: BTreeMap<Option<CellId>, Vec<OpenOrder<Point>>> = BTreeMap::new();
    for order in orders {
        cells.entry(cell_of(order.pickup)).or_default().push(order.clone());
    }
    cells
}
