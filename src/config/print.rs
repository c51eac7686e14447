//! Settings as people read them: `print-config` and docs/settings.md.

use super::secret::shown_path;
use super::sources::Setting;
use super::sources::Settings;
use super::table::SETTINGS;
use std::fmt::Write as _;
use std::path::Path;

/// Each setting with its value, where that came from, its default and its meaning.
#[must_use]
pub fn as_text(settings: &Settings) -> String {
    let mut text = String::new();
    for setting in &settings.all {
        let doc = setting.doc;
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} = {}  [{}]", doc.env_name(), shown(setting), setting.source);
        let _ = writeln!(text, "    default {}; {}", doc.default_text(), doc.full_meaning());
    }
    text
}

/// The reference page.
#[must_use]
pub fn as_markdown() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         Made from the program's own table: `beeline print-config --markdown > docs/settings.md`. Do not edit by hand.\n\n\
         A flag wins over an environment variable, that over the TOML file given by `--config`, that over the default.\n\
         In the file a setting has its lower-case name without the prefix (`fix_interval = \"3s\"`); as a flag it has dashes\n\
         (`--fix-interval 3s`). Secrets have no flag. `0` or `0s` switches a limit off. `beeline print-config` shows what is in\n\
         force and where it came from, `beeline check-config` says everything that is wrong with it.\n\n\
         | setting | default | meaning |\n|---|---|---|\n",
    );
    for doc in SETTINGS {
        let default = doc.default.map_or_else(|| doc.unset.to_owned(), |default| format!("`{default}`"));
        let _ = writeln!(text, "| `{}` | {default} | {} |", doc.env_name(), doc.full_meaning().replace('|', "\\|"));
    }
    text
}

fn shown(setting: &Setting) -> String {
    match &setting.value {
        None => setting.doc.unset.to_owned(),
        Some(_) if setting.doc.secret => "(set, not shown)".to_owned(),
        Some(text) if text.trim_start().starts_with(['[', '{']) => "(given inline, not shown)".to_owned(),
        Some(text) if matches!(setting.doc.key, "jwt_secret_file" | "issuers") => shown_path(Path::new(text)),
        Some(text) => without_password(text),
    }
}

/// `redis://name:password@host` without what stands before the `@`.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://(not shown)@{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (text, expected) in [
            ("redis://me:p@ss@host:6379/0", "redis://(not shown)@host:6379/0"),
            ("redis://host:6379", "redis://host:6379"),
            ("https://tiles.example/@2x", "https://tiles.example/@2x"),
            ("3s", "3s"),
        ] {
            assert_eq!(without_password(text), expected);
        }
    }
}
