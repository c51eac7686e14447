//! Frames as a client writes them, and where a stream of them leaves the server (RFC 6455, section 5.2).

/// Opcodes with FIN.
pub const TEXT: u8 = 0x81;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;

/// A masked frame with this first byte.
pub fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Bytes of the header of a frame, mask included.
pub fn header_len(frame: &[u8]) -> usize {
    match frame.get(1).map_or(0, |second| second & 0x7F) {
        126 => 8,
        127 => 14,
        _ => 6,
    }
}

/// Where the server stands after these bytes, if it keeps to the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Between two frames.
    Between,
    /// In the middle of a frame: it waits for more.
    Within,
    /// After a header that no server may accept: it closes.
    Offended,
}

/// Follows bytes that begin between two frames. Whether a close frame was whole among them is told too.
pub fn standing(mut bytes: &[u8], max_payload: u64) -> (Standing, bool) {
    let mut closes = false;
    while !bytes.is_empty() {
        let [first, second, ..] = *bytes else { return (Standing::Within, closes) };
        let (opcode, is_control, short) = (first & 0x0F, first & 0x08 != 0, second & 0x7F);
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        if first & 0x70 != 0 || second & 0x80 == 0 || !is_known || (is_control && (first & 0x80 == 0 || short > 125)) {
            return (Standing::Offended, closes);
        }
        let header = header_len(bytes);
        let Some(declared) = bytes.get(2..header - 4) else { return (Standing::Within, closes) };
        let length = match short {
            ..126 => u64::from(short),
            _ => declared.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if length > max_payload {
            return (Standing::Offended, closes);
        }
        let whole = header + usize::try_from(length).unwrap();
        if bytes.len() < whole {
            return (Standing::Within, closes);
        }
        closes |= opcode == 8;
        bytes = &bytes[whole..];
    }
    (Standing::Between, closes)
}

#[test]
fn a_stream_stands_between_frames_within_one_or_after_an_offence() {
    let good = frame(TEXT, b"hello", [1, 2, 3, 4]);
    let stand = |bytes: &[u8]| standing(bytes, 1_000).0;
    assert_eq!(stand(&good), Standing::Between);
    assert!((1..good.len()).all(|cut| stand(&good[..cut]) == Standing::Within));
    assert_eq!(stand(&frame(TEXT, &[7; 1_001], [0; 4])[..8]), Standing::Offended);
    assert_eq!(stand(&frame(TEXT, &[7; 1_000], [0; 4])), Standing::Between);
    assert_eq!(stand(&[TEXT, 0x05]), Standing::Offended, "unmasked");
    assert_eq!(stand(&[0xC1, 0x85]), Standing::Offended, "a reserved bit");
    assert_eq!(stand(&[0x09, 0x80]), Standing::Offended, "a ping in pieces");
    assert_eq!(standing(&[good, frame(CLOSE, b"", [0; 4])].concat(), 1_000), (Standing::Between, true));
}
