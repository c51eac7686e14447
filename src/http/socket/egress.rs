//! The body of an upgraded response: tells the connection's record each time the dispatcher asks for more, which it
//! does only while the client reads.

use super::conn::Conn;
use super::tick::tick;
use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

pub(super) struct Egress<B> {
    frames: B,
    conn: Rc<Conn>,
}

impl<B> Egress<B> {
    pub(super) fn new(frames: B, conn: Rc<Conn>) -> Self {
        Self { frames, conn }
    }
}

impl<B: Stream<Item = Result<Bytes, actix_web::Error>> + Unpin> Stream for Egress<B> {
    type Item = B::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.conn.polls.set(self.conn.polls.get() + 1);
        let next = Pin::new(&mut self.frames).poll_next(cx);
        if matches!(next, Poll::Ready(None)) {
            self.conn.closing.set(Some(tick()));
        }
        next
    }
}
