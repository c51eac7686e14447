//! Payment: a port with, for now, an instant mock behind it.

use crate::domain::order::Order;
use futures_util::future::BoxFuture;
use futures_util::future::ready;

/// What the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// The money is there.
    Approved,
    /// It is not, and why.
    Declined(String),
}

/// A payment provider. Charging the same order twice must charge once: a node that died may ask again.
pub trait Payment: Send + Sync {
    /// Charges an order.
    fn charge(&self, order: &Order) -> BoxFuture<'static, Charge>;
}

/// Approves everything at once.
pub struct InstantMock;

impl Payment for InstantMock {
    fn charge(&self, _order: &Order) -> BoxFuture<'static, Charge> {
        Box::pin(ready(Charge::Approved))
    }
}
