//! The `idle` scenario: what one open socket costs the server in memory, the floor's beside it.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use crate::cli::{IdleArgs, Role};
use crate::crew::Crew;
use crate::host;
use crate::http::Http;
use crate::report;
use crate::server::Server;
use crate::setup::{self, Side};
use crate::target::Target;

/// How long the sockets are left alone before memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// Memory with and without the sockets.
#[derive(Debug, Serialize)]
pub struct Idle {
    /// `floor` or `server`.
    pub of: &'static str,
    /// Whose sockets.
    pub role: Role,
    /// Sockets open.
    pub connections: u32,
    /// Resident before, KiB.
    pub empty_kib: u64,
    /// Resident with them, KiB.
    pub connected_kib: u64,
    /// Bytes a socket.
    pub bytes_per_connection: f64,
}

/// Measures the floor and then the server.
pub fn run(args: &IdleArgs, target: &Target) -> anyhow::Result<Vec<Idle>> {
    target.require_server()?;
    let mut results = Vec::new();
    {
        let (server, side) = target.floor()?;
        results.push(measure("floor", args, &server, &side)?);
    }
    if let Some((server, side)) = target.server()? {
        results.push(measure("server", args, &server, &side)?);
    }
    results.iter().for_each(report::idle);
    Ok(results)
}

fn measure(of: &'static str, args: &IdleArgs, server: &Server, side: &Side) -> anyhow::Result<Idle> {
    let pid = server.pid.context("memory needs the server's process: --pid")?;
    let (drivers, customers) = match args.role {
        Role::Driver => (args.connections as usize, 0),
        Role::Customer => (0, args.connections as usize),
    };
    if matches!(side, Side::Beeline { .. }) {
        Http::new(&server.dest, 300_000).get("/healthz", None)?;
    }
    let logins = setup::logins(side, drivers, 0..customers)?;
    let empty_kib = host::resident_kib(pid)?;
    let crew = Crew::connect(&server.dial(), &logins, drivers)?;
    setup::welcomed(side, &crew)?;
    std::thread::sleep(SETTLE);
    let connected_kib = host::resident_kib(pid)?;
    let bytes = connected_kib.saturating_sub(empty_kib) as f64 * 1_024.0;
    crew.finish()?;
    Ok(Idle {
        of,
        role: args.role,
        connections: args.connections,
        empty_kib,
        connected_kib,
        bytes_per_connection: bytes / f64::from(args.connections),
    })
}
