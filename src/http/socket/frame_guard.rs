//! Stands between the connection and the WebSocket codec: nothing is buffered that the scanner has refused, and the
//! connection's record learns when something came in and since when something is incomplete.
//!
//! A good frame in the same piece of data before a bad one is lost: the codec is told of the error before it decodes
//! what it has. Whoever sends the bad one has no claim to the other.

use super::conn::Conn;
use super::scanner::Scanner;
use super::tick::tick;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

pub(super) struct FrameGuard<P> {
    payload: P,
    scanner: Scanner,
    conn: Rc<Conn>,
}

impl<P> FrameGuard<P> {
    pub(super) fn new(payload: P, conn: Rc<Conn>, max_message_bytes: usize) -> Self {
        Self { payload, scanner: Scanner::new(max_message_bytes), conn }
    }

    /// Looks at what came in, and notes it.
    fn admit(&mut self, bytes: &Bytes) -> Result<(), PayloadError> {
        let now = tick();
        self.conn.last_in.set(now);
        let completed_before = self.scanner.completed();
        if let Err(code) = self.scanner.feed(bytes) {
            self.conn.verdict.set(Some(code));
            return Err(PayloadError::Overflow);
        }
        let partial_since = if !self.scanner.is_partial() {
            None
        } else if self.scanner.completed() == completed_before {
            self.conn.partial_since.get().or(Some(now))
        } else {
            Some(now)
        };
        self.conn.partial_since.set(partial_since);
        Ok(())
    }
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
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(self.admit(&bytes).map(|()| bytes))),
            Poll::Ready(Some(Err(error))) => {
                self.conn.gone.set(true);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
