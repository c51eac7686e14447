//! Where settings come from: flag over environment over file over default, one text each.
//!
//! Knows names and places, not what a value means. A key nobody knows is a problem in the file, because it is ours
//! alone, and a warning in the environment, which is shared.

use super::ConfigProblem;
use super::table;
use super::table::SETTINGS;
use super::table::SettingDoc;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

/// Where a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// A `BEELINE_*` variable.
    Environment,
    /// The TOML file.
    File,
    /// Nobody set it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Flag => "flag",
            Source::Environment => "environment",
            Source::File => "file",
            Source::Default => "default",
        })
    }
}

/// What the caller found, before anything is decided.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags by file key.
    pub flags: BTreeMap<String, String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// Defaults by file key where those of the table do not fit the command.
    pub defaults: BTreeMap<&'static str, &'static str>,
}

/// One setting with the text that won.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What the table says of it.
    pub doc: &'static SettingDoc,
    /// Its text, if it has one.
    pub value: Option<String>,
    /// Where that came from.
    pub source: Source,
}

/// All settings of the table with the text that won for each.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In the order of the table.
    pub all: Vec<Setting>,
    /// `BEELINE_*` variables that name no setting.
    pub unknown_environment: Vec<String>,
}

impl Settings {
    /// Decides each setting. Fails, with all reasons at once, on a file that cannot be read or holds unknown keys.
    pub fn resolve(sources: &Sources) -> Result<Self, Vec<ConfigProblem>> {
        let mut file = match &sources.file {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        let mut resolve_one = |doc: &'static SettingDoc| {
            let environment = sources.environment.get(&doc.env_name()).filter(|text| !text.trim().is_empty());
            let (value, source) = if let Some(text) = sources.flags.get(doc.key) {
                (Some(text.clone()), Source::Flag)
            } else if let Some(text) = environment {
                (Some(text.clone()), Source::Environment)
            } else if let Some(text) = file.remove(doc.key) {
                (Some(text), Source::File)
            } else {
                let default = sources.defaults.get(doc.key).copied().or(doc.default);
                (default.map(str::to_owned), Source::Default)
            };
            Setting { doc, value, source }
        };
        let all = SETTINGS.iter().map(&mut resolve_one).collect();
        let is_unknown = |name: &&String| {
            name.strip_prefix("BEELINE_").is_some_and(|key| table::find(&key.to_ascii_lowercase()).is_none())
        };
        let unknown_environment = sources.environment.keys().filter(is_unknown).cloned().collect();
        Ok(Self { all, unknown_environment })
    }

    /// The setting of this file key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.doc.key == key)
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, Vec<ConfigProblem>> {
    let refuse = |reason: String| vec![ConfigProblem { setting: path.display().to_string(), reason }];
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        refuse(format!("is not TOML: {} (line {line})", error.message()))
    })?;
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, value) in table {
        if table::find(&key).is_none() {
            let hint = nearest(&key).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            problems.extend(refuse(format!("has the key {key:?}, which is no setting{hint}")));
        } else if let Some(text) = as_text(&value) {
            values.insert(key, text);
        } else {
            problems.extend(refuse(format!("has a value for {key:?} of a kind that no setting has")));
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// A TOML value as the text the environment would hold: lists joined by commas, `[[issuers]]` as JSON.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) && !items.is_empty() => {
            serde_json::to_string(items).ok()
        }
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Boolean(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The setting a misspelt key most likely means: same length give or take two, most letters in place from either end.
fn nearest(key: &str) -> Option<&'static str> {
    let likeness = |other: &str| {
        let front = key.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let back = key.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
        (front + back).min(key.len())
    };
    let close = |doc: &&SettingDoc| doc.key.len().abs_diff(key.len()) <= 2 && likeness(doc.key) + 2 >= key.len();
    SETTINGS.iter().filter(close).max_by_key(|doc| likeness(doc.key)).map(|doc| doc.key)
}
