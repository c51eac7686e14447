//! Whether a text is UTF-8, in whatever pieces it passes: it is refused at the first byte that cannot be, not at its end.

use crate::protocol::close::CloseCode;

/// The longest character has four bytes.
const CHARACTER_MAX_BYTES: usize = 4;

/// The text under way.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not come yet.
    torn: [u8; CHARACTER_MAX_BYTES],
    torn_bytes: usize,
}

impl Utf8 {
    /// Looks at the next bytes.
    pub(super) fn check(&mut self, mut bytes: &[u8]) -> Result<(), CloseCode> {
        while self.torn_bytes > 0 {
            let Some((next, rest)) = bytes.split_first() else { return Ok(()) };
            self.torn[self.torn_bytes] = *next;
            self.torn_bytes = torn_bytes(&self.torn[..=self.torn_bytes])?;
            bytes = rest;
        }
        self.torn_bytes = torn_bytes(bytes)?;
        self.torn[..self.torn_bytes].copy_from_slice(&bytes[bytes.len() - self.torn_bytes..]);
        Ok(())
    }

    /// The text is at its end, and another may begin.
    pub(super) fn finish(&self) -> Result<(), CloseCode> {
        if self.torn_bytes > 0 { Err(CloseCode::BadUtf8) } else { Ok(()) }
    }
}

/// How many bytes at the end are the beginning of a character; at most three.
fn torn_bytes(bytes: &[u8]) -> Result<usize, CloseCode> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(0),
        Err(error) if error.error_len().is_none() => Ok(bytes.len() - error.valid_up_to()),
        Err(_) => Err(CloseCode::BadUtf8),
    }
}
