//! The way of bytes from a connection to the messages of a session, without a connection: for the fuzzer.
//!
//! The same scanner, codec and assembler as behind a real socket, in the same order and with the same close codes.

use super::assembler::Assembler;
use super::assembler::Whole;
use super::bounds::Bounds;
use super::scanner::Scanner;
use crate::protocol::close::CloseCode;
use actix_http::ws::Codec;
use actix_http::ws::Frame;
use actix_http::ws::Item;
use actix_http::ws::ProtocolError;
use bytes::BytesMut;
use bytestring::ByteString;
use tokio_util::codec::Decoder as _;

/// How a stream of frames ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In front of the codec: by a header before what it announces was buffered, by text or by a farewell.
    Refused(CloseCode),
    /// By what a whole frame or message held.
    Spoilt(CloseCode),
    /// By a close frame of the client.
    Left,
}

/// One connection's inlet.
pub(crate) struct Inlet {
    scanner: Scanner,
    codec: Codec,
    assembler: Assembler,
    buffer: BytesMut,
    /// Bytes of the fragments that the assembler keeps.
    kept_bytes: usize,
    ending: Option<Ending>,
}

impl Inlet {
    /// An inlet for messages of this size at most.
    pub(crate) fn new(max_message_bytes: usize) -> Self {
        Self {
            scanner: Scanner::new(&Bounds::of_messages(max_message_bytes)),
            codec: Codec::new().max_size(max_message_bytes),
            assembler: Assembler::default(),
            buffer: BytesMut::new(),
            kept_bytes: 0,
            ending: None,
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Bytes that wait for the rest of their frame or message.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.buffer.len() + self.kept_bytes
    }

    /// Takes the next piece and gives the messages that are whole by now. After the end nothing is taken.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Vec<ByteString> {
        let mut texts = Vec::new();
        if self.ending.is_some() {
            return texts;
        }
        let refused = self.scanner.feed(piece).err();
        let good_bytes = if refused.is_some() { self.scanner.whole_frames().unwrap_or(0) } else { piece.len() };
        self.buffer.extend_from_slice(&piece[..good_bytes]);
        while self.ending.is_none() {
            match self.codec.decode(&mut self.buffer) {
                Ok(None) => break,
                Ok(Some(frame)) => match self.accept(frame) {
                    Ok(text) => texts.extend(text),
                    Err(ending) => self.ending = Some(ending),
                },
                Err(ProtocolError::Overflow) => self.ending = Some(Ending::Spoilt(CloseCode::TooBig)),
                Err(_) => self.ending = Some(Ending::Spoilt(CloseCode::Protocol)),
            }
        }
        // What stood before the refused frame is handled first, as in front of a real socket.
        self.ending = self.ending.or(refused.map(Ending::Refused));
        texts
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<ByteString>, Ending> {
        match frame {
            Frame::Text(bytes) => ByteString::try_from(bytes).map(Some).map_err(|_| Ending::Spoilt(CloseCode::BadUtf8)),
            Frame::Continuation(item) => self.join(item),
            Frame::Binary(_) => Err(Ending::Spoilt(CloseCode::Binary)),
            Frame::Close(_) => Err(Ending::Left),
            Frame::Ping(_) | Frame::Pong(_) => Ok(None),
        }
    }

    fn join(&mut self, item: Item) -> Result<Option<ByteString>, Ending> {
        self.kept_bytes = match &item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) => bytes.len(),
            Item::Continue(bytes) => self.kept_bytes + bytes.len(),
            Item::Last(_) => 0,
        };
        match self.assembler.push(item).map_err(Ending::Spoilt)? {
            Some(Whole::Text(text)) => Ok(Some(text)),
            Some(Whole::Binary(_)) => Err(Ending::Spoilt(CloseCode::Binary)),
            None => Ok(None),
        }
    }
}
