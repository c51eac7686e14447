//! Tokens that must be believed and tokens that must not, by the rows of the hostile list that are about identity.

use super::*;
use crate::config::Config;
use crate::config::ConfigProblem;
use crate::config::Identity;
use crate::config::Secret;
use crate::config::Sources;
use crate::domain::time::Millis;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::telemetry::Metrics;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::test::TestRequest;
use actix_web::web;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Millis = Millis(1_800_000_000_000);
const NOW_S: i64 = 1_800_000_000;

/// Keys of an identity provider, made for this run.
struct Provider {
    rsa: rsa::KeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    folder: tempfile::TempDir,
}

fn provider() -> &'static Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        Provider { rsa, ec, ed, folder: tempfile::tempdir().unwrap() }
    })
}

impl Provider {
    fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let modulus = self.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])},
            {"kty": "OKP", "kid": "d", "crv": "Ed25519", "alg": "EdDSA", "x": b64(self.ed.public_key().as_ref())},
            {"kty": "RSA", "kid": "r-enc", "use": "enc", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "RSA", "kid": "r-512", "alg": "RS512", "n": b64(&modulus), "e": "AQAB"},
            {"kty": "EC", "kid": "e-384", "crv": "P-384", "x": "AA", "y": "AA"},
        ]})
    }

    fn jwks_file(&self) -> PathBuf {
        self.file("jwks.json", &self.jwks())
    }

    fn file(&self, name: &str, content: &Value) -> PathBuf {
        // Tests run side by side: each write is whole before the name is there.
        let path = self.folder.path().join(name);
        let fresh = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        std::fs::write(fresh.path(), content.to_string()).unwrap();
        fresh.persist(&path).unwrap();
        path
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        match alg {
            "RS256" => {
                let mut bytes = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut bytes).unwrap();
                bytes
            }
            "ES256" => self.ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            _ => self.ed.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let alg = head["alg"].as_str().unwrap();
        assemble(head, claims, |message| self.sign(alg, message))
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

fn assemble(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(head.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", b64(&signature))
}

fn claims() -> Value {
    json!({"sub": "c-1", "role": "customer", "aud": "beeline", "exp": NOW_S + 600})
}

/// The usual claims with one changed, or removed where the value is null.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name)
    } else {
        map.insert(name.to_owned(), value)
    };
    claims
}

fn shared(head: &Value, claims: &Value) -> String {
    assemble(head, claims, |message| hs256(SECRET.as_bytes(), message))
}

fn with_claims(claims: &Value) -> String {
    shared(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn identity(environment: &[(&str, &str)]) -> Identity {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() }, true).unwrap().identity
}

fn verifier(environment: &[(&str, &str)]) -> Verifier {
    Verifier::from_config(&identity(environment), Metrics::new()).unwrap()
}

fn by_secret() -> Verifier {
    verifier(&[("BEELINE_JWT_SECRET", SECRET)])
}

fn by_jwks() -> Verifier {
    verifier(&[("BEELINE_JWKS", provider().jwks_file().to_str().unwrap())])
}

fn refusal(verifier: &Verifier, token: &str) -> Problem {
    verifier.verify(token, NOW).unwrap_err()
}

fn assert_unauthorized(verifier: &Verifier, token: &str, what: &str) {
    assert_eq!(refusal(verifier, token), Problem::new(Code::Unauthorized), "{what}");
}

#[test]
fn a_good_token_names_its_principal() {
    let mut claims = claims();
    claims["role"] = "merchant".into();
    claims["jti"] = "j-1".into();
    claims["tier"] = "gold".into();
    claims["merchant_id"] = "shop-9".into();
    let principal = by_secret().verify(&with_claims(&claims), NOW).unwrap();
    assert_eq!(principal.subject, "c-1");
    assert_eq!(principal.role, Role::Merchant);
    assert_eq!(principal.expires_at, NOW + 600_000);
    assert_eq!((principal.jti.as_deref(), principal.tier.as_deref()), (Some("j-1"), Some("gold")));
    assert_eq!((principal.merchant_id(), principal.issuer.as_deref()), (Some("shop-9"), None));
}

#[test]
fn each_key_of_a_set_serves_its_own_algorithm() {
    let verifier = by_jwks();
    for (alg, kid) in [("RS256", "r"), ("ES256", "e"), ("EdDSA", "d")] {
        let token = provider().token(&json!({"alg": alg, "kid": kid}), &claims());
        assert_eq!(verifier.verify(&token, NOW).unwrap().subject, "c-1", "{alg}");
        let nameless = provider().token(&json!({"alg": alg}), &claims());
        assert!(verifier.verify(&nameless, NOW).is_ok(), "{alg} without kid");
        for other in ["r", "e", "d", "r-enc", "r-512", "e-384"].into_iter().filter(|other| *other != kid) {
            let token = provider().token(&json!({"alg": alg, "kid": other}), &claims());
            assert_unauthorized(&verifier, &token, &format!("{alg} with the key {other}"));
        }
    }
}

#[test]
fn row_1_a_token_without_a_signature_is_refused() {
    let verifier = by_secret();
    for alg in ["none", "None", "nOnE", "NONE", "", "hs256", "HS384", "HS512", "PS256", "ES384"] {
        let head = json!({"alg": alg});
        assert_unauthorized(&verifier, &assemble(&head, &claims(), |_| Vec::new()), alg);
        assert_unauthorized(&verifier, &shared(&head, &claims()), alg);
    }
    assert_unauthorized(&verifier, &assemble(&json!({"alg": "HS256"}), &claims(), |_| Vec::new()), "empty signature");
    let exposition = verifier_metrics(&verifier, &assemble(&json!({"alg": "nOnE"}), &claims(), |_| Vec::new()));
    assert!(exposition.contains("beeline_auth_failures_total{alg=\"none\",reason=\"algorithm\"} 1"), "{exposition}");
}

fn verifier_metrics(like: &Verifier, token: &str) -> String {
    let metrics = Metrics::new();
    let fresh = Verifier::from_config(&identity(&[("BEELINE_JWT_SECRET", SECRET)]), metrics.clone()).unwrap();
    assert_eq!(fresh.verify(token, NOW), like.verify(token, NOW));
    metrics.encode()
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    let verifier = by_secret();
    let good = with_claims(&claims());
    let mangled = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "é.é.é".into(),
        good.replace('.', ""),
        format!("{good}.x"),
        format!("{good}="),
        format!("{good} "),
        good[..good.len() - 2].to_owned(),
        format!("{}{}", good, "A".repeat(20_000)),
    ];
    for token in mangled {
        assert_unauthorized(&verifier, &token, &token.chars().take(60).collect::<String>());
    }
}

#[test]
fn row_2_a_public_key_is_no_shared_secret() {
    let verifier = by_jwks();
    let der = provider().rsa.public_key().as_der().unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()));
    let point = provider().ec.public_key().as_ref();
    for secret in [pem.as_bytes(), der.as_ref(), point, provider().jwks().to_string().as_bytes()] {
        for kid in [Some("r"), Some("e"), None] {
            let mut head = json!({"alg": "HS256"});
            if let Some(kid) = kid {
                head["kid"] = kid.into();
            }
            assert_unauthorized(&verifier, &assemble(&head, &claims(), |message| hs256(secret, message)), "confusion");
        }
    }
}

#[test]
fn row_3_a_token_cannot_choose_its_key() {
    let long = "k".repeat(10_000);
    for kid in ["../../dev/null", "' OR 1=1 --", &long, "unknown", ""] {
        let head = json!({"alg": "HS256", "kid": kid});
        assert_unauthorized(&by_secret(), &shared(&head, &claims()), kid);
        assert_unauthorized(&by_secret(), &assemble(&head, &claims(), |message| hs256(b"", message)), kid);
        assert_unauthorized(&by_jwks(), &provider().token(&json!({"alg": "ES256", "kid": kid}), &claims()), kid);
    }
    for name in ["jku", "x5u", "jwk", "crit"] {
        let value =
            if name == "jwk" { provider().jwks()["keys"][0].clone() } else { json!("https://evil.example/keys") };
        let mut head = json!({"alg": "HS256"});
        head[name] = value.clone();
        assert_unauthorized(&by_secret(), &shared(&head, &claims()), name);
        let mut head = json!({"alg": "RS256"});
        head[name] = value;
        assert_unauthorized(&by_secret(), &provider().token(&head, &claims()), name);
    }
}

#[test]
fn row_4_times_are_judged_with_ten_seconds_of_leeway() {
    let verifier = by_secret();
    for (name, value, code) in [
        ("exp", json!(NOW_S - 9), None),
        ("exp", json!(NOW_S - 10), Some(Code::TokenExpired)),
        ("exp", json!(NOW_S - 61), Some(Code::TokenExpired)),
        ("exp", json!(NOW_S as f64 + 0.5), None),
        ("exp", json!(9_223_372_036_854_775_808_u64), Some(Code::Unauthorized)),
        ("exp", json!(-1), Some(Code::Unauthorized)),
        ("exp", json!((NOW_S + 600).to_string()), Some(Code::Unauthorized)),
        ("exp", json!([NOW_S]), Some(Code::Unauthorized)),
        ("exp", Value::Null, Some(Code::Unauthorized)),
        ("nbf", json!(NOW_S + 10), None),
        ("nbf", json!(NOW_S + 11), Some(Code::Unauthorized)),
        ("nbf", json!("later"), Some(Code::Unauthorized)),
        ("iat", json!(NOW_S), None),
        ("iat", json!(NOW_S + 60), Some(Code::Unauthorized)),
        ("iat", json!(NOW_S + 600 - 86_400), None),
        ("iat", json!(NOW_S + 600 - 86_401), Some(Code::Unauthorized)),
    ] {
        let answer = verifier.verify(&with_claims(&claims_with(name, value.clone())), NOW);
        assert_eq!(answer.err().map(|problem| problem.code), code, "{name} {value}");
    }
    let explicit_null = json!({"sub": "c-1", "role": "customer", "aud": "beeline", "exp": null});
    assert_unauthorized(&verifier, &with_claims(&explicit_null), "exp null");
}

#[test]
fn row_5_tokens_for_others_and_of_other_kinds_are_refused() {
    let verifier = by_secret();
    for (name, value) in [
        ("aud", Value::Null),
        ("aud", json!("")),
        ("aud", json!("beeline-staging")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("aud", json!({"beeline": true})),
        ("typ", json!("refresh")),
        ("typ", json!("Refresh")),
        ("token_use", json!("id")),
        ("token_type", json!("refresh_token")),
        ("role", Value::Null),
        ("role", json!(["admin"])),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a b")),
        ("sub", json!("x".repeat(65))),
        ("merchant_id", json!("{glob}*")),
    ] {
        assert_unauthorized(&verifier, &with_claims(&claims_with(name, value.clone())), &format!("{name} {value}"));
    }
    for typ in ["refresh", "rt+jwt", "logout+jwt", "secevent+jwt"] {
        assert_unauthorized(&verifier, &shared(&json!({"alg": "HS256", "typ": typ}), &claims()), typ);
    }
    for (name, value) in
        [("aud", json!(["other", "beeline"])), ("typ", json!("Bearer")), ("token_use", json!("access"))]
    {
        assert!(verifier.verify(&with_claims(&claims_with(name, value.clone())), NOW).is_ok(), "{name} {value}");
    }
    assert!(verifier.verify(&shared(&json!({"alg": "HS256", "typ": "at+jwt"}), &claims()), NOW).is_ok());
}

#[test]
fn a_claim_given_twice_is_refused() {
    let twice = format!("{{\"role\":\"admin\",{}", &claims().to_string()[1..]);
    let message = format!("{}.{}", b64(br#"{"alg":"HS256"}"#), b64(twice.as_bytes()));
    let token = format!("{message}.{}", b64(&hs256(SECRET.as_bytes(), message.as_bytes())));
    assert_unauthorized(&by_secret(), &token, "role twice");
}

#[test]
fn rows_5_and_7_an_issuer_speaks_for_itself_and_its_roles_only() {
    let other = "fedcba9876543210fedcba9876543210";
    let jwks = provider().jwks_file();
    let issuers = json!([
        {"issuer": "app", "roles": ["driver", "customer"], "secret": other},
        {"issuer": "staff", "roles": ["operator"], "jwks": jwks},
    ]);
    let verifier = verifier(&[("BEELINE_JWT_SECRET", SECRET), ("BEELINE_ISSUERS", &issuers.to_string())]);
    let head = json!({"alg": "HS256"});
    let app = |claims: &Value| assemble(&head, claims, |message| hs256(other.as_bytes(), message));
    let mut from_app = claims_with("iss", json!("app"));
    assert_eq!(verifier.verify(&app(&from_app), NOW).unwrap().issuer.as_deref(), Some("app"));
    for role in ["operator", "admin", "ops", ""] {
        from_app["role"] = role.into();
        assert_eq!(refusal(&verifier, &app(&from_app)).code, Code::Forbidden, "{role}");
    }
    let mut from_staff = claims_with("iss", json!("staff"));
    from_staff["role"] = "operator".into();
    let staff = provider().token(&json!({"alg": "ES256", "kid": "e"}), &from_staff);
    assert_eq!(verifier.verify(&staff, NOW).unwrap().role, Role::Operator);
    assert_unauthorized(&verifier, &app(&from_staff), "the app's key in the staff's name");
    assert_unauthorized(&verifier, &app(&claims()), "the app's key in nobody's name");
    assert_unauthorized(
        &verifier,
        &with_claims(&claims_with("iss", json!("app"))),
        "the bare secret in the app's name",
    );
    assert_unauthorized(&verifier, &with_claims(&claims_with("iss", json!("staging"))), "an issuer nobody configured");
    assert!(verifier.verify(&with_claims(&claims()), NOW).is_ok(), "the bare secret in its own name");
}

#[test]
fn without_issuers_any_iss_may_stand() {
    assert!(by_secret().verify(&with_claims(&claims_with("iss", json!("anyone"))), NOW).is_ok());
    let only_issuers = json!([{"issuer": "app", "roles": ["driver"], "secret": SECRET}]).to_string();
    let verifier = verifier(&[("BEELINE_ISSUERS", &only_issuers)]);
    assert_unauthorized(&verifier, &with_claims(&claims()), "no iss where issuers are all there is");
}

#[test]
fn a_role_nobody_knows_is_forbidden() {
    assert_eq!(refusal(&by_secret(), &with_claims(&claims_with("role", json!("ops")))).code, Code::Forbidden);
}

#[test]
fn a_bad_key_set_is_told_at_the_start() {
    let provider = provider();
    let modulus = b64(&[0x80; 128]);
    let point = b64(&[1; 31]);
    for (name, keys, reason) in [
        ("none", json!({"keys": []}), "no key for"),
        ("shape", json!([]), "not a JWKS"),
        ("private", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}]}), "private"),
        ("secret", json!({"keys": [{"kty": "oct", "k": "AA"}]}), "secret"),
        ("small", json!({"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB"}]}), "2048 bits"),
        ("point", json!({"keys": [{"kty": "EC", "crv": "P-256", "x": point, "y": point}]}), "32 bytes"),
        ("part", json!({"keys": [{"kty": "OKP", "crv": "Ed25519"}]}), "lacks a part"),
        ("text", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "**"}]}), "base64url"),
    ] {
        assert!(key_problem(&provider.file(name, &keys)).reason.contains(reason), "{name}");
    }
    let ed = &provider.jwks()["keys"][2];
    assert!(key_problem(&provider.file("twice", &json!({"keys": [ed, ed]}))).reason.contains("twice"));
    assert!(key_problem(&provider.folder.path().join("missing")).reason.contains("cannot be read"));
}

fn key_problem(path: &std::path::Path) -> ConfigProblem {
    let identity = Identity { jwks: Some(path.to_owned()), ..Identity::default() };
    let mut problems = Verifier::from_config(&identity, Metrics::new()).unwrap_err();
    assert_eq!(problems[0].setting, path.display().to_string());
    problems.remove(0)
}

#[test]
fn a_minted_token_is_believed_for_as_long_as_it_says() {
    let signer = Signer::new(&Secret::parse(SECRET).unwrap());
    let ttl = Duration::from_secs(60);
    let grant = Grant { role: Role::Merchant, subject: "m-1".into(), ttl, merchant_id: Some("shop-9".into()) };
    let token = signer.mint(&grant, NOW).unwrap();
    let principal = by_secret().verify(&token, NOW).unwrap();
    assert_eq!((principal.role, principal.merchant_id()), (Role::Merchant, Some("shop-9")));
    assert!(principal.jti.is_some());
    let later = by_secret().verify(&token, NOW + 70_000).unwrap_err();
    assert_eq!(later.code, Code::TokenExpired);
    for ttl in [Duration::ZERO, Duration::from_secs(86_401)] {
        assert!(signer.mint(&Grant { ttl, ..grant.clone() }, NOW).is_err());
    }
    assert!(signer.mint(&Grant { subject: "no id".into(), ..grant.clone() }, NOW).is_err());
}

// --- what a request carries

fn live_token(subject: &str) -> String {
    let signer = Signer::new(&Secret::parse(SECRET).unwrap());
    let ttl = Duration::from_secs(60);
    let grant = Grant { role: Role::Customer, subject: subject.into(), ttl, merchant_id: None };
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
