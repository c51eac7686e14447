//! The actor behind every socket: carries frames between the connection and a session, and decides nothing.
//!
//! It holds no timer and starts no wait: an actor whose client does not read is not polled. Whatever must happen to it
//! then is done by the warden.

use super::assembler::Assembler;
use super::assembler::Whole;
use super::conn::Conn;
use super::rails::Eviction;
use super::session::Session;
use super::session::Sink;
use super::session::Written;
use crate::actors::outbox::Event;
use crate::actors::outbox::Latest;
use crate::actors::outbox::Out;
use crate::actors::outbox::Outbox;
use crate::actors::outbox::Wake;
use crate::protocol::close::CloseCode;
use actix::Actor;
use actix::ActorContext;
use actix::AsyncContext;
use actix::Handler;
use actix::StreamHandler;
use actix_http::ws::CloseReason;
use actix_http::ws::Item;
use actix_http::ws::Message;
use actix_http::ws::ProtocolError;
use actix_web_actors::ws::WebsocketContext;
use std::any::Any;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a close reason: a control frame holds 125, of which the code takes two.
const REASON_MAX_BYTES: usize = 123;

/// Carries one session.
pub struct Socket<S: Session> {
    session: S,
    conn: Rc<Conn>,
    outbox: Arc<Outbox>,
    assembler: Assembler,
    /// Our close frame is on its way, or the client has left: nothing more is handled.
    ended: bool,
    code: Option<CloseCode>,
}

impl<S: Session> Socket<S> {
    pub(super) fn new(session: S, conn: Rc<Conn>, outbox: Arc<Outbox>) -> Self {
        conn.rails.socket_opened();
        Self { session, conn, outbox, assembler: Assembler::default(), ended: false, code: None }
    }

    /// Calls the session; the one place that does while the socket is open, so that a panic is caught in one place.
    fn call(&mut self, ctx: &mut WebsocketContext<Self>, call: impl FnOnce(&mut S, &mut Sink<'_, S>)) {
        if self.ended {
            return;
        }
        let mut sink = Sink { ctx: &mut *ctx, conn: &self.conn, outbox: &self.outbox, ending: None };
        let session = &mut self.session;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            call(session, &mut sink);
            sink.ending
        }));
        match outcome {
            Ok(None) => {}
            Ok(Some((code, reason))) => self.end(ctx, code, &reason),
            Err(panic) => self.end_by_panic(ctx, panic.as_ref()),
        }
    }

    /// A task of the session has ended.
    pub(super) fn finish<T>(
        &mut self,
        ctx: &mut WebsocketContext<Self>,
        result: Result<T, Box<dyn Any + Send>>,
        done: impl FnOnce(&mut S, &mut Sink<'_, S>, T),
    ) {
        self.conn.task_done();
        match result {
            Ok(value) => self.call(ctx, |session, sink| done(session, sink, value)),
            Err(panic) => self.end_by_panic(ctx, panic.as_ref()),
        }
    }

    fn end_by_panic(&mut self, ctx: &mut WebsocketContext<Self>, panic: &(dyn Any + Send)) {
        let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = what.unwrap_or("unknown"), "a session panicked; its socket is closed");
        self.end(ctx, CloseCode::Bug, "internal error");
    }

    /// Sends the close frame and stops. What the client sends from here on is read and thrown away by the dispatcher.
    fn end(&mut self, ctx: &mut WebsocketContext<Self>, code: CloseCode, reason: &str) {
        if self.ended {
            return;
        }
        self.code = Some(code);
        let reason = &reason[..reason.floor_char_boundary(REASON_MAX_BYTES)];
        let description = (!reason.is_empty()).then(|| reason.to_owned());
        ctx.close(Some(CloseReason { code: code.number().into(), description }));
        self.leave(ctx);
    }

    fn leave(&mut self, ctx: &mut WebsocketContext<Self>) {
        self.ended = true;
        self.outbox.hang_up();
        ctx.stop();
    }

    fn drain(&mut self, ctx: &mut WebsocketContext<Self>) {
        let outbox = Arc::clone(&self.outbox);
        outbox.drain(|out| self.send(ctx, out));
    }

    fn send(&mut self, ctx: &mut WebsocketContext<Self>, out: Out) {
        if self.ended {
            return;
        }
        match out {
            Out::Ping => ctx.ping(b""),
            Out::Ack { up_to, conflated } => self.call(ctx, |session, sink| session.ack(sink, up_to, conflated)),
            Out::Event(Event { text, tag }) => {
                ctx.text(text);
                if let Some((order, seq)) = tag {
                    self.call(ctx, |session, sink| session.wrote(sink, Written::Event { order, seq }));
                }
            }
            Out::Latest(Latest { order, text, read_at, replaced }) => self.call(ctx, |session, sink| {
                if session.may_see(&order) {
                    sink.text(text);
                    session.wrote(sink, Written::Latest { order, read_at, replaced });
                }
            }),
            Out::Poke => self.call(ctx, S::poked),
            Out::Close(code, reason) => self.end(ctx, code, &reason),
        }
    }

    /// What to close with when the codec has given up; `None` when the client is just gone.
    fn code_for(&self, error: &ProtocolError) -> Option<CloseCode> {
        if let Some(verdict) = self.conn.verdict.get() {
            return Some(verdict);
        }
        match error {
            ProtocolError::Io(_) if self.conn.gone.get() => None,
            // The scanner has judged the frames, and the client is still there: only the text is left.
            ProtocolError::Io(error) if error.kind() == ErrorKind::Other => Some(CloseCode::BadUtf8),
            ProtocolError::Overflow => Some(CloseCode::TooBig),
            _ => Some(CloseCode::Protocol),
        }
    }
}

impl<S: Session> Actor for Socket<S> {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.outbox.attach(ctx.address().recipient());
        self.call(ctx, S::opened);
        self.drain(ctx);
    }

    /// Runs while a panic unwinds too, when one more would end the process.
    fn stopped(&mut self, _: &mut Self::Context) {
        self.outbox.hang_up();
        let session = &mut self.session;
        let code = self.code;
        if catch_unwind(AssertUnwindSafe(|| session.closed(code))).is_err() {
            tracing::error!("a session panicked as it was told of its end");
        }
    }
}

impl<S: Session> Drop for Socket<S> {
    fn drop(&mut self) {
        self.outbox.hang_up();
        if self.code.is_none() && self.conn.was_given_up() {
            self.conn.rails.count(Eviction::Stalled);
        }
        self.conn.rails.socket_closed();
    }
}

impl<S: Session> Handler<Wake> for Socket<S> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.drain(ctx);
    }
}

impl<S: Session> StreamHandler<Result<Message, ProtocolError>> for Socket<S> {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        // After an end actix hands over up to 16 more. Neither does anything count that comes after the socket was given
        // up by somebody else: a newer connection of the same driver, a token that has ended.
        if self.ended || !self.outbox.is_open() {
            return;
        }
        match message {
            Ok(Message::Text(text)) => self.call(ctx, |session, sink| session.text(sink, text)),
            Ok(Message::Binary(bytes)) if S::BINARY => self.call(ctx, |session, sink| session.binary(sink, bytes)),
            Ok(Message::Binary(_)) => self.end(ctx, CloseCode::Binary, "only text is spoken here"),
            Ok(Message::Continuation(Item::FirstBinary(_))) if !S::BINARY => self.end(ctx, CloseCode::Binary, ""),
            Ok(Message::Continuation(fragment)) => match self.assembler.push(fragment) {
                Ok(None) => {}
                Ok(Some(Whole::Text(text))) => self.call(ctx, |session, sink| session.text(sink, text)),
                Ok(Some(Whole::Binary(bytes))) => self.call(ctx, |session, sink| session.binary(sink, bytes)),
                Err(code) => self.end(ctx, code, ""),
            },
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => {
                // The answer to a close frame is its code (RFC 6455, section 5.5.1).
                ctx.close(reason.map(|reason| CloseReason { description: None, ..reason }));
                self.leave(ctx);
            }
            Err(error) => match self.code_for(&error) {
                Some(code) => self.end(ctx, code, ""),
                None => self.leave(ctx),
            },
        }
    }
}
