//! A driver's commands that wait for their answer. They are idempotent: one without an answer is said again, under the same id.

use super::courier::Step;
use super::line::Line;
use super::wire::ClientFrame;
use super::wire::Order;

/// A command without an answer is said again after this.
const RESEND_AFTER_MS: i64 = 5_000;

/// What a driver asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// To be available.
    Shift,
    /// To take an offer, or not; with the orders offered.
    Answer { offer_id: String, accept: bool, orders: Vec<Order> },
    /// To take a step.
    Step(Step),
    /// To store the fixes from one `seq` to another.
    Batch { first: i64, last: i64 },
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    open: Vec<Open>,
    last_id: u64,
}

#[derive(Debug)]
struct Open {
    id: u64,
    what: Command,
    said_at_ms: i64,
}

impl Commands {
    /// Notes a command; answers the id that its answer will carry.
    pub(crate) fn open(&mut self, what: Command, now_ms: i64) -> u64 {
        self.last_id += 1;
        self.open.push(Open { id: self.last_id, what, said_at_ms: now_ms });
        self.last_id
    }

    /// The answer to one has come.
    pub(crate) fn answered(&mut self, id: Option<u64>) -> Option<Command> {
        let at = self.open.iter().position(|open| Some(open.id) == id)?;
        Some(self.open.swap_remove(at).what)
    }

    /// No answer will come: the connection is gone.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    pub(crate) fn step_is_open(&self) -> bool {
        self.open.iter().any(|open| matches!(open.what, Command::Step(_)))
    }

    pub(crate) fn batch_is_open(&self) -> bool {
        self.open.iter().any(|open| matches!(open.what, Command::Batch { .. }))
    }

    /// Says an open command.
    pub(crate) fn say(&self, id: u64, line: &Line) {
        if let Some(open) = self.open.iter().find(|open| open.id == id) {
            open.say(line);
        }
    }

    /// Says what is overdue again.
    pub(crate) fn resend(&mut self, line: &Line, now_ms: i64) {
        for open in self.open.iter_mut().filter(|open| now_ms - open.said_at_ms >= RESEND_AFTER_MS) {
            open.said_at_ms = now_ms;
            open.say(line);
        }
    }
}

impl Open {
    fn say(&self, line: &Line) {
        let id = self.id;
        let frame = match &self.what {
            Command::Shift => ClientFrame::Shift { id, status: "available", share_location: true },
            Command::Answer { offer_id, accept: true, .. } => ClientFrame::Accept { id, offer_id },
            Command::Answer { offer_id, .. } => ClientFrame::Decline { id, offer_id, reason: "not now" },
            Command::Step(step) => ClientFrame::Step { id, order_id: &step.order_id, status: step.status },
            // Said by whoever has the fixes. The socket is in order: it is answered, or the connection breaks and all is sent anew.
            Command::Batch { .. } => return,
        };
        line.send(&frame);
    }
}
