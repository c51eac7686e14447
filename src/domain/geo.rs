//! Positions and distances on the WGS84 sphere.

use geo::Distance;
use geo::Haversine;
use geo::Point;
use serde::Deserialize;
use serde::Serialize;

/// A place on Earth that is known to be one: latitude within 90 degrees, longitude within 180, both finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

/// Why two numbers are not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("latitude must be within -90 to 90 and longitude within -180 to 180 degrees")]
pub struct OutOfRange;

impl Position {
    /// Checks and wraps degrees of latitude and longitude.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, OutOfRange> {
        let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        if on_earth { Ok(Self { latitude, longitude }) } else { Err(OutOfRange) }
    }

    /// Degrees north.
    #[must_use]
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east.
    #[must_use]
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// Great-circle distance in metres (haversine, mean Earth radius), at most 0.6 % off the ellipsoid.
    #[must_use]
    pub fn distance_m(self, other: Position) -> f64 {
        Haversine.distance(Point::new(self.longitude, self.latitude), Point::new(other.longitude, other.latitude))
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            latitude: f64,
            longitude: f64,
        }
        let raw = Raw::deserialize(deserializer)?;
        Position::new(raw.latitude, raw.longitude).map_err(serde::de::Error::custom)
    }
}

/// A rectangle in degrees; `west` may be greater than `east` where it crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl BoundingBox {
    /// Checks `[west, south, east, north]`.
    pub fn new([west, south, east, north]: [f64; 4]) -> Result<Self, OutOfRange> {
        Position::new(south, west)?;
        Position::new(north, east)?;
        if south <= north { Ok(Self { west, south, east, north }) } else { Err(OutOfRange) }
    }

    /// Whether the position lies inside or on the edge.
    #[must_use]
    pub fn contains(&self, at: Position) -> bool {
        let lat_inside = at.latitude >= self.south && at.latitude <= self.north;
        let lng_inside = if self.west <= self.east {
            at.longitude >= self.west && at.longitude <= self.east
        } else {
            at.longitude >= self.west || at.longitude <= self.east
        };
        lat_inside && lng_inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_off_the_map_are_refused() {
        for (lat, lng) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Position::new(lat, lng), Err(OutOfRange));
        }
        assert!(Position::new(90.0, -180.0).is_ok());
    }

    #[test]
    fn distance_of_a_degree_of_latitude() {
        let a = Position::new(43.0, 11.0).unwrap();
        let b = Position::new(44.0, 11.0).unwrap();
        assert!((a.distance_m(b) - 111_195.0).abs() < 1.0);
    }

    #[test]
    fn a_box_may_cross_the_antimeridian() {
        let fiji = BoundingBox::new([177.0, -20.0, -178.0, -15.0]).unwrap();
        assert!(fiji.contains(Position::new(-17.0, 179.5).unwrap()));
        assert!(fiji.contains(Position::new(-17.0, -179.5).unwrap()));
        assert!(!fiji.contains(Position::new(-17.0, 0.0).unwrap()));
        assert!(BoundingBox::new([0.0, 10.0, 1.0, 9.0]).is_err());
    }
}
