//! What drivers bring and orders ask for: vehicles and skills.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a driver moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleKind {
    /// Walks.
    Foot,
    /// A bicycle, with or without a motor.
    Bicycle,
    /// A motor scooter or motorcycle.
    Scooter,
    /// A passenger car.
    Car,
    /// A delivery van.
    Van,
}

impl VehicleKind {
    /// All of them, the smallest first.
    pub const ALL: [VehicleKind; 5] = [Self::Foot, Self::Bicycle, Self::Scooter, Self::Car, Self::Van];

    /// The text on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foot => "foot",
            Self::Bicycle => "bicycle",
            Self::Scooter => "scooter",
            Self::Car => "car",
            Self::Van => "van",
        }
    }

    /// Reads the text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Longest name of a skill, in characters.
const SKILL_MAX_CHARS: usize = 32;

/// Something a driver can do and an order may ask for, such as `cold_box` or `age_check`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Skill(Arc<str>);

/// Why a text is not the name of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a skill is 1 to 32 characters of a-z 0-9 _ -")]
pub struct InvalidSkill;

impl Skill {
    /// Checks a name.
    pub fn parse(text: &str) -> Result<Self, InvalidSkill> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        let fits = !text.is_empty() && text.len() <= SKILL_MAX_CHARS && text.bytes().all(allowed);
        if fits { Ok(Self(Arc::from(text))) } else { Err(InvalidSkill) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for Skill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What an order asks of whoever carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Exactly this kind of vehicle; `None`: any.
    pub vehicle: Option<VehicleKind>,
    /// All of these skills.
    pub skills: BTreeSet<Skill>,
}

impl Needs {
    /// Whether a driver with this vehicle and these skills may carry it.
    #[must_use]
    pub fn met_by(&self, vehicle: VehicleKind, skills: &BTreeSet<Skill>) -> bool {
        self.vehicle.is_none_or(|kind| kind == vehicle) && self.skills.is_subset(skills)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vehicles_and_skills_read_back_what_they_write() {
        for kind in VehicleKind::ALL {
            assert_eq!(VehicleKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.as_str()));
        }
        assert_eq!(VehicleKind::parse("rocket"), None);
        for good in ["cold_box", "age-check", "x1", &"k".repeat(32)] {
            let read: Skill = serde_json::from_str(&format!("{good:?}")).unwrap();
            assert_eq!(read.as_str(), good);
        }
        for bad in ["", "Cold", "a b", "é", &"k".repeat(33)] {
            assert_eq!(Skill::parse(bad), Err(InvalidSkill), "{bad:?}");
        }
    }

    #[test]
    fn an_order_is_for_the_vehicle_it_names_and_all_its_skills() {
        let skill = |name| Skill::parse(name).unwrap();
        let cold = BTreeSet::from([skill("cold_box")]);
        let both = BTreeSet::from([skill("cold_box"), skill("age_check")]);
        assert!(Needs::default().met_by(VehicleKind::Foot, &BTreeSet::new()));
        let needs = Needs { vehicle: Some(VehicleKind::Van), skills: both.clone() };
        assert!(needs.met_by(VehicleKind::Van, &both));
        assert!(!needs.met_by(VehicleKind::Car, &both), "another vehicle");
        assert!(!needs.met_by(VehicleKind::Van, &cold), "one skill short");
    }
}
