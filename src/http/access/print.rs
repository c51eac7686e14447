//! The table as a document for people: docs/access.md, and `beeline print-access`.

use super::rule::Asked;
use super::rule::Grant;
use super::rule::Rule;
use super::rule::Who;
use super::rule::Whose;
use super::table::RULES;
use crate::domain::order::Status;
use std::fmt::Write as _;

const ABOUT: &str = "# Who may ask what

Made from the table that the checks are made from (`src/http/access/table.rs`); do not edit it by hand.

- **own**: a customer's own orders; the orders a driver carries, and the driver's own address; the orders with a
  merchant's `merchant_id`. Anything else is answered 404 `not_found`, exactly like a thing that does not exist.
- **any**: everybody's.
- A role that is not named is answered 403 `forbidden`, without a look at the thing. Without a good token: 401.
- **Budget**: which of the rates `BEELINE_RATE_BROWSE`, `BEELINE_RATE_SEARCH`, `BEELINE_RATE_ORDERS` a request counts
  against, over HTTP and sockets together; *free* counts against none. Services have no budget.
- **Steps**: where the order must stand, if not anywhere. A command that repeats what has been done is no fault, so the
  outcome is among them. What a driver's step or an assignment needs beyond this is the order's own affair
  (409 `illegal_transition`).
";

/// The document.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(ABOUT);
    text.push_str("\n## Calls\n\n| call | who | steps | budget |\n|---|---|---|---|\n");
    for rule in RULES.iter().filter(|rule| !matches!(rule.asked, Asked::Message { .. })) {
        row(&mut text, rule);
    }
    text.push_str("\nThe pages, the documents (`/openapi.json`, `/asyncapi.yaml`, `/docs`) and their files are open to everybody.\n");
    text.push_str("\n## Messages\n\n| message | who | steps | budget |\n|---|---|---|---|\n");
    for rule in RULES.iter().filter(|rule| matches!(rule.asked, Asked::Message { .. })) {
        row(&mut text, rule);
    }
    text
}

fn row(text: &mut String, rule: &Rule) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "| {} | {} | {} | {} |", asked(rule), who(rule), steps(rule), rule.class.as_str());
}

fn asked(rule: &Rule) -> String {
    match rule.asked {
        Asked::Call { method, path, upgrade } => {
            let socket = if upgrade == Some(true) { ", to become a socket" } else { "" };
            format!("`{method} {path}`{socket}")
        }
        Asked::Message { doors, kind } => {
            let doors: Vec<String> = doors.iter().map(|door| format!("`/ws/{}`", door.name())).collect();
            format!("`{kind}` at {}", doors.join(", "))
        }
        Asked::Unbuilt if grants(rule).is_empty() => "signing in, which is not built yet".to_owned(),
        Asked::Unbuilt => "what else the contract has and this node has not yet".to_owned(),
    }
}

fn grants(rule: &Rule) -> &'static [Grant] {
    match rule.who {
        Who::Everybody => &[],
        Who::These(grants) => grants,
    }
}

fn who(rule: &Rule) -> String {
    if grants(rule).is_empty() {
        return "everybody, without a token too".to_owned();
    }
    let of = |wanted: Whose| -> Vec<&str> {
        grants(rule).iter().filter(|grant| grant.whose == wanted).map(|grant| grant.role.as_str()).collect()
    };
    let named = [("own", of(Whose::Own)), ("any", of(Whose::Any))];
    let parts = named.into_iter().filter(|(_, roles)| !roles.is_empty());
    parts.map(|(whose, roles)| format!("**{whose}**: {}", roles.join(", "))).collect::<Vec<_>>().join("; ")
}

/// Roles with the same steps together.
fn steps(rule: &Rule) -> String {
    let mut groups: Vec<(&'static [Status], Vec<&str>)> = Vec::new();
    for grant in grants(rule).iter().filter(|grant| grant.when.steps.len() < Status::ALL.len()) {
        match groups.iter_mut().find(|(steps, _)| *steps == grant.when.steps) {
            Some((_, roles)) => roles.push(grant.role.as_str()),
            None => groups.push((grant.when.steps, vec![grant.role.as_str()])),
        }
    }
    let one = |(steps, roles): &(&[Status], Vec<&str>)| {
        let names: Vec<&str> = steps.iter().map(|step| step.as_str()).collect();
        let whose = if groups.len() > 1 { format!("{}: ", roles.join(", ")) } else { String::new() };
        format!("{whose}{}", names.join(", "))
    };
    groups.iter().map(one).collect::<Vec<_>>().join("; ")
}
