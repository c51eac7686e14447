//! The command line: what it says, what it refuses, and that nothing insecure starts by accident.

use crate::support::PATIENCE;
use crate::support::Server;
use crate::support::beeline;
use std::process::Output;
use tokio::process::Command;

const SECRET: &str = "0123456789abcdef0123456789abcdef-long-enough";

async fn run(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the command ends").unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_string()
}

#[tokio::test]
async fn serve_refuses_to_start_without_a_way_to_check_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = beeline(&["serve"]);
    command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_DATA", folder.path());
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("BEELINE_JWT_SECRET"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn a_short_secret_is_refused_without_being_shown() {
    let mut command = beeline(&["serve"]);
    command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_JWT_SECRET", "hunter2-hunter2");
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("32") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn development_mode_stays_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let mut command = beeline(&["serve", "--dev"]);
        command.env("BEELINE_LISTEN", address).env("BEELINE_DATA", folder.path());
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(1), "{address}");
        assert!(text(&output.stderr).contains("loopback"), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn every_command_explains_itself() {
    let commands: [&[&str]; 12] = [
        &[],
        &["demo"],
        &["serve"],
        &["simulate"],
        &["token"],
        &["migrate"],
        &["check-config"],
        &["print-config"],
        &["dead-letters"],
        &["revoke"],
        &["evaluate"],
        &["evaluate", "mdrp"],
    ];
    for command in commands {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let output = run(beeline(&arguments)).await;
        assert!(output.status.success() && text(&output.stdout).contains("Usage:"), "{arguments:?}");
    }
    let output = run(beeline(&["--version"])).await;
    assert!(text(&output.stdout).starts_with("beeline "));
    assert_eq!(run(beeline(&["dance"])).await.status.code(), Some(2));
}

#[tokio::test]
async fn an_instance_is_played_and_a_broken_one_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text.replace(' ', "\t")).unwrap();
    write("orders.txt", "order x y placement_time restaurant ready_time\no1 500 0 10 r1 30\n");
    write("couriers.txt", "courier x y on_time off_time\nc1 -1000 0 0 100\n");
    write("restaurants.txt", "restaurant x y\nr1 0 0\n");
    write("instance_parameters.txt", "speed pickup drop target maximum order hour\n100 4 4 40 90 10 15\n");
    let dir = folder.path().to_str().unwrap();
    let output = run(beeline(&["evaluate", "mdrp", dir, "--format", "json"])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(report["total"]["click_to_door"], 29.0);
    assert!(text(&run(beeline(&["evaluate", "mdrp", dir])).await.stdout).contains("PCtD"));

    write("orders.txt", "order x y placement_time restaurant ready_time\no1 500 0 10 r7 30\n");
    let output = run(beeline(&["evaluate", "mdrp", dir])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("orders.txt:2: restaurant `r7`"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn settings_are_shown_with_default_meaning_and_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("beeline.toml");
    std::fs::write(&file, "stale = \"44s\"\ngone = \"10m\"\npush_interval = \"2s\"\n").unwrap();
    let mut command = beeline(&["print-config", "--config", file.to_str().unwrap(), "--stale", "55s"]);
    command.env("BEELINE_GONE", "11m").env("BEELINE_STALE", "45s").env("BEELINE_JWT_SECRET", SECRET);
    let output = run(command).await;
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line_of =
        |setting: &str| shown.lines().find(|line| line.to_lowercase().contains(setting)).unwrap_or_default().to_owned();
    assert!(shown.contains("55s"), "flag over environment: {shown}");
    assert!(shown.contains("11m") && !shown.contains("10m"), "environment over file: {shown}");
    assert!(!line_of("push_interval").is_empty() || !line_of("push-interval").is_empty(), "{shown}");
    assert!(!shown.contains(SECRET), "a secret is never shown");
    for setting in ["listen", "data", "fix_interval", "offer_timeout", "drain", "origins", "rate_orders"] {
        assert!(!line_of(setting).is_empty(), "{setting} in {shown}");
    }
}

#[tokio::test]
async fn check_config_tells_everything_that_is_wrong_at_once() {
    let mut command = beeline(&["check-config"]);
    command.env("BEELINE_JWT_SECRET", SECRET);
    assert!(run(command).await.status.success());
    let mut command = beeline(&["check-config"]);
    command.env("BEELINE_JWT_SECRET", SECRET).env("BEELINE_STALE", "soon").env("BEELINE_LISTEN", "everywhere");
    let output = run(command).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("BEELINE_STALE") && said.contains("BEELINE_LISTEN"), "{said}");
    let mut command = beeline(&["check-config"]);
    command.env("BEELINE_JWT_SECRET", SECRET).env("BEELINE_STAEL", "1s");
    let output = run(command).await;
    let said = text(&output.stderr) + &text(&output.stdout);
    assert!(said.contains("BEELINE_STAEL"), "a setting nobody knows is named: {said}");
}

#[tokio::test]
async fn a_store_that_is_not_built_is_refused_and_not_ignored() {
    for (name, value) in [("BEELINE_STORE", "postgres://db/beeline"), ("BEELINE_REDIS", "redis://cache")] {
        let mut command = beeline(&["check-config"]);
        command.env("BEELINE_JWT_SECRET", SECRET).env(name, value);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stderr).contains(name), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_token_made_on_the_command_line_is_believed() {
    let server = Server::start().await;
    let data = server.data();
    let make = |role: &'static str| {
        let data = data.clone();
        async move {
            let arguments =
                ["token", "--role", role, "--subject", "me", "--ttl", "5m", "--data", data.to_str().unwrap()];
            let output = run(beeline(&arguments)).await;
            assert!(output.status.success(), "{}", text(&output.stderr));
            text(&output.stdout).trim().to_owned()
        }
    };
    let mut caller = server.stranger();
    caller.token = Some(make("customer").await);
    caller.get("/orders").await.expect(200);
    caller.get("/drivers/nearby?lat=43&lng=11&radius=5").await.problem(403, "forbidden");
    caller.token = Some(make("operator").await);
    caller.get("/drivers/nearby?lat=43&lng=11&radius=5").await.expect(200);
    let refused = run(beeline(&["token", "--role", "king", "--subject", "me"])).await;
    assert_eq!(refused.status.code(), Some(2));
}

#[tokio::test]
async fn a_server_with_a_secret_of_its_own_believes_only_that() {
    let server = Server::with(&[("BEELINE_JWT_SECRET", SECRET)]).await;
    let claims = crate::support::Claims::of("customer", "c-1");
    let mut caller = server.stranger();
    caller.token = Some(crate::support::sign(&claims, SECRET, jsonwebtoken::Algorithm::HS256));
    caller.get("/orders").await.expect(200);
    caller.token = Some(crate::support::sign(&claims, &format!("{SECRET}x"), jsonwebtoken::Algorithm::HS256));
    caller.get("/orders").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn the_settings_page_is_what_the_program_says() {
    let output = run(beeline(&["print-config", "--markdown"])).await;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    assert_eq!(
        text(&output.stdout).trim(),
        std::fs::read_to_string(page).unwrap().trim(),
        "print it into docs/settings.md"
    );
}
