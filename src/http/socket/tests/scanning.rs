//! The scanner alone: pieces make no difference to its verdict.

use super::client::frame;
use super::client::header;
use crate::http::socket::Bounds;
use crate::http::socket::scanner::Scanner;
use crate::protocol::close::CloseCode;
use proptest::prelude::*;

const MAX_BYTES: usize = 300;

/// The verdict on these bytes in these pieces, and where they leave the scanner.
fn verdict(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> Result<(bool, u64), CloseCode> {
    let mut scanner = Scanner::new(&Bounds::of_messages(MAX_BYTES));
    let mut rest = bytes;
    for piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        scanner.feed(now)?;
        rest = later;
    }
    scanner.feed(rest)?;
    Ok((scanner.is_partial(), scanner.completed()))
}

/// Mostly frames a client might send, some of them wrong, some cut short.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81_u8, 0x81, 0x01, 0x00, 0x80, 0x89, 0x8A, 0x88]),
        1 => any::<u8>(),
    ];
    let text = prop::collection::vec(any::<char>(), 0..50).prop_map(|text| String::from_iter(text).into_bytes());
    let payload = prop_oneof![12 => text, 1 => prop::collection::vec(any::<u8>(), 0..200)];
    let good = (first, payload).prop_map(|(first, payload)| frame(first, &payload));
    let torn = (prop::collection::vec(any::<char>(), 1..9), any::<prop::sample::Index>()).prop_map(|(text, cut)| {
        let text = String::from_iter(text).into_bytes();
        let (first, second) = text.split_at(cut.index(text.len()));
        [frame(0x01, first), frame(0x80, second)].concat()
    });
    let reason = prop_oneof![Just(b"why".to_vec()), prop::collection::vec(any::<u8>(), 0..5)];
    let farewell =
        (0_u16..5_100, reason).prop_map(|(code, reason)| frame(0x88, &[&code.to_be_bytes()[..], &reason].concat()));
    let declared = any::<u64>().prop_map(|length| header(0x81, length));
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    let piece = prop_oneof![20 => good, 4 => torn, 2 => farewell, 1 => declared, 1 => noise];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_verdict(
        bytes in stream(),
        pieces in prop::collection::vec(0_usize..40, 0..60),
    ) {
        let whole = verdict(&bytes, std::iter::empty());
        prop_assert_eq!(verdict(&bytes, pieces.into_iter()), whole);
        prop_assert_eq!(verdict(&bytes, std::iter::repeat_n(1, bytes.len())), whole);
        for cut in 1..bytes.len() {
            prop_assert_eq!(verdict(&bytes, std::iter::once(cut)), whole, "cut at {}", cut);
        }
    }
}

#[test]
fn partial_means_a_frame_or_a_message_without_its_end() {
    let whole = frame(0x81, b"hello");
    for cut in 1..whole.len() {
        assert_eq!(verdict(&whole[..cut], std::iter::empty()), Ok((true, 0)), "{cut}");
    }
    assert_eq!(verdict(&whole, std::iter::empty()), Ok((false, 1)));
    assert_eq!(verdict(&frame(0x81, b""), std::iter::empty()), Ok((false, 1)), "an empty message ends too");
    assert_eq!(verdict(&frame(0x01, b"hel"), std::iter::empty()), Ok((true, 0)));
    let pinged = [frame(0x01, b"hel"), frame(0x89, b"")].concat();
    assert_eq!(verdict(&pinged, std::iter::empty()), Ok((true, 0)), "a ping does not make a message younger");
}

#[test]
fn a_close_frame_is_judged_by_its_code_and_its_reason() {
    let close = |payload: &[u8]| verdict(&frame(0x88, payload), std::iter::empty()).map(|_| ());
    assert_eq!(close(b""), Ok(()));
    assert_eq!(close(b"x"), Err(CloseCode::Protocol));
    for code in 0..=u16::MAX {
        let may_be_sent = match code {
            1004..=1006 => false,
            1000..=1014 | 3000..=4999 => true,
            _ => false,
        };
        let wanted = if may_be_sent { Ok(()) } else { Err(CloseCode::Protocol) };
        assert_eq!(close(&code.to_be_bytes()), wanted, "{code}");
    }
    let with_reason = |reason: &[u8]| close(&[&1000_u16.to_be_bytes()[..], reason].concat());
    assert_eq!(with_reason("é".repeat(61).as_bytes()), Ok(()));
    assert_eq!(with_reason(b"a\xED\xA0\x80"), Err(CloseCode::BadUtf8));
    assert_eq!(with_reason(b"cut \xC3"), Err(CloseCode::BadUtf8));
}

#[test]
fn what_follows_a_close_frame_is_nobodys() {
    let bytes = [frame(0x88, &1000_u16.to_be_bytes()), frame(0xF3, b"not a frame"), frame(0x01, b"open")].concat();
    for cut in 0..bytes.len() {
        let verdict = verdict(&bytes, std::iter::once(cut));
        assert_eq!(verdict, Ok((false, 1)), "cut at {cut}");
    }
}

#[test]
fn frames_before_a_refused_one_are_told_from_it() {
    let good = [frame(0x81, b"one"), frame(0x01, b"two")].concat();
    let bytes = [good.clone(), frame(0xC1, b"bad")].concat();
    let mut scanner = Scanner::new(&Bounds::of_messages(MAX_BYTES));
    assert_eq!(scanner.feed(&bytes), Err(CloseCode::Protocol));
    assert_eq!(scanner.whole_frames(), Some(good.len()));
    let mut scanner = Scanner::new(&Bounds::of_messages(MAX_BYTES));
    let (first, second) = bytes.split_at(good.len() + 1);
    assert_eq!((scanner.feed(first), scanner.whole_frames()), (Ok(()), Some(good.len())));
    assert_eq!((scanner.feed(second), scanner.whole_frames()), (Err(CloseCode::Protocol), None));
}

#[test]
fn a_text_is_refused_at_the_byte_that_spoils_it() {
    // Valid up to the second byte of a character that lies beyond the last.
    let bytes =
        frame(0x81, "κόσμε".as_bytes().iter().chain(b"\xF4\x90\x80\x80edited").copied().collect::<Vec<_>>().as_slice());
    let spoilt_at = bytes.len() - b"\x80\x80edited".len();
    assert_eq!(verdict(&bytes[..spoilt_at - 1], std::iter::empty()), Ok((true, 0)));
    assert_eq!(verdict(&bytes[..spoilt_at], std::iter::empty()), Err(CloseCode::BadUtf8));
    assert_eq!(verdict(&frame(0x82, b"\xF4\x90"), std::iter::empty()), Ok((false, 1)), "binary may be anything");
}

#[test]
fn the_scanner_knows_utf8_as_the_standard_library_does() {
    // Every beginning of two bytes with two more, whole and torn apart anywhere.
    for first in 0x7F..=u8::MAX {
        for second in 0..=u8::MAX {
            for rest in [&b""[..], b"\x80", b"\x80\xBF", b"\x7F\x80"] {
                let text = [&[first, second], rest].concat();
                let wanted = std::str::from_utf8(&text).map(|_| (false, 1)).map_err(|_| CloseCode::BadUtf8);
                for cut in 0..=text.len() {
                    let (before, after) = text.split_at(cut);
                    let bytes = [frame(0x01, before), frame(0x80, after)].concat();
                    assert_eq!(verdict(&bytes, std::iter::empty()), wanted, "{text:x?} cut at {cut}");
                }
            }
        }
    }
}
