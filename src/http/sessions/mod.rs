//! The three kinds of socket sessions, and what they share: reading messages, answering them, renewing the token.

pub mod customer;
pub mod driver;
pub mod operator;

use crate::actors::world::World;
use crate::clock;
use crate::http::auth::Verifier;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::limits::JSON_MAX_DEPTH;
use crate::protocol::close::CloseCode;
use crate::protocol::identity::Principal;
use crate::protocol::inbound;
use crate::protocol::inbound::Head;
use crate::protocol::json::json_depth_within;
use crate::protocol::outbound::Done;
use crate::protocol::outbound::Nothing;
use crate::protocol::outbound::Refused;
use crate::protocol::outbound::Welcome;
use crate::protocol::outbound::encode;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::Eviction;
use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Messages that are no messages, after which the socket is closed.
const STRIKES_MAX: u32 = 3;

/// A client's own number for a message, as JSON.
pub type MessageId = Option<Box<RawValue>>;

/// What every session knows of its client.
pub struct Client {
    /// The node's shared world.
    pub world: Arc<World>,
    /// Checks renewed tokens.
    pub verifier: Verifier,
    /// Who is connected.
    pub principal: Principal,
    /// The session's number on this node.
    pub session: u64,
    strikes: u32,
}

impl Client {
    /// A client whose token was verified.
    #[must_use]
    pub fn new(world: Arc<World>, verifier: Verifier, principal: Principal) -> Self {
        let session = world.next_session();
        Self { world, verifier, principal, session, strikes: 0 }
    }

    /// Notes the open socket and from when on its token is void, by its time or by a revocation.
    pub fn opened<S: Session>(&self, sink: &Sink<'_, S>) {
        self.world.metrics.session_opened(self.principal.role);
        self.hangs_on_token(sink);
    }

    fn hangs_on_token<S: Session>(&self, sink: &Sink<'_, S>) {
        sink.expires_at(self.principal.expires_at);
        self.world.revocations.socket_opened(self.session, &self.principal, sink.outbox());
    }

    /// Notes the ended socket, and why we ended it.
    pub fn closed(&self, code: Option<CloseCode>) {
        self.world.metrics.session_closed(self.principal.role);
        self.world.revocations.socket_closed(self.session);
        if let Some(why) = code.and_then(eviction) {
            self.world.metrics.evicted(why);
        }
    }

    /// The frame a session begins with.
    #[must_use]
    pub fn welcome<'a>(&self, name: &'a str) -> Welcome<'a> {
        Welcome::new(name, clock::now())
    }

    /// The session's name in its welcome.
    #[must_use]
    pub fn name(&self) -> String {
        format!("s{}", self.session)
    }

    /// Reads a message's type and id. What is no message is answered with an error, and three times with the end.
    pub fn read<'t, S: Session>(&mut self, sink: &mut Sink<'_, S>, text: &'t str) -> Option<Head<'t>> {
        let head = json_depth_within(text.as_bytes(), JSON_MAX_DEPTH).then(|| Head::read(text));
        if let Some(Ok(head)) = head {
            return Some(head);
        }
        self.strike(sink, None, &Problem::new(Code::Malformed).detail("A message is one JSON object with a type."));
        None
    }

    /// Reads a message's fields.
    pub fn fields<'t, S: Session, T: Deserialize<'t>>(
        &mut self,
        sink: &mut Sink<'_, S>,
        text: &'t str,
        head: &Head<'t>,
    ) -> Option<T> {
        match serde_json::from_str(text) {
            Ok(fields) => Some(fields),
            Err(error) => {
                let detail = format!("The message cannot be read: {error}.");
                self.strike(sink, head.id().as_deref(), &Problem::new(Code::Malformed).detail(detail));
                None
            }
        }
    }

    fn strike<S: Session>(&mut self, sink: &mut Sink<'_, S>, id: Option<&RawValue>, problem: &Problem) {
        refuse(sink, id, problem);
        self.strikes += 1;
        if self.strikes >= STRIKES_MAX {
            sink.close(CloseCode::Policy, "too many malformed messages");
        }
    }

    /// `auth`: a fresh token of the same principal lengthens the session.
    pub fn renew<S: Session>(&mut self, sink: &mut Sink<'_, S>, text: &str, head: &Head<'_>) {
        let Ok(fields) = serde_json::from_str::<inbound::Auth>(text) else {
            self.strike(sink, head.id().as_deref(), &Problem::new(Code::Malformed));
            return;
        };
        match self.verifier.verify(&fields.token, clock::now()) {
            Ok(fresh) if fresh.subject == self.principal.subject && fresh.role == self.principal.role => {
                self.principal = fresh;
                self.hangs_on_token(sink);
                done(sink, head.id().as_deref(), Nothing {});
            }
            Ok(_) => {
                let problem = Problem::new(Code::Forbidden).detail("The token belongs to somebody else.");
                refuse(sink, head.id().as_deref(), &problem);
            }
            Err(problem) => refuse(sink, head.id().as_deref(), &problem),
        }
    }
}

/// Answers a message of a type that does not exist here.
pub fn unknown_type<S: Session>(sink: &mut Sink<'_, S>, head: &Head<'_>) {
    refuse(sink, head.id().as_deref(), &Problem::new(Code::UnknownType));
}

/// `ok`, with what came of it.
pub fn done<S: Session, T: Serialize>(sink: &mut Sink<'_, S>, id: Option<&RawValue>, result: T) {
    sink.text(encode(&Done { id, result }));
}

/// `error`.
pub fn refuse<S: Session>(sink: &mut Sink<'_, S>, id: Option<&RawValue>, problem: &Problem) {
    sink.text(encode(&Refused { id, code: problem.code.as_str(), detail: &problem.detail }));
}

fn eviction(code: CloseCode) -> Option<Eviction> {
    match code {
        CloseCode::Normal => None,
        CloseCode::Protocol | CloseCode::Binary | CloseCode::BadUtf8 | CloseCode::Policy | CloseCode::TooBig => {
            Some(Eviction::Protocol)
        }
        CloseCode::Bug => Some(Eviction::Internal),
        CloseCode::Restarting => Some(Eviction::Draining),
        CloseCode::Token => Some(Eviction::Token),
        CloseCode::Forbidden => Some(Eviction::Forbidden),
        CloseCode::Silent => Some(Eviction::Silent),
        CloseCode::Replaced => Some(Eviction::Replaced),
        CloseCode::SlowReader => Some(Eviction::SlowReader),
        CloseCode::TooMany => Some(Eviction::TooMany),
    }
}
