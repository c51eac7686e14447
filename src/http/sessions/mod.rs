//! The three kinds of socket sessions, and what they share: reading messages, answering them, renewing the token.

pub mod customer;
pub mod driver;
pub mod operator;

use crate::actors::world::World;
use crate::clock;
use crate::http::access::Action;
use crate::http::access::Class;
use crate::http::api::Api;
use crate::http::auth::Verifier;
use crate::http::documents::Door;
use crate::http::rates::Rates;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::http::socket::Tick;
use crate::http::socket::tick;
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
use std::time::Duration;

/// Messages that are no messages, after which the socket is closed.
const STRIKES_MAX: u32 = 3;
/// Messages refused for their number within the window, after which the socket is closed.
const EXCESS_MAX: u32 = 100;
const EXCESS_WINDOW: Duration = Duration::from_secs(60);

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
    rates: Arc<Rates>,
    strikes: u32,
    /// Messages refused for their number, and since when they are counted.
    excess: (u32, Tick),
}

impl Client {
    /// A client whose token was verified.
    #[must_use]
    pub fn new(api: &Api, principal: Principal) -> Self {
        let (world, rates, verifier) = (api.world.clone(), api.rates.clone(), api.auth.verifier.clone());
        let session = world.next_session();
        Self { world, verifier, principal, session, rates, strikes: 0, excess: (0, tick()) }
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

    /// What a message asks for, if it exists at this door and the client may ask for it now. Answers it where not.
    pub fn admit<S: Session>(&mut self, sink: &mut Sink<'_, S>, at: Door, head: &Head<'_>) -> Option<Action> {
        let action = Action::said(at, head.kind());
        let class = action.map_or(Class::Browse, |action| action.rule().class);
        if let Some(standing) = self.rates.take(&self.principal, class)
            && let Err(problem) = standing.check()
        {
            refuse(sink, head.id().as_deref(), &problem);
            self.exceed(sink);
            return None;
        }
        let Some(action) = action else {
            refuse(sink, head.id().as_deref(), &Problem::new(Code::UnknownType));
            return None;
        };
        match action.rule().grant(self.principal.role) {
            Ok(_) => Some(action),
            Err(problem) => {
                refuse(sink, head.id().as_deref(), &problem);
                None
            }
        }
    }

    /// Who goes on in spite of being refused is closed.
    fn exceed<S: Session>(&mut self, sink: &mut Sink<'_, S>) {
        let (count, since) = self.excess;
        let now = tick();
        self.excess = if now.since(since) > EXCESS_WINDOW { (1, now) } else { (count + 1, since) };
        if self.excess.0 > EXCESS_MAX {
            sink.close(CloseCode::TooMany, "too many messages");
        }
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
