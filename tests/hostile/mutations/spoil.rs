//! Spoiling good frames: their JSON, their bytes, their headers, their order.

use super::frames::CLOSE;
use super::frames::PING;
use super::frames::TEXT;
use super::frames::frame;
use super::frames::header_len;
use crate::proof::Dice;
use serde_json::Value;

/// Text that JSON must not hold, or may and hardly ever does.
const ODD_VALUES: &[&str] = &[
    "null",
    "true",
    "-0",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "1e308",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "0.1e-400",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\u{0}\"",
    "\"\\x\"",
    "{}",
    "[]",
    "\"\"",
    "\"../../etc\"",
    "\"' OR 1=1 --\"",
    "\"\u{202e}\u{feff}\"",
    "[[[[[[[[[]]]]]]]]]",
    "91",
    "-181",
    "\"available\"",
];

fn mask(dice: &mut Dice) -> [u8; 4] {
    [dice.byte(), dice.byte(), dice.byte(), dice.byte()]
}

/// One spoilt try made from good messages: the bytes to send.
pub fn spoil(messages: &[Value], dice: &mut Dice) -> Vec<u8> {
    let text = dice.pick(messages).to_string();
    match dice.roll(20) {
        // Left as it is, now and then: good frames must go on being answered.
        0 => whole(text.as_bytes(), dice),
        1..=8 => {
            let spoilt = spoil_text(text.into_bytes(), messages, dice);
            whole(&spoilt, dice)
        }
        9..=11 => in_fragments(text.as_bytes(), dice),
        12 => control(dice),
        13 => {
            let (one, other) = (whole(text.as_bytes(), dice), whole(dice.pick(messages).to_string().as_bytes(), dice));
            shuffle(&one, &other, dice)
        }
        _ => {
            let good = whole(text.as_bytes(), dice);
            spoil_frame(good, dice)
        }
    }
}

fn whole(payload: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mask = mask(dice);
    frame(TEXT, payload, mask)
}

/// Changes in the JSON, one or several.
fn spoil_text(mut text: Vec<u8>, messages: &[Value], dice: &mut Dice) -> Vec<u8> {
    for _ in 0..1 + dice.roll(3) {
        let at = dice.roll(text.len().max(1));
        match dice.roll(9) {
            0 => text.truncate(at),
            1 if !text.is_empty() => text[at] ^= 1 << dice.roll(8),
            2 => drop(text.splice(at..at, [dice.byte()])),
            3 => nest(&mut text, dice),
            4 => double_a_key(&mut text),
            5 => {
                let other = dice.pick(messages).to_string();
                text.splice(at..at, other.bytes());
            }
            6 => text.extend(std::iter::repeat_n(b' ', dice.roll(40_000))),
            _ => replace_a_value(&mut text, dice),
        }
    }
    text
}

/// Another value for a field: from one colon to the next comma or bracket.
fn replace_a_value(text: &mut Vec<u8>, dice: &mut Dice) {
    let colons: Vec<usize> = text.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at).collect();
    if colons.is_empty() {
        return;
    }
    let from = *dice.pick(&colons) + 1;
    let until =
        text[from..].iter().position(|byte| matches!(byte, b',' | b'}' | b']')).map_or(text.len(), |n| from + n);
    let odd = match dice.roll(12) {
        0 => "9".repeat(1 + dice.roll(5_000)),
        1 => format!("\"{}\"", "x".repeat(dice.roll(5_000))),
        _ => (*dice.pick(ODD_VALUES)).to_owned(),
    };
    text.splice(from..until, odd.into_bytes());
}

fn nest(text: &mut Vec<u8>, dice: &mut Dice) {
    let depth = *dice.pick(&[1, 6, 7, 8, 9, 100, 10_000]);
    let (open, close) = *dice.pick(&[(&b"["[..], &b"]"[..]), (&b"{\"a\":"[..], &b"}"[..])]);
    let nested = [open.repeat(depth), b"1".to_vec(), close.repeat(depth)].concat();
    let at = if text.starts_with(b"{") { 1 } else { 0 };
    let field = [b"\"deep\":".to_vec(), nested, b",".to_vec()].concat();
    text.splice(at..at, field);
}

fn double_a_key(text: &mut Vec<u8>) {
    if let Some(end) = text.iter().position(|byte| *byte == b',').filter(|_| text.starts_with(b"{")) {
        let first_field = text[1..=end].to_vec();
        text.splice(1..1, first_field);
    }
}

/// The message in pieces, with their FIN bits and opcodes right or wrong, and control frames in between.
fn in_fragments(payload: &[u8], dice: &mut Dice) -> Vec<u8> {
    let pieces = 1 + dice.roll(20);
    let piece = payload.len().div_ceil(pieces).max(1);
    let count = payload.chunks(piece).count();
    let is_right = !dice.one_in(4);
    let mut bytes = Vec::new();
    for (place, chunk) in payload.chunks(piece).enumerate() {
        let opcode = if place == 0 { 1 } else { 0 };
        let fin = if place + 1 == count { 0x80 } else { 0 };
        let first = if is_right { fin | opcode } else { dice.byte() & 0x8F };
        let mask = mask(dice);
        bytes.extend(frame(first, chunk, mask));
        if dice.one_in(8) {
            bytes.extend(frame(PING, b"between", mask));
        }
    }
    bytes
}

fn control(dice: &mut Dice) -> Vec<u8> {
    let payload: Vec<u8> = (0..dice.roll(140)).map(|_| dice.byte()).collect();
    let code =
        *dice.pick(&[0_u16, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 1016, 2999, 3000, 4999, 5000, 65_535]);
    let mask = mask(dice);
    match dice.roll(4) {
        0 => frame(CLOSE, &code.to_be_bytes(), mask),
        1 => frame(CLOSE, &payload, mask),
        2 => frame(0x8A, &payload, mask),
        _ => frame(PING, &payload, mask),
    }
}

/// Pieces of two frames, one after the other in any order.
fn shuffle(one: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (a, b) = (dice.roll(one.len()), dice.roll(other.len()));
    match dice.roll(4) {
        0 => [one, one, other].concat(),
        1 => [&one[..a], other].concat(),
        2 => [&one[..a], &other[b..]].concat(),
        _ => [&one[a..], one].concat(),
    }
}

/// Changes in the bytes of a whole frame, mostly in its header.
fn spoil_frame(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let header = header_len(&bytes);
    match dice.roll(8) {
        0 => {
            let at = dice.roll(header);
            bytes[at] ^= 1 << dice.roll(8);
        }
        1 => bytes[0] = dice.byte(),
        2 => bytes[1] = dice.byte(),
        3 => bytes.truncate(dice.roll(bytes.len())),
        // Another length: a little more, a little less, without end.
        4 => {
            let length = *dice.pick(&[0, 125, 126, 127, 65_535, 65_536, 1 << 20, u64::MAX >> 1, u64::MAX]);
            let mut longer = vec![bytes[0], 0xFF];
            longer.extend(length.to_be_bytes());
            longer.extend_from_slice(&bytes[header - 4..]);
            bytes = longer;
        }
        // Another mask: other text.
        5 => bytes[header - 1 - dice.roll(4)] ^= dice.byte(),
        6 => bytes[0] = (bytes[0] & 0xF0) | (dice.byte() & 0x0F),
        _ => {
            for _ in 0..1 + dice.roll(6) {
                let at = header + dice.roll(bytes.len() - header);
                bytes[at] ^= 1 << dice.roll(8);
            }
        }
    }
    bytes
}
