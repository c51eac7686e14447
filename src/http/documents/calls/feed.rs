//! `/api/v1/events`, `/api/v1/audit` and `/api/v1/dead-letters`.

use crate::http::dead_letters::DeadLettersAnswer;
use crate::http::dead_letters::DeadLettersQuery;
use crate::http::documents::call::Call;
use crate::http::documents::call::delete;
use crate::http::documents::call::get;
use crate::http::documents::call::post;
use crate::http::feed::AuditAnswer;
use crate::http::feed::AuditQuery;
use crate::http::feed::PublishedAnswer;
use crate::http::feed::PublishedQuery;
use crate::protocol::order::OrderOut;
use crate::protocol::problem::Code;

/// The calls.
pub fn calls() -> Vec<Call> {
    let calls = vec![
        get("/api/v1/events", "publishedEvents", "What other systems are told of dispatch, from any place on")
            .about("`AssignmentRequested`, `DriverAssigned` and `AssignmentFailed`, in the order of commits, kept for seven days. Keep `next_cursor` once the page is dealt with, and read on from it: the same place gives the same events again.")
            .query::<PublishedQuery>()
            .answers::<PublishedAnswer>(200, "A page."),
        get("/api/v1/audit", "audit", "What was done by hand, from any place on")
            .query::<AuditQuery>()
            .answers::<AuditAnswer>(200, "A page."),
        get("/api/v1/dead-letters", "deadLetters", "What was given up, with cause and tries, oldest first")
            .about("Queue `orders` holds the orders for which no driver was found. Queue `fixes` is always empty for now: no fix is given up.")
            .query::<DeadLettersQuery>()
            .answers::<DeadLettersAnswer>(200, "A page."),
        post("/api/v1/dead-letters/{id}/replay", "replayDeadLetter", "Try again what was given up")
            .about("The order looks for a driver again. Written to the audit trail.")
            .answers::<OrderOut>(200, "The order, searching.")
            .refuses(&[Code::NotFound, Code::IllegalTransition, Code::Conflict]),
        delete("/api/v1/dead-letters/{id}", "purgeDeadLetter", "Give it up for good")
            .about("The order fails. Written to the audit trail.")
            .answers_as(204, "Given up.", Vec::new())
            .refuses(&[Code::NotFound, Code::IllegalTransition, Code::Conflict]),
    ];
    calls.into_iter().map(|call| call.tag("feed")).collect()
}
