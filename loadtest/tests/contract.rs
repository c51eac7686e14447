//! The generator against a server of the contract: it sets people up as the contract asks, and accounts for each fix.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::Faults;
use tokio::process::Command;

/// Runs `steady` against the server and returns its first row.
async fn row(faults: Faults) -> Value {
    let addr = support::serve(faults).await;
    let folder = tempfile::tempdir().unwrap();
    let (secret, out) = (folder.path().join("secret"), folder.path().join("result.json"));
    std::fs::write(&secret, format!("{}\n", support::SECRET)).unwrap();
    let small =
        "--drivers 40 --watched 10 --rate 400 --window 1.5 --warmup 0.3 --rounds 1 --reads 100 --read-window 0.5";
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["steady", "--url", &format!("http://{addr}"), "--pid", &std::process::id().to_string()])
        .args(small.split(' '))
        // A busy machine must not make the round void: it is the accounting that is tested.
        .args(["--void-above", "100000", "--secret-file"])
        .arg(&secret)
        .arg("--out")
        .arg(&out)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    record["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_taken_from_a_server_that_keeps_the_contract() {
    let row = row(Faults::default()).await;
    let server = &row["rounds"][0]["server"];
    assert_eq!((&server["sent"], &server["delivered"]), (&600.into(), &150.into()), "{server:#}");
    for nothing in ["conflated", "unexplained", "lost", "out_of_order", "unacked", "refused", "closed"] {
        assert_eq!(server[nothing], 0, "{nothing}");
    }
    assert_eq!(server["ack"]["count"], 600);
    assert_eq!((&server["reads"]["ok"], &server["reads"]["failed"]), (&50.into(), &0.into()));
    for histogram in ["fix_handling", "fix_push", "current_location"] {
        assert!(server["server"][histogram]["count"].as_u64().unwrap() > 0, "{histogram}");
    }
    assert!(row["summary"]["cpu_ratio"].as_f64().unwrap() > 0.0);
    let goals = row["summary"]["goals"].as_array().unwrap();
    assert_eq!(goals.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_vanishes_without_being_counted_as_conflated_is_unexplained() {
    let row = row(Faults { swallow_one_in: Some(7), ..Faults::default() }).await;
    let server = &row["rounds"][0]["server"];
    let count = |name: &str| server[name].as_u64().unwrap();
    assert!(count("unexplained") > 0, "{server:#}");
    assert_eq!(count("unexplained"), count("conflated"));
    assert_eq!(count("delivered") + count("conflated") + count("lost"), count("watched"));
    let astray = &row["summary"]["goals"][3];
    assert_eq!((&astray["name"], &astray["met"]), (&"lost, out of order or unexplained".into(), &false.into()));
}
