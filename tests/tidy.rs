//! The rules of the repository as a test: who may use whom, what never stands in the code, how long a file may be.
//!
//! The table is the one of DESIGN.md (`docs` and ARCHITECTURE.md explain it). Tests inside `src` may reach farther than the code they test and are
//! not held to it. The last story shows that every rule catches a breach.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

const LINES_MAX: usize = 450;

/// Modules of the crate and what else of it each may use. Whoever is not listed may use everything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("clock", &["domain"]),
    ("tiles", &[]),
    ("domain", &["limits"]),
    ("protocol", &["domain", "limits"]),
    ("telemetry", &["protocol", "config"]),
    ("config", &["domain", "protocol", "limits"]),
    ("store", &["domain", "limits"]),
    ("actors", &["domain", "protocol", "limits", "clock", "telemetry", "store"]),
    ("http", &["actors", "domain", "protocol", "limits", "clock", "telemetry", "store", "config", "tiles"]),
    ("simulate", &["protocol", "tiles"]),
    ("evaluate", &["domain", "limits"]),
];

/// Foreign crates that stay behind the modules named beside them.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["src/store/sqlite/"]),
    ("refinery", &["src/store/sqlite/"]),
    ("actix_web_actors", &["src/http/socket/"]),
    ("actix_http", &["src/http/socket/"]),
    ("actix_web", &["src/http/", "src/node.rs"]),
    ("actix_tls", &["src/http/socket/"]),
    ("rustls", &["src/http/tls/"]),
    ("jsonwebtoken", &["src/http/auth/", "src/simulate/"]),
    ("reqwest", &["src/simulate/", "src/cli/dead_letters.rs", "src/cli/remote.rs"]),
    ("tokio_tungstenite", &["src/simulate/"]),
    ("clap", &["src/cli/", "src/cli.rs"]),
    ("h3o", &["src/domain/"]),
];

/// Modules that know a few foreign crates only.
const ONLY: &[(&str, &[&str])] = &[
    ("domain", &["std", "serde", "geo", "h3o"]),
    ("evaluate", &["std", "serde"]),
    ("protocol", &["std", "serde", "serde_json", "schemars", "thiserror", "jiff", "bytes", "bytestring"]),
];

/// Code that stands in a few places only: a route without a row in the table of rules, or a handler that takes a token by
/// itself, would be one that nobody has thought about.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("web::resource(", ROUTERS),
    ("web::scope(", ROUTERS),
    ("web::get()", ROUTERS),
    ("web::post()", ROUTERS),
    ("web::route()", ROUTERS),
    ("web::to(", ROUTERS),
    ("principal_of(", &["src/http/auth/", "src/http/access/caller.rs"]),
];
/// The table's routes; what is open to everybody: pages, documents, the ready tokens of a development server, and the echo
/// that no release has.
const ROUTERS: &[&str] = &[
    "src/http/routes.rs",
    "src/http/problem.rs",
    "src/http/pages.rs",
    "src/http/documents/serve.rs",
    "src/http/echo.rs",
    "src/node.rs",
];

/// Texts that have no place here, what to do instead, and where they do have one. In pieces, because this file is read as well.
const NEVER: &[(&str, &str, &str)] = &[
    (concat!("TO", "DO"), "finish it or write an issue", ""),
    (concat!("FIX", "ME"), "fix it or write an issue", ""),
    (concat!("unimple", "mented!("), "say `not_available`", ""),
    (concat!("do_", "send("), "it ignores the bounds of a mailbox: use mailbox::tell", "src/actors/outbox/"),
    (concat!("thread::", "sleep"), "wait for a condition with a deadline", "loadtest/src/"),
    (concat!("#[ig", "nore]"), "say why a test is left out", ""),
];

struct Source {
    /// From the top of the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The module of the crate the file belongs to: `src/http/auth/keys.rs` is `http`.
    fn module(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split(['/', '.']).next()
    }

    fn is_test(&self) -> bool {
        let in_folder = ["/tests/", "/conformance/"].iter().any(|folder| self.path.contains(folder));
        in_folder
            || self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// Numbered lines of code without comments, up to the tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        lines.enumerate().map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }
}

/// Everything in this file that is against the rules.
fn breaches(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    check_words(source, &mut found);
    if source.is_rust() {
        check_shape(source, &mut found);
        if !source.is_test() {
            check_imports(source, &mut found);
            check_foreign(source, &mut found);
            check_homes(source, &mut found);
        }
    }
    found
}

fn check_words(source: &Source, found: &mut Vec<String>) {
    for (index, line) in source.text.lines().enumerate() {
        let line_number = index + 1;
        for (word, instead, home) in NEVER {
            let mentioned = line.trim_start().starts_with("//") && word.ends_with('(');
            let at_home = !home.is_empty() && source.path.starts_with(home);
            if line.contains(word) && !mentioned && !at_home {
                found.push(format!("{}:{line_number}: `{word}`: {instead}", source.path));
            }
        }
        for folder in ["wo", "fa", "ro"].iter().zip(["rk", "rm", "ot"]).map(|(a, b)| format!("/{a}{b}/")) {
            let starts_a_path = |place: usize| {
                let before = line[..place].chars().next_back();
                before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            };
            if line.match_indices(&folder).any(|(place, _)| starts_a_path(place)) {
                found.push(format!("{}:{line_number}: a path of one machine", source.path));
            }
        }
    }
}

fn check_shape(source: &Source, found: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{}: {lines} lines: two ideas in one file?", source.path));
    }
    if !source.is_test() && !source.text.starts_with("//!") {
        found.push(format!("{}: no module doc", source.path));
    }
}

/// The names that follow `before` in a line: `crate::store::Store` after `crate::` is `store`.
fn names_after<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(before).filter_map(move |(place, _)| {
        let begins = line[..place].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        let rest = &line[place + before.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        begins.then_some(&rest[..end])
    })
}

fn check_imports(source: &Source, found: &mut Vec<String>) {
    let Some(module) = source.module() else { return };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else { return };
    for (line_number, line) in source.code() {
        for used in names_after(line, "crate::") {
            if used != module && !allowed.contains(&used) {
                found.push(format!("{}:{line_number}: {module} must not use {used}", source.path));
            }
        }
        if module != "store" && line.contains("store::sqlite") {
            found.push(format!("{}:{line_number}: only the node knows which store it is", source.path));
        }
    }
}

fn check_homes(source: &Source, found: &mut Vec<String>) {
    for (line_number, line) in source.code() {
        for (text, homes) in ONLY_IN {
            if line.contains(text) && !homes.iter().any(|home| source.path.starts_with(home)) {
                found.push(format!("{}:{line_number}: `{text}` belongs to {homes:?}", source.path));
            }
        }
    }
}

fn check_foreign(source: &Source, found: &mut Vec<String>) {
    let names = |line: &str| -> Option<String> {
        let path = line.trim_start().strip_prefix("use ").or_else(|| line.trim_start().strip_prefix("pub use "))?;
        path.split("::").next().filter(|first| !["crate", "super", "self"].contains(first)).map(ToOwned::to_owned)
    };
    for (line_number, line) in source.code() {
        for (name, homes) in KEPT_IN {
            let used = line.contains(&format!("{name}::")) && names_after(line, &format!("{name}::")).next().is_some();
            if used && !homes.iter().any(|home| source.path.starts_with(home)) && source.path.starts_with("src/") {
                found.push(format!("{}:{line_number}: {name} belongs to {homes:?}", source.path));
            }
        }
        let only = ONLY.iter().find(|(module, _)| source.module() == Some(module));
        if let (Some((module, allowed)), Some(first)) = (only, names(line)) {
            let is_ours = first.chars().next().is_some_and(char::is_uppercase);
            let is_ours = is_ours || source.text.contains(&format!("mod {first};"));
            if line.contains("::") && !is_ours && !allowed.contains(&&*first) {
                found.push(format!("{}:{line_number}: {module} must not use the crate {first}", source.path));
            }
        }
    }
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text of the repository, without what is made or fetched.
fn sources() -> Vec<Source> {
    let made = ["target", "fuzz/target", "node_modules", ".git", "static/vendor", ".cache", "beeline-data"];
    let kinds = ["rs", "toml", "md", "mjs", "js", "css", "html", "sh", "sql", "json", "yaml", "yml"];
    let mut found = Vec::new();
    let mut folders = vec![top()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if !made.contains(&&*name) {
                    folders.push(path);
                }
            } else if is_text(&path, &kinds) {
                found.push(Source { text: fs::read_to_string(&path).unwrap(), path: name });
            }
        }
    }
    found
}

fn is_text(path: &Path, kinds: &[&str]) -> bool {
    let named = ["Makefile", "run", ".gitignore"].iter().any(|name| path.ends_with(name));
    named || path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| kinds.contains(&kind))
}

#[test]
fn the_repository_keeps_its_own_rules() {
    let sources = sources();
    assert!(sources.iter().filter(|source| source.is_rust()).count() > 50, "the walk found the code");
    let found: Vec<String> = sources.iter().flat_map(breaches).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_load_generator_speaks_only_the_public_contract() {
    let manifest = fs::read_to_string(top().join("loadtest/Cargo.toml")).unwrap();
    let depends = manifest.lines().any(|line| line.trim_start().starts_with("beeline "));
    let sources = sources();
    let uses = sources.iter().filter(|source| source.path.starts_with("loadtest/src/"));
    let inside: Vec<_> = uses.filter(|source| source.code().any(|(_, line)| line.contains("beeline::"))).collect();
    assert!(!depends && inside.is_empty(), "it knows the program's inside");
}

/// Links of a Markdown text that lead to a file which is not there.
fn dead_links(source: &Source) -> Vec<String> {
    let folder = top().join(&source.path).parent().unwrap().to_owned();
    let targets = source.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local =
        targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:"));
    let files = local.map(|target| target.split('#').next().unwrap().trim());
    let dead = files.filter(|file| !folder.join(file).exists());
    dead.map(|file| format!("{}: {file} is not there", source.path)).collect()
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let broken = Source::new("docs/x.md", "see [this](nowhere.md#part) and [that](https://example.org/x.md)");
    assert_eq!(dead_links(&broken), ["docs/x.md: nowhere.md is not there"]);
    let found: Vec<String> = sources().iter().filter(|s| s.path.ends_with(".md")).flat_map(dead_links).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Rows of the list of attacks in docs/hostile.md.
const ATTACKS: usize = 30;

/// The names of the tests of a source that are about this row.
fn tests_of_row(sources: &[Source], row: usize) -> Vec<String> {
    let start = format!("fn row_{row:02}_");
    let hostile = sources.iter().filter(|source| source.path.starts_with("tests/hostile/"));
    let names = hostile.flat_map(|source| source.text.lines()).filter_map(|line| line.split_once(&start));
    names.filter_map(|(_, rest)| Some(format!("row_{row:02}_{}", rest.split('(').next()?))).collect()
}

#[test]
fn every_attack_has_its_tests_and_the_document_names_them() {
    let sources = sources();
    let document = &sources.iter().find(|source| source.path == "docs/hostile.md").unwrap().text;
    let mut missing = Vec::new();
    for row in 1..=ATTACKS {
        let tests = tests_of_row(&sources, row);
        if tests.is_empty() {
            missing.push(format!("row {row} has no test"));
        }
        missing.extend(tests.into_iter().filter(|name| !document.contains(&format!("`{name}`"))));
    }
    let named = document.split('`').filter(|word| word.starts_with("row_") && word.len() > 7);
    let known = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}(")));
    missing.extend(named.filter(|name| !known(name)).map(|name| format!("{name} is no test")));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_rule_catches_a_breach() {
    let bad = [
        ("src/domain/x.rs", "//! Doc.\nuse crate::store::Store;", "domain must not use store"),
        ("src/domain/x.rs", "//! Doc.\nuse tokio::time;", "must not use the crate tokio"),
        ("src/domain/x.rs", "//! Doc.\nfn f() { crate::clock::now(); }", "domain must not use clock"),
        ("src/protocol/x.rs", "//! Doc.\nuse actix_web::web;", "must not use the crate actix_web"),
        ("src/protocol/x.rs", "//! Doc.\nuse crate::actors::world::World;", "protocol must not use actors"),
        ("src/actors/x.rs", "//! Doc.\nuse crate::http::access;", "actors must not use http"),
        ("src/actors/x.rs", "//! Doc.\nuse crate::store::sqlite::SqliteStore;", "only the node knows"),
        ("src/actors/x.rs", "//! Doc.\nuse rusqlite::Connection;", "rusqlite belongs to"),
        ("src/store/x.rs", "//! Doc.\nuse crate::actors::world::World;", "store must not use actors"),
        ("src/http/x.rs", "//! Doc.\nuse crate::simulate::run;", "http must not use simulate"),
        ("src/http/orders.rs", "//! Doc.\nuse actix_web_actors::ws;", "actix_web_actors belongs to"),
        ("src/http/x.rs", "//! Doc.\nfn f() { web::resource(\"/x\"); }", "`web::resource(` belongs to"),
        ("src/http/x.rs", "//! Doc.\nfn f() { principal_of(&request); }", "`principal_of(` belongs to"),
        ("src/simulate/x.rs", "//! Doc.\nuse crate::domain::ids::DriverId;", "simulate must not use domain"),
        ("src/http/x.rs", "use std::fmt;", "no module doc"),
        ("src/x.rs", &format!("//! Doc.\n{}", "\n".repeat(LINES_MAX)), "two ideas"),
    ];
    for (path, text, wanted) in bad {
        let found = breaches(&Source::new(path, text));
        assert!(found.iter().any(|breach| breach.contains(wanted)), "{path}: {text:?} gave {found:?}");
    }
    for (word, _, _) in NEVER {
        let found = breaches(&Source::new("src/x.rs", &format!("//! Doc.\nlet x = {word};\n")));
        assert!(found.iter().any(|breach| breach.contains(word)), "{word}: {found:?}");
    }
    let path_of_a_machine = format!("see \"/{}/shared\"", "work");
    assert_eq!(breaches(&Source::new("docs/x.md", &path_of_a_machine)).len(), 1);
    assert_eq!(breaches(&Source::new("docs/x.md", "the framework/parts and net/work/ing")), Vec::<String>::new());

    let good = "//! Doc.\nuse crate::domain::ids::OrderId;\nuse std::fmt;\n#[cfg(test)]\nmod tests { use crate::store::Store; }";
    assert_eq!(breaches(&Source::new("src/protocol/x.rs", good)), Vec::<String>::new());
}
