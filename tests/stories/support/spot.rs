//! Places in the city, moved about by metres.

use serde_json::Value;
use serde_json::json;

/// Metres of one degree of latitude, near enough for a city.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// A point in degrees WGS84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    pub latitude: f64,
    pub longitude: f64,
}

/// The middle of the city in which most stories play.
pub const CENTRE: Spot = Spot { latitude: 43.7696, longitude: 11.2558 };

impl Spot {
    pub fn north(self, metres: f64) -> Self {
        Self { latitude: self.latitude + metres / METRES_PER_DEGREE, ..self }
    }

    pub fn east(self, metres: f64) -> Self {
        let degree = METRES_PER_DEGREE * self.latitude.to_radians().cos();
        Self { longitude: self.longitude + metres / degree, ..self }
    }

    pub fn json(self) -> Value {
        json!({ "latitude": self.latitude, "longitude": self.longitude })
    }

    /// Whether a frame or answer names this very point.
    pub fn is_at(self, shown: &Value) -> bool {
        let near = |name: &str, degrees: f64| shown[name].as_f64().is_some_and(|seen| (seen - degrees).abs() < 1e-9);
        near("latitude", self.latitude) && near("longitude", self.longitude)
    }
}
