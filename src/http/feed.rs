//! `/api/v1/events` and `/api/v1/audit`: what was published and what was done by hand, in the order of commits, from any place on.
//!
//! A cursor is a place, not a page: reading on from it gives the same rows today and tomorrow, as long as they are kept.

use crate::actors::desk::store_problem;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::limits::FEED_MAX_PAGE;
use crate::protocol::feed::AuditOut;
use crate::protocol::feed::PublishedOut;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;

/// Rows of a page that named no limit.
const USUAL_PAGE: usize = 100;

/// Rows of one page, checked.
pub fn page_size(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(USUAL_PAGE);
    if limit == 0 || limit > FEED_MAX_PAGE {
        return Err(Problem::new(Code::Invalid).field("/limit", format!("1 to {FEED_MAX_PAGE}")));
    }
    Ok(limit)
}

/// A place in a feed; the beginning when absent.
fn place(after: Option<&str>) -> Result<i64, Problem> {
    let Some(text) = after else { return Ok(0) };
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let place = text.parse().ok().filter(|_| is_plain);
    place.ok_or_else(|| Problem::new(Code::Invalid).field("/after", "not one of ours"))
}

/// Query of `GET /events`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct PublishedQuery {
    /// Only what came after this place; from the beginning when absent.
    #[schemars(with = "Option<schema::Cursor>")]
    after: Option<String>,
    /// At most 1,000; 100 when absent.
    limit: Option<usize>,
    /// Only orders of this area.
    geo_key: Option<String>,
}

/// Answer of `GET /events`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PublishedAnswer {
    /// In the order of commits.
    events: Vec<PublishedOut>,
    /// Read on from here; where nothing is new, the place asked for.
    #[schemars(with = "schema::Cursor")]
    next_cursor: String,
}

/// `GET /events`: what other systems are told.
pub async fn events(api: web::Data<Api>, _who: Caller, query: web::Query<PublishedQuery>) -> Answer {
    let (after, limit) = (place(query.after.as_deref())?, page_size(query.limit)?);
    let found = api.world.store.feed.events_after(after, query.into_inner().geo_key, limit).await;
    let found = found.map_err(|error| store_problem(&error))?;
    let next_cursor = found.last().map_or(after, |last| last.cursor).to_string();
    let events = found.iter().map(|row| PublishedOut::new(row.cursor, &row.event)).collect();
    ok(&PublishedAnswer { events, next_cursor })
}

/// Query of `GET /audit`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct AuditQuery {
    /// Only what came after this place; from the beginning when absent.
    #[schemars(with = "Option<schema::Cursor>")]
    after: Option<String>,
    /// At most 1,000; 100 when absent.
    limit: Option<usize>,
}

/// Answer of `GET /audit`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct AuditAnswer {
    /// In the order of commits.
    audit: Vec<AuditOut>,
    /// Read on from here; where nothing is new, the place asked for.
    #[schemars(with = "schema::Cursor")]
    next_cursor: String,
}

/// `GET /audit`: what was done by hand.
pub async fn audit(api: web::Data<Api>, _who: Caller, query: web::Query<AuditQuery>) -> Answer {
    let (after, limit) = (place(query.after.as_deref())?, page_size(query.limit)?);
    let found = api.world.store.feed.audit_after(after, limit).await.map_err(|error| store_problem(&error))?;
    let next_cursor = found.last().map_or(after, |last| last.cursor).to_string();
    let audit = found.iter().map(|row| AuditOut::new(row.cursor, &row.entry)).collect();
    ok(&AuditAnswer { audit, next_cursor })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_was_given_out_and_nothing_else() {
        assert_eq!((place(None).unwrap(), place(Some("0")).unwrap(), place(Some("17")).unwrap()), (0, 0, 17));
        for bad in ["", "-1", "+1", "1.5", "x", "99999999999999999999"] {
            let problem = place(Some(bad)).unwrap_err();
            assert_eq!((problem.status(), problem.errors[0].pointer.as_str()), (422, "/after"), "{bad}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!((page_size(None).unwrap(), page_size(Some(FEED_MAX_PAGE)).unwrap()), (USUAL_PAGE, FEED_MAX_PAGE));
        for bad in [0, FEED_MAX_PAGE + 1] {
            assert_eq!(page_size(Some(bad)).unwrap_err().code, Code::Invalid);
        }
    }
}
