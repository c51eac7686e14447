//! WebSocket framing (RFC 6455 section 5), by hand: the least that both the floor and the fleet need.
//!
//! Owns the bytes of a frame and nothing else: no socket, no handshake, no JSON. Unfragmented frames only, since
//! neither side of a load run sends others; anything else is [`Broken`] and the caller drops the connection.

/// Opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// Opcode of a close frame.
pub const CLOSE: u8 = 0x8;
/// Opcode of a ping.
pub const PING: u8 = 0x9;
/// Opcode of a pong.
pub const PONG: u8 = 0xA;

/// Largest payload taken in, bytes; four times what the contract lets a server or a driver send.
const PAYLOAD_MAX: usize = 1 << 20;

/// A load client has no proxy to protect from itself, so one masking key serves for all; it is not zero, so that the
/// server does the work of unmasking.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Why a stream of bytes cannot be read on.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// A payload longer than the bound.
    TooLong,
    /// A fragment, or a reserved bit set.
    Unsupported,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(out, "a frame longer than {PAYLOAD_MAX} bytes"),
            Self::Unsupported => write!(out, "a fragmented or extended frame"),
        }
    }
}

impl std::error::Error for Broken {}

/// Appends an unmasked frame, as a server sends it.
pub fn put_server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a masked frame, as a client sends it.
pub fn put_client(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(body) = out.get_mut(start..) {
        unmask(body, MASK);
    }
}

fn put_head(out: &mut Vec<u8>, opcode: u8, len: usize, mask_bit: u8) {
    out.push(0x80 | opcode);
    match len {
        0..=125 => out.push(mask_bit | len as u8),
        126..=0xffff => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

fn unmask(body: &mut [u8], key: [u8; 4]) {
    let mut words = body.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Reads frames out of chunks cut anywhere. Holds bytes only while a frame is incomplete.
#[derive(Debug, Default)]
pub struct Reader {
    partial: Vec<u8>,
}

impl Reader {
    /// A reader that already holds bytes, such as those that followed a handshake.
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self { partial: bytes }
    }

    /// Hands every whole frame to `each` as (opcode, unmasked payload); `chunk` is unmasked in place.
    pub fn feed(&mut self, chunk: &mut [u8], mut each: impl FnMut(u8, &[u8])) -> Result<(), Broken> {
        if self.partial.is_empty() {
            let used = split(chunk, &mut each)?;
            if let Some(rest) = chunk.get(used..) {
                self.partial.extend_from_slice(rest);
            }
            return Ok(());
        }
        self.partial.extend_from_slice(chunk);
        let used = split(&mut self.partial, &mut each)?;
        if used == self.partial.len() {
            // Give the memory back: thousands of idle readers must hold nothing.
            self.partial = Vec::new();
        } else {
            self.partial.drain(..used);
        }
        Ok(())
    }
}

/// Calls `each` for the whole frames at the front and returns the bytes they took.
fn split(bytes: &mut [u8], each: &mut impl FnMut(u8, &[u8])) -> Result<usize, Broken> {
    let mut at = 0;
    loop {
        let Some(rest) = bytes.get_mut(at..) else { return Ok(at) };
        let Some(head) = Head::read(rest)? else { return Ok(at) };
        let Some(body) = rest.get_mut(head.len..head.len + head.payload) else { return Ok(at) };
        if let Some(key) = head.key {
            unmask(body, key);
        }
        each(head.opcode, body);
        at += head.len + head.payload;
    }
}

struct Head {
    opcode: u8,
    len: usize,
    payload: usize,
    key: Option<[u8; 4]>,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Option<Self>, Broken> {
        let &[first, second, ..] = bytes else { return Ok(None) };
        let opcode = first & 0x0f;
        if first & 0xf0 != 0x80 || opcode == 0 {
            return Err(Broken::Unsupported);
        }
        let (payload, mut len) = match second & 0x7f {
            126 => match bytes.get(2..4).and_then(|len| len.try_into().ok()) {
                Some(len) => (u64::from(u16::from_be_bytes(len)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|len| len.try_into().ok()) {
                Some(len) => (u64::from_be_bytes(len), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        let payload = usize::try_from(payload).ok().filter(|len| *len <= PAYLOAD_MAX).ok_or(Broken::TooLong)?;
        let mut key = None;
        if second & 0x80 != 0 {
            let Some(bytes) = bytes.get(len..len + 4).and_then(|key| key.try_into().ok()) else { return Ok(None) };
            key = Some(bytes);
            len += 4;
        }
        Ok(Some(Self { opcode, len, payload, key }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_in_chunks(bytes: &[u8], size: usize) -> Vec<(u8, Vec<u8>)> {
        let mut reader = Reader::default();
        let mut frames = Vec::new();
        for chunk in bytes.chunks(size) {
            reader.feed(&mut chunk.to_vec(), |opcode, payload| frames.push((opcode, payload.to_vec()))).unwrap();
        }
        frames
    }

    #[test]
    fn frames_of_every_length_form_survive_any_split() {
        let payloads: Vec<Vec<u8>> =
            [0, 1, 125, 126, 127, 65_535, 65_536].iter().map(|len| (0..*len).map(|i| i as u8).collect()).collect();
        for put in [put_server, put_client] {
            let mut wire = Vec::new();
            for payload in &payloads {
                put(&mut wire, TEXT, payload);
            }
            put(&mut wire, PING, b"beat");
            for size in [1, 2, 3, 7, 1_000, 70_000, wire.len()] {
                let frames = read_in_chunks(&wire, size);
                assert_eq!(frames.len(), payloads.len() + 1, "chunks of {size}");
                assert!(frames.iter().zip(&payloads).all(|(frame, payload)| frame.0 == TEXT && frame.1 == *payload));
                assert_eq!(frames.last().unwrap(), &(PING, b"beat".to_vec()));
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        // RFC 6455 section 5.7: a single-frame masked text message, "Hello".
        let wire = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read_in_chunks(&wire, 4), [(TEXT, b"Hello".to_vec())]);
        let mut ours = Vec::new();
        put_client(&mut ours, TEXT, b"Hello");
        assert_eq!(ours, wire);
    }

    #[test]
    fn a_huge_length_or_a_fragment_is_broken() {
        let mut huge = vec![0x81, 127];
        huge.extend_from_slice(&(1u64 << 40).to_be_bytes());
        assert_eq!(Reader::default().feed(&mut huge, |_, _| ()), Err(Broken::TooLong));
        assert_eq!(Reader::default().feed(&mut [0x01, 0x00], |_, _| ()), Err(Broken::Unsupported));
    }

    #[test]
    fn a_reader_holds_nothing_between_frames() {
        let mut wire = Vec::new();
        put_server(&mut wire, TEXT, b"twelve bytes");
        let mut reader = Reader::default();
        for chunk in wire.chunks(5) {
            reader.feed(&mut chunk.to_vec(), |_, _| ()).unwrap();
        }
        assert_eq!(reader.partial.capacity(), 0);
    }
}
