//! What the contract has and this node has not yet. The route table is made from this list, so the two cannot differ.

use crate::http::access::Action;
use crate::http::documents::call::Call;
use crate::protocol::problem::Code;

/// One path without its `/api/v1`, as the router writes it, with the methods that the contract gives it.
pub struct Later {
    /// `{tail:.*}` stands for any number of segments.
    pub path: &'static str,
    /// In lower case. Other methods are answered the same.
    pub methods: &'static [&'static str],
    /// What it will be.
    pub summary: &'static str,
    /// The row of the table of rules.
    pub action: Action,
}

const fn later(path: &'static str, methods: &'static [&'static str], summary: &'static str) -> Later {
    Later { path, methods, summary, action: Action::NotBuilt }
}

/// Calls that are not built yet; each answers 422 `not_available` to any method and role.
pub const LATER: &[Later] = &[
    later("/orders/{id}/share", &["post", "delete"], "Tracking without a login"),
    later("/cells", &["get"], "Supply and demand per cell"),
    later("/quotes", &["post"], "Quotes"),
    later("/quotes/{tail:.*}", &["get"], "Quotes"),
    later("/eta/{tail:.*}", &["get"], "Expected arrivals"),
    later("/restaurants", &["get", "post"], "Restaurants"),
    later("/restaurants/{tail:.*}", &["get", "put"], "Restaurants"),
    later("/search/{tail:.*}", &["get"], "Search"),
    // Signing in is for people who have no token yet.
    Later { action: Action::NotBuiltOpen, ..later("/auth/{tail:.*}", &["post"], "Sign-in") },
    later("/admin/{tail:.*}", &["post"], "Other admin acts"),
    later("/analytics/{tail:.*}", &["get"], "Analytics"),
    later("/osmand", &["get", "post"], "The OsmAnd tracker protocol"),
    later("/owntracks", &["post"], "The OwnTracks tracker protocol"),
];

/// The calls of the list.
pub fn calls() -> Vec<Call> {
    let of = |later: &'static Later| {
        later.methods.iter().map(|method| {
            let path = format!("/api/v1{}", later.path.replace(":.*", ""));
            let call = Call::new(method, path, id(method, later.path), later.summary);
            Call { refusals: vec![Code::NotAvailable], ..call.tag("later").about("Not built yet.") }
                .under(later.action.rule())
        })
    };
    LATER.iter().flat_map(of).collect()
}

/// They have no handler to be named after yet: method and path in camel case.
fn id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |mut id, word| {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
        id
    })
}
