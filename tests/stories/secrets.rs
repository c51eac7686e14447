//! Secrets stay where they are: no token and no key is ever in a log line, a metric or an answer, however it was sent and
//! however much is logged.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Claims;
use crate::support::Driver;
use crate::support::PATIENCE;
use crate::support::Pki;
use crate::support::Server;
use crate::support::Socket;
use crate::support::UNLIMITED;
use crate::support::beeline;
use crate::support::order_body;
use crate::support::sign;
use crate::support::until;
use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

const SECRET: &str = "mDq1-the-secret-of-the-whole-deployment-7hXw";
const ISSUER_SECRET: &str = "p4Zt-the-secret-of-one-issuer-alone-Kc92vB";
const TRACE: (&str, &str) = ("BEELINE_LOG", "trace");

/// Texts that must not be found, and all texts in which they are looked for.
#[derive(Default)]
struct Search {
    secrets: Vec<String>,
    texts: Vec<(String, String)>,
}

impl Search {
    /// A token is as bad in part: what it says is in the middle, what it is worth at the end.
    fn token(&mut self, token: &str) {
        self.secrets.push(token.to_owned());
        let parts = token.split('.').skip(1).filter(|part| part.len() > 20);
        self.secrets.extend(parts.map(ToOwned::to_owned));
    }

    fn text(&mut self, place: &str, text: impl Into<String>) {
        self.texts.push((place.to_owned(), text.into()));
    }

    #[track_caller]
    fn nothing(&self) {
        for (place, text) in &self.texts {
            for secret in &self.secrets {
                let found = text.find(secret.as_str());
                let around = found.map(|at| &text[at.saturating_sub(160)..at]);
                assert!(found.is_none(), "{secret} in {place}, after {around:?}");
            }
        }
    }
}

/// Tokens good and bad in all the ways a token can be.
fn tokens(server: &Server) -> Vec<String> {
    let good = Claims::of("customer", "c-1");
    let other = "another secret, of another deployment altogether";
    vec![
        server.token(&good),
        server.token(&Claims::of("customer", "c-1").expiring_in(-300)),
        server.token(&good.clone().with("aud", "elsewhere")),
        server.token(&good.clone().with("role", "emperor")),
        server.token(&good.clone().with("nbf", 4_102_444_800_i64)),
        sign(&good, other, Algorithm::HS256),
        sign(&good, &server.secret, Algorithm::HS384),
        format!("{}.tampered", server.token(&good)),
    ]
}

/// Shows a token in every way a caller could over HTTP.
async fn show_by_calls(server: &Server, token: &str, search: &mut Search) {
    let stranger = server.stranger();
    let mut bearer = stranger.clone();
    bearer.token = Some(token.to_owned());
    let get = |caller: &Caller, path: &str| caller.request(Method::GET, path);
    let orders = "/api/v1/orders";
    let requests = [
        get(&bearer, orders),
        get(&bearer, &format!("/api/v1/orders/{token}")),
        get(&bearer, &format!("/{token}")),
        get(&stranger, &format!("{orders}?token={token}")),
        get(&stranger, &format!("{orders}?access_token={token}")),
        get(&stranger, &format!("{orders}?status={token}&limit={token}")),
        get(&bearer, &format!("{orders}?cursor={token}")),
        get(&stranger, orders).header("Authorization", format!("Basic {token}")),
        get(&stranger, orders).header("Authorization", token),
        get(&stranger, orders).header("Cookie", format!("token={token}")),
        get(&stranger, orders).header("X-Request-Id", token).header("traceparent", token),
        get(&bearer, orders).header("Origin", token),
        get(&bearer, "/ws/customer"),
        bearer.request(Method::POST, orders).json(&json!({ "token": token, "kind": token })),
        bearer.request(Method::POST, orders).header("Idempotency-Key", token).body(token.to_owned()),
        bearer.request(Method::POST, orders).header("Content-Type", token).body("{}"),
        bearer.request(Method::POST, orders).json(&order_body(CENTRE, CENTRE.north(500.0))),
        bearer
            .request(Method::OPTIONS, orders)
            .header("Origin", "https://evil.example")
            .header("Access-Control-Request-Method", token),
    ];
    for request in requests {
        let reply = stranger.send(request).await;
        search.text("an answer", format!("{:?} {}", reply.headers, reply.text));
    }
}

/// Shows a token in every way a caller could as a socket opens.
async fn show_by_upgrades(server: &Server, token: &str, search: &mut Search) {
    for (path, headers) in [
        ("/ws/customer".to_owned(), vec![("Authorization", format!("Bearer {token}"))]),
        ("/ws/customer".to_owned(), vec![("Sec-WebSocket-Protocol", format!("beeline.v1, bearer.{token}"))]),
        ("/ws/customer".to_owned(), vec![("Sec-WebSocket-Protocol", format!("bearer.{token}, bearer.{token}"))]),
        ("/ws/driver".to_owned(), vec![("Authorization", format!("Bearer {token}"))]),
        (format!("/ws/customer?token={token}"), vec![]),
        (format!("/ws/customer?access_token={token}"), vec![("Cookie", format!("token={token}"))]),
    ] {
        let mut request = Socket::request(&server.base, &path);
        let offers = headers.iter().any(|(name, text)| name.starts_with("Sec") && text.contains("beeline.v1"));
        for (name, text) in headers {
            request.headers_mut().insert(name, text.parse().unwrap());
        }
        let opened = server.stranger().open_request(request).await;
        search.text(
            "an upgrade",
            match opened {
                Ok(socket) => {
                    assert!(!offers || socket.upgrade.headers()["sec-websocket-protocol"] == "beeline.v1");
                    format!("{:?}", socket.upgrade.headers())
                }
                Err(refused) => refused.body.to_string(),
            },
        );
    }
}

/// Shows a token in every way a client could on a socket that is open.
async fn show_in_band(server: &Server, token: &str, search: &mut Search) {
    let mut socket = server.caller("customer", "c-1").socket("/ws/customer").await;
    for frame in [
        json!({ "type": "auth", "token": token, "id": 1 }),
        json!({ "type": "subscribe", "order_id": token, "id": 2 }),
        json!({ "type": token, "id": 3 }),
        json!({ "type": "auth", "token": { "token": token }, "id": 4 }),
    ] {
        let id = frame["id"].clone();
        socket.send(frame).await;
        socket.wait("an answer", |answer| answer["id"] == id).await;
    }
    socket.send_text(format!("{{\"type\":\"auth\",\"token\":\"{token}")).await;
    socket.wait("an answer", |answer| answer["type"] == "error" && answer["id"].is_null()).await;
    search.text("a socket", format!("{:?}", socket.all));
}

/// Shows every token everywhere, and looks for it everywhere.
async fn show_all(mut server: Server, own: &[&str]) {
    let mut search = Search { secrets: own.iter().map(|text| (*text).to_owned()).collect(), ..Search::default() };
    for token in tokens(&server) {
        search.token(&token);
        show_by_calls(&server, &token, &mut search).await;
        show_by_upgrades(&server, &token, &mut search).await;
        show_in_band(&server, &token, &mut search).await;
    }
    let page = server.stranger();
    for path in ["/metrics", "/readyz", "/", "/openapi.json"] {
        let reply = page.send(page.request(Method::GET, path)).await.expect(200);
        search.text(path, reply.text);
    }
    server.terminate().await;
    assert_eq!(server.exit().await.code(), Some(0));
    let log = server.log_text();
    assert!(log.contains("\"level\":\"DEBUG\"") && log.lines().count() > 200, "it is all logged: {log}");
    search.text("the log", log);
    search.nothing();
}

#[tokio::test]
async fn tokens_and_the_secret_in_the_environment_are_never_shown() {
    let server = Server::run(&["serve"], &[TRACE, ("BEELINE_JWT_SECRET", SECRET), ("BEELINE_DRAIN", "0s")]).await;
    show_all(server, &[SECRET]).await;
}

#[tokio::test]
async fn tokens_and_secrets_in_files_are_never_shown_over_tls_either() {
    let (folder, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let (secret, issuers) = (folder.path().join("secret"), folder.path().join("issuers.toml"));
    std::fs::write(&secret, SECRET).unwrap();
    let issuer = format!("[[issuers]]\nissuer = \"app\"\nroles = [\"driver\"]\nsecret = \"{ISSUER_SECRET}\"\n");
    std::fs::write(&issuers, issuer).unwrap();
    let settings = [
        TRACE,
        ("BEELINE_JWT_SECRET_FILE", secret.to_str().unwrap()),
        ("BEELINE_ISSUERS", issuers.to_str().unwrap()),
        ("BEELINE_DRAIN", "0s"),
    ];
    let server = Server::over_tls(&pki, &settings).await;
    let usurper = sign(&Claims::of("admin", "d-1").with("iss", "app"), ISSUER_SECRET, Algorithm::HS256);
    let mut caller = server.stranger();
    caller.token = Some(usurper.clone());
    caller.get("/orders").await.problem(403, "forbidden");
    let key = std::fs::read_to_string(&pki.settings()[1].1).unwrap();
    let signature = usurper.rsplit('.').next().unwrap().to_owned();
    show_all(server, &[SECRET, ISSUER_SECRET, &signature, key.lines().nth(1).unwrap()]).await;
}

#[tokio::test]
async fn the_demo_shows_no_token_of_its_people_even_at_trace_level() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = beeline(&["demo", "--drivers", "3", "--orders-per-minute", "60", "--duration", "4s"]);
    command.env("BEELINE_LISTEN", "127.0.0.1:0").env("BEELINE_DATA", folder.path()).env(TRACE.0, TRACE.1);
    let output = tokio::time::timeout(PATIENCE * 2, command.output()).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("/ws/driver"), "{said}");
    // All of our tokens begin like this.
    let found = said.find("eyJ").map(|at| &said[at.saturating_sub(300)..at]);
    assert_eq!(found, None, "a token in the log");
    let secret = std::fs::read_to_string(folder.path().join("dev-secret")).unwrap();
    assert!(!said.contains(secret.trim()));
}

async fn said_by(mut command: Command) -> String {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[tokio::test]
async fn commands_that_speak_of_settings_show_no_secret_right_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let short = "hunter2-hunter2-hunter2";
    let issuer = |secret: &str| format!("[[issuers]]\nissuer = \"app\"\nroles = [\"driver\"]\nsecret = \"{secret}\"\n");
    let inline = format!(r#"[{{"issuer":"app","roles":["driver"],"secret":"{ISSUER_SECRET}"}}]"#);
    let settings = [
        ("BEELINE_JWT_SECRET", SECRET.to_owned()),
        ("BEELINE_JWT_SECRET", short.to_owned()),
        // The secret where the name of its file should stand.
        ("BEELINE_JWT_SECRET_FILE", SECRET.to_owned()),
        ("BEELINE_JWT_SECRET_FILE", file("secret", SECRET)),
        ("BEELINE_JWT_SECRET_FILE", file("short", short)),
        ("BEELINE_ISSUERS", inline.clone()),
        ("BEELINE_ISSUERS", inline.replace("secret\"", "secret_file\"")),
        ("BEELINE_ISSUERS", inline.replace("\"driver\"", &format!("\"{ISSUER_SECRET}\""))),
        ("BEELINE_ISSUERS", inline.replace("\"app\"", "7")),
        ("BEELINE_ISSUERS", inline.replace("}]", "")),
        ("BEELINE_ISSUERS", file("good.toml", &issuer(ISSUER_SECRET))),
        ("BEELINE_ISSUERS", file("short.toml", &issuer(short))),
        ("BEELINE_ISSUERS", file("broken.toml", &issuer(ISSUER_SECRET).replace("\"\n", "\n"))),
        ("BEELINE_ISSUERS", file("role.toml", &issuer("x").replace("driver", ISSUER_SECRET))),
        ("BEELINE_ISSUERS", file("kind.toml", &issuer("x").replace("[\"driver\"]", &format!("\"{ISSUER_SECRET}\"")))),
    ];
    let config = |text: String| file("beeline.toml", &text);
    let files = [
        config(format!("jwt_secret = \"{SECRET}\"\n")),
        file("unquoted.toml", &format!("jwt_secret = {SECRET}\n")),
        file("unended.toml", &format!("jwt_secret = \"{SECRET}\n")),
        file("listed.toml", &format!("jwt_secret = {{ of = \"{SECRET}\" }}\n")),
        file("misnamed.toml", &format!("jwt_secrte = \"{SECRET}\"\n")),
    ];
    let secrets = [SECRET, ISSUER_SECRET, short].map(ToOwned::to_owned).to_vec();
    let mut search = Search { secrets, ..Search::default() };
    for command in ["check-config", "print-config"] {
        for (name, value) in &settings {
            let mut asked = beeline(&[command]);
            asked.env(name, value);
            search.text(&format!("{command} with {name}"), said_by(asked).await);
        }
        for path in &files {
            search.text(&format!("{command} with {path}"), said_by(beeline(&[command, "--config", path])).await);
        }
        let flag = format!("--jwt-secret={SECRET}");
        search.text(&format!("{command} with a flag"), said_by(beeline(&[command, &flag])).await);
    }
    search.nothing();
}

#[tokio::test]
async fn no_position_is_logged_at_the_usual_level() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = server.caller("customer", "c-1");
    let placed = customer.post("/orders", order_body(CENTRE.north(40.0), CENTRE.north(900.0))).await.expect(201);
    let order_id = placed.body["order_id"].as_str().unwrap();
    driver.take(order_id).await;
    driver.arrive(CENTRE.north(20.0)).await;
    let fix = driver.fix(CENTRE.north(30.0));
    let reported = driver.caller.post("/drivers/d-1/location", fix).await;
    assert_eq!(reported.status, 202, "{}", reported.text);
    let near = format!("/drivers/nearby?lat={}&lng={}&radius=500", CENTRE.latitude, CENTRE.longitude);
    server.operator().get(&near).await.expect(200);
    server.operator().post(&format!("/orders/{order_id}/cancel"), json!({})).await.expect(200);
    let log = until("the last request in the log", || async {
        Some(server.log_text()).filter(|log| log.contains("/cancel"))
    })
    .await;
    // To a hundred metres: all that happened did so within one of them, and none of it may be in the log.
    let [latitude, longitude] = [CENTRE.latitude, CENTRE.longitude].map(|degrees| format!("{degrees:.3}"));
    for line in log.lines() {
        let mut entry: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in ["timestamp", "duration_ms"] {
            entry[name].take();
        }
        let text = entry.to_string();
        assert!(!text.contains(&latitude) && !text.contains(&longitude), "{line}");
    }
}
