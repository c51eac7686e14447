//! Tokens read strictly: nothing said twice, no time that is none, nothing that was revoked.

use super::*;
use crate::actors::revocations::Revocations;
use crate::domain::dispatch::AuditEntry;
use crate::domain::revocation::Revocation;
use crate::domain::revocation::Revoked;
use crate::store::FeedRevocation;
use crate::store::RevocationStore;
use crate::store::StoreFuture;
use std::sync::Arc;

/// A token of these texts, signed with the shared secret.
fn signed(head: &str, payload: &str) -> String {
    let message = format!("{}.{}", b64(head.as_bytes()), b64(payload.as_bytes()));
    let signature = hs256(SECRET.as_bytes(), message.as_bytes());
    format!("{message}.{}", b64(&signature))
}

/// An object with one member said once more, at its front.
fn with(member: &str, object: &Value) -> String {
    format!("{{{member},{}", &object.to_string()[1..])
}

#[test]
fn row_5_whatever_is_said_twice_is_refused() {
    let verifier = by_secret();
    let head = json!({"alg": "HS256", "kid": null, "typ": "JWT"});
    assert!(verifier.verify(&signed(&head.to_string(), &claims().to_string()), NOW).is_ok());
    for member in [r#""alg":"HS256""#, r#""alg":"none""#, r#""kid":null"#, r#""typ":"JWT""#, r#""\u0061lg":"HS256""#] {
        assert_unauthorized(&verifier, &signed(&with(member, &head), &claims().to_string()), member);
    }
    let mut whole = claims();
    for (name, value) in [("iss", "i"), ("jti", "j"), ("tier", "t"), ("merchant_id", "m"), ("typ", "jwt")] {
        whole[name] = value.into();
    }
    for (name, value) in [("token_use", "access"), ("token_type", "bearer")] {
        whole[name] = value.into();
    }
    whole["nbf"] = NOW_S.into();
    whole["iat"] = NOW_S.into();
    let head = r#"{"alg":"HS256"}"#;
    assert!(verifier.verify(&signed(head, &whole.to_string()), NOW).is_ok());
    for (name, value) in whole.as_object().unwrap() {
        let member = format!("{}:{value}", json!(name));
        assert_unauthorized(&verifier, &signed(head, &with(&member, &whole)), &member);
    }
    assert_unauthorized(&verifier, &signed(head, &with(r#""s\u0075b":"c-2""#, &whole)), "sub under another spelling");
}

#[test]
fn row_4_a_time_that_is_none_is_refused() {
    let verifier = by_secret();
    let head = r#"{"alg":"HS256"}"#;
    for name in ["exp", "nbf", "iat"] {
        let mut rest = claims();
        rest.as_object_mut().unwrap().remove(name);
        for value in
            ["9223372036854775808", "1e400", "1e300", "-1", "-1e9", "\"1800000600\"", "true", "{}", "[]", "NaN"]
        {
            let member = format!("\"{name}\":{value}");
            assert_unauthorized(&verifier, &signed(head, &with(&member, &rest)), &member);
        }
    }
    let without = claims_with("exp", Value::Null);
    for member in ["\"exp\":null", "\"expires\":1800000600"] {
        assert_unauthorized(&verifier, &signed(head, &with(member, &without)), member);
    }
}

#[test]
fn what_is_no_object_is_no_token() {
    let verifier = by_secret();
    let head = r#"{"alg":"HS256"}"#;
    let good = claims().to_string();
    for (head, payload) in [
        (head, "[]"),
        (head, "null"),
        (head, "\"sub\""),
        (head, ""),
        (head, &*format!("{good} {{}}")),
        (r#"["HS256"]"#, &*good),
        ("{}", &*good),
        (r#"{"alg":["HS256"]}"#, &*good),
        (r#"{"alg":"HS256"}x"#, &*good),
    ] {
        assert_unauthorized(&verifier, &signed(head, payload), &format!("{head} {payload}"));
    }
}

/// A store that takes everything.
struct Willing;

impl RevocationStore for Willing {
    fn revocation_save(&self, revocation: Revocation, _: AuditEntry) -> StoreFuture<'_, Revocation> {
        Box::pin(async move { Ok(revocation) })
    }

    fn revocations_after(&self, _: i64, _: usize) -> StoreFuture<'_, Vec<FeedRevocation>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

async fn revoke(revocations: &Revocations, what: Revoked) {
    let entry = AuditEntry {
        at: NOW,
        actor: "admin:root".into(),
        act: "revoke".into(),
        order_id: None,
        driver_id: None,
        detail: None,
    };
    revocations.revoke(&Willing, Revocation { what, at: NOW }, entry).await.unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_refused_like_any_bad_one_and_counted() {
    let (metrics, revocations) = (Metrics::new(), Arc::new(Revocations::default()));
    let fresh = Verifier::from_config(&identity(&[("BEELINE_JWT_SECRET", SECRET)]), metrics.clone()).unwrap();
    let verifier = fresh.heeding(revocations.clone());
    let issued = |subject: &str, iat: Value| {
        let mut claims = claims_with("iat", iat);
        claims["sub"] = subject.into();
        with_claims(&claims)
    };
    let by_jti = with_claims(&claims_with("jti", json!("j-1")));
    assert!(verifier.verify(&by_jti, NOW).is_ok() && verifier.verify(&issued("c-1", json!(NOW_S)), NOW).is_ok());
    revoke(&revocations, Revoked::Jti("j-1".into())).await;
    assert_unauthorized(&verifier, &by_jti, "by jti");
    assert!(verifier.verify(&with_claims(&claims_with("jti", json!("j-2"))), NOW).is_ok());
    revoke(&revocations, Revoked::Subject("c-1".into())).await;
    for iat in [json!(NOW_S - 60), json!(NOW_S), Value::Null] {
        assert_unauthorized(&verifier, &issued("c-1", iat.clone()), &format!("iat {iat}"));
        assert!(verifier.verify(&issued("c-2", iat), NOW).is_ok());
    }
    let later = verifier.verify(&issued("c-1", json!(NOW_S + 1)), NOW).unwrap();
    assert_eq!(later.issued_at, Some(NOW + 1_000));
    let text = metrics.encode();
    assert!(text.contains("beeline_auth_failures_total{alg=\"HS256\",reason=\"revoked\"} 4"), "{text}");
}
