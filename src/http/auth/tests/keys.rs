//! What a token is signed with: algorithms, key sets and attempts to confuse them.

use super::*;
use crate::config::ConfigProblem;
use aws_lc_rs::encoding::AsDer;
use base64::engine::general_purpose::STANDARD;

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
