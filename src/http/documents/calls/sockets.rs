//! The WebSocket doors, as HTTP sees them.

use crate::http::documents::call::Call;
use crate::http::documents::call::get;
use crate::protocol::problem::Code;

const ABOUT: &str = "Speaks WebSocket only. Browsers, which cannot set a header here, offer the subprotocols `beeline.v1` and \
                     `bearer.JWT`; the server selects `beeline.v1`.";
const HEADERS: &[(&str, &str)] =
    &[("Sec-WebSocket-Protocol", "`beeline.v1`, and `bearer.JWT` in place of the Authorization header.")];

/// The calls.
pub fn calls() -> Vec<Call> {
    let doors = [
        get("/ws/driver", "driverSocket", "A driver's socket"),
        get("/ws/customer", "customerSocket", "A customer's socket; a service follows any customer's orders"),
        get("/ws/operator", "operatorSocket", "An operator's socket"),
    ];
    let whole = |door: Call| {
        door.tag("sockets")
            .about(ABOUT)
            .headers(HEADERS)
            .answers_as(101, "The socket is open.", Vec::new())
            .refuses(&[Code::UpgradeRequired, Code::TooMany])
    };
    doors.into_iter().map(whole).collect()
}
