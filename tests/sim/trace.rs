//! What happened, line by line, for whoever reads a failure.

use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::time::Millis;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// Who or what a line is about.
#[derive(Clone)]
pub enum Subject {
    Order(OrderId),
    Driver(DriverId),
    Offer(OfferId),
    Node(usize),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Driver(id) => write!(f, "driver {id}"),
            Self::Offer(id) => write!(f, "offer {id}"),
            Self::Node(node) => write!(f, "node {node}"),
        }
    }
}

struct Line {
    at: Millis,
    what: &'static str,
    subject: Subject,
    number: i64,
}

/// See the module.
#[derive(Default)]
pub struct Trace {
    lines: RefCell<Vec<Line>>,
}

impl Trace {
    pub fn note(&self, at: Millis, what: &'static str, subject: Subject, number: i64) {
        self.lines.borrow_mut().push(Line { at, what, subject, number });
    }

    pub fn len(&self) -> usize {
        self.lines.borrow().len()
    }

    /// Everything that came to pass at least once.
    pub fn words(&self) -> BTreeSet<&'static str> {
        self.lines.borrow().iter().map(|line| line.what).collect()
    }

    /// The last lines, one below the other; times count from `start`.
    pub fn tail(&self, lines: usize, start: Millis) -> String {
        let all = self.lines.borrow();
        let tail = &all[all.len().saturating_sub(lines)..];
        let text = tail.iter().map(|line| {
            #[allow(clippy::cast_precision_loss)]
            let at_s = line.at.since(start) as f64 / 1_000.0;
            format!("  {at_s:>9.3} s  {:<28} {} {}\n", line.what, line.subject, line.number)
        });
        text.collect()
    }
}
