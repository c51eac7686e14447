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
    let good = (first, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(first, payload)| frame(first, &payload));
    let declared = any::<u64>().prop_map(|length| header(0x81, length));
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    let piece = prop_oneof![20 => good, 1 => declared, 1 => noise];
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
