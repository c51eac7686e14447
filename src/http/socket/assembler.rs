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
}

impl Assembler {
    /// Takes the next fragment; the whole message after the last.
    pub(super) fn push(&mut self, fragment: Item) -> Result<Option<Whole>, CloseCode> {
        match fragment {
            Item::FirstText(bytes) => self.begin(&bytes, false),
            Item::FirstBinary(bytes) => self.begin(&bytes, true),
            Item::Continue(bytes) => self.message.extend_from_slice(&bytes),
            Item::Last(bytes) => {
                self.message.extend_from_slice(&bytes);
                return self.finish().map(Some);
            }
        }
        Ok(None)
    }

    fn begin(&mut self, bytes: &[u8], is_binary: bool) {
        self.is_binary = is_binary;
        self.message.extend_from_slice(bytes);
    }

    fn finish(&mut self) -> Result<Whole, CloseCode> {
        let whole = std::mem::take(&mut self.message).freeze();
        if self.is_binary {
            return Ok(Whole::Binary(whole));
        }
        ByteString::try_from(whole).map(Whole::Text).map_err(|_| CloseCode::BadUtf8)
    }
}
