//! How many sockets one principal and one client address may have open at a time.
//!
//! A socket holds its [`Seat`] from the upgrade until its connection is gone, so what is counted is what costs us
//! something. Counting and refusing are one step under one lock: of two upgrades at once that would both be the last one
//! allowed, one is refused.
//!
//! Where the oldest gives way (drivers), the newcomer always finds room under the principal's cap: a phone that comes back
//! must not be locked out by the remains of its own older connections. The oldest stops counting for the principal at once
//! and is ended by its warden; for its address it counts until it is gone, so that this is no way around that cap.

use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Seconds after which somebody refused may try again.
const RETRY_AFTER_S: u32 = 5;

/// The caps of one server, and who counts towards them.
#[derive(Debug, Default)]
pub struct Caps {
    per_principal: Option<u32>,
    per_address: Option<u32>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// By principal, oldest first: a flag of each socket, raised when it is to give way.
    principals: HashMap<String, VecDeque<Arc<AtomicBool>>>,
    addresses: HashMap<IpAddr, u32>,
}

/// Who would open a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrant {
    /// The principal's name, `role:subject`.
    pub principal: String,
    /// The client's address, as it is counted.
    pub address: IpAddr,
    /// Whether the principal's oldest socket gives way, rather than the newest being refused.
    pub oldest_gives_way: bool,
}

/// Which cap is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// The principal has as many sockets as it may.
    #[error("You have {0} sockets open, and no more are allowed.")]
    Principal(u32),
    /// The client address has.
    #[error("Your network address has {0} sockets open, and no more are allowed.")]
    Address(u32),
}

impl From<Crowded> for Problem {
    fn from(crowded: Crowded) -> Self {
        Problem::new(Code::TooMany).detail(crowded.to_string()).retry_after(RETRY_AFTER_S)
    }
}

/// What is open, counted by client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CapsState {
    /// Client addresses with an open socket.
    pub addresses: usize,
    /// Sockets of the address that has most.
    pub most_of_one_address: u32,
}

impl Caps {
    /// Caps; `None` is no cap.
    #[must_use]
    pub fn new(per_principal: Option<u32>, per_address: Option<u32>) -> Self {
        Self { per_principal, per_address, open: Mutex::default() }
    }

    /// Counts one more socket for as long as the seat is kept.
    ///
    /// # Errors
    /// When a cap is reached; nothing has changed then.
    pub fn enter(self: &Arc<Self>, entrant: Entrant) -> Result<Seat, Crowded> {
        let Entrant { principal, address, oldest_gives_way } = entrant;
        let reached =
            |cap: Option<u32>, open: usize| cap.filter(|cap| u32::try_from(open).is_ok_and(|open| open >= *cap));
        let mut open = self.open.lock();
        let of_address = open.addresses.get(&address).map_or(0, |count| *count as usize);
        if let Some(cap) = reached(self.per_address, of_address) {
            return Err(Crowded::Address(cap));
        }
        let of_principal = open.principals.get(&principal).map_or(0, VecDeque::len);
        if let Some(cap) = reached(self.per_principal, of_principal) {
            if !oldest_gives_way {
                return Err(Crowded::Principal(cap));
            }
            let oldest = open.principals.get_mut(&principal).and_then(VecDeque::pop_front);
            if let Some(oldest) = oldest {
                oldest.store(true, Ordering::Release);
            }
        }
        let gives_way = Arc::new(AtomicBool::new(false));
        *open.addresses.entry(address).or_default() += 1;
        open.principals.entry(principal.clone()).or_default().push_back(Arc::clone(&gives_way));
        drop(open);
        Ok(Seat { caps: Arc::clone(self), principal, address, gives_way })
    }

    /// What is open.
    #[must_use]
    pub fn state(&self) -> CapsState {
        let open = self.open.lock();
        let most_of_one_address = open.addresses.values().copied().max().unwrap_or_default();
        CapsState { addresses: open.addresses.len(), most_of_one_address }
    }

    fn leave(&self, seat: &Seat) {
        let mut open = self.open.lock();
        if let Some(flags) = open.principals.get_mut(&seat.principal) {
            flags.retain(|other| !Arc::ptr_eq(other, &seat.gives_way));
            if flags.is_empty() {
                open.principals.remove(&seat.principal);
            }
        }
        if let Some(count) = open.addresses.get_mut(&seat.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.addresses.remove(&seat.address);
            }
        }
    }
}

/// One socket's right to be open. Dropping it makes room for another.
#[derive(Debug)]
pub struct Seat {
    caps: Arc<Caps>,
    principal: String,
    address: IpAddr,
    gives_way: Arc<AtomicBool>,
}

impl Seat {
    /// Whether a newer socket of the principal has taken its room: this one is to end.
    pub(super) fn gives_way(&self) -> bool {
        self.gives_way.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.caps.leave(self);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn caps(per_principal: u32, per_address: u32) -> Arc<Caps> {
        Arc::new(Caps::new(Some(per_principal), Some(per_address)))
    }

    fn customer(name: &str, last_byte: u8) -> Entrant {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last_byte));
        Entrant { principal: name.to_owned(), address, oldest_gives_way: false }
    }

    #[test]
    fn a_principal_is_refused_at_the_cap_until_a_socket_is_gone() {
        let caps = caps(2, 100);
        let first = caps.enter(customer("c-1", 1)).unwrap();
        let _second = caps.enter(customer("c-1", 2)).unwrap();
        assert_eq!(caps.enter(customer("c-1", 3)).unwrap_err(), Crowded::Principal(2));
        assert!(caps.enter(customer("c-2", 1)).is_ok(), "others are not touched");
        drop(first);
        assert!(caps.enter(customer("c-1", 3)).is_ok());
    }

    #[test]
    fn an_address_is_refused_at_the_cap_whoever_comes_from_it() {
        let caps = caps(100, 2);
        let seats = [caps.enter(customer("c-1", 1)).unwrap(), caps.enter(customer("c-2", 1)).unwrap()];
        let driver = Entrant { oldest_gives_way: true, ..customer("d-1", 1) };
        assert_eq!(caps.enter(driver).unwrap_err(), Crowded::Address(2));
        assert!(caps.enter(customer("c-3", 2)).is_ok());
        drop(seats);
        assert!(caps.enter(customer("c-3", 1)).is_ok());
    }

    #[test]
    fn where_the_oldest_gives_way_the_newest_always_comes_in() {
        let caps = caps(2, 4);
        let driver = || Entrant { oldest_gives_way: true, ..customer("d-1", 1) };
        let seats: Vec<Seat> = (0..4).map(|_| caps.enter(driver()).unwrap()).collect();
        let giving_way: Vec<bool> = seats.iter().map(Seat::gives_way).collect();
        assert_eq!(giving_way, [true, true, false, false]);
        // Those that have yet to end cost as much as any other: the address knows.
        assert_eq!(caps.enter(driver()).unwrap_err(), Crowded::Address(4));
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let caps = caps(5, 5);
        let seats: Vec<_> = (0..5).map(|byte| caps.enter(customer("c-1", byte)).unwrap()).collect();
        assert_eq!(caps.state(), CapsState { addresses: 5, most_of_one_address: 1 });
        drop(seats);
        assert_eq!(caps.state(), CapsState::default());
        assert!(caps.open.lock().principals.is_empty());
    }

    #[test]
    fn of_many_at_once_no_more_come_in_than_the_cap() {
        let caps = caps(7, 100);
        let seats: Vec<_> = std::thread::scope(|scope| {
            let enter = || (0..50).filter_map(|_| caps.enter(customer("c-1", 1)).ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(enter)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(seats.len(), 7);
    }

    #[test]
    fn no_cap_is_no_cap() {
        let caps = Arc::new(Caps::new(None, None));
        let seats: Vec<_> = (0..1_000).map(|_| caps.enter(customer("c-1", 1)).unwrap()).collect();
        assert_eq!(caps.state(), CapsState { addresses: 1, most_of_one_address: 1_000 });
        drop(seats);
    }
}
