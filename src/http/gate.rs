//! Who of those with a right to a socket is let in just now: memory first, then the caps.

use crate::config::CallerLimits;
use crate::config::Network;
use crate::http::address::address_key;
use crate::http::address::client_address;
use crate::http::memory::Memory;
use crate::http::socket::Caps;
use crate::http::socket::Crowded;
use crate::http::socket::Entrant;
use crate::http::socket::Seat;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::UpgradeRefusal;
use actix_web::HttpRequest;
use std::sync::Arc;

/// Seconds after which somebody who found no memory may try again.
const MEMORY_RETRY_S: u32 = 5;

/// Shared by all workers of a node.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// How much memory the process holds.
    pub memory: Arc<Memory>,
    /// How many sockets are open, by whom and from where.
    pub caps: Arc<Caps>,
    trusted_proxies: Arc<[Network]>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// There is not enough memory.
    Memory,
    /// A cap is reached.
    Crowded(Crowded),
}

impl Gate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: &CallerLimits) -> Self {
        Self {
            memory: Arc::new(Memory::new(limits.memory_high)),
            caps: Arc::new(Caps::new(limits.max_sockets_per_principal, limits.max_sockets_per_address)),
            trusted_proxies: limits.trusted_proxies.clone().into(),
        }
    }

    /// A seat for one more socket of this principal.
    ///
    /// A driver's newest connection takes over from the older ones anyway, so their oldest socket makes room for it.
    ///
    /// # Errors
    /// When it cannot be opened now.
    pub fn enter(&self, request: &HttpRequest, who: &Principal) -> Result<Seat, Turned> {
        if self.memory.is_high() {
            return Err(Turned::Memory);
        }
        let entrant = Entrant {
            principal: who.name(),
            address: address_key(client_address(request, &self.trusted_proxies)),
            oldest_gives_way: who.role == Role::Driver,
        };
        self.caps.enter(entrant).map_err(Turned::Crowded)
    }
}

impl Turned {
    /// Its name in the metrics.
    #[must_use]
    pub fn label(self) -> UpgradeRefusal {
        match self {
            Turned::Memory => UpgradeRefusal::Memory,
            Turned::Crowded(Crowded::Principal(_)) => UpgradeRefusal::Principal,
            Turned::Crowded(Crowded::Address(_)) => UpgradeRefusal::Address,
        }
    }
}

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Memory => Problem::new(Code::Busy)
                .detail("The server is short of memory and lets no more sockets in.")
                .retry_after(MEMORY_RETRY_S),
            Turned::Crowded(crowded) => crowded.into(),
        }
    }
}
