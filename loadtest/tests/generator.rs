//! The generator proven against the floor: it counts what was delivered, and it notices what was not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use serde_json::Value;

/// Runs `loadtest steady --floor-only` on a small fleet and returns the first round's floor figures. Whether the round
/// is void depends on this machine's neighbours, so the exit status is not looked at.
fn floor_figures(more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("result.json");
    let small = "steady --floor-only --drivers 40 --watched 10 --rate 400 --window 1.5 --warmup 0.3 --rounds-max 1";
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(small.split(' '))
        .arg("--out")
        .arg(&out)
        .args(more)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&out).unwrap_or_else(|_| panic!("no result: {output:?}"));
    let record: Value = serde_json::from_str(&text).unwrap();
    record["results"][0]["rounds"][0]["floor"].clone()
}

#[test]
fn every_fix_of_a_watched_driver_reaches_its_customer_and_is_counted_once() {
    let figures = floor_figures(&["--floor-acks"]);
    assert_eq!(figures["sent"], 600, "{figures:#}");
    assert_eq!(figures["watched"], 150);
    assert_eq!(figures["delivered"], 150);
    assert_eq!(figures["screen"]["count"], 150);
    for nothing in ["conflated", "lost", "out_of_order", "unacked", "refused", "closed", "send_failed"] {
        assert_eq!(figures[nothing], 0, "{nothing}");
    }
    assert_eq!(figures["ack"]["count"], 600);
    let p99 = |name: &str| figures[name]["p99"].as_f64().unwrap();
    assert!(p99("screen") >= p99("screen_from_send") && p99("screen_from_send") > 0.0);
    assert!(figures["cpu"]["us_per_delivered"].as_f64().unwrap() > 0.0);
    assert_eq!(figures["memory"]["connections"], 50);
}

#[test]
fn a_relay_that_falls_silent_is_seen_as_loss() {
    let figures = floor_figures(&["--floor-stop-after", "60"]);
    let count = |name: &str| figures[name].as_u64().unwrap();
    assert!(count("lost") > 0, "{figures:#}");
    assert_eq!(count("delivered") + count("conflated") + count("lost"), count("watched"));
    assert!(count("delivered") <= 60);
}

#[test]
fn a_load_run_at_another_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args("idle --url http://192.0.2.1:80 --connections 1 --secret-file".split(' '))
        .arg(secret)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback only"), "{output:?}");
}
