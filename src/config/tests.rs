//! Precedence, refusals and what people are told.

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn environment(pairs: &[(&str, &str)]) -> Sources {
    Sources { environment: map(pairs), ..Sources::default() }
}

fn reasons(sources: &Sources, dev: bool) -> String {
    let problems = Config::load(sources, dev).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = Config::load(&Sources::default(), true).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, Path::new("./beeline-data"));
    assert_eq!(config.tracking.fix_interval_ms, 3_000);
    assert_eq!(config.tracking.fix_burst, 5);
    assert_eq!(config.tracking.push_interval_ms, 1_000);
    assert_eq!(config.tracking.stale_ms, Some(30_000));
    assert_eq!(config.tracking.gone_ms, Some(300_000));
    assert_eq!(config.tracking.driver_lost_ms, Some(60_000));
    assert_eq!(config.dispatch.offer_timeout_ms, Some(20_000));
    assert_eq!(config.dispatch.driver_capacity, 1);
    assert_eq!((config.dispatch.stalled_ms, config.dispatch.tries_max), (Some(300_000), Some(10)));
    assert!((config.dispatch.match_radius_m - 5_000.0).abs() < f64::EPSILON);
    assert_eq!(config.limits.rate_browse.map(|rate| rate.count), Some(1_000));
    assert_eq!(config.limits.memory_high, None);
    let caps = (config.limits.max_sockets_per_principal, config.limits.max_sockets_per_address);
    assert_eq!(caps, (Some(5), Some(200)));
    assert_eq!(config.drain, Duration::from_secs(10));
    assert!(config.node.starts_with("node-"));
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beeline.toml");
    fs::write(&path, "fix_interval = \"7s\"\nfix_burst = 7\nstale = \"7s\"\n").unwrap();
    let sources = Sources {
        flags: map(&[("fix_interval", "9s")]),
        environment: map(&[("BEELINE_FIX_INTERVAL", "8s"), ("BEELINE_FIX_BURST", "8")]),
        file: Some(path),
        ..Sources::default()
    };
    let tracking = Config::load(&sources, true).unwrap().tracking;
    assert_eq!((tracking.fix_interval_ms, tracking.fix_burst), (9_000, 8));
    assert_eq!((tracking.stale_ms, tracking.push_interval_ms), (Some(7_000), 1_000));
    let shown = print::as_text(&Settings::resolve(&sources).unwrap());
    for line in [
        "BEELINE_FIX_INTERVAL = 9s  [flag]",
        "BEELINE_FIX_BURST = 8  [environment]",
        "BEELINE_STALE = 7s  [file]",
        "BEELINE_GONE = 5m  [default]",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
}

#[test]
fn a_command_may_have_defaults_of_its_own_which_anything_beats() {
    let defaults = [("fix_burst", "9"), ("stale", "9s")].into();
    let sources = Sources { defaults, ..environment(&[("BEELINE_STALE", "8s")]) };
    let tracking = Config::load(&sources, true).unwrap().tracking;
    assert_eq!((tracking.fix_burst, tracking.stale_ms), (9, Some(8_000)));
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let config = Config::load(&environment(&[("BEELINE_REDIS", ""), ("BEELINE_FIX_BURST", " ")]), true).unwrap();
    assert_eq!(config.tracking.fix_burst, 5);
}

#[test]
fn zero_switches_limits_off() {
    let zero = environment(&[
        ("BEELINE_STALE", "0"),
        ("BEELINE_GONE", "0s"),
        ("BEELINE_OFFER_TIMEOUT", "0s"),
        ("BEELINE_RATE_BROWSE", "0"),
        ("BEELINE_MAX_SOCKETS_PER_ADDRESS", "0"),
        ("BEELINE_FIX_INTERVAL", "0"),
    ]);
    let config = Config::load(&zero, true).unwrap();
    assert_eq!((config.tracking.stale_ms, config.tracking.gone_ms), (None, None));
    assert_eq!((config.dispatch.offer_timeout_ms, config.tracking.fix_interval_ms), (None, 0));
    assert!(config.limits.rate_browse.is_none() && config.limits.max_sockets_per_address.is_none());
}

#[test]
fn everything_wrong_is_told_at_once_and_by_name() {
    let told = reasons(
        &environment(&[
            ("BEELINE_LISTEN", "here"),
            ("BEELINE_STALE", "soon"),
            ("BEELINE_RATE_ORDERS", "100"),
            ("BEELINE_CELL_RESOLUTION", "3"),
            ("BEELINE_JWT_SECRET", "hunter2"),
            ("BEELINE_ACK", "maybe"),
            ("BEELINE_LOG", "=="),
            ("BEELINE_TILES_URL", "tiles"),
        ]),
        false,
    );
    for name in ["LISTEN", "STALE", "RATE_ORDERS", "CELL_RESOLUTION", "JWT_SECRET", "ACK", "LOG", "TILES_URL"] {
        assert!(told.contains(&format!("BEELINE_{name} ")), "{name} in {told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn what_is_not_built_is_refused_and_says_so() {
    for (name, value) in [
        ("BEELINE_REDIS", "redis://localhost"),
        ("BEELINE_STORE", "postgres://localhost/beeline"),
        ("BEELINE_JWKS", "https://id.example/keys"),
    ] {
        let told = reasons(&environment(&[(name, value), ("BEELINE_JWT_SECRET", SECRET)]), false);
        assert!(told.starts_with(name) && told.contains("not available yet"), "{told}");
    }
}

#[test]
fn tls_needs_both_files() {
    let (cert, key) = (("BEELINE_TLS_CERT", "cert.pem"), ("BEELINE_TLS_KEY", "key.pem"));
    for (given, missing) in [(cert, key), (key, cert)] {
        let told = reasons(&environment(&[given]), true);
        assert!(told.starts_with(missing.0) && told.contains("needs both"), "{told}");
    }
    let config = Config::load(&environment(&[cert, key]), true).unwrap();
    assert_eq!(config.tls, Some(TlsFiles { certificate: cert.1.into(), key: key.1.into() }));
    assert_eq!(Config::load(&environment(&[]), true).unwrap().tls, None);
}

#[test]
fn serve_refuses_to_start_without_an_identity() {
    assert!(reasons(&Sources::default(), false).contains("--dev"));
    let with_secret = Config::load(&environment(&[("BEELINE_JWT_SECRET", SECRET)]), false).unwrap();
    assert_eq!(with_secret.identity.secret.unwrap().expose(), SECRET.as_bytes());
}

#[test]
fn a_development_server_has_a_secret_of_its_own_unless_one_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let mut config = Config::load(&environment(&[("BEELINE_DATA", data)]), true).unwrap();
    assert!(config.identity.is_empty() && !Path::new(data).exists());
    config.ensure_dev_secret().unwrap();
    assert_eq!(config.identity.secret, Some(Secret::read(&secret::dev_secret_path(Path::new(data))).unwrap()));
    let mut own = Config::load(&environment(&[("BEELINE_DATA", data), ("BEELINE_JWT_SECRET", SECRET)]), true).unwrap();
    own.ensure_dev_secret().unwrap();
    assert_eq!(own.identity.secret.unwrap().expose(), SECRET.as_bytes());
}

#[test]
fn dev_listens_on_loopback_only() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:80"] {
        let told = reasons(&environment(&[("BEELINE_LISTEN", address)]), true);
        assert!(told.contains("loopback"), "{told}");
        let open = environment(&[("BEELINE_LISTEN", address), ("BEELINE_JWT_SECRET", SECRET)]);
        assert!(Config::load(&open, false).is_ok());
    }
    assert!(Config::load(&environment(&[("BEELINE_LISTEN", "[::1]:0")]), true).is_ok());
}

#[test]
fn the_secret_comes_from_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    let path = path.to_str().unwrap();
    let config = Config::load(&environment(&[("BEELINE_JWT_SECRET_FILE", path)]), false).unwrap();
    assert_eq!(config.identity.secret.unwrap().expose(), SECRET.as_bytes());
    let both = environment(&[("BEELINE_JWT_SECRET_FILE", path), ("BEELINE_JWT_SECRET", SECRET)]);
    assert!(reasons(&both, false).contains("one of them"));
}

#[test]
fn an_unknown_key_is_a_problem_in_the_file_and_a_warning_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beeline.toml");
    fs::write(&path, "fix_intervall = \"3s\"\nstale = true\nburst = 1\n").unwrap();
    let told = reasons(&Sources { file: Some(path), ..Sources::default() }, true);
    assert!(
        told.contains("did you mean fix_interval?") && told.contains("\"stale\"") && told.contains("\"burst\""),
        "{told}"
    );
    let config = Config::load(&environment(&[("BEELINE_FIX_INTERVALL", "3s"), ("HOME", "/")]), true).unwrap();
    assert_eq!(config.warnings, ["BEELINE_FIX_INTERVALL is no setting and is ignored"]);
}

#[test]
fn a_file_may_hold_lists_and_issuers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beeline.toml");
    let text = format!(
        "origins = [\"https://a.example\", \"https://b.example\"]\n\
         [[issuers]]\nissuer = \"app\"\nroles = [\"driver\", \"customer\"]\nsecret = \"{SECRET}\"\n"
    );
    fs::write(&path, text).unwrap();
    let sources = Sources { file: Some(path), ..Sources::default() };
    let config = Config::load(&sources, false).unwrap();
    assert_eq!(config.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.identity.issuers[0].roles.len(), 2);
    let shown = print::as_text(&Settings::resolve(&sources).unwrap());
    assert!(!shown.contains(SECRET) && shown.contains("BEELINE_ISSUERS = (given inline, not shown)"), "{shown}");
}

#[test]
fn a_broken_file_is_told_by_line_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beeline.toml");
    fs::write(&path, "stale = \"1s\"\njwt_secret = \"hunter2\n").unwrap();
    let told = reasons(&Sources { file: Some(path), ..Sources::default() }, true);
    assert!(told.contains("line 2") && !told.contains("hunter2"), "{told}");
    let missing = Sources { file: Some(folder.path().join("none.toml")), ..Sources::default() };
    assert!(reasons(&missing, true).contains("cannot be read"));
}

#[test]
fn nothing_secret_is_shown() {
    let sources = environment(&[("BEELINE_JWT_SECRET", SECRET)]);
    let shown = print::as_text(&Settings::resolve(&sources).unwrap());
    assert!(!shown.contains(SECRET) && shown.contains("BEELINE_JWT_SECRET = (set, not shown)"), "{shown}");
    let config = Config::load(&sources, false).unwrap();
    assert!(!format!("{config:?}").contains(SECRET));
}

#[test]
fn the_table_says_what_has_no_effect_yet() {
    let shown = print::as_text(&Settings::resolve(&Sources::default()).unwrap());
    for (name, note) in [
        ("BEELINE_REDIS_MODE", "(no effect yet)"),
        ("BEELINE_REDIS", "(not available yet: refused at start)"),
        ("BEELINE_JWKS", "(a URL is not available yet: use a file)"),
    ] {
        let said = shown.split(&format!("{name} = ")).nth(1).and_then(|rest| rest.lines().nth(1)).unwrap();
        assert!(said.ends_with(note), "{said}");
    }
}

#[test]
fn the_settings_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(page, print::as_markdown(), "run: beeline print-config --markdown > docs/settings.md");
}
