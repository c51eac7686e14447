//! A driver's socket: a thin session beside the driver's actor.
//!
//! Fixes go to the actor in the order they came; commands are done one after another, so that a phone may send two steps without waiting. Whatever
//! could leave a hole in the order of fixes ends the socket instead: the device resends what was not acknowledged.

use super::Client;
use super::MessageId;
use super::done;
use super::refuse;
use crate::actors::desk;
use crate::actors::desk::store_problem;
use crate::actors::driver::AttachSession;
use crate::actors::driver::DetachSession;
use crate::actors::driver::DriverActor;
use crate::actors::driver::GetGreeting;
use crate::actors::driver::Greeting;
use crate::actors::driver::ReportFix;
use crate::actors::driver::ReportFixes;
use crate::actors::mailbox::ask;
use crate::actors::mailbox::insist;
use crate::actors::mailbox::tell;
use crate::clock;
use crate::domain::ids::DriverId;
use crate::domain::order::By;
use crate::domain::order::Step;
use crate::http::access::Action;
use crate::http::documents::Door;
use crate::http::fields;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::limits::BATCH_MAX_FIXES;
use crate::protocol::answer::OfferTaken;
use crate::protocol::answer::ShiftTaken;
use crate::protocol::answer::StepTaken;
use crate::protocol::close::CloseCode;
use crate::protocol::fix;
use crate::protocol::inbound;
use crate::protocol::inbound::Head;
use crate::protocol::outbound::Ack;
use crate::protocol::outbound::Nothing;
use crate::protocol::outbound::encode;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix::Addr;
use bytestring::ByteString;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Messages that may wait for the greeting, or commands for the one before.
const WAITING_MAX: usize = 64;

type Outcome = Result<serde_json::Value, Problem>;

struct Command {
    id: MessageId,
    work: LocalBoxFuture<'static, Outcome>,
}

/// See the module.
pub struct DriverSession {
    client: Client,
    driver_id: DriverId,
    actor: Option<Addr<DriverActor>>,
    early: VecDeque<ByteString>,
    commands: VecDeque<Command>,
    working: bool,
}

impl DriverSession {
    /// A session of this driver.
    #[must_use]
    pub fn new(client: Client, driver_id: DriverId) -> Self {
        let (early, commands) = (VecDeque::new(), VecDeque::new());
        Self { client, driver_id, actor: None, early, commands, working: false }
    }

    fn greeted(&mut self, sink: &mut Sink<'_, Self>, actor: Addr<DriverActor>, greeting: Greeting) {
        let name = self.client.name();
        let mut welcome = self.client.welcome(&name);
        welcome.last_seq = Some(greeting.last_seq.unwrap_or(0));
        welcome.status = Some(greeting.status.as_str());
        sink.text(encode(&welcome));
        let attach = AttachSession { session: self.client.session, outbox: Arc::clone(sink.outbox()) };
        if !tell(&actor, attach) {
            sink.close(CloseCode::Restarting, "retry_ms=300");
            return;
        }
        self.actor = Some(actor);
        while let Some(text) = self.early.pop_front() {
            self.message(sink, &text);
        }
    }

    fn message(&mut self, sink: &mut Sink<'_, Self>, text: &str) {
        let Some(actor) = self.actor.clone() else { return };
        let Some(head) = self.client.read(sink, text) else { return };
        match self.client.admit(sink, Door::Driver, &head) {
            Some(Action::SayLocation) => self.location(sink, &actor, text, &head),
            Some(Action::SayLocations) => self.locations(sink, &actor, text, &head),
            Some(Action::SayAuth) => self.client.renew(sink, text, &head),
            Some(action) => self.command(sink, action, text, &head),
            None => {}
        }
    }

    /// One fix: answered by acks; by `ok` or `error` when the message has an id.
    fn location(&mut self, sink: &mut Sink<'_, Self>, actor: &Addr<DriverActor>, text: &str, head: &Head<'_>) {
        let (read_at, fix) = (Instant::now(), fix::read(text, clock::now()));
        if let Some(id) = head.id() {
            self.report(
                sink,
                actor,
                ReportFixes { session: Some(self.client.session), fixes: vec![fix], batched: false, read_at },
                Some(id),
            );
            return;
        }
        let report = ReportFix { session: self.client.session, fix, read_at };
        if !tell(actor, report) {
            lost(sink, actor);
        }
    }

    /// A batch: answered by `ok` once it is stored.
    fn locations(&mut self, sink: &mut Sink<'_, Self>, actor: &Addr<DriverActor>, text: &str, head: &Head<'_>) {
        let Some(batch) = self.client.fields::<_, inbound::Locations<'_>>(sink, text, head) else { return };
        if batch.fixes.len() > BATCH_MAX_FIXES {
            let detail = format!("A batch holds at most {BATCH_MAX_FIXES} fixes.");
            refuse(sink, head.id().as_deref(), &Problem::new(Code::TooLarge).detail(detail));
            return;
        }
        let now = clock::now();
        let fixes = batch.fixes.iter().map(|raw| fix::read(raw.get(), now)).collect();
        self.report(
            sink,
            actor,
            ReportFixes { session: Some(self.client.session), fixes, batched: true, read_at: Instant::now() },
            head.id(),
        );
    }

    fn report(&mut self, sink: &mut Sink<'_, Self>, actor: &Addr<DriverActor>, report: ReportFixes, id: MessageId) {
        let single = !report.batched;
        // Fixes that follow are handled even if this socket ends now: these must be too, or they would be a hole.
        let answer = insist(actor, report);
        sink.spawn(answer, move |_, sink, answer| match answer {
            Ok(Ok(reported)) => match reported.rejected.first() {
                Some(told) if single => error_with_code(sink, id.as_deref(), told.code),
                _ => done(sink, id.as_deref(), reported),
            },
            Ok(Err(_)) => refuse(sink, id.as_deref(), &Problem::new(Code::Busy)),
            // Unknown whether it was taken: the device sends it again on a new connection.
            Err(_) => sink.close(CloseCode::Restarting, "retry_ms=300"),
        });
    }

    fn command(&mut self, sink: &mut Sink<'_, Self>, action: Action, text: &str, head: &Head<'_>) {
        let world = self.client.world.clone();
        let driver_id = self.driver_id.clone();
        let work: LocalBoxFuture<'static, Outcome> = match action {
            Action::SayStatus => {
                let Some(wish) = self.client.fields::<_, inbound::ShiftChange>(sink, text, head) else { return };
                Box::pin(async move {
                    let status = desk::shift(&world, &driver_id, wish.status, wish.share_location).await?;
                    told(ShiftTaken { status: status.as_str() })
                })
            }
            Action::SayAccept => {
                let Some(answer) = self.client.fields::<_, inbound::OfferAnswer>(sink, text, head) else { return };
                Box::pin(async move {
                    let order = desk::accept(&world, &driver_id, &answer.offer_id, None).await?;
                    told(OfferTaken { order_id: order.order_id.clone(), version: order.version })
                })
            }
            Action::SayDecline => {
                let Some(answer) = self.client.fields::<_, inbound::OfferAnswer>(sink, text, head) else { return };
                Box::pin(async move {
                    desk::decline(&world, &driver_id, &answer.offer_id, None).await?;
                    told(Nothing {})
                })
            }
            Action::SayOrderStatus => {
                let Some(wish) = self.client.fields::<_, inbound::OrderStep>(sink, text, head) else { return };
                let who = self.client.principal.clone();
                Box::pin(async move {
                    let order_id = wish.order_id.clone();
                    let found =
                        world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
                    let order = found.ok_or_else(|| Problem::new(Code::NotFound))?;
                    action.rule().order(&who, &order)?;
                    let order = desk::take_step(&world, step_request(wish, driver_id)?).await?;
                    let (status, version) = (order.status.as_str(), order.version);
                    told(StepTaken { order_id: order.order_id.clone(), status, version })
                })
            }
            _ => return,
        };
        if self.commands.len() >= WAITING_MAX {
            sink.close(CloseCode::TooMany, "too many commands at once");
            return;
        }
        self.commands.push_back(Command { id: head.id(), work });
        self.work_on(sink);
    }

    fn work_on(&mut self, sink: &mut Sink<'_, Self>) {
        if self.working {
            return;
        }
        let Some(Command { id, work }) = self.commands.pop_front() else { return };
        self.working = true;
        sink.spawn(work, move |session, sink, outcome| {
            session.working = false;
            match outcome {
                Ok(result) => done(sink, id.as_deref(), result),
                Err(problem) => refuse(sink, id.as_deref(), &problem),
            }
            session.work_on(sink);
        });
    }
}

/// The request behind a driver's `{"order_id", "status", ...}`, over either door.
pub fn step_request(wish: inbound::OrderStep, driver_id: DriverId) -> Result<desk::Request, Problem> {
    let step = Step::of_driver(wish.status).ok_or_else(|| {
        let detail = "A driver may set at_pickup, picked_up, at_dropoff, delivered, failed or searching.";
        Problem::new(Code::IllegalTransition).detail(detail)
    })?;
    let mut request = desk::Request::new(wish.order_id, step, By::Driver(driver_id));
    request.version = wish.version;
    request.reason = fields::reason(wish.reason)?;
    Ok(request)
}

fn told<T: Serialize>(result: T) -> Outcome {
    serde_json::to_value(result).map_err(|_| Problem::new(Code::Internal))
}

fn error_with_code(sink: &mut Sink<'_, DriverSession>, id: Option<&RawValue>, code: &str) {
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    refuse(sink, id, &Problem::new(known.copied().unwrap_or(Code::Malformed)));
}

/// A fix that could not be handed over would be a hole in what later acks claim.
fn lost(sink: &mut Sink<'_, DriverSession>, actor: &Addr<DriverActor>) {
    if actor.connected() {
        sink.close(CloseCode::TooMany, "fixes come faster than they can be taken");
    } else {
        sink.close(CloseCode::Restarting, "retry_ms=300");
    }
}

impl Session for DriverSession {
    fn opened(&mut self, sink: &mut Sink<'_, Self>) {
        self.client.opened(sink);
        let Ok(actor) = self.client.world.driver(&self.driver_id) else {
            sink.close(CloseCode::Restarting, "retry_ms=1000");
            return;
        };
        let greeting = ask(&actor, GetGreeting);
        sink.spawn(greeting, move |session, sink, greeting| match greeting {
            Ok(greeting) => session.greeted(sink, actor, greeting),
            Err(_) => sink.close(CloseCode::Restarting, "retry_ms=1000"),
        });
    }

    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString) {
        if self.actor.is_some() {
            self.message(sink, &text);
        } else if self.early.len() < WAITING_MAX {
            // A copy: what is kept must not hold the read buffer.
            self.early.push_back(ByteString::from(text.to_string()));
        } else {
            sink.close(CloseCode::TooMany, "wait for the welcome");
        }
    }

    fn ack(&mut self, sink: &mut Sink<'_, Self>, up_to: i64, conflated: Vec<i64>) {
        sink.text(encode(&Ack { seq: up_to, conflated: &conflated }));
    }

    fn closed(&mut self, code: Option<CloseCode>) {
        self.client.closed(code);
        if let Some(actor) = &self.actor {
            tell(actor, DetachSession { session: self.client.session });
        }
    }
}
