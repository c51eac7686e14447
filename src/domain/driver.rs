//! Drivers: what they have asked for, what they are doing, and the status seen outside.

use super::fleet::Profile;
use super::fleet::Record;
use super::ids::DriverId;
use super::time::Millis;
use serde::Deserialize;
use serde::Serialize;

/// What the driver has asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// Ready for offers.
    Available,
    /// On shift, no offers for now.
    Paused,
    /// Not on shift.
    #[default]
    Offline,
}

/// The status seen outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverStatus {
    /// Free for an offer.
    Available,
    /// Has an offer to answer.
    Offered,
    /// Carries an assignment.
    Busy,
    /// On shift, no offers for now.
    Paused,
    /// Not on shift.
    Offline,
}

impl Shift {
    /// The text on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Paused => "paused",
            Self::Offline => "offline",
        }
    }

    /// What is left of it when the driver may not be seen.
    fn without_consent(self) -> Self {
        if self == Self::Available { Self::Offline } else { self }
    }

    /// Reads the text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Available, Self::Paused, Self::Offline].into_iter().find(|shift| shift.as_str() == text)
    }
}

impl DriverStatus {
    /// The text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Offered => "offered",
            Self::Busy => "busy",
            Self::Paused => "paused",
            Self::Offline => "offline",
        }
    }

    /// Reads the text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Available, Self::Offered, Self::Busy, Self::Paused, Self::Offline]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// What a driver who asked for `shift` is seen as.
    #[must_use]
    pub fn seen(shift: Shift, has_offer: bool, has_assignment: bool) -> Self {
        match shift {
            _ if has_assignment => Self::Busy,
            _ if has_offer => Self::Offered,
            Shift::Available => Self::Available,
            Shift::Paused => Self::Paused,
            Shift::Offline => Self::Offline,
        }
    }
}

/// The stored driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// Who.
    pub driver_id: DriverId,
    /// What they have asked to be.
    pub shift: Shift,
    /// Whether customers may see them while carrying their order.
    pub share_location: bool,
    /// When they last agreed to it.
    pub consented_at: Option<Millis>,
    /// What they bring.
    pub profile: Profile,
    /// How offers and deliveries went; written by commits, not by saves.
    pub record: Record,
    /// Grows with every change, for compare-and-set.
    pub version: i64,
}

/// `available` asked for without ever having agreed to share the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentNeeded;

impl Driver {
    /// A driver heard of for the first time.
    #[must_use]
    pub fn new(driver_id: DriverId) -> Self {
        Self {
            driver_id,
            shift: Shift::Offline,
            share_location: false,
            consented_at: None,
            profile: Profile::default(),
            record: Record::default(),
            version: 0,
        }
    }

    /// The driver after asking for `shift`, with or without a word about sharing. Withdrawing consent ends the shift.
    pub fn ask(&self, shift: Shift, share_location: Option<bool>, now: Millis) -> Result<Driver, ConsentNeeded> {
        let share = share_location.unwrap_or(self.share_location);
        if shift == Shift::Available && !share {
            return Err(ConsentNeeded);
        }
        let consented_at = if share_location == Some(true) { Some(now) } else { self.consented_at };
        Ok(Driver { shift, share_location: share, consented_at, version: self.version + 1, ..self.clone() })
    }

    /// The driver with what they bring set anew. Withdrawing consent ends the shift.
    #[must_use]
    pub fn with_profile(&self, profile: Profile, share_location: Option<bool>, now: Millis) -> Driver {
        let share = share_location.unwrap_or(self.share_location);
        let shift = if share { self.shift } else { self.shift.without_consent() };
        let consented_at = if share_location == Some(true) { Some(now) } else { self.consented_at };
        Driver { shift, share_location: share, consented_at, profile, version: self.version + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_needed_once_and_remembered_with_its_time() {
        let new = Driver::new(DriverId::parse("d").unwrap());
        assert_eq!(new.ask(Shift::Available, None, Millis(1)), Err(ConsentNeeded));
        assert_eq!(new.ask(Shift::Available, Some(false), Millis(1)), Err(ConsentNeeded));
        let agreed = new.ask(Shift::Available, Some(true), Millis(7)).unwrap();
        assert_eq!((agreed.share_location, agreed.consented_at, agreed.version), (true, Some(Millis(7)), 1));
        let paused = agreed.ask(Shift::Paused, None, Millis(8)).unwrap();
        let again = paused.ask(Shift::Available, None, Millis(9)).unwrap();
        assert_eq!((again.consented_at, again.version), (Some(Millis(7)), 3));
        let withdrawn = again.ask(Shift::Offline, Some(false), Millis(10)).unwrap();
        assert_eq!(withdrawn.ask(Shift::Available, None, Millis(11)), Err(ConsentNeeded));
    }

    #[test]
    fn work_shows_before_wishes() {
        assert_eq!(DriverStatus::seen(Shift::Offline, true, true), DriverStatus::Busy);
        assert_eq!(DriverStatus::seen(Shift::Available, true, false), DriverStatus::Offered);
        assert_eq!(DriverStatus::seen(Shift::Paused, false, false), DriverStatus::Paused);
    }
}
