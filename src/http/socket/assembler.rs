//! Puts the fragments of a text message together; actix-web-actors hands them over one by one.

use crate::protocol::close::CloseCode;
use actix_http::ws::Item;
use bytes::BytesMut;
use bytestring::ByteString;

/// The message under way. The guard in front has already bounded its bytes and its fragments.
#[derive(Default)]
pub(super) struct Assembler {
    message: BytesMut,
}

impl Assembler {
    /// Takes the next fragment; the whole text after the last.
    pub(super) fn push(&mut self, fragment: Item) -> Result<Option<ByteString>, CloseCode> {
        match fragment {
            Item::FirstBinary(_) => Err(CloseCode::Binary),
            Item::FirstText(bytes) | Item::Continue(bytes) => {
                self.message.extend_from_slice(&bytes);
                Ok(None)
            }
            Item::Last(bytes) => {
                self.message.extend_from_slice(&bytes);
                let whole = std::mem::take(&mut self.message).freeze();
                // UTF-8 is checked on the whole: a character may lie across two fragments.
                ByteString::try_from(whole).map(Some).map_err(|_| CloseCode::BadUtf8)
            }
        }
    }
}
