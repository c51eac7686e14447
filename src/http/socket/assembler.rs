//! Puts the fragments of a message together; actix-web-actors hands them over one by one.

use crate::protocol::close::CloseCode;
use actix_http::ws::Item;
use bytes::Bytes;
use bytes::BytesMut;
use bytestring::ByteString;

/// A message with its end.
pub(super) enum Whole {
    Text(ByteString),
    Binary(Bytes),
}

/// The message under way. The guard in front has already bounded its bytes and its fragments.
#[derive(Default)]
pub(super) struct Assembler {
    message: BytesMut,
    is_binary: bool,
    /// So many bytes of a text are known to be UTF-8.
    valid_bytes: usize,
}

impl Assembler {
    /// Takes the next fragment; the whole message after the last.
    pub(super) fn push(&mut self, fragment: Item) -> Result<Option<Whole>, CloseCode> {
        let (bytes, is_last) = match fragment {
            Item::FirstText(bytes) => {
                self.is_binary = false;
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.is_binary = true;
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        self.message.extend_from_slice(&bytes);
        if !self.is_binary {
            self.check_text()?;
        }
        if is_last { self.finish().map(Some) } else { Ok(None) }
    }

    /// Refuses a text at the fragment that spoils it, not at its end. A character may lie across two fragments.
    fn check_text(&mut self) -> Result<(), CloseCode> {
        match std::str::from_utf8(&self.message[self.valid_bytes..]) {
            Ok(text) => self.valid_bytes += text.len(),
            Err(error) if error.error_len().is_none() => self.valid_bytes += error.valid_up_to(),
            Err(_) => return Err(CloseCode::BadUtf8),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Whole, CloseCode> {
        let whole = std::mem::take(&mut self.message).freeze();
        self.valid_bytes = 0;
        if self.is_binary {
            return Ok(Whole::Binary(whole));
        }
        // Its last character may be incomplete still.
        ByteString::try_from(whole).map(Whole::Text).map_err(|_| CloseCode::BadUtf8)
    }
}
