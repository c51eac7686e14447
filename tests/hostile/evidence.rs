//! What an attack may have left behind: the whole log, memory, rows in the store.

use crate::support::Server;
use rusqlite::Connection;
use serde_json::Value;
use std::fs;

/// The log of a server that was started once.
pub fn log_text(server: &Server) -> String {
    let folder = server.data();
    fs::read_to_string(folder.parent().unwrap().join("log-1")).unwrap()
}

/// The log line by line; every line must be one JSON object.
pub fn log_lines(server: &Server) -> Vec<Value> {
    let text = log_text(server);
    let line = |line: &str| {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log line {line:?}"));
        assert!(read.is_object(), "{line:?}");
        read
    };
    text.lines().map(line).collect()
}

/// Resident memory of the server in KiB.
pub fn resident_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Rows of a table. The server may be running: the store is read beside it.
pub fn rows(server: &Server, table: &str) -> i64 {
    let store = Connection::open(server.data().join("beeline.db")).unwrap();
    store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// The middle one.
pub fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
