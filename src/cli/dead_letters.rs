//! `beeline dead-letters`: works through what a node has given up, over its public interface.

use super::Failure;
use super::args::DeadLettersAction;
use super::args::DeadLettersArgs;
use super::args::Queue;
use super::remote::Remote;
use super::remote::Speaker;
use crate::protocol::identity::Role;
use anyhow::Context as _;
use anyhow::anyhow;
use reqwest::Method;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

const SPEAKER: Speaker = Speaker { role: Role::Operator, subject: "dead-letters-cli" };
/// Letters asked for at once.
const PAGE: usize = 500;

/// What there is to say at the end: for standard output, and for standard error.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What was asked for.
    pub(super) text: String,
    /// Letters with which it did not work.
    pub(super) failures: Vec<String>,
}

/// Lists, replays or purges.
pub(super) fn run(args: &DeadLettersArgs) -> Result<Outcome, Failure> {
    let is_list = args.action == DeadLettersAction::List;
    if is_list && (args.all || !args.ids.is_empty()) {
        return Err(Failure::Usage("list shows the whole queue: leave out ids and --all".to_owned()));
    }
    if !is_list && !args.all && args.ids.is_empty() {
        let action = args.action.as_str();
        return Err(Failure::Usage(format!("say what to {action}: ids from `dead-letters list`, or --all")));
    }
    let node = Node(Remote::new(&args.node, SPEAKER)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::new)?;
    Ok(runtime.block_on(work(&node, args))?)
}

async fn work(node: &Node, args: &DeadLettersArgs) -> anyhow::Result<Outcome> {
    let letters = node.letters(args.queue).await?;
    if args.action == DeadLettersAction::List {
        let text = if args.json { pretty(&json!({ "dead_letters": letters })) } else { table(&letters, args.queue) };
        return Ok(Outcome { text, failures: Vec::new() });
    }
    let ids: Vec<&str> = if args.all {
        letters.iter().map(|letter| letter.dead_letter_id.as_str()).collect()
    } else {
        args.ids.iter().map(String::as_str).collect()
    };
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        // Only what lies in the queue that was named, whatever the id may stand for elsewhere.
        let tried = if letters.iter().any(|letter| letter.dead_letter_id == id) {
            node.settle(args.action, id).await
        } else {
            Err(anyhow!("there is no such dead letter in queue {}", args.queue.as_str()))
        };
        match tried {
            Ok(()) => done.push(id),
            Err(error) => failed.push((id, format!("{error:#}"))),
        }
    }
    let failures = failed.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
    let text = if args.json {
        let failed: Vec<_> = failed.iter().map(|(id, reason)| json!({ "id": id, "reason": reason })).collect();
        pretty(&json!({ "done": done, "failed": failed }))
    } else {
        let said = done.iter().map(|id| format!("{} {id}", args.action.past()));
        said.chain([format!("{} {} of queue {}.", args.action.past(), done.len(), args.queue.as_str())])
            .collect::<Vec<_>>()
            .join("\n")
    };
    Ok(Outcome { text, failures })
}

/// A dead letter as the node tells it.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    dead_letter_id: String,
    queue: String,
    order_id: Option<String>,
    cause: String,
    tries: u32,
    at: String,
}

#[derive(Deserialize)]
struct Page {
    dead_letters: Vec<Letter>,
    next_cursor: Option<String>,
}

/// The node's dead letters.
struct Node(Remote);

impl Node {
    /// The whole queue, page by page.
    async fn letters(&self, queue: Queue) -> anyhow::Result<Vec<Letter>> {
        let mut letters = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("?queue={}&limit={PAGE}{after}", queue.as_str());
            let body = self.call(Method::GET, &path).await?;
            let page: Page = serde_json::from_slice(&body).context("the answer is not a page of dead letters")?;
            letters.extend(page.dead_letters);
            match page.next_cursor {
                Some(cursor) => after = format!("&after={cursor}"),
                None => return Ok(letters),
            }
        }
    }

    async fn settle(&self, action: DeadLettersAction, id: &str) -> anyhow::Result<()> {
        match action {
            DeadLettersAction::List => Ok(()),
            DeadLettersAction::Replay => self.call(Method::POST, &format!("/{id}/replay")).await.map(drop),
            DeadLettersAction::Purge => self.call(Method::DELETE, &format!("/{id}")).await.map(drop),
        }
    }

    async fn call(&self, method: Method, path: &str) -> anyhow::Result<Vec<u8>> {
        self.0.call(method, &format!("/dead-letters{path}")).await
    }
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}")
}

/// Columns as wide as what they hold.
fn table(letters: &[Letter], queue: Queue) -> String {
    if letters.is_empty() {
        return format!("No dead letters in queue {}.", queue.as_str());
    }
    let head = ["ID", "ORDER", "TRIES", "SINCE", "CAUSE"].map(ToOwned::to_owned);
    let row = |letter: &Letter| {
        let order = letter.order_id.clone().unwrap_or_else(|| "-".to_owned());
        [letter.dead_letter_id.clone(), order, letter.tries.to_string(), letter.at.clone(), letter.cause.clone()]
    };
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(letters.iter().map(row)).collect();
    let mut widths = [0; 5];
    for cells in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    let line = |cells: &[String; 5]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let letter = |id: &str, order_id: Option<&str>, tries| Letter {
            dead_letter_id: id.to_owned(),
            queue: "orders".to_owned(),
            order_id: order_id.map(ToOwned::to_owned),
            cause: "no_driver".to_owned(),
            tries,
            at: "2026-01-02T03:04:05.000Z".to_owned(),
        };
        let shown = table(&[letter("a-long-id", Some("o-1"), 10), letter("b", None, 2)], Queue::Orders);
        let expected = "\
ID         ORDER  TRIES  SINCE                     CAUSE
a-long-id  o-1    10     2026-01-02T03:04:05.000Z  no_driver
b          -      2      2026-01-02T03:04:05.000Z  no_driver";
        assert_eq!(shown, expected);
        assert_eq!(table(&[], Queue::Fixes), "No dead letters in queue fixes.");
    }
}
