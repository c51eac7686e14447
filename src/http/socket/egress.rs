//! The body of an upgraded response: tells the connection's record each time the dispatcher asks for more, which it
//! does only while the client reads; and ends our half of the connection once the last frame is out.
//!
//! A server closes the connection as soon as both sides have said goodbye (RFC 6455, section 7.1.1), and clients wait for
//! that. The dispatcher would do so only after it has read, and thrown away, for a second: what it has not read when it
//! closes makes the kernel send a reset, which can take our close frame with it. So the writing half is ended here, and
//! the dispatcher reads on as before.

use super::conn::Conn;
use super::tick::tick;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Sleep;
use tokio::time::sleep;

/// How long the dispatcher has to write its last bytes, which are few by then and for which the kernel has room.
const LAST_WRITE: Duration = Duration::from_millis(20);

pub(super) struct Egress<B> {
    frames: B,
    conn: Rc<Conn>,
    ending: Ending,
}

/// How far the end of the body has come. After each step but the last the dispatcher writes what it has.
enum Ending {
    NotYet,
    /// All frames are handed over.
    Writing(Pin<Box<Sleep>>),
    /// The time for it has passed; one more write, since the kernel's word that it has room may have come with the time.
    Written,
}

impl<B> Egress<B> {
    pub(super) fn new(frames: B, conn: Rc<Conn>) -> Self {
        Self { frames, conn, ending: Ending::NotYet }
    }
}

impl<B: Stream<Item = Result<Bytes, actix_web::Error>> + Unpin> Stream for Egress<B> {
    type Item = B::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.conn.polls.set(self.conn.polls.get() + 1);
        loop {
            match &mut self.ending {
                Ending::NotYet => {
                    let next = ready!(Pin::new(&mut self.frames).poll_next(cx));
                    if next.is_some() {
                        return Poll::Ready(next);
                    }
                    self.conn.closing.set(Some(tick()));
                    if !self.conn.make_room_to_end() {
                        return Poll::Ready(None);
                    }
                    self.ending = Ending::Writing(Box::pin(sleep(LAST_WRITE)));
                }
                Ending::Writing(time) => {
                    ready!(time.as_mut().poll(cx));
                    self.ending = Ending::Written;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ending::Written => {
                    self.conn.end_writing();
                    return Poll::Ready(None);
                }
            }
        }
    }
}
