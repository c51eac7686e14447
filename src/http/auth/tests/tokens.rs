//! What a token says: times, audience, kinds, issuers and roles.

use super::*;
use crate::config::Secret;
use std::time::Duration;

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
