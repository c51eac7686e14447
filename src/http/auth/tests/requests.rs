//! Where a request carries its token, and where it comes from.

use super::*;
use crate::config::Secret;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::test::TestRequest;
use actix_web::web;
use std::time::Duration;

fn live_token(subject: &str) -> String {
    token_of(subject, Role::Customer)
}

fn token_of(subject: &str, role: Role) -> String {
    let signer = Signer::new(&Secret::parse(SECRET).unwrap());
    let ttl = Duration::from_secs(60);
    let grant = Grant { role, subject: subject.into(), ttl, merchant_id: None };
    signer.mint(&grant, crate::clock::now()).unwrap()
}

fn auth(origins: &[&str]) -> Auth {
    Auth { verifier: by_secret(), origins: origins.iter().map(|origin| (*origin).to_owned()).collect() }
}

fn request(headers: &[(&str, &str)]) -> HttpRequest {
    let request = TestRequest::get().uri("/ws/customer").app_data(web::Data::new(auth(&[])));
    let append = |request: TestRequest, (name, value): &(&str, &str)| request.append_header((*name, *value));
    headers.iter().fold(request, append).to_http_request()
}

const UPGRADE: (&str, &str) = ("upgrade", "websocket");

#[test]
fn the_header_names_the_caller() {
    let token = live_token("c-1");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let caller = principal_of(&request(&[("authorization", &format!("{scheme} {token}"))])).unwrap();
        assert_eq!(caller.subject, "c-1");
    }
    for (headers, code) in [
        (vec![], Code::Unauthorized),
        (vec![("authorization", "Basic YTpi".to_owned())], Code::Unauthorized),
        (vec![("authorization", token.clone())], Code::Unauthorized),
        (vec![("authorization", "Bearer ".to_owned())], Code::Unauthorized),
        (
            vec![("authorization", format!("Bearer {token}")), ("authorization", format!("Bearer {token}"))],
            Code::Malformed,
        ),
        (
            vec![("cookie", format!("token={token}; access_token={token}; Authorization=Bearer {token}"))],
            Code::Unauthorized,
        ),
        (vec![("sec-websocket-protocol", format!("beeline.v1, bearer.{token}"))], Code::Unauthorized),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(principal_of(&request(&headers)).unwrap_err().code, code);
    }
}

#[test]
fn row_9_an_upgrade_may_carry_its_token_as_one_subprotocol() {
    let (mine, yours) = (live_token("c-1"), live_token("c-2"));
    let offer =
        |text: String| [("upgrade".to_owned(), "websocket".to_owned()), ("sec-websocket-protocol".to_owned(), text)];
    let ask = |headers: Vec<(String, String)>| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        principal_of(&request(&headers))
    };
    for text in [format!("beeline.v1, bearer.{mine}"), format!("bearer.{mine},beeline.v1")] {
        assert_eq!(ask(offer(text).to_vec()).unwrap().subject, "c-1");
    }
    let second_line = ("sec-websocket-protocol".to_owned(), format!("bearer.{mine}"));
    let two_lines = [offer("beeline.v1".into()).to_vec(), vec![second_line.clone()]].concat();
    assert_eq!(ask(two_lines).unwrap().subject, "c-1");
    assert_eq!(ask(offer(format!("bearer.{mine}, bearer.{mine}")).to_vec()).unwrap_err().code, Code::Malformed);
    let across_lines = [offer(format!("bearer.{mine}")).to_vec(), vec![second_line]].concat();
    assert_eq!(ask(across_lines).unwrap_err().code, Code::Malformed);
    let header = |token: &str| vec![("authorization".to_owned(), format!("Bearer {token}"))];
    let different = [offer(format!("beeline.v1, bearer.{mine}")).to_vec(), header(&yours)].concat();
    assert_eq!(ask(different).unwrap_err().code, Code::Unauthorized);
    let promoted = header(&token_of("c-1", Role::Operator));
    let other_role = [offer(format!("beeline.v1, bearer.{mine}")).to_vec(), promoted].concat();
    assert_eq!(ask(other_role).unwrap_err().code, Code::Unauthorized);
    let same = [offer(format!("beeline.v1, bearer.{mine}")).to_vec(), header(&live_token("c-1"))].concat();
    assert_eq!(ask(same).unwrap().subject, "c-1");
    let one_bad = [offer("beeline.v1, bearer.x.y.z".into()).to_vec(), header(&mine)].concat();
    assert_eq!(ask(one_bad).unwrap_err().code, Code::Unauthorized);
}

#[test]
fn row_8_a_token_in_a_query_is_seen() {
    let token = live_token("c-1");
    for query in [
        format!("token={token}"),
        format!("access_token={token}"),
        format!("a=1&Access_Token={token}"),
        format!("%74oken={token}"),
        "token=".to_owned(),
        format!("bearer={token}"),
        format!("x={}", token.replace('.', "%2E")),
    ] {
        assert!(token_in_query(&query), "{query}");
    }
    for query in ["", "lat=43.7&lng=11.2", "cursor=eyJhIjoxfQ", "status=available&limit=5"] {
        assert!(!token_in_query(query), "{query}");
    }
}

#[test]
fn rows_9_and_10_sockets_open_from_known_origins_only() {
    let allowed = auth(&["https://shop.example"]);
    for (origin, host, ok) in [
        (None, "api.example", true),
        (Some("https://shop.example"), "api.example", true),
        (Some("https://Shop.Example"), "api.example", true),
        (Some("https://api.example"), "api.example", true),
        (Some("http://api.example"), "api.example:80", true),
        (Some("http://localhost:8080"), "localhost:8080", true),
        (Some("http://localhost:8081"), "localhost:8080", false),
        (Some("https://evil.example"), "api.example", false),
        (Some("https://shop.example.evil.example"), "api.example", false),
        (Some("https://api.example.evil.example"), "api.example", false),
        (Some("null"), "api.example", false),
        (Some("file://"), "", false),
        (Some("http://"), "", false),
        (Some(""), "", false),
    ] {
        let mut request = TestRequest::get().insert_header((header::HOST, host));
        if let Some(origin) = origin {
            request = request.insert_header((header::ORIGIN, origin));
        }
        let answer = allowed.check_origin(&request.to_http_request());
        assert_eq!(answer.err().map(|problem| problem.code), (!ok).then_some(Code::Forbidden), "{origin:?} at {host}");
    }
    let twice =
        request(&[UPGRADE, ("host", "a.example"), ("origin", "https://a.example"), ("origin", "https://a.example")]);
    assert_eq!(allowed.check_origin(&twice).unwrap_err().code, Code::Forbidden);
}

#[test]
fn a_rebound_name_is_not_loopback() {
    for (host, loopback) in [
        ("127.0.0.1:8080", true),
        ("localhost", true),
        ("LOCALHOST:1", true),
        ("[::1]:8080", true),
        ("[::1]", true),
        ("evil.example:8080", false),
        ("127.0.0.1.evil.example", false),
        ("192.0.2.7", false),
        ("", false),
    ] {
        assert_eq!(is_loopback_host(&request(&[("host", host)])), loopback, "{host}");
    }
}
