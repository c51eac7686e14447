//! One connection of the floor, from its handshake to its end.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use serde::Deserialize;
use tokio::net::TcpStream;

use super::hub::{Hub, Sink};
use super::upgrade::{Upgraded, upgrade};
use crate::frame::{self, Reader};

/// What a driver's fix begins with, as the fleet writes it.
const FIX_HEAD: &[u8] = br#"{"type":"location","#;

/// Serves a connection until it ends; nobody is told why it did.
pub async fn serve(mut stream: TcpStream, hub: Arc<Hub>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(upgraded) = upgrade(&mut stream).await else { return };
    let sink = Arc::new(Sink::new(stream));
    let mut socket = Socket { upgraded, hub, sink, watching: Vec::new(), ended: false };
    let reader = Reader::holding(std::mem::take(&mut socket.upgraded.rest));
    let draining = Arc::clone(&socket.sink);
    tokio::select! {
        _ = socket.read(reader) => (),
        _ = draining.drain() => (),
    }
    socket.hub.forget(&socket.watching, &socket.sink);
}

struct Socket {
    upgraded: Upgraded,
    hub: Arc<Hub>,
    sink: Arc<Sink>,
    watching: Vec<String>,
    ended: bool,
}

#[derive(Deserialize)]
struct Command<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: Option<&'a str>,
    order_id: Option<&'a str>,
}

impl Socket {
    async fn read(&mut self, mut reader: Reader) -> io::Result<()> {
        self.chunk(&mut reader, &mut [])?;
        while !self.ended {
            self.sink.stream.readable().await?;
            self.read_ready(&mut reader)?;
        }
        Ok(())
    }

    /// Not `async`, so that the buffer lives on the stack and an idle connection holds none.
    fn read_ready(&mut self, reader: &mut Reader) -> io::Result<()> {
        let mut buffer = [0; 16 * 1_024];
        match self.sink.stream.try_read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => self.chunk(reader, buffer.get_mut(..len).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn chunk(&mut self, reader: &mut Reader, chunk: &mut [u8]) -> io::Result<()> {
        reader.feed(chunk, |opcode, payload| self.frame(opcode, payload)).map_err(io::Error::other)
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        match opcode {
            frame::TEXT => match payload.strip_prefix(FIX_HEAD) {
                Some(rest) if self.upgraded.is_driver => self.fix(rest),
                _ => self.command(payload),
            },
            frame::PING => self.reply(frame::PONG, payload),
            frame::CLOSE => {
                self.reply(frame::CLOSE, payload);
                self.ended = true;
            }
            _ => (),
        }
    }

    fn fix(&self, rest: &[u8]) {
        let driver = &self.upgraded.bearer;
        self.hub.relay(driver, || {
            let mut text = Vec::with_capacity(rest.len() + 128);
            text.extend_from_slice(FIX_HEAD);
            for (key, value) in [(&br#""order_id":""#[..], driver), (&br#""driver_id":""#[..], driver)] {
                text.extend_from_slice(key);
                text.extend_from_slice(value.as_bytes());
                text.extend_from_slice(br#"","#);
            }
            text.extend_from_slice(br#""age_ms":0,"eta_s":0,"#);
            text.extend_from_slice(rest);
            let mut wire = Vec::with_capacity(text.len() + 4);
            frame::put_server(&mut wire, frame::TEXT, &text);
            wire
        });
        if self.hub.acks
            && let Some(at) = memchr::memmem::find(rest, br#""seq":"#)
        {
            let seq = rest.get(at + 6..).unwrap_or_default();
            let digits = seq.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let mut text = br#"{"type":"ack","seq":"#.to_vec();
            text.extend_from_slice(seq.get(..digits).unwrap_or_default());
            text.push(b'}');
            self.reply(frame::TEXT, &text);
        }
    }

    fn command(&mut self, payload: &[u8]) {
        let Ok(command) = serde_json::from_slice::<Command>(payload) else { return };
        if let ("subscribe", Some(driver)) = (command.kind, command.order_id) {
            self.hub.watch(driver, &self.sink);
            self.watching.push(driver.to_owned());
        }
        let id = command.id.unwrap_or_default();
        self.reply(frame::TEXT, format!(r#"{{"type":"ok","id":"{id}"}}"#).as_bytes());
    }

    fn reply(&self, opcode: u8, payload: &[u8]) {
        let mut wire = Vec::with_capacity(payload.len() + 4);
        frame::put_server(&mut wire, opcode, payload);
        self.sink.send(&wire);
    }
}
