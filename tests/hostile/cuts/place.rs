//! Where in what a connection carries its last byte stood: in the handshake, in a frame, between two.

/// See the module. Follows one direction.
#[derive(Debug, Default)]
pub struct Place {
    line_ends: usize,
    header: Vec<u8>,
    to_pass: u64,
}

/// The name of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Handshake,
    InFrame,
    Between,
}

impl Place {
    pub fn pass(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.pass_one(*byte));
    }

    fn pass_one(&mut self, byte: u8) {
        if self.line_ends < 4 {
            let awaited = if self.line_ends.is_multiple_of(2) { b'\r' } else { b'\n' };
            self.line_ends = if byte == awaited { self.line_ends + 1 } else { 0 };
        } else if self.to_pass > 0 {
            self.to_pass -= 1;
        } else {
            self.header.push(byte);
            if let Some(length) = self.payload_length() {
                self.to_pass = length;
                self.header.clear();
            }
        }
    }

    /// Known when the header is whole: bytes of mask and payload (RFC 6455, section 5.2).
    fn payload_length(&self) -> Option<u64> {
        let second = *self.header.get(1)?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let more = match second & 0x7F {
            126 => self.header.get(2..4)?,
            127 => self.header.get(2..10)?,
            short => return Some(u64::from(short) + mask),
        };
        Some(more.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) + mask)
    }

    pub fn at(&self) -> At {
        match self {
            Self { line_ends: ..4, .. } => At::Handshake,
            Self { to_pass: 0, header, .. } if header.is_empty() => At::Between,
            _ => At::InFrame,
        }
    }
}

#[test]
fn a_place_is_known_after_every_byte() {
    let mut place = Place::default();
    let mut seen = Vec::new();
    for byte in b"HTTP/1.1 101\r\nA: b\r\n\r\n\x81\x01x\x81\x7E\x00\x02yz\x89\x81mask!" {
        place.pass(&[*byte]);
        seen.push(place.at());
    }
    let frames: String = seen[21..].iter().map(|at| if *at == At::Between { '|' } else { '.' }).collect();
    assert!(seen[..21].iter().all(|at| *at == At::Handshake));
    assert_eq!(frames, "|..|.....|......|");
}
