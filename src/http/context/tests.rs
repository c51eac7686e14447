//! What every answer carries, seen through a small application.

use super::*;
use crate::config::Config;
use crate::config::Sources;
use crate::http::auth::Auth;
use crate::http::auth::Verifier;
use crate::http::auth::principal_of;
use crate::http::json::JsonBody;
use crate::http::problem;
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Answer {
    status: StatusCode,
    headers: header::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn ask(request: test::TestRequest) -> Answer {
    ask_with(Metrics::new(), request).await
}

async fn ask_with(metrics: Metrics, request: test::TestRequest) -> Answer {
    let environment = BTreeMap::from([("BEELINE_JWT_SECRET".to_owned(), SECRET.to_owned())]);
    let config = Config::load(&Sources { environment, ..Sources::default() }, false).unwrap();
    let verifier = Verifier::from_config(&config.identity, metrics.clone()).unwrap();
    let echo = |body: JsonBody<Value>| async move { web::Json(body.0) };
    let things = web::resource("/things/{id}")
        .route(web::get().to(|id: web::Path<u32>| async move { id.to_string() }))
        .default_service(problem::method_not_allowed("GET"));
    let app = App::new()
        .app_data(web::Data::new(metrics))
        .app_data(web::Data::new(Auth { verifier, origins: Vec::new() }))
        .app_data(problem::path_config())
        .app_data(problem::query_config())
        .service(things)
        .route("/echo", web::post().to(echo))
        .route(
            "/me",
            web::get().to(|request: HttpRequest| async move { principal_of(&request).map(|who| who.subject) }),
        )
        .route(
            "/count",
            web::get().to(|query: web::Query<BTreeMap<String, u32>>| async move { query.len().to_string() }),
        )
        .route("/busy", web::get().to(|| async { Problem::new(Code::Busy).retry_after(3) }))
        .route("/bare", web::get().to(|| async { HttpResponse::InternalServerError().body("secret back trace") }))
        .route("/own", web::get().to(|| async { HttpResponse::ServiceUnavailable().json(["degraded"]) }))
        .default_service(web::to(problem::no_such_route))
        .wrap(from_fn(around::<BoxBody>));
    let app = test::init_service(app).await;
    let response = test::call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
    Answer { status, headers, body }
}

fn get(uri: &str) -> test::TestRequest {
    test::TestRequest::get().uri(uri)
}

#[actix_web::test]
async fn every_refusal_is_a_problem_with_the_request_id() {
    let post = |body: &str| test::TestRequest::post().uri("/echo").set_payload(body.to_owned());
    for (request, status, code) in [
        (get("/nowhere"), 404, "not_found"),
        (get("/things/x"), 404, "not_found"),
        (test::TestRequest::delete().uri("/things/1"), 405, "method_not_allowed"),
        (get("/echo"), 405, "method_not_allowed"),
        (get("/count?a=b"), 400, "malformed"),
        (get("/me"), 401, "unauthorized"),
        (get("/busy"), 503, "busy"),
        (get("/bare"), 500, "internal"),
        (get("/me?access_token=x"), 400, "malformed"),
        (get("/nowhere?token="), 400, "malformed"),
        (post("{"), 400, "malformed"),
        (post(&"[".repeat(9)), 400, "malformed"),
        (post(&format!("\"{}\"", "x".repeat(crate::limits::BODY_MAX_BYTES))), 413, "too_large"),
        (post("{}").insert_header(("content-type", "text/plain")), 415, "unsupported_media_type"),
    ] {
        let answer = ask(request.insert_header(("x-request-id", "r-7"))).await;
        let body = answer.json();
        assert_eq!(answer.status.as_u16(), status, "{body}");
        assert_eq!(
            (&body["code"], &body["status"], &body["request_id"]),
            (&code.into(), &status.into(), &"r-7".into())
        );
        assert!(body["type"].is_string() && body["title"].is_string() && body["detail"].is_string(), "{body}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        assert_eq!(answer.header("x-request-id"), Some("r-7"));
        assert!(!answer.body.contains("back trace"));
    }
}

#[actix_web::test]
async fn refusals_keep_the_headers_that_belong_to_them() {
    assert_eq!(ask(get("/me")).await.header("www-authenticate"), Some("Bearer realm=\"beeline\""));
    assert_eq!(ask(get("/busy")).await.header("retry-after"), Some("3"));
    assert_eq!(ask(test::TestRequest::put().uri("/things/1")).await.header("allow"), Some("GET"));
}

#[actix_web::test]
async fn a_body_of_the_handlers_own_is_left_alone() {
    let answer = ask(get("/own")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (503, "[\"degraded\"]"));
    let fine = ask(get("/things/7")).await;
    assert_eq!((fine.status.as_u16(), fine.body.as_str()), (200, "7"));
    assert!(fine.header("x-request-id").is_some());
}

#[actix_web::test]
async fn only_a_sane_request_id_is_taken_over() {
    let long = "x".repeat(65);
    for bad in ["", "a b", "x\"y", "<script>", &long] {
        let answer = ask(get("/things/1").insert_header(("x-request-id", bad))).await;
        let made = answer.header("x-request-id").unwrap();
        assert_eq!(uuid::Uuid::parse_str(made).unwrap().get_version_num(), 7, "{bad}");
    }
}

#[actix_web::test]
async fn requests_are_counted_by_route_pattern() {
    let metrics = Metrics::new();
    ask_with(metrics.clone(), get("/things/12345")).await;
    ask_with(metrics.clone(), get("/nowhere/67890")).await;
    let text = metrics.encode();
    assert!(
        text.contains("beeline_http_requests_total{route=\"/things/{id}\",method=\"GET\",status=\"2xx\"} 1"),
        "{text}"
    );
    assert!(text.contains("route=\"unmatched\""), "{text}");
    assert!(!text.contains("12345") && !text.contains("67890"), "{text}");
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn one_log_line_tells_the_request_without_token_path_or_query() {
    let captured = Captured::default();
    let writer = captured.clone();
    let logs = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::TRACE);
    let guard = tracing::subscriber::set_default(logs.with_writer(move || writer.clone()).finish());
    // Another test's thread may have been the first to reach the log line, and then it is switched off for all.
    ask(get("/me")).await;
    tracing::callsite::rebuild_interest_cache();
    let signer = crate::http::auth::Signer::new(&crate::config::Secret::parse(SECRET).unwrap());
    let ttl = Duration::from_secs(60);
    let grant = crate::http::auth::Grant { role: Role::Driver, subject: "d-secretive".into(), ttl, merchant_id: None };
    let token = signer.mint(&grant, clock::now()).unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = get("/me?lat=43.7696&lng=11.2558")
        .insert_header(("authorization", format!("Bearer {token}")))
        .insert_header(("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")))
        .insert_header(("x-request-id", "r-8"));
    assert_eq!(ask(request).await.body, "d-secretive");
    ask(get(&format!("/me?token={token}"))).await;
    drop(guard);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["request_id"] == "r-8").unwrap();
    assert_eq!((&line["method"], &line["route"], &line["status"]), (&"GET".into(), &"/me".into(), &200.into()));
    assert_eq!((&line["trace_id"], &line["role"], &line["level"]), (&trace.into(), &"driver".into(), &"INFO".into()));
    assert!(line["duration_ms"].as_f64().is_some());
    let middle = token.split('.').nth(1).unwrap();
    for secret in [token.as_str(), middle, "43.7696", "d-secretive", SECRET] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[::core::prelude::v1::test]
fn a_trace_id_is_taken_from_a_valid_traceparent_only() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let with = |version: &str, trace: &str, parent: &str, rest: &str| format!("{version}-{trace}-{parent}-{rest}");
    let parent = "00f067aa0ba902b7";
    for (text, valid) in [
        (with("00", trace, parent, "01"), true),
        (with("01", trace, parent, "01-more"), true),
        (with("00", trace, parent, "01-more"), false),
        (with("ff", trace, parent, "01"), false),
        (with("00", &"0".repeat(32), parent, "01"), false),
        (with("00", trace, &"0".repeat(16), "01"), false),
        (with("00", &trace.to_uppercase(), parent, "01"), false),
        (with("00", &trace[1..], parent, "01"), false),
        (with("0", trace, parent, "01"), false),
        (String::new(), false),
    ] {
        assert_eq!(parse_traceparent(&text), valid.then_some(trace), "{text}");
    }
}
