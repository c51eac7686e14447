//! What a session is to the socket layer, and what the socket layer is to a session.
//!
//! A session is a plain struct: who is connected and what they may do. It names no type of the web framework, so that
//! the deprecated crate that carries the sockets can be replaced without touching it.

use super::actor::Socket;
use super::conn::Conn;
use crate::actors::outbox::Outbox;
use crate::domain::ids::OrderId;
use crate::domain::time::Millis;
use crate::protocol::close::CloseCode;
use actix::AsyncContext;
use actix::fut::ActorFutureExt;
use actix::fut::wrap_future;
use actix_web_actors::ws::WebsocketContext;
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::FutureExt;
use std::borrow::Cow;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// One connected client. All calls come on one thread, one at a time.
///
/// A panic in any of them closes this socket with 1011 and touches nothing else. What may wait (a store, another
/// actor) goes through [`Sink::spawn`]; while many such tasks are under way, nothing more is read from the client.
pub trait Session: Sized + Unpin + 'static {
    /// Whether binary messages are taken. Where not, as on every socket of the contract, the beginning of one closes
    /// the socket with 1003.
    const BINARY: bool = false;

    /// The socket is open. The place to send `welcome`, to subscribe with [`Sink::outbox`] and to set
    /// [`Sink::expires_at`].
    fn opened(&mut self, sink: &mut Sink<'_, Self>);

    /// A whole text message: UTF-8, within the bytes and fragments allowed. It shares the memory of the read buffer:
    /// copy what is kept.
    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString);

    /// A whole binary message, within the same bounds; called only where [`Session::BINARY`] says so.
    fn binary(&mut self, _sink: &mut Sink<'_, Self>, _bytes: Bytes) {}

    /// Asked right before the newest frame about `order` is written; `false` drops it. A producer that has not yet
    /// heard that its watcher may see no more can write into the outbox once again: this is where that ends.
    fn may_see(&self, _order: &OrderId) -> bool {
        true
    }

    /// A frame from the outbox has been put on its way.
    fn wrote(&mut self, _sink: &mut Sink<'_, Self>, _written: Written) {}

    /// Fixes are settled and the client is to be told, in this part of the ack: `up_to`, and the conflated seqs.
    fn ack(&mut self, _sink: &mut Sink<'_, Self>, _up_to: i64, _conflated: Vec<i64>) {}

    /// [`Outbox::poke`] was called.
    fn poked(&mut self, _sink: &mut Sink<'_, Self>) {}

    /// The socket has ended, for whatever reason; the last call. `code` is what we closed with, `None` when the client
    /// left. After a panic the session is in whatever state that left it.
    fn closed(&mut self, code: Option<CloseCode>);
}

/// A frame from the outbox that has been written to the connection's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The event of an order with this seq.
    Event {
        /// The order.
        order: OrderId,
        /// The event's seq.
        seq: i64,
    },
    /// The newest frame about an order.
    Latest {
        /// The order.
        order: OrderId,
        /// When its news came into this process.
        read_at: Instant,
        /// How many older ones it has replaced, unsent.
        replaced: u32,
    },
}

/// The session's hold on its own socket, for the length of one call.
pub struct Sink<'a, S: Session> {
    pub(super) ctx: &'a mut WebsocketContext<Socket<S>>,
    pub(super) conn: &'a Rc<Conn>,
    pub(super) outbox: &'a Arc<Outbox>,
    pub(super) ending: Option<(CloseCode, Cow<'static, str>)>,
}

impl<S: Session> Sink<'_, S> {
    /// Sends a text frame now: answers and greetings. News from others goes through the outbox, where it is bounded.
    pub fn text(&mut self, text: impl Into<ByteString>) {
        self.ctx.text(text.into());
    }

    /// Sends a binary frame now.
    pub fn binary(&mut self, bytes: impl Into<Bytes>) {
        self.ctx.binary(bytes);
    }

    /// Ends the socket after this call. `reason` goes to the client and is cut at 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
        self.ending.get_or_insert_with(|| (code, reason.into()));
    }

    /// Where others put what is to be sent to this client.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.outbox
    }

    /// From this moment on the socket is closed with 4401, within a second or so; a later call moves it.
    pub fn expires_at(&self, at: Millis) {
        self.conn.expires_at.set(at);
    }

    /// Runs `work` beside the socket and hands its result to `done`, unless the socket has ended by then.
    ///
    /// Several may be under way and end in any order.
    pub fn spawn<F, D>(&mut self, work: F, done: D)
    where
        F: Future + 'static,
        D: FnOnce(&mut S, &mut Sink<'_, S>, F::Output) + 'static,
    {
        self.conn.task_started();
        let caught = AssertUnwindSafe(work).catch_unwind();
        let task = wrap_future::<_, Socket<S>>(caught).map(move |result, socket, ctx| socket.finish(ctx, result, done));
        self.ctx.spawn(task);
    }
}
