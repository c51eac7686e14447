//! An operator's socket: shows a part of the city, as a snapshot and then what changed, twice a second.

use super::Client;
use super::done;
use super::refuse;
use crate::actors::board::LeaveBoard;
use crate::actors::board::Tray;
use crate::actors::board::ViewArea;
use crate::actors::mailbox::tell;
use crate::domain::geo::BoundingBox;
use crate::http::access::Action;
use crate::http::documents::Door;
use crate::http::socket::Session;
use crate::http::socket::Sink;
use crate::protocol::close::CloseCode;
use crate::protocol::inbound;
use crate::protocol::inbound::Head;
use crate::protocol::inbound::Layer;
use crate::protocol::outbound::Nothing;
use crate::protocol::outbound::encode;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use bytestring::ByteString;
use std::sync::Arc;

/// See the module.
pub struct OperatorSession {
    client: Client,
    tray: Arc<Tray>,
}

impl OperatorSession {
    /// A session that shows nothing yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, tray: Arc::default() }
    }

    fn watch(&mut self, sink: &mut Sink<'_, Self>, text: &str, head: &Head<'_>) {
        let Some(wish) = self.client.fields::<_, inbound::WatchArea>(sink, text, head) else { return };
        let Ok(area) = BoundingBox::new(wish.bbox) else {
            let detail = "bbox is [west, south, east, north] in degrees.";
            refuse(sink, head.id().as_deref(), &Problem::new(Code::OutOfRange).detail(detail));
            return;
        };
        let layers = wish.layers.unwrap_or_else(|| vec![Layer::Drivers, Layer::Orders, Layer::Cells]);
        let (session, outbox, tray) = (self.client.session, Arc::clone(sink.outbox()), self.tray.clone());
        let view = ViewArea { session, outbox, tray, area, layers };
        match self.client.world.board().map(|board| tell(&board, view)) {
            Ok(true) => done(sink, head.id().as_deref(), Nothing {}),
            _ => refuse(sink, head.id().as_deref(), &Problem::new(Code::Busy)),
        }
    }
}

impl Session for OperatorSession {
    fn opened(&mut self, sink: &mut Sink<'_, Self>) {
        self.client.opened(sink);
        let name = self.client.name();
        sink.text(encode(&self.client.welcome(&name)));
    }

    fn text(&mut self, sink: &mut Sink<'_, Self>, text: ByteString) {
        let Some(head) = self.client.read(sink, &text) else { return };
        match self.client.admit(sink, Door::Operator, &head) {
            Some(Action::SayWatch) => self.watch(sink, &text, &head),
            Some(Action::SayAuth) => self.client.renew(sink, &text, &head),
            _ => {}
        }
    }

    fn poked(&mut self, sink: &mut Sink<'_, Self>) {
        if let Some(scene) = self.tray.take() {
            sink.text(encode(&scene));
        }
    }

    fn closed(&mut self, code: Option<CloseCode>) {
        self.client.closed(code);
        if let Ok(board) = self.client.world.board() {
            tell(&board, LeaveBoard { session: self.client.session });
        }
    }
}
