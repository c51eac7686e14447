//! The command line as people type it.

use super::*;
use crate::config::Identity;
use crate::config::Secret;
use crate::config::table::SETTINGS;
use crate::protocol::identity::Role;
use clap::CommandFactory;
use std::collections::BTreeMap;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_understood() {
    for line in [
        "beeline demo",
        "beeline demo --compare",
        "beeline demo --compare --drivers 60 --orders-per-minute 10 --seed 3 --duration 20m --driver-capacity 2",
        "beeline serve --config beeline.toml",
        "beeline serve --dev --listen 127.0.0.1:0 --fix-interval 0s",
        "beeline simulate --url http://x --secret-file f --drivers 5 --orders-per-minute 6 --seed 7 --duration 90s",
        "beeline simulate --url http://x --secret-file f --answer 1s --decline 0.1 --trip 60s --prep 0s --watch-share 0.02 --warm-up 45s",
        "beeline token --role driver --subject d-1",
        "beeline token --role merchant --subject m --merchant-id shop --ttl 2h --data d",
        "beeline migrate --data d",
        "beeline check-config --config f",
        "beeline print-config --markdown",
        "beeline dead-letters list --queue orders --url http://x",
        "beeline dead-letters replay --queue fixes --url http://x",
        "beeline dead-letters purge --queue fixes --url http://x",
        "beeline dead-letters replay --queue orders --url http://x --token t 0190-a 0190-b --json",
        "beeline dead-letters purge --queue orders --url http://x --secret-file f --all",
        "beeline revoke --url http://x --secret-file f --subject d-1 --reason lost",
        "beeline revoke --url http://x --token t --jti j-1",
        "beeline evaluate mdrp a b",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
    for line in [
        "beeline",
        "beeline fly",
        "beeline serve --no-such-setting 1",
        "beeline serve --jwt-secret x",
        "beeline simulate --url http://x --secret-file f --decline 1.1",
        "beeline simulate --url http://x --secret-file f --watch-share some",
        "beeline token --role ops --subject x",
        "beeline token --role driver",
        "beeline dead-letters list --queue other --url http://x",
        "beeline dead-letters list --url http://x",
        "beeline dead-letters purge --queue orders --url http://x --all 0190-a",
        "beeline revoke --url http://x --subject d-1 --jti j-1",
        "beeline revoke --subject d-1",
        "beeline evaluate mdrp",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn every_setting_but_a_secret_has_its_flag() {
    for doc in SETTINGS {
        let line = format!("beeline serve --{} 7", doc.flag_name());
        match parse(&line) {
            Ok(Command::Serve(args)) => assert_eq!(args.settings.0.get(doc.key).map(String::as_str), Some("7")),
            Ok(_) => panic!("{line}"),
            Err(_) => assert!(doc.secret, "{line}"),
        }
    }
}

#[test]
fn calls_of_a_node_without_a_target_or_a_token_end_with_two() {
    for (line, why) in [
        ("beeline dead-letters replay --queue orders --url http://x --token t", "--all"),
        ("beeline dead-letters purge --queue orders --url http://x --token t", "--all"),
        ("beeline dead-letters list --queue orders --url http://x --token t an-id", "whole queue"),
        ("beeline dead-letters list --queue orders --url localhost --token t", "--url"),
        ("beeline dead-letters list --queue orders --url http://x", "BEELINE_TOKEN"),
        ("beeline revoke --url http://x --token t", "--subject"),
        ("beeline revoke --url localhost --token t --jti j", "--url"),
        ("beeline revoke --url http://x --jti j", "BEELINE_TOKEN"),
    ] {
        let failure = dispatch(parse(line).unwrap()).unwrap_err();
        assert!(failure.to_string().contains(why), "{line}: {failure}");
        assert_eq!(format!("{:?}", failure.exit_code()), format!("{:?}", ExitCode::from(2)));
    }
}

#[test]
fn what_the_comparison_chooses_itself_cannot_be_chosen() {
    let failure = dispatch(parse("beeline demo --compare --data x --dispatch-policy nearest").unwrap()).unwrap_err();
    assert_eq!(failure.to_string().lines().count(), 2, "{failure}");
    assert!(failure.to_string().contains("--dispatch-policy demo --compare chooses this itself"), "{failure}");
}

#[test]
fn simulate_without_flags_plays_the_city_of_the_demo() {
    let Command::Simulate(args) = parse("beeline simulate --url http://x --secret-file f").unwrap() else {
        panic!("not simulate")
    };
    let usual = crate::simulate::SimulateOptions::default();
    let asked = args.city(b"secret");
    let told = |city: &crate::simulate::SimulateOptions| {
        format!("{:?}", crate::simulate::SimulateOptions { url: String::new(), secret: Vec::new(), ..city.clone() })
    };
    assert_eq!(told(&asked), told(&usual));
}

#[test]
fn check_config_tells_every_problem_on_its_own_line() {
    let Command::CheckConfig(args) =
        parse("beeline check-config --dev --listen x --stale y --jwks /nowhere/keys.json").unwrap()
    else {
        panic!("not check-config")
    };
    let failure = check_config(&args).unwrap_err();
    assert_eq!(failure.to_string().lines().count(), 2, "{failure}");
    let Command::CheckConfig(args) = parse("beeline check-config --dev --jwks /nowhere/keys.json").unwrap() else {
        panic!("not check-config")
    };
    let failure = check_config(&args).unwrap_err().to_string();
    assert!(failure.starts_with("beeline: /nowhere/keys.json cannot be read"), "{failure}");
}

#[test]
fn a_token_is_signed_with_the_secret_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    let line = format!("beeline token --role driver --subject d-1 --secret-file {}", path.display());
    let Command::Token(args) = parse(&line).unwrap() else { panic!("not token") };
    let token = token::make(&args).unwrap();
    let identity = Identity { secret: Some(Secret::parse(SECRET).unwrap()), ..Identity::default() };
    let verifier = Verifier::from_config(&identity, Metrics::new()).unwrap();
    let principal = verifier.verify(&token, crate::clock::now()).unwrap();
    assert_eq!((principal.subject.as_str(), principal.role), ("d-1", Role::Driver));
}

#[test]
fn a_token_takes_the_secret_of_the_settings_before_that_of_development() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap().to_owned();
    let find = |pairs: &[(&str, &str)]| {
        let environment: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let flags = BTreeMap::from([("data".to_owned(), data.clone())]);
        token::find_secret(&Settings::resolve(&Sources { flags, environment, ..Sources::default() }).unwrap())
    };
    assert!(find(&[]).unwrap_err().contains("--secret-file"));
    std::fs::write(folder.path().join("dev-secret"), "d".repeat(64)).unwrap();
    assert_eq!(find(&[]).unwrap().expose().len(), 64);
    assert_eq!(find(&[("BEELINE_JWT_SECRET", SECRET)]).unwrap().expose(), SECRET.as_bytes());
    assert!(find(&[("BEELINE_JWT_SECRET", "short")]).unwrap_err().starts_with("BEELINE_JWT_SECRET has 5 bytes"));
}

#[test]
fn a_demo_has_no_caps_on_sockets_but_those_somebody_chose() {
    let caps = |flags: &[(&str, &str)]| {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let args = ServerArgs { config: None, dev: true, settings: args::SettingFlags(flags) };
        let limits = load_demo(&args).unwrap().limits;
        (limits.max_sockets_per_principal, limits.max_sockets_per_address)
    };
    assert_eq!(caps(&[]), (None, None));
    assert_eq!(caps(&[("max_sockets_per_address", "7")]), (None, Some(7)));
}
