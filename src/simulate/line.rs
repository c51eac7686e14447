//! One person's WebSocket, kept up: connects, says what arrives, renews the token, and connects again as [`super::backoff`] says.
//!
//! The task owns the socket; its user sees connections come and go as events. Whatever was handed over for one connection is never
//! sent on the next: after a reconnect the user starts from what the server then says.

use super::api::Api;
use super::backoff::Backoff;
use super::backoff::Ended;
use super::backoff::Next;
use super::dice::Dice;
use super::ledger::Ledger;
use super::tally::Count;
use super::token::Person;
use super::token::RENEW_AFTER;
use super::wire::ClientFrame;
use super::wire::ServerFrame;
use futures_util::SinkExt;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header;

/// Frames waiting to be sent, or to be handled, on one line.
const QUEUE_MAX: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Heartbeat assumed until the server names its own.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Connections being made at once by the whole city.
const CONNECTING_MAX: usize = 32;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What happens on a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LineEvent {
    /// A connection stands; the server's welcome with the driver's highest stored `seq`.
    Up { last_seq: Option<i64> },
    /// The server said something.
    Frame(Box<ServerFrame>),
    /// The connection is gone; another one is on its way.
    Down,
    /// There will be no other one.
    Over,
}

/// The user's end of a line; dropping it closes the socket.
pub(crate) struct Line {
    events: mpsc::Receiver<LineEvent>,
    frames: mpsc::Sender<Outgoing>,
    connection: u64,
}

struct Outgoing {
    connection: u64,
    text: String,
}

/// What all lines of a city share.
pub(crate) struct Exchange {
    pub(crate) api: Arc<Api>,
    pub(crate) ledger: Ledger,
    connecting: Semaphore,
}

impl Exchange {
    pub(crate) fn new(api: Arc<Api>) -> Self {
        let ledger = Ledger::new(Arc::clone(&api.tally));
        Self { api, ledger, connecting: Semaphore::new(CONNECTING_MAX) }
    }

    /// Opens a line for a person.
    pub(crate) fn open(self: &Arc<Self>, path: &str, person: Person) -> Line {
        let (event_sender, events) = mpsc::channel(QUEUE_MAX);
        let (frames, frame_receiver) = mpsc::channel(QUEUE_MAX);
        // The id spreads the reconnects of different people.
        let dice = Dice::new(0, &person.id);
        let url = self.api.socket_url(path);
        let keeper = Keeper {
            exchange: Arc::clone(self),
            url,
            person,
            dice,
            events: event_sender,
            frames: frame_receiver,
            connection: 0,
        };
        tokio::spawn(keeper.keep());
        Line { events, frames, connection: 0 }
    }
}

impl Line {
    /// The next event. After [`LineEvent::Over`] it is always that.
    pub(crate) async fn next(&mut self) -> LineEvent {
        let event = self.events.recv().await.unwrap_or(LineEvent::Over);
        if matches!(event, LineEvent::Up { .. }) {
            self.connection += 1;
        }
        event
    }

    /// Hands a frame over for the connection last seen up; `false` when it cannot be sent.
    pub(crate) fn send(&self, frame: &ClientFrame<'_>) -> bool {
        self.frames.try_send(Outgoing { connection: self.connection, text: frame.encode() }).is_ok()
    }
}

/// The task behind a line.
struct Keeper {
    exchange: Arc<Exchange>,
    url: String,
    person: Person,
    dice: Dice,
    events: mpsc::Sender<LineEvent>,
    frames: mpsc::Receiver<Outgoing>,
    connection: u64,
}

/// What is known of the connection that stands.
struct Session {
    up: bool,
    silence_max: Duration,
}

/// What came in.
enum Heard {
    Nothing,
    Welcome,
    End(Ended),
    HungUp,
}

/// Why a connection is over: the server's doing, or the user has hung up.
enum Talk {
    Ended(Ended),
    HungUp,
}

impl Keeper {
    async fn keep(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let ended = match self.connect().await {
                Ok(mut socket) => match self.talk(&mut socket, &mut backoff).await {
                    Talk::HungUp => {
                        let _ = tokio::time::timeout(CONNECT_TIMEOUT, socket.close(None)).await;
                        return;
                    }
                    Talk::Ended(ended) => ended,
                },
                Err(ended) => ended,
            };
            self.note(&ended);
            let Next::After(wait) = backoff.after(&ended, &mut self.dice) else {
                // Whether the user still listens is the user's business.
                let _ = self.events.send(LineEvent::Over).await;
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.events.closed() => return,
            }
        }
    }

    fn note(&self, ended: &Ended) {
        let tally = &self.exchange.api.tally;
        match ended {
            Ended::Closed { code: code @ (1002 | 1003 | 1007 | 1009 | 1011), reason } => {
                tally.violation(format!("{}: closed with {code} {reason}", self.person.id));
            }
            Ended::Closed { code, .. } => tally.refused(&format!("close_{code}")),
            Ended::Refused { status, .. } => tally.refused(&format!("upgrade_{status}")),
            Ended::Lost => {}
        }
    }

    async fn connect(&self) -> Result<Socket, Ended> {
        let api = &self.exchange.api;
        let token = api.mint.token(&self.person).map_err(|_| Ended::Lost)?;
        let mut request = self.url.as_str().into_client_request().map_err(|_| Ended::Lost)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Ended::Lost)?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let _permit = self.exchange.connecting.acquire().await.map_err(|_| Ended::Lost)?;
        let connecting = tokio_tungstenite::connect_async_with_config(request, None, true);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let told = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = told.and_then(|value| value.parse().ok()).map(Duration::from_secs);
                Err(Ended::Refused { status: response.status().as_u16(), retry_after })
            }
            Ok(Err(_)) | Err(_) => Err(Ended::Lost),
        }
    }

    /// Carries frames both ways until one side ends it.
    async fn talk(&mut self, socket: &mut Socket, backoff: &mut Backoff) -> Talk {
        let mut session = Session { up: false, silence_max: HEARTBEAT * 2 };
        let mut heard = Instant::now();
        let mut renew = Instant::now() + RENEW_AFTER;
        let ended = loop {
            let sent = tokio::select! {
                incoming = socket.next() => {
                    heard = Instant::now();
                    match self.hear(incoming, &mut session).await {
                        Heard::Nothing => {}
                        Heard::Welcome => backoff.reset(),
                        Heard::End(ended) => break ended,
                        Heard::HungUp => return Talk::HungUp,
                    }
                    true
                }
                outgoing = self.frames.recv() => {
                    let Some(outgoing) = outgoing else { return Talk::HungUp };
                    let current = session.up && outgoing.connection == self.connection;
                    !current || send(socket, outgoing.text).await
                }
                () = tokio::time::sleep_until(heard + session.silence_max) => false,
                () = tokio::time::sleep_until(renew) => {
                    renew = Instant::now() + RENEW_AFTER;
                    let token = self.exchange.api.mint.token(&self.person);
                    let frame = token.map(|token| ClientFrame::Auth { token: &token }.encode());
                    match frame {
                        Ok(frame) => send(socket, frame).await,
                        Err(_) => false,
                    }
                }
            };
            if !sent {
                break Ended::Lost;
            }
        };
        if session.up && self.events.send(LineEvent::Down).await.is_err() {
            return Talk::HungUp;
        }
        Talk::Ended(ended)
    }

    async fn hear(&mut self, incoming: Option<Result<Message, tungstenite::Error>>, session: &mut Session) -> Heard {
        let text = match incoming {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(Some(frame)))) => {
                return Heard::End(Ended::Closed { code: frame.code.into(), reason: frame.reason.to_string() });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Heard::Nothing,
            Some(Ok(_) | Err(_)) | None => return Heard::End(Ended::Lost),
        };
        let Some(event) = self.read(&text, session) else { return Heard::Nothing };
        let welcome = matches!(event, LineEvent::Up { .. });
        if self.events.send(event).await.is_err() {
            return Heard::HungUp;
        }
        if welcome { Heard::Welcome } else { Heard::Nothing }
    }

    fn read(&mut self, text: &str, session: &mut Session) -> Option<LineEvent> {
        let tally = &self.exchange.api.tally;
        match serde_json::from_str(text) {
            Ok(ServerFrame::Welcome { heartbeat_s, last_seq }) if !session.up => {
                session.up = true;
                session.silence_max = heartbeat_s.map_or(HEARTBEAT, Duration::from_secs) * 2;
                self.connection += 1;
                if self.connection > 1 {
                    tally.one(Count::Reconnects);
                }
                Some(LineEvent::Up { last_seq })
            }
            Ok(frame) if session.up => Some(LineEvent::Frame(Box::new(frame))),
            Ok(frame) => {
                tally.violation(format!("{}: {frame:?} before the welcome", self.person.id));
                None
            }
            Err(error) => {
                tally.violation(format!("{}: unreadable frame: {error}", self.person.id));
                None
            }
        }
    }
}

async fn send(socket: &mut Socket, text: String) -> bool {
    // A server that does not read is as good as lost.
    matches!(tokio::time::timeout(CONNECT_TIMEOUT, socket.send(Message::text(text))).await, Ok(Ok(())))
}
