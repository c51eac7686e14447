//! WebSockets: the upgrade, and the guard rails around every connection.
//!
//! The one rule: nothing about a socket is bound to the life of its actor; it is bound to the connection. What comes
//! in is judged in front of the codec (`frame_guard`), what goes out waits in the outbox where it conflates, and the
//! warden of each thread watches every connection from outside: heartbeats, silence, half frames, readers that have
//! stopped, tokens that expire, and the drain. Sessions (`Session`) are plain structs and see none of it.
//!
//! On failure: a client that breaks the rules gets the close code of the contract; one that does not read at all gets
//! a reset; a session that panics closes its own socket with 1011 and touches nothing else.
//!
//! actix-web-actors is touched here only.

mod actor;
mod assembler;
mod bounds;
mod bucket;
mod caps;
mod conn;
mod egress;
mod farewell;
mod frame_guard;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod inlet;
mod mask;
mod rails;
mod scanner;
mod server;
mod session;
mod tick;
mod upgrade;
mod utf8;
mod warden;

#[cfg(test)]
mod tests;

pub use bounds::Bounds;
pub use bucket::FrameRate;
pub use bucket::FrameRates;
pub use caps::Caps;
pub use caps::CapsState;
pub use caps::Crowded;
pub use caps::Entrant;
pub use caps::Seat;
pub use rails::Rails;
pub use rails::RailsState;
pub use rails::Timings;
pub use server::Watched;
pub use server::tune;
pub use server::watch_http;
pub use session::Session;
pub use session::Sink;
pub use session::Written;
pub use tick::Tick;
pub use tick::tick;
pub use upgrade::OpenError;
pub use upgrade::Opening;
pub use upgrade::PROTOCOL;
