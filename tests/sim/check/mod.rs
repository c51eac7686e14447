//! The checkers: one invariant each, from the history alone or the history and what the store holds in the end. None of them asks the code it checks.

mod acknowledged;
mod assignments;
mod audit;
mod drivers;
mod endings;
mod letters;
mod offers;
mod published;
mod refusals;
mod repeats;
mod steps;
mod watchers;
mod winners;

use crate::history::Moment;
use crate::store::model::Model;

/// All that a checker sees.
pub struct Seen<'a> {
    pub history: &'a [Moment],
    pub store: &'a Model,
    /// Everything had come to its end in time.
    pub is_done: bool,
}

/// A broken invariant.
#[derive(Debug)]
pub struct Violation {
    pub checker: &'static str,
    pub what: String,
}

type Checker = fn(&Seen<'_>) -> Result<(), String>;

const CHECKERS: [(&str, Checker); 13] = [
    ("assignments", assignments::check),
    ("steps", steps::check),
    ("acknowledged", acknowledged::check),
    ("repeats", repeats::check),
    ("watchers", watchers::check),
    ("endings", endings::check),
    ("winners", winners::check),
    ("offers", offers::check),
    ("refusals", refusals::check),
    ("published", published::check),
    ("drivers", drivers::check),
    ("letters", letters::check),
    ("audit", audit::check),
];

/// Asks every checker; each tells the first breach it has found.
pub fn all(seen: &Seen<'_>) -> Vec<Violation> {
    let asked = CHECKERS.iter().filter_map(|(checker, check)| check(seen).err().map(|what| (*checker, what)));
    asked.map(|(checker, what)| Violation { checker, what }).collect()
}
