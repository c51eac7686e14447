//! The city as a flat sheet of metres. Over its 14 km the sheet is off by less than 0.1 %, which nobody driving on it can tell.

use serde::Deserialize;
use serde::Serialize;

const CENTRE_LATITUDE: f64 = 43.77;
const CENTRE_LONGITUDE: f64 = 11.25;
/// A degree of latitude on the mean sphere.
const METRES_PER_DEGREE: f64 = 111_195.08;

/// Degrees, as the wire writes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatLng {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

/// Metres east and north of the city's centre.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Point {
    pub(crate) fn distance_m(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Degrees clockwise from north, 0 to 360, on the way to `other`.
    pub(crate) fn bearing_deg(self, other: Point) -> f64 {
        (other.x - self.x).atan2(other.y - self.y).to_degrees().rem_euclid(360.0)
    }

    /// The point a share (0 to 1) of the way to `other`.
    pub(crate) fn toward(self, other: Point, share: f64) -> Point {
        Point { x: self.x + (other.x - self.x) * share, y: self.y + (other.y - self.y) * share }
    }
}

impl From<LatLng> for Point {
    fn from(at: LatLng) -> Self {
        Self {
            x: (at.longitude - CENTRE_LONGITUDE) * METRES_PER_DEGREE * CENTRE_LATITUDE.to_radians().cos(),
            y: (at.latitude - CENTRE_LATITUDE) * METRES_PER_DEGREE,
        }
    }
}

impl From<Point> for LatLng {
    /// Rounded to seven decimals, a centimetre.
    fn from(at: Point) -> Self {
        let rounded = |degrees: f64| (degrees * 1e7).round() / 1e7;
        Self {
            latitude: rounded(CENTRE_LATITUDE + at.y / METRES_PER_DEGREE),
            longitude: rounded(CENTRE_LONGITUDE + at.x / (METRES_PER_DEGREE * CENTRE_LATITUDE.to_radians().cos())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearings_are_clockwise_from_north() {
        let here = Point::default();
        for (x, y, bearing) in [(0.0, 1.0, 0.0), (1.0, 0.0, 90.0), (0.0, -1.0, 180.0), (-1.0, 0.0, 270.0)] {
            assert!((here.bearing_deg(Point { x, y }) - bearing).abs() < 1e-9);
        }
    }

    #[test]
    fn the_sheet_agrees_with_the_globe_to_a_metre_across_the_city() {
        let (a, b) = (LatLng { latitude: 43.73, longitude: 11.17 }, LatLng { latitude: 43.83, longitude: 11.33 });
        let globe = geo::Distance::distance(
            &geo::Haversine,
            geo::Point::new(a.longitude, a.latitude),
            geo::Point::new(b.longitude, b.latitude),
        );
        let sheet = Point::from(a).distance_m(Point::from(b));
        assert!((globe - sheet).abs() < globe * 0.001, "{globe} against {sheet}");
    }

    proptest::proptest! {
        #[test]
        fn a_point_survives_the_wire(x in -8000.0..8000.0, y in -8000.0..8000.0) {
            let there = Point { x, y };
            proptest::prop_assert!(Point::from(LatLng::from(there)).distance_m(there) < 0.02);
        }
    }
}
