//! What happened, line by line: for whoever reads a failure, and as a hash that tells two runs apart.

use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::time::Millis;
use std::cell::Cell;
use std::cell::RefCell;
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
pub struct Trace {
    lines: RefCell<Vec<Line>>,
    hash: Cell<u64>,
}

impl Trace {
    pub fn new() -> Self {
        // FNV-1a, 64 bits: offset basis and prime of its authors.
        Self { lines: RefCell::default(), hash: Cell::new(0xCBF2_9CE4_8422_2325) }
    }

    pub fn note(&self, at: Millis, what: &'static str, subject: Subject, number: i64) {
        let mut hash = self.hash.get();
        let mut eat = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
            }
        };
        eat(&at.0.to_le_bytes());
        eat(what.as_bytes());
        match &subject {
            Subject::Order(id) => eat(id.as_str().as_bytes()),
            Subject::Driver(id) => eat(id.as_str().as_bytes()),
            Subject::Offer(id) => eat(id.as_str().as_bytes()),
            Subject::Node(node) => eat(&node.to_le_bytes()),
        }
        eat(&number.to_le_bytes());
        self.hash.set(hash);
        self.lines.borrow_mut().push(Line { at, what, subject, number });
    }

    pub fn hash(&self) -> u64 {
        self.hash.get()
    }

    pub fn len(&self) -> usize {
        self.lines.borrow().len()
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
