//! From when to when a certificate is good: the two dates, read straight from its DER (RFC 5280, section 4.1).
//!
//! Only for warnings: what cannot be read is `None`, and clients judge for themselves.

use crate::domain::time::Millis;
use crate::protocol::time::from_rfc3339;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`, which holds the version where there is one.
const VERSION: u8 = 0xA0;

/// The first and the last moment at which a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Millis,
    pub(super) to: Millis,
}

impl Validity {
    /// Of one certificate in DER.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let mut to_be_signed = Der(Der(Der(certificate).value(SEQUENCE)?).value(SEQUENCE)?);
        if to_be_signed.0.first() == Some(&VERSION) {
            to_be_signed.value(VERSION)?;
        }
        to_be_signed.value(INTEGER)?; // serial number
        to_be_signed.value(SEQUENCE)?; // algorithm of the signature
        to_be_signed.value(SEQUENCE)?; // issuer
        let mut dates = Der(to_be_signed.value(SEQUENCE)?);
        Some(Self { from: dates.time()?, to: dates.time()? })
    }
}

/// What is left of a run of DER values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which must have this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, value) = self.next()?;
        (found == tag).then_some(value)
    }

    /// Tag and content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            // Up to four bytes of length; no certificate is longer than that.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// `YYMMDDhhmmssZ` (years 1950 to 2049) or `YYYYMMDDhhmmssZ`.
    fn time(&mut self) -> Option<Millis> {
        let (tag, value) = self.next()?;
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii())?;
        let full = match tag {
            UTC_TIME if text.len() == 13 => format!("{}{text}", if text < "50" { "20" } else { "19" }),
            GENERALIZED_TIME if text.len() == 15 => text.to_owned(),
            _ => return None,
        };
        let (date, time) = full.split_at(8);
        let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
        from_rfc3339(&format!("{}-{}-{}T{hour}:{minute}:{second}", &date[..4], &date[4..6], &date[6..]))
    }
}
