//! `/api/v1/admin`: what only an admin may do.

use crate::actors::desk;
use crate::actors::desk::Revoking;
use crate::domain::ids::DriverId;
use crate::domain::revocation::Revoked;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::fields::Faults;
use crate::http::json::JsonBody;
use crate::limits::JTI_MAX_BYTES;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use crate::protocol::time::to_rfc3339;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;

/// Body of `POST /admin/revocations`: whose tokens, or which one.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "RevocationRequest")]
pub struct RevocationIn {
    /// Every token of this `sub`, whatever its role, issued until now. Either this or `jti`.
    #[schemars(with = "Option<schema::Id>")]
    subject: Option<String>,
    /// The token with this `jti`, 1 to 256 bytes. Either this or `subject`.
    jti: Option<String>,
    /// For the audit trail, at most 500 characters.
    reason: Option<String>,
}

/// Answer of `POST /admin/revocations`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Revocation")]
pub struct RevocationOut {
    /// Whose tokens are void, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Id")]
    subject: Option<String>,
    /// Which token is void, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    jti: Option<String>,
    /// A subject's tokens are void when they were not issued in a later second than this moment.
    #[schemars(with = "schema::Time")]
    revoked_at: String,
    /// Open sockets of this node that were closed for it. Those of other nodes close within five seconds.
    sessions_ended: usize,
}

impl From<Revoking> for RevocationOut {
    fn from(done: Revoking) -> Self {
        let (subject, jti) = match done.revocation.what {
            Revoked::Subject(subject) => (Some(subject), None),
            Revoked::Jti(jti) => (None, Some(jti)),
        };
        let revoked_at = to_rfc3339(done.revocation.at);
        Self { subject, jti, revoked_at, sessions_ended: done.sessions_ended }
    }
}

/// `POST /admin/revocations`: makes tokens void before their time.
pub async fn revoke(api: web::Data<Api>, who: Caller, body: JsonBody<RevocationIn>) -> Answer {
    let (what, reason) = check(body.0)?;
    let done = desk::revoke(&api.world, what, reason, who.principal.name()).await?;
    Ok(HttpResponse::Created().json(RevocationOut::from(done)))
}

/// What is to be void, and why; or everything that is wrong with the wish.
fn check(wish: RevocationIn) -> Result<(Revoked, Option<String>), Problem> {
    let mut faults = Faults::default();
    faults.text(wish.reason.as_ref(), "/reason");
    let what = match (wish.subject, wish.jti) {
        (Some(subject), None) => {
            // A subject is an id like all others, whoever it stands for.
            if let Err(error) = DriverId::parse(&subject) {
                faults.note("/subject", error.to_string());
            }
            Some(Revoked::Subject(subject))
        }
        (None, Some(jti)) => {
            if jti.is_empty() || jti.len() > JTI_MAX_BYTES || jti.contains('\0') {
                faults.note("/jti", format!("1 to {JTI_MAX_BYTES} bytes, no NUL"));
            }
            Some(Revoked::Jti(jti))
        }
        _ => {
            for pointer in ["/subject", "/jti"] {
                faults.note(pointer, "exactly one of subject and jti");
            }
            None
        }
    };
    faults.settle()?;
    // Without one there was a fault.
    what.map(|what| (what, wish.reason)).ok_or_else(|| Problem::new(Code::Invalid))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wish(subject: Option<&str>, jti: Option<&str>) -> RevocationIn {
        RevocationIn { subject: subject.map(Into::into), jti: jti.map(Into::into), reason: None }
    }

    fn pointers(wish: RevocationIn) -> Vec<String> {
        check(wish).unwrap_err().errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn exactly_one_of_subject_and_token_is_named() {
        assert_eq!(check(wish(Some("c-1"), None)).unwrap().0, Revoked::Subject("c-1".into()));
        assert_eq!(check(wish(None, Some("j /é"))).unwrap().0, Revoked::Jti("j /é".into()));
        for wish in [wish(None, None), wish(Some("c-1"), Some("j"))] {
            assert_eq!(pointers(wish), ["/subject", "/jti"]);
        }
    }

    #[test]
    fn what_no_token_can_say_is_refused_with_its_place() {
        for subject in ["", "a b", &"x".repeat(65)] {
            assert_eq!(pointers(wish(Some(subject), None)), ["/subject"], "{subject:?}");
        }
        for jti in ["", "a\0b", &"j".repeat(JTI_MAX_BYTES + 1)] {
            assert_eq!(pointers(wish(None, Some(jti))), ["/jti"], "{jti:?}");
        }
        let long = RevocationIn { reason: Some("r".repeat(501)), ..wish(None, None) };
        assert_eq!(pointers(long), ["/reason", "/subject", "/jti"], "all at once");
    }
}
