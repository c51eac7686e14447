//! The payload of a client's close frame (RFC 6455, sections 5.5.1 and 7.4): gathered as it passes, judged at its end.
//!
//! The codec behind it checks the same, but answers a reason that is not UTF-8 with the code for a broken protocol.

use crate::protocol::close::CloseCode;

const CODE_BYTES: usize = 2;

/// What has come of the payload: at most 125 bytes, and none before there is a close frame.
#[derive(Default)]
pub(super) struct Farewell {
    payload: Vec<u8>,
}

impl Farewell {
    /// Keeps the next bytes.
    pub(super) fn gather(&mut self, bytes: &[u8]) {
        self.payload.extend_from_slice(bytes);
    }

    /// The verdict, once all of it has passed: nothing at all, or a code that may be sent and a reason in UTF-8.
    pub(super) fn judge(&self) -> Result<(), CloseCode> {
        match self.payload.split_first_chunk::<CODE_BYTES>() {
            None if self.payload.is_empty() => Ok(()),
            Some((code, reason)) if may_be_sent(u16::from_be_bytes(*code)) => {
                std::str::from_utf8(reason).map(|_| ()).map_err(|_| CloseCode::BadUtf8)
            }
            _ => Err(CloseCode::Protocol),
        }
    }
}

/// Whether a code may stand in a close frame: those of the standard and of the registry it set up (1012 to 1014 came
/// later), and the ranges for libraries and for applications. 1004 is reserved; 1005, 1006 and 1015 are never sent.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
