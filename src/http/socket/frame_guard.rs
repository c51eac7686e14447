//! Stands between the connection and the WebSocket codec: nothing is buffered that the scanner has refused, and the
//! connection's record learns when something came in and since when something is incomplete. Frames are counted here too,
//! so that a flood of pings ends before the first of them is answered.
//!
//! Good frames before a bad one are handled first, but for those of a flood, and those before a bad one whose own
//! beginning is with the codec already: that one is told of an error, which it reports before it decodes what it has.
//! Whoever sends a bad frame has no claim to the others.

use super::bounds::Bounds;
use super::bucket::Bucket;
use super::conn::Conn;
use super::rails::Eviction;
use super::scanner::Scanner;
use super::tick::Tick;
use super::tick::tick;
use crate::protocol::close::CloseCode;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

/// What the codec refuses at sight, every reserved bit being set: stands in for a frame that was refused here.
const REFUSED: [u8; 2] = [0xF0, 0x80];

pub(super) struct FrameGuard<P> {
    payload: P,
    scanner: Scanner,
    control: Bucket,
    data: Bucket,
    conn: Rc<Conn>,
}

impl<P> FrameGuard<P> {
    pub(super) fn new(payload: P, conn: Rc<Conn>, bounds: &Bounds) -> Self {
        let now = tick();
        let (control, data) = (Bucket::full(bounds.rates.control, now), Bucket::full(bounds.rates.data, now));
        Self { payload, scanner: Scanner::new(bounds), control, data, conn }
    }

    /// Looks at what came in, and notes it. Answers what the codec may have.
    fn admit(&mut self, bytes: Bytes) -> Result<Bytes, PayloadError> {
        let now = tick();
        self.conn.last_in.set(now);
        let completed_before = self.scanner.completed();
        if let Err(Refusal { code, good_bytes }) = self.judge(&bytes, now) {
            self.conn.verdict.set(Some(code));
            let good = good_bytes.map(|good_bytes| [&bytes[..good_bytes], &REFUSED].concat());
            return good.map(Bytes::from).ok_or(PayloadError::Overflow);
        }
        let partial_since = if !self.scanner.is_partial() {
            None
        } else if self.scanner.completed() == completed_before {
            self.conn.partial_since.get().or(Some(now))
        } else {
            Some(now)
        };
        self.conn.partial_since.set(partial_since);
        Ok(bytes)
    }

    /// What is in the frames, and how many there are.
    fn judge(&mut self, bytes: &Bytes, now: Tick) -> Result<(), Refusal> {
        let before = self.scanner.begun();
        let verdict = self.scanner.feed(bytes);
        let begun = self.scanner.begun();
        let flood = if !self.control.take(begun.control - before.control, now) {
            Eviction::ControlFlood
        } else if !self.data.take(begun.data - before.data, now) {
            Eviction::DataFlood
        } else {
            return verdict.map_err(|code| Refusal { code, good_bytes: self.scanner.whole_frames() });
        };
        self.conn.rails.count(flood);
        Err(Refusal { code: CloseCode::TooMany, good_bytes: None })
    }
}

/// Why nothing more is taken.
struct Refusal {
    code: CloseCode,
    /// What may still be handled of the newest piece, when the codec can be told where that ends.
    good_bytes: Option<usize>,
}

impl<P: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameGuard<P> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.conn.verdict.get().is_some() {
            return Poll::Ready(None);
        }
        if self.conn.must_pause(cx) {
            // We are the ones who keep it waiting: neither silence nor half a frame is the client's.
            self.conn.partial_since.set(None);
            self.conn.last_in.set(tick());
            return Poll::Pending;
        }
        if self.scanner.is_partial() && self.conn.partial_since.get().is_none() {
            // The pause is over: from here on half a frame is the client's again.
            self.conn.partial_since.set(Some(tick()));
        }
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(self.admit(bytes))),
            Poll::Ready(Some(Err(error))) => {
                self.conn.gone.set(true);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
