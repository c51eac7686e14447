//! Every call that the node answers, group by group. A test holds this table against the route table.

mod admin;
mod drivers;
mod feed;
mod later;
mod node;
mod orders;
mod sockets;

use super::call::Call;
use crate::http::access::Asked;
use crate::http::access::RULES;
use crate::http::access::Rule;
pub use later::LATER;

/// Groups with a word on each, in the order they are shown.
pub const TAGS: &[(&str, &str)] = &[
    ("drivers", "Fixes in, positions and tracks out, shifts, profiles."),
    ("orders", "Placing, reading and steering orders."),
    ("offers", "A driver's answers over HTTP: twins of the socket messages."),
    ("feed", "What other systems are told, what was done by hand, what was given up."),
    ("admin", "What only an admin may do."),
    ("sockets", "The WebSocket doors; `asyncapi.yaml` tells the messages."),
    ("node", "How the node is doing."),
    ("map", "The bundled city's map tiles."),
    ("later", "Parts of the contract that are not built yet: each answers 422 `not_available`."),
];

/// Every call of the route table that is built.
pub fn built() -> Vec<Call> {
    let groups = [drivers::calls(), orders::calls(), feed::calls(), admin::calls(), sockets::calls(), node::calls()];
    let under_its_rules = |call: Call| rules_of(&call).into_iter().fold(call, Call::under);
    groups.into_iter().flatten().map(under_its_rules).collect()
}

/// The rows of the table of rules for this call: two where an upgrade is another matter than a plain GET.
fn rules_of(call: &Call) -> Vec<&'static Rule> {
    let is_this = |rule: &&Rule| matches!(rule.asked, Asked::Call { method, path, .. } if path == call.path && method.eq_ignore_ascii_case(call.method));
    RULES.iter().filter(is_this).collect()
}

/// Every call, those that are not built yet too.
pub fn all() -> Vec<Call> {
    built().into_iter().chain(later::calls()).collect()
}
