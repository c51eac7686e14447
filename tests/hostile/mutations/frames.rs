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

/// What a stream of bytes is to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    pub standing: Standing,
    /// Frames that are whole.
    pub wholes: usize,
    /// A close frame is among them.
    pub closes: bool,
}

/// Follows bytes that begin between two frames and outside a message.
pub fn follow(mut bytes: &[u8], max_payload: u64) -> Stream {
    let (mut stream, mut in_message) = (Stream { standing: Standing::Between, wholes: 0, closes: false }, false);
    while !bytes.is_empty() {
        let [first, second, ..] = *bytes else { return Stream { standing: Standing::Within, ..stream } };
        if !is_acceptable(first, second, in_message) {
            return Stream { standing: Standing::Offended, ..stream };
        }
        let Some(length) = declared(bytes) else { return Stream { standing: Standing::Within, ..stream } };
        if length > max_payload {
            return Stream { standing: Standing::Offended, ..stream };
        }
        let whole = header_len(bytes) + usize::try_from(length).unwrap();
        if bytes.len() < whole {
            return Stream { standing: Standing::Within, ..stream };
        }
        let is_control = first & 0x08 != 0;
        in_message = if is_control { in_message } else { first & 0x80 == 0 };
        stream.closes |= first & 0x0F == 8;
        stream.wholes += 1;
        bytes = &bytes[whole..];
    }
    stream
}

/// What the first two bytes of a frame may be, within a message or outside.
fn is_acceptable(first: u8, second: u8, in_message: bool) -> bool {
    let fits = match first & 0x0F {
        0 => in_message,
        1 | 2 => !in_message,
        8..=10 => first & 0x80 != 0 && second & 0x7F <= 125,
        _ => false,
    };
    fits && first & 0x70 == 0 && second & 0x80 != 0
}

/// The length in a header, once that is there without its mask.
fn declared(frame: &[u8]) -> Option<u64> {
    let more = frame.get(2..header_len(frame) - 4)?;
    let short = frame[1] & 0x7F;
    Some(if short < 126 { u64::from(short) } else { more.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) })
}

#[test]
fn a_stream_stands_between_frames_within_one_or_after_an_offence() {
    let good = frame(TEXT, b"hello", [1, 2, 3, 4]);
    let stand = |bytes: &[u8]| follow(bytes, 1_000).standing;
    assert_eq!(stand(&good), Standing::Between);
    assert!((1..good.len()).all(|cut| stand(&good[..cut]) == Standing::Within));
    assert_eq!(stand(&frame(TEXT, &[7; 1_001], [0; 4])[..8]), Standing::Offended);
    assert_eq!(stand(&frame(TEXT, &[7; 1_000], [0; 4])), Standing::Between);
    assert_eq!(stand(&[TEXT, 0x05]), Standing::Offended, "unmasked");
    assert_eq!(stand(&[0xC1, 0x85]), Standing::Offended, "a reserved bit");
    assert_eq!(stand(&[0x09, 0x80]), Standing::Offended, "a ping in pieces");
    assert_eq!(stand(&[0x00, 0x85]), Standing::Offended, "goes on with nothing");
    assert_eq!(
        stand(&[frame(0x01, b"a", [0; 4]), vec![TEXT, 0x85]].concat()),
        Standing::Offended,
        "a second beginning"
    );
    let closed = follow(&[good, frame(CLOSE, b"", [0; 4])].concat(), 1_000);
    assert_eq!(closed, Stream { standing: Standing::Between, wholes: 2, closes: true });
}
