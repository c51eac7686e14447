//! What drivers bring and orders ask for: vehicles, skills and room, and how past offers and deliveries went.

use crate::limits::DRIVER_CAPACITY_MAX;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a driver moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum VehicleKind {
    /// Walks.
    Foot,
    /// A bicycle, with or without a motor.
    Bicycle,
    /// A motor scooter or motorcycle.
    #[default]
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

/// What a driver brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// How people call them.
    pub name: Option<String>,
    /// What they move by.
    pub vehicle: VehicleKind,
    /// What they may carry or do.
    pub skills: BTreeSet<Skill>,
    /// Orders they carry at once; the setting decides when absent.
    pub capacity: Option<usize>,
}

/// How a driver's past offers and deliveries went, counted over their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Offers taken.
    pub accepted: u32,
    /// Offers turned down.
    pub declined: u32,
    /// Offers left to lapse.
    pub lapsed: u32,
    /// Orders brought to the door.
    pub completed: u32,
    /// Those of them that came by the time foreseen at their assignment, within [`ON_TIME_GRACE_MS`].
    pub on_time: u32,
}

/// A delivery this much later than foreseen still counts as on time, in milliseconds.
pub const ON_TIME_GRACE_MS: i64 = 5 * 60 * 1_000;
/// Good answers and deliveries that a new driver is credited with, so that the first bad one does not weigh like a habit.
const CREDIT: f64 = 10.0;

impl Record {
    /// Share of offers taken, 0 to 1; 1 for a driver without a past.
    #[must_use]
    pub fn acceptance(&self) -> f64 {
        let answered = f64::from(self.accepted) + f64::from(self.declined) + f64::from(self.lapsed);
        (f64::from(self.accepted) + CREDIT) / (answered + CREDIT)
    }

    /// Share of deliveries on time, 0 to 1; 1 for a driver without a past.
    #[must_use]
    pub fn punctuality(&self) -> f64 {
        (f64::from(self.on_time) + CREDIT) / (f64::from(self.completed) + CREDIT)
    }
}

impl Profile {
    /// Orders this driver may carry at once, where `usual` is what the settings say.
    #[must_use]
    pub fn room(&self, usual: usize) -> usize {
        self.capacity.unwrap_or(usual).clamp(1, DRIVER_CAPACITY_MAX)
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

    #[test]
    fn one_refusal_of_a_newcomer_weighs_little_and_a_habit_much() {
        assert!((Record::default().acceptance() - 1.0).abs() < f64::EPSILON);
        let once = Record { declined: 1, ..Record::default() };
        assert!(once.acceptance() > 0.9);
        let habit = Record { accepted: 10, declined: 90, ..Record::default() };
        assert!(habit.acceptance() < 0.2);
        let late = Record { completed: 100, on_time: 50, ..Record::default() };
        assert!((0.5..0.6).contains(&late.punctuality()));
    }

    #[test]
    fn room_is_bounded() {
        let boastful = Profile { capacity: Some(1_000_000), ..Profile::default() };
        assert_eq!(boastful.room(1), DRIVER_CAPACITY_MAX);
        assert_eq!(Profile::default().room(3), 3);
    }
}
