//! Reads WebSocket frames (RFC 6455, section 5.2) as they pass, whatever pieces they come in, and says stop before
//! anything is buffered that must not be: by their headers, and text and farewells by what they say.
//!
//! The codec behind it would wait for the whole of a frame that declares 2^62 bytes, keeping what has come so far, and
//! for the end of a text that is spoilt already.

use super::bounds::Bounds;
use super::farewell::Farewell;
use super::mask::Mask;
use super::mask::PIECE_BYTES;
use super::utf8::Utf8;
use crate::protocol::close::CloseCode;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
const CONTROL: u8 = 0x08;
const TEXT: u8 = 0x01;
const BINARY: u8 = 0x02;
const CLOSE: u8 = 0x08;
/// Two bytes, and up to eight more of length; the mask counts as payload here.
const HEADER_MAX_BYTES: usize = 10;
const MASK_BYTES: u64 = 4;
const CONTROL_MAX_BYTES: u64 = 125;

/// Frames whose header has passed, since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Begun {
    pub(super) control: u64,
    pub(super) data: u64,
}

/// Where in the stream of frames we are.
pub(super) struct Scanner {
    message_max_bytes: u64,
    fragments_max: usize,
    header: [u8; HEADER_MAX_BYTES],
    header_have: usize,
    /// Bytes of mask and payload still to pass.
    to_pass: u64,
    /// Bytes and fragments of the message under way, when one is.
    message_bytes: u64,
    fragments: usize,
    /// Frames and messages completed; only that it moves matters.
    completed: u64,
    /// Frames begun, of each kind.
    begun: Begun,
    frame_is_last: bool,
    mask: Mask,
    /// The message under way is text.
    is_text: bool,
    text: Utf8,
    farewell: Farewell,
    /// The client has said goodbye: what follows is nobody's (RFC 6455, section 5.5.1).
    has_left: bool,
    /// Bytes of the newest piece up to the end of its last whole frame.
    whole_frames: Option<usize>,
}

impl Scanner {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            message_max_bytes: u64::try_from(bounds.message_max_bytes).unwrap_or(u64::MAX),
            fragments_max: bounds.fragments_max,
            header: [0; HEADER_MAX_BYTES],
            header_have: 0,
            to_pass: 0,
            message_bytes: 0,
            fragments: 0,
            completed: 0,
            begun: Begun::default(),
            frame_is_last: false,
            mask: Mask::default(),
            is_text: false,
            text: Utf8::default(),
            farewell: Farewell::default(),
            has_left: false,
            whole_frames: None,
        }
    }

    /// Whether a frame or a message has begun and not ended.
    pub(super) fn is_partial(&self) -> bool {
        !self.has_left && (self.header_have > 0 || self.to_pass > 0 || self.fragments > 0)
    }

    /// A number that changes with each message or control frame that has come to its end.
    pub(super) fn completed(&self) -> u64 {
        self.completed
    }

    /// How many frames have begun.
    pub(super) fn begun(&self) -> Begun {
        self.begun
    }

    /// How many bytes of the newest piece stand before the frame that is under way or was refused; `None` when that
    /// began in an earlier piece.
    pub(super) fn whole_frames(&self) -> Option<usize> {
        self.whole_frames
    }

    /// Follows the next bytes. The error is the code to close with; nothing may be fed after it.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), CloseCode> {
        self.whole_frames = (self.header_have == 0 && self.to_pass == 0).then_some(0);
        let mut bytes = piece;
        while let Some((&first, rest)) = bytes.split_first() {
            if self.has_left {
                return Ok(());
            }
            if self.to_pass > 0 {
                let here = usize::try_from(self.to_pass).unwrap_or(usize::MAX).min(bytes.len());
                let (passing, later) = bytes.split_at(here);
                bytes = later;
                self.pass(passing)?;
                if self.to_pass == 0 {
                    self.whole_frames = Some(piece.len() - bytes.len());
                }
                continue;
            }
            self.header[self.header_have] = first;
            self.header_have += 1;
            bytes = rest;
            if self.header_have == 2 {
                self.check_start()?;
            }
            if self.header_have >= 2 && self.header_have == self.header_len() {
                self.begin_payload()?;
            }
        }
        Ok(())
    }

    /// How long this header is without its mask, known from its second byte on.
    fn header_len(&self) -> usize {
        match self.header[1] & LENGTH {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    fn is_control(&self) -> bool {
        self.header[0] & CONTROL != 0
    }

    fn is_close(&self) -> bool {
        self.header[0] & OPCODE == CLOSE
    }

    /// What the first two bytes alone decide.
    fn check_start(&self) -> Result<(), CloseCode> {
        let [first, second, ..] = self.header;
        let opcode = first & OPCODE;
        let message_open = self.fragments > 0;
        let opcode_fits = match opcode {
            0 => message_open,
            1 | 2 => !message_open,
            8..=10 => first & FIN != 0 && u64::from(second & LENGTH) <= CONTROL_MAX_BYTES,
            _ => false,
        };
        if first & RESERVED != 0 || second & MASKED == 0 || !opcode_fits {
            return Err(CloseCode::Protocol);
        }
        if opcode == 0 && self.fragments >= self.fragments_max {
            return Err(CloseCode::TooBig);
        }
        Ok(())
    }

    /// The header is complete: decides on the declared length.
    fn begin_payload(&mut self) -> Result<(), CloseCode> {
        let length = match self.header_len() {
            2 => u64::from(self.header[1] & LENGTH),
            len => self.header[2..len].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        self.header_have = 0;
        self.frame_is_last = self.header[0] & FIN != 0;
        if self.is_control() {
            self.begun.control += 1;
        } else {
            self.begun.data += 1;
            match self.header[0] & OPCODE {
                TEXT => self.is_text = true,
                BINARY => self.is_text = false,
                _ => {}
            }
            self.message_bytes = self.message_bytes.saturating_add(length);
            self.fragments += 1;
            if self.message_bytes > self.message_max_bytes {
                return Err(CloseCode::TooBig);
            }
        }
        self.mask = Mask::default();
        self.to_pass = length.saturating_add(MASK_BYTES);
        Ok(())
    }

    /// Bytes of this frame's mask and payload.
    fn pass(&mut self, bytes: &[u8]) -> Result<(), CloseCode> {
        self.to_pass -= bytes.len() as u64;
        if self.is_close() || (self.is_text && !self.is_control()) {
            let mut room = [0; PIECE_BYTES];
            for piece in self.mask.take_key(bytes).chunks(PIECE_BYTES) {
                let payload = self.mask.take_off(piece, &mut room);
                if self.is_close() {
                    self.farewell.gather(payload);
                } else {
                    self.text.check(payload)?;
                }
            }
        }
        if self.to_pass == 0 { self.end_frame() } else { Ok(()) }
    }

    fn end_frame(&mut self) -> Result<(), CloseCode> {
        if self.is_close() {
            self.farewell.judge()?;
            self.has_left = true;
        }
        if self.is_control() {
            // Not counted within a fragmented message: pings must not keep that one young.
            self.completed += u64::from(self.fragments == 0);
        } else if self.frame_is_last {
            self.text.finish()?;
            self.message_bytes = 0;
            self.fragments = 0;
            self.completed += 1;
        }
        Ok(())
    }
}
