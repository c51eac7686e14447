//! Why a socket was closed, as the number in the close frame (RFC 6455, section 7.4).
//!
//! The numbers are part of the contract: a client decides by them whether to come back, and how.

use serde::Serialize;

/// The reason a socket ends, as told to its client.
///
/// 1000 to 1012 are the standard's; 4400 and above are Beeline's, patterned on HTTP's statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum CloseCode {
    /// Both sides are done.
    Normal = 1000,
    /// The client broke the WebSocket protocol. Reconnecting with the same program breaks it again.
    Protocol = 1002,
    /// A binary message; only text is spoken here.
    Binary = 1003,
    /// A text message that is not UTF-8.
    BadUtf8 = 1007,
    /// Against the rules of this server, such as half a frame and then silence.
    Policy = 1008,
    /// A message over the limit in bytes or in fragments.
    TooBig = 1009,
    /// A bug of ours. Reconnect.
    Bug = 1011,
    /// The server restarts. Reconnect after the `retry_ms=N` in the reason.
    Restarting = 1012,
    /// The token is bad or has expired. Get a new one, then reconnect.
    Token = 4401,
    /// Not allowed. Do not reconnect.
    Forbidden = 4403,
    /// Nothing was heard for two heartbeats. Reconnect.
    Silent = 4408,
    /// A newer connection of the same client took over. Do not reconnect.
    Replaced = 4409,
    /// Order events were read too slowly. Reconnect and resume with `after`.
    SlowReader = 4413,
    /// Too many messages. Reconnect later.
    TooMany = 4429,
}

impl CloseCode {
    /// Every code, in the order of the numbers.
    pub const ALL: [CloseCode; 14] = [
        CloseCode::Normal,
        CloseCode::Protocol,
        CloseCode::Binary,
        CloseCode::BadUtf8,
        CloseCode::Policy,
        CloseCode::TooBig,
        CloseCode::Bug,
        CloseCode::Restarting,
        CloseCode::Token,
        CloseCode::Forbidden,
        CloseCode::Silent,
        CloseCode::Replaced,
        CloseCode::SlowReader,
        CloseCode::TooMany,
    ];

    /// The number in the close frame.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code with this number, if it is one of ours.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Whether a client that was closed with this code may come back with what it has.
    #[must_use]
    pub const fn may_reconnect(self) -> bool {
        !matches!(self, CloseCode::Forbidden | CloseCode::Replaced | CloseCode::Token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_contract() {
        let contract = [1000, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 4401, 4403, 4408, 4409, 4413, 4429];
        assert_eq!(CloseCode::ALL.map(CloseCode::number), contract);
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
        }
        assert_eq!(CloseCode::from_number(1005), None);
    }
}
