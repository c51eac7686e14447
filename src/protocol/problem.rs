//! Every refusal a client can meet, with its stable code: RFC 9457 over HTTP, the same codes in socket error frames.
//!
//! Knows nothing of actix: `http::problem` turns a [`Problem`] into a response and adds the request id.
//! A detail is written for the person who called; what the log needs to know is logged where it happened.

use crate::domain::fix::Flag;
use crate::domain::fix::Refusal;
use crate::protocol::quoted::TOLD_MAX;
use crate::protocol::quoted::shorten;
use crate::protocol::schema;
use serde::Serialize;
use std::fmt;

/// Media type of a problem body.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One row a code: name on the wire, HTTP status, title, and the detail used when the refusing place gives none.
macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal, $title:literal, $detail:literal;)+) => {
        /// A stable code. Clients branch on it; its meaning never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// All codes, in the order of their discriminants.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The code as clients see it: snake_case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// HTTP status it is answered with.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)+ }
            }

            /// Short text, the same for every problem of this code.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ }
            }

            /// What people read where the refusing place says nothing more exact.
            #[must_use]
            pub fn usual_detail(self) -> &'static str {
                match self { $(Code::$variant => $detail,)+ }
            }
        }
    };
}

codes! {
    Malformed = "malformed", 400, "Malformed", "The request could not be read.";
    Invalid = "invalid", 422, "Invalid", "The request was read, but a value in it cannot be accepted.";
    Unauthorized = "unauthorized", 401, "Unauthorized", "A valid bearer token is needed.";
    TokenExpired = "token_expired", 401, "Token expired", "The token has expired: get a new one.";
    Forbidden = "forbidden", 403, "Forbidden", "Your role does not allow this.";
    NotFound = "not_found", 404, "Not found", "There is nothing here that you may see.";
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed", "This resource does not answer this method.";
    UpgradeRequired = "upgrade_required", 426, "Upgrade required", "This address speaks WebSocket only.";
    RequestTimeout = "request_timeout", 408, "Request timeout", "The request took too long to arrive.";
    Conflict = "conflict", 409, "Conflict", "The state has changed meanwhile: read it again.";
    IllegalTransition = "illegal_transition", 409, "Illegal transition", "This step cannot be taken from the present one.";
    ConsentNeeded = "consent_needed", 409, "Consent needed", "Send share_location: true once before becoming available.";
    NotInDelivery = "not_in_delivery", 409, "Not in delivery", "The driver is visible from assignment to the door only.";
    NoPosition = "no_position", 409, "No position", "No live position of the driver is known.";
    DriverBusy = "driver_busy", 409, "Driver busy", "The driver already has an active assignment.";
    DriverUnavailable = "driver_unavailable", 409, "Driver unavailable", "The driver is not available.";
    UnknownDriver = "unknown_driver", 422, "Unknown driver", "No driver of this id is known.";
    OfferClosed = "offer_closed", 409, "Offer closed", "The offer has been answered, withdrawn or has expired.";
    IdempotencyMismatch = "idempotency_mismatch", 422, "Idempotency mismatch", "This Idempotency-Key was used with another body.";
    IdempotencyRunning = "idempotency_running", 409, "Still running", "The first request with this Idempotency-Key is still running.";
    PaymentDeclined = "payment_declined", 402, "Payment declined", "The payment was declined.";
    NotAvailable = "not_available", 422, "Not available", "This part of the contract is not built yet.";
    TooLarge = "too_large", 413, "Too large", "The body is larger than allowed.";
    UnsupportedMediaType = "unsupported_media_type", 415, "Unsupported media type", "Send application/json.";
    TooMany = "too_many", 429, "Too many requests", "Slow down.";
    Internal = "internal", 500, "Internal error", "Something went wrong on our side. The request id helps to find it.";
    Busy = "busy", 503, "Busy", "The server has too much to do just now.";
    Unavailable = "unavailable", 503, "Unavailable", "Something this needs is away just now.";
    UnknownType = "unknown_type", 422, "Unknown type", "No message of this type exists.";
    OutOfRange = "out_of_range", 422, "Out of range", "The position is not on Earth.";
    BadTime = "bad_time", 422, "Bad time", "The fix is more than 30 s ahead or more than 24 h old.";
    Duplicate = "duplicate", 422, "Duplicate", "This fix was received before.";
    Late = "late", 422, "Late", "The fix is older than the live one: kept in the history only.";
    Teleport = "teleport", 422, "Teleport", "No vehicle moves this fast: kept with a flag, not shown.";
    Inaccurate = "inaccurate", 422, "Inaccurate", "The accuracy is worse than 100 m: kept with a flag, not shown.";
    NullIsland = "null_island", 422, "Null island", "A position of exactly (0,0) is a device without a fix: kept with a flag, not shown.";
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfRange => Self::OutOfRange,
            Refusal::Malformed => Self::Malformed,
            Refusal::BadTime => Self::BadTime,
            Refusal::Duplicate => Self::Duplicate,
        }
    }
}

impl From<Flag> for Code {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Late => Self::Late,
            Flag::Teleport => Self::Teleport,
            Flag::Inaccurate => Self::Inaccurate,
            Flag::NullIsland => Self::NullIsland,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One bad field of a request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of the field, such as `/pickup/latitude`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A refusal on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What clients branch on.
    pub code: Code,
    /// What people read: never a token, a position or the text of an internal error.
    pub detail: String,
    /// Bad fields, when the body's fields are the cause.
    pub errors: Vec<FieldError>,
    /// Seconds for `Retry-After`.
    pub retry_after_s: Option<u32>,
    status: u16,
}

impl Problem {
    /// A problem with the usual detail, status and, where one is due (429, 503), a retry after one second.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let status = code.status();
        let retry_after_s = matches!(status, 429 | 503).then_some(1);
        Self { code, detail: code.usual_detail().to_owned(), errors: Vec::new(), retry_after_s, status }
    }

    /// Says what exactly is wrong. Long quotations are left out: what was sent may be a token in a wrong place.
    #[must_use]
    pub fn detail(mut self, detail: impl AsRef<str>) -> Self {
        self.detail = shorten(detail.as_ref(), TOLD_MAX);
        self
    }

    /// Names a bad field by its JSON pointer. Long quotations are left out, as from [`Problem::detail`].
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, detail: impl AsRef<str>) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail: shorten(detail.as_ref(), TOLD_MAX) });
        self
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Answers with another status than the code's own: a single fix refused as `malformed` is 422, not 400.
    #[must_use]
    pub fn at_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The problem that a bare status stands for, for answers made by the framework itself.
    #[must_use]
    pub fn for_status(status: u16) -> Self {
        let code = match status {
            401 => Code::Unauthorized,
            403 => Code::Forbidden,
            404 => Code::NotFound,
            405 => Code::MethodNotAllowed,
            408 => Code::RequestTimeout,
            409 => Code::Conflict,
            413 => Code::TooLarge,
            415 => Code::UnsupportedMediaType,
            422 => Code::Invalid,
            429 => Code::TooMany,
            503 => Code::Unavailable,
            400..=499 => Code::Malformed,
            _ => Code::Internal,
        };
        Self::new(code).at_status(status)
    }

    /// The problem+json body.
    #[must_use]
    pub fn to_json(&self, request_id: Option<&str>) -> String {
        let body = Body {
            kind: format!("/docs/errors#{}", self.code),
            title: self.code.title(),
            status: self.status,
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.errors,
        };
        // Strings and numbers only: this cannot fail.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

/// The body of a refusal (RFC 9457).
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Body<'a> {
    /// Where the code is explained: `/docs/errors#code`.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every problem of this code.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// For people.
    detail: &'a str,
    /// Stable: what clients branch on.
    #[schemars(with = "schema::ProblemCode")]
    code: Code,
    /// What `X-Request-Id` says too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    request_id: Option<&'a str>,
    /// Bad fields, where fields are the cause.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_body_holds_what_the_contract_names() {
        let problem = Problem::new(Code::Invalid).detail("Not like this.").field("/pickup/latitude", "is 91");
        let json: serde_json::Value = serde_json::from_str(&problem.to_json(Some("r-1"))).unwrap();
        let expected = serde_json::json!({
            "type": "/docs/errors#invalid", "title": "Invalid", "status": 422, "detail": "Not like this.",
            "code": "invalid", "request_id": "r-1",
            "errors": [{"pointer": "/pickup/latitude", "detail": "is 91"}],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn codes_are_distinct_snake_case_and_have_error_statuses() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!((400..=599).contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn answers_that_ask_for_patience_say_how_long() {
        for code in [Code::TooMany, Code::Busy, Code::Unavailable] {
            assert_eq!(Problem::new(code).retry_after_s, Some(1));
        }
        assert_eq!(Problem::new(Code::NotFound).retry_after_s, None);
        assert_eq!(Problem::new(Code::Busy).retry_after(7).retry_after_s, Some(7));
    }

    #[test]
    fn a_bare_status_keeps_its_number() {
        for status in [400, 401, 404, 405, 408, 413, 414, 431, 500, 503] {
            assert_eq!(Problem::for_status(status).status(), status);
        }
    }
}
