//! A socket that may break at any moment: nothing here panics, and every end is an answer.

use crate::support::PATIENCE;
use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// See the module.
pub struct Line {
    stream: WebSocketStream<TcpStream>,
}

/// Why there is no line.
#[derive(Debug)]
pub enum NoLine {
    /// The connection broke before the upgrade was answered.
    Broken,
    /// The upgrade was answered with this status.
    Refused(u16),
}

/// What came.
#[derive(Debug)]
pub enum Heard {
    Frame(Value),
    /// The end: the close code, 1006 without one.
    End(u16),
    /// Nothing, within the time.
    Nothing,
}

impl Line {
    /// Opens `path` at `address` (`IP:PORT`).
    pub async fn open(address: &str, path: &str, token: Option<&str>) -> Result<Self, NoLine> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        }
        let opening = async {
            let connection = TcpStream::connect(address).await.map_err(|_| NoLine::Broken)?;
            // The requests of a socket are small and waited for.
            connection.set_nodelay(true).map_err(|_| NoLine::Broken)?;
            match tokio_tungstenite::client_async(request, connection).await {
                Ok((stream, _)) => Ok(Self { stream }),
                Err(Error::Http(answer)) => Err(NoLine::Refused(answer.status().as_u16())),
                Err(_) => Err(NoLine::Broken),
            }
        };
        tokio::time::timeout(PATIENCE, opening).await.expect("an upgrade is answered or its connection ends")
    }

    /// Sends a frame; false when the line is broken.
    pub async fn say(&mut self, frame: &Value) -> bool {
        self.stream.send(Message::text(frame.to_string())).await.is_ok()
    }

    /// The next frame, within this time. Dropping it halfway loses nothing.
    pub async fn hear(&mut self, time: Duration) -> Heard {
        let hearing = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Heard::Frame(serde_json::from_str(&text).expect("JSON")),
                    Some(Ok(Message::Close(close))) => {
                        return Heard::End(close.map_or(1005, |frame| frame.code.into()));
                    }
                    Some(Ok(Message::Binary(_) | Message::Frame(_))) => panic!("neither text nor control"),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Err(_)) | None => return Heard::End(1006),
                }
            }
        };
        tokio::time::timeout(time, hearing).await.unwrap_or(Heard::Nothing)
    }
}
