//! Ids as types, so that an order id can never be handed over where a driver id is meant.

use crate::limits::ID_MAX_CHARS;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters of A-Z a-z 0-9 _ . : -")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    let fits = !text.is_empty() && text.len() <= ID_MAX_CHARS;
    if fits && text.bytes().all(allowed) { Ok(()) } else { Err(InvalidId) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an id that somebody else made.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// Wraps an id that Beeline itself has just made, and that is known to fit.
            #[must_use]
            pub fn from_generated(text: String) -> Self {
                debug_assert!(check(&text).is_ok());
                Self(Arc::from(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A driver: the `sub` of their token.
    DriverId
);
id!(
    /// A customer: the `sub` of their token.
    CustomerId
);
id!(
    /// A restaurant or shop.
    MerchantId
);
id!(
    /// An order, UUIDv7.
    OrderId
);
id!(
    /// One offer of one order to one driver, UUIDv7.
    OfferId
);
id!(
    /// One driver carrying 1 to capacity orders, UUIDv7.
    AssignmentId
);
id!(
    /// A published event, UUIDv7.
    EventId
);
id!(
    /// A dead letter, UUIDv7.
    DeadLetterId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_to_the_allowed_characters() {
        for good in ["a", "D-1", "driver:7", "x.y_z", &"k".repeat(64)] {
            assert_eq!(DriverId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "é", "{x}", "a/b", "a\0b", "a\nb", &"k".repeat(65)] {
            assert_eq!(DriverId::parse(bad), Err(InvalidId), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_id_in_json_is_refused() {
        assert!(serde_json::from_str::<OrderId>("\"ok-1\"").is_ok());
        assert!(serde_json::from_str::<OrderId>("\"no way\"").is_err());
        assert!(serde_json::from_str::<OrderId>("7").is_err());
    }
}
