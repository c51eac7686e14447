//! The labels of the metrics: short fixed lists, never an id and never what a client wrote.

use crate::protocol::problem::Code;
use prometheus_client::encoding::EncodeLabelSet;

/// What can be said of a fix, as the labels of its counters; the first also stands for every other code.
pub(super) const FIX_CODES: [Code; 8] = [
    Code::Malformed,
    Code::OutOfRange,
    Code::BadTime,
    Code::Duplicate,
    Code::Late,
    Code::Teleport,
    Code::Inaccurate,
    Code::NullIsland,
];

/// Why the server ended a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// A newer connection of the same driver (4409).
    Replaced,
    /// The token ended or was revoked (4401).
    Token,
    /// No longer allowed (4403).
    Forbidden,
    /// Nothing heard for two heartbeats (4408).
    Silent,
    /// More order events waiting than the outbox holds (4413).
    SlowReader,
    /// Reads nothing at all: reset.
    Stalled,
    /// Too many messages (4429).
    TooMany,
    /// Broke the protocol (1002, 1003, 1007, 1008, 1009).
    Protocol,
    /// The node is going away (1012).
    Draining,
    /// A bug of ours (1011).
    Internal,
}

impl Eviction {
    pub(super) const ALL: [(Eviction, &str); 10] = [
        (Eviction::Replaced, "replaced"),
        (Eviction::Token, "token"),
        (Eviction::Forbidden, "forbidden"),
        (Eviction::Silent, "silent"),
        (Eviction::SlowReader, "slow_reader"),
        (Eviction::Stalled, "stalled"),
        (Eviction::TooMany, "too_many"),
        (Eviction::Protocol, "protocol"),
        (Eviction::Draining, "draining"),
        (Eviction::Internal, "internal"),
    ];
}

/// Why somebody with a right to a socket was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeRefusal {
    /// The principal has as many sockets as it may (429).
    Principal,
    /// The client address has (429).
    Address,
    /// The process holds too much memory (503).
    Memory,
    /// The node is going away (503).
    Draining,
}

impl UpgradeRefusal {
    pub(super) const ALL: [(UpgradeRefusal, &str); 4] = [
        (UpgradeRefusal::Principal, "principal"),
        (UpgradeRefusal::Address, "address"),
        (UpgradeRefusal::Memory, "memory"),
        (UpgradeRefusal::Draining, "draining"),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AuthLabels {
    pub(super) alg: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RailLabels {
    pub(super) rail: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: String,
}

/// Eight comparisons of one byte: cheaper than any table.
pub(super) fn place_of(code: Code) -> usize {
    FIX_CODES.iter().position(|known| *known == code).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_listed_in_the_order_of_their_discriminants() {
        for (index, (eviction, _)) in Eviction::ALL.into_iter().enumerate() {
            assert_eq!(eviction as usize, index);
        }
        for (index, (refusal, _)) in UpgradeRefusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, index);
        }
    }
}
