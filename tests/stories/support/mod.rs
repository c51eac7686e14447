//! What the stories share: a running program, people with tokens, sockets that are read with a deadline.

mod caller;
mod people;
mod pki;
mod server;
mod socket;
mod spot;
mod token;

pub use caller::Caller;
pub use caller::Reply;
pub use people::Customer;
pub use people::Driver;
pub use people::order_body;
pub use pki::Pki;
pub use server::SERVE;
pub use server::Server;
pub use server::beeline;
pub use socket::Socket;
pub use spot::CENTRE;
pub use spot::Spot;
pub use token::Claims;
pub use token::now_ms;
pub use token::sign;

use std::time::Duration;

/// The longest any story waits for something that should come at once. Generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Every fix goes live and every live fix is pushed.
pub const UNLIMITED: [(&str, &str); 2] = [("BEELINE_FIX_INTERVAL", "0s"), ("BEELINE_PUSH_INTERVAL", "0s")];

/// Nobody is told to slow down, however many calls a story makes.
pub const UNHURRIED: [(&str, &str); 3] =
    [("BEELINE_RATE_BROWSE", "0"), ("BEELINE_RATE_SEARCH", "0"), ("BEELINE_RATE_ORDERS", "0")];

/// Asks again and again until `probe` has an answer.
pub async fn until<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    loop {
        beat.tick().await;
        if let Some(found) = probe().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
    }
}
