//! Frames in any pieces: one verdict, nothing buffered beyond the limit, messages read without a panic.

use crate::domain::geo::BoundingBox;
use crate::http::socket::inlet::Ending;
use crate::http::socket::inlet::Inlet;
use crate::limits::BATCH_MAX_FIXES;
use crate::limits::DRIVER_FRAME_MAX_BYTES;
use crate::limits::FRAME_MAX_BYTES;
use crate::limits::ID_MAX_CHARS;
use crate::limits::JSON_MAX_DEPTH;
use crate::protocol::inbound;
use crate::protocol::inbound::Head;
use crate::protocol::json::json_depth_within;
use bytestring::ByteString;

/// Bytes that may wait beside a message: the header of its next frame, and a control frame whole.
const BESIDE_BYTES: usize = 14 + 6 + 125;
/// Limits of one message: a small one, which few bytes can reach, and those of the doors.
const LIMITS: [usize; 3] = [40, FRAME_MAX_BYTES, DRIVER_FRAME_MAX_BYTES];

/// What came of one way to cut the stream into pieces.
struct Run {
    texts: Vec<ByteString>,
    ending: Option<Ending>,
}

/// The first byte chooses the limit, the second how the rest is cut; the rest is what a client sends.
pub fn frames(data: &[u8]) {
    let Some((&[limit, cut], stream)) = data.split_first_chunk::<2>() else { return };
    let limit = LIMITS[usize::from(limit) % LIMITS.len()];
    let fine = run(stream, limit, std::iter::repeat(1));
    let pieces = (0..).map(|place: usize| 1 + (usize::from(cut) * (place + 1)) % 97);
    for coarse in [run(stream, limit, pieces), run(stream, limit, std::iter::once(stream.len()))] {
        compare(&fine, &coarse);
    }
    fine.texts.iter().for_each(|text| read(text));
}

fn run(stream: &[u8], limit: usize, pieces: impl Iterator<Item = usize>) -> Run {
    let (mut inlet, mut texts, mut rest) = (Inlet::new(limit), Vec::new(), stream);
    for piece in pieces {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(piece.min(rest.len()));
        texts.extend(inlet.take(now));
        rest = later;
        // What came after the end in the same piece is thrown away with the connection.
        let waiting = inlet.buffered_bytes();
        assert!(inlet.ending().is_some() || waiting < limit + BESIDE_BYTES, "{waiting} bytes wait, of {limit} allowed");
    }
    assert!(texts.iter().all(|text| text.len() <= limit), "a message beyond {limit} bytes");
    Run { texts, ending: inlet.ending() }
}

/// However the bytes were cut: the same messages and the same end, but that a refused header also takes with it what came
/// before it in its own piece.
fn compare(fine: &Run, coarse: &Run) {
    let is_prefix = fine.texts.starts_with(&coarse.texts);
    assert!(is_prefix, "{:?} is not how {:?} begins", coarse.texts, fine.texts);
    match (fine.ending, coarse.ending) {
        (fine_ending, coarse_ending) if fine_ending == coarse_ending => {
            let is_refused = matches!(fine_ending, Some(Ending::Refused(_)));
            assert!(is_refused || fine.texts == coarse.texts, "a message was lost");
        }
        (Some(Ending::Spoilt(_) | Ending::Left), Some(Ending::Refused(_))) => {}
        (fine, coarse) => panic!("byte by byte it ended with {fine:?}, in larger pieces with {coarse:?}"),
    }
}

/// Reads a message as every door would.
fn read(text: &str) {
    if !json_depth_within(text.as_bytes(), JSON_MAX_DEPTH) {
        return;
    }
    let Ok(head) = Head::read(text) else { return };
    assert!(head.kind().len() <= text.len());
    if let Some(id) = head.id() {
        let back: serde_json::Value = serde_json::from_str(id.get()).expect("an id that goes back is readable");
        assert!(back.is_string() || back.is_number(), "{back}");
    }
    if let Ok(wish) = serde_json::from_str::<inbound::Subscribe>(text) {
        assert!(is_id(&wish.order_id.to_string()));
    }
    if let Ok(wish) = serde_json::from_str::<inbound::OrderStep>(text) {
        assert!(is_id(&wish.order_id.to_string()));
    }
    if let Ok(answer) = serde_json::from_str::<inbound::OfferAnswer>(text) {
        assert!(is_id(&answer.offer_id.to_string()));
    }
    if let Ok(view) = serde_json::from_str::<inbound::WatchArea>(text)
        && BoundingBox::new(view.bbox).is_ok()
    {
        assert!(view.bbox.iter().all(|degrees| degrees.abs() <= 180.0), "{:?}", view.bbox);
    }
    if let Ok(batch) = serde_json::from_str::<inbound::Locations<'_>>(text) {
        batch.fixes.iter().take(BATCH_MAX_FIXES).for_each(|fix| super::fixes(fix.get().as_bytes()));
    }
    // The rest must only be read without a panic.
    let _ = serde_json::from_str::<inbound::ShiftChange>(text);
    let _ = serde_json::from_str::<inbound::Unsubscribe>(text);
    let _ = serde_json::from_str::<inbound::Auth>(text);
    super::fixes(text.as_bytes());
}

fn is_id(text: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_.:-".contains(character);
    (1..=ID_MAX_CHARS).contains(&text.len()) && text.chars().all(allowed)
}
