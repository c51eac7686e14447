//! The driver's one live connection: greeted, attached, taken over by a newer one, detached.

use super::AttachSession;
use super::DetachSession;
use super::DriverActor;
use super::GetGreeting;
use super::Greeting;
use super::Link;
use crate::clock;
use crate::protocol::close::CloseCode;
use actix::Context;
use actix::Handler;
use actix::MessageResult;

impl Handler<GetGreeting> for DriverActor {
    type Result = MessageResult<GetGreeting>;

    fn handle(&mut self, _message: GetGreeting, _ctx: &mut Context<Self>) -> Self::Result {
        self.heard_at = clock::now();
        MessageResult(Greeting { last_seq: self.ledger.settled_up_to(), status: self.status() })
    }
}

impl Handler<AttachSession> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: AttachSession, _ctx: &mut Context<Self>) {
        const TOOK_OVER: &str = "a newer connection of this driver took over";
        if self.link.as_ref().is_some_and(|link| link.session > message.session) {
            message.outbox.close(CloseCode::Replaced, TOOK_OVER);
            return;
        }
        if let Some(older) = self.link.replace(Link { session: message.session, outbox: message.outbox }) {
            older.outbox.close(CloseCode::Replaced, TOOK_OVER);
        }
        self.resend_offer();
    }
}

impl Handler<DetachSession> for DriverActor {
    type Result = ();

    fn handle(&mut self, message: DetachSession, _ctx: &mut Context<Self>) {
        if self.link.as_ref().is_some_and(|link| link.session == message.session) {
            self.link = None;
            // Silence counts from here.
            self.heard_at = clock::now();
        }
    }
}
