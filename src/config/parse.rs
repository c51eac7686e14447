//! The values that only one setting has: each text read into its own type.

use super::Ack;
use crate::domain::cell::CellResolution;
use crate::domain::dispatch::Policy;
use crate::limits;
use std::path::PathBuf;

pub(super) fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is empty: name a folder".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("is empty: name a file".to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// The SQLite file, if one is named.
pub(super) fn store_file(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err("is postgres, which is not available yet: leave it unset for the embedded store".to_owned());
    }
    match text.strip_prefix("sqlite:") {
        Some("") | None => Err("is not sqlite:PATH; leave it unset for the store in the data folder".to_owned()),
        Some(path) => Ok(PathBuf::from(path)),
    }
}

pub(super) fn ack(text: &str) -> Result<Ack, String> {
    match text {
        "strict" => Ok(Ack::Strict),
        "fast" => Ok(Ack::Fast),
        _ => Err("is neither strict nor fast".to_owned()),
    }
}

pub(super) fn node(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let fits = (1..=limits::ID_MAX_CHARS).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.to_owned()) } else { Err("is not 1 to 64 characters of A-Z a-z 0-9 _ . -".to_owned()) }
}

pub(super) fn random_node() -> String {
    let number: u32 = rand::random();
    format!("node-{number:08x}")
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is not a log filter: {error}")),
    }
}

pub(super) fn tiles_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b';' | b',' | b'<' | b'>');
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && text.bytes().all(plain) => Ok(text.to_owned()),
        _ => Err("is not an http(s) URL such as https://tiles.example/{z}/{x}/{y}.pbf".to_owned()),
    }
}

pub(super) fn cell_resolution(text: &str) -> Result<CellResolution, String> {
    let resolution = text.parse().ok().and_then(CellResolution::new);
    resolution.ok_or_else(|| "is not an H3 resolution from 5 to 15".to_owned())
}

pub(super) fn match_radius(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(limits::NEARBY_MAX_RADIUS_M),
        Ok(metres) if metres > 0.0 && metres <= limits::NEARBY_MAX_RADIUS_M => Ok(metres),
        _ => Err(format!("is not a number of metres from 0 to {}", limits::NEARBY_MAX_RADIUS_M)),
    }
}

pub(super) fn policy(text: &str) -> Result<Policy, String> {
    match text {
        "optimal" => Ok(Policy::Optimal),
        "nearest" => Ok(Policy::Nearest),
        _ => Err("is neither optimal nor nearest".to_owned()),
    }
}
