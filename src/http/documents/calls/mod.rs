//! Every call that the node answers, group by group. A test holds this table against the route table.

mod admin;
mod drivers;
mod feed;
mod later;
mod node;
mod orders;
mod sockets;

use super::call::Call;
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
    [drivers::calls(), orders::calls(), feed::calls(), admin::calls(), sockets::calls(), node::calls()]
        .into_iter()
        .flatten()
        .collect()
}

/// Every call, those that are not built yet too.
pub fn all() -> Vec<Call> {
    built().into_iter().chain(later::calls()).collect()
}
