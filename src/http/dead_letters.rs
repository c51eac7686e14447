//! `/api/v1/dead-letters`: work that was given up. A person looks at it, tries it again or gives it up for good.

use crate::actors::desk;
use crate::actors::desk::store_problem;
use crate::domain::ids::DeadLetterId;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::feed::page_size;
use crate::protocol::feed::DeadLetterOut;
use crate::protocol::order::OrderOut;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;

const QUEUES: [&str; 2] = ["orders", "fixes"];

/// Query of `GET /dead-letters`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct DeadLettersQuery {
    /// `orders` when absent.
    #[schemars(with = "Option<schema::Queue>")]
    queue: Option<String>,
    /// Only what lies after this one: the `next_cursor` of the page before.
    #[schemars(with = "Option<schema::Id>")]
    after: Option<String>,
    /// At most 1,000; 100 when absent.
    limit: Option<usize>,
}

/// Answer of `GET /dead-letters`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeadLettersAnswer {
    /// Oldest first.
    dead_letters: Vec<DeadLetterOut>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// `GET /dead-letters`: what was given up, with cause and tries.
pub async fn list(api: web::Data<Api>, _who: Caller, query: web::Query<DeadLettersQuery>) -> Answer {
    let DeadLettersQuery { queue, after, limit } = query.into_inner();
    let queue = queue.unwrap_or_else(|| "orders".to_owned());
    if !QUEUES.contains(&queue.as_str()) {
        return Err(Problem::new(Code::Invalid).field("/queue", QUEUES.join(" or ")));
    }
    let after = after.as_deref().map(DeadLetterId::parse).transpose();
    let after = after.map_err(|_| Problem::new(Code::Invalid).field("/after", "not one of ours"))?;
    let limit = page_size(limit)?;
    // One more than is shown tells whether there is a next page.
    let found = api.world.store.feed.dead_letters(queue, after, limit + 1).await;
    let mut found = found.map_err(|error| store_problem(&error))?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.dead_letter_id.to_string());
    ok(&DeadLettersAnswer { dead_letters: found.iter().map(DeadLetterOut::from).collect(), next_cursor })
}

/// `POST /dead-letters/{id}/replay`: its order looks for a driver again.
pub async fn replay(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    ok(&OrderOut::from(desk::replay(&api.world, &letter(&path)?, who.principal.name()).await?.as_ref()))
}

/// `DELETE /dead-letters/{id}`: its order is given up for good.
pub async fn purge(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    desk::purge(&api.world, &letter(&path)?, who.principal.name()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn letter(named: &str) -> Result<DeadLetterId, Problem> {
    DeadLetterId::parse(named).map_err(|_| Problem::new(Code::NotFound))
}
