//! Clients that mean no good, in small numbers: that the scenarios see what a server does about them, and that the real
//! one does it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::Faults;

/// The server's program, which lies beside this one's after a build of the workspace.
fn server_bin() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("beeline");
    if !program.exists() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let built =
            Command::new(env!("CARGO")).args(["build", "--locked", "--bin", "beeline"]).current_dir(top).status();
        assert!(built.unwrap().success() && program.exists(), "no server at {}", program.display());
    }
    program
}

/// Runs a scenario and returns its results.
fn results(scenario: &str, more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("result.json");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(scenario.split(' '))
        .args(more)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    record["results"].clone()
}

/// 20 that stop beside 5 that do not. The machine may be busy: no round is void, and no latency is looked at.
const FEW: &str = "stalled --readers 20 --healthy 5 --rate 250 --rate-one 100 --window 1 --warmup 0.3 --rounds 1 \
    --void-above 100000";

fn stalled_by(server: &[&str], more: &str) -> Value {
    let more: Vec<&str> = server.iter().copied().chain(more.split(' ')).collect();
    results(FEW, &more)[0]["rounds"][0]["server"].clone()
}

/// The same against the small server of these tests.
async fn stalled_by_small(faults: Faults, more: &'static str) -> Value {
    let addr = support::serve(faults).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, support::SECRET).unwrap();
    tokio::task::spawn_blocking(move || {
        let (url, pid) = (format!("http://{addr}"), std::process::id().to_string());
        stalled_by(&["--url", &url, "--pid", &pid, "--secret-file", secret.to_str().unwrap()], more)
    })
    .await
    .unwrap()
}

fn healthy_were_served(run: &Value) {
    for phase in ["alone", "beside_readers", "beside_filling", "alone_again"] {
        let count = |name: &str| run[phase][name].as_u64().unwrap();
        assert!(count("delivered") > 0 && count("delivered") <= count("due"), "{phase}: {run:#}");
    }
    assert_eq!((&run["behind"], &run["troubles"]), (&0.into(), &0.into()), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_a_server_resets_are_seen_to_be_gone() {
    let run = stalled_by_small(Faults::default(), "--set-up apart --kind never").await;
    let gone_s = run["gone_s"].as_f64().expect("gone");
    assert!(gone_s >= 1.0, "not before the server's own limit: {gone_s}");
    assert!(run["kernel"]["send_queue_each"].as_f64().unwrap() > 0.0, "{run:#}");
    healthy_were_served(&run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_readers_that_have_stopped_is_seen_to() {
    let run = stalled_by_small(
        Faults { keeps_stalled: true, ..Faults::default() },
        "--set-up apart --kind never --patience 4",
    );
    let run = run.await;
    assert_eq!(run["gone_s"], Value::Null, "{run:#}");
    let last = run["samples"].as_array().unwrap().iter().rfind(|sample| sample["queued_bytes"].as_u64().unwrap() > 0);
    assert_eq!(last.unwrap()["open"], 20);
}

fn the_server_ends_them_and_serves_the_others(more: &str) {
    let program = server_bin();
    let run = stalled_by(&["--server-bin", program.to_str().unwrap()], more);
    let gone_s = run["gone_s"].as_f64().unwrap_or_else(|| panic!("still there: {run:#}"));
    assert!(gone_s <= 35.0, "{gone_s} s");
    let queue_each = run["kernel"]["send_queue_each"].as_f64().unwrap();
    assert!((1.0..=16_384.0).contains(&queue_each), "{queue_each} bytes each");
    let open = |when: &str| run["descriptors"][when].as_u64().unwrap();
    assert!(open("beside") >= open("alone") + 20 && open("after") < open("alone") + 10, "{run:#}");
    healthy_were_served(&run);
}

#[test]
fn watchers_that_stop_reading_are_ended_and_the_others_served() {
    the_server_ends_them_and_serves_the_others("--set-up apart --kind never");
}

#[test]
fn watchers_of_one_driver_that_trickle_are_ended_and_the_others_served() {
    the_server_ends_them_and_serves_the_others("--set-up one --kind trickle");
}

#[test]
fn watchers_under_tls_that_stop_reading_are_ended_and_the_others_served() {
    the_server_ends_them_and_serves_the_others("--set-up one --kind never --tls");
}

#[test]
fn a_frame_of_four_exabytes_is_refused_and_costs_no_memory() {
    let program = server_bin();
    let claims =
        &results("claims --connections 10 --bytes 20MiB --rounds 1", &["--server-bin", program.to_str().unwrap()])[0];
    assert_eq!(claims["connections"], 10);
    assert_eq!(claims["refused"].get("not refused"), None, "{claims:#}");
    assert!(claims["growth_kib"].as_u64().unwrap() <= 32 * 1_024, "{claims:#}");
}
