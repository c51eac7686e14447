//! JSON bodies: bounded in size and depth before they are parsed, and refused with a pointer to the field at fault.
//!
//! Handlers take [`JsonBody`] instead of `web::Json`, which would parse first and ask later.

use crate::limits;
use crate::protocol::json::json_depth_within;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev;
use actix_web::http::header;
use actix_web::web;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Path;
use serde_path_to_error::Segment;

/// A JSON request body.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let checked = check_head(request);
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            checked?;
            let payload = payload.await.map_err(|_| Problem::new(Code::Malformed))?;
            let bytes = read(payload).await?;
            parse(&bytes).map(JsonBody)
        })
    }
}

/// A JSON request body as bytes, known to be small and shallow enough to parse.
#[derive(Debug)]
pub struct JsonBytes(pub Bytes);

impl FromRequest for JsonBytes {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let checked = check_head(request);
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            checked?;
            let payload = payload.await.map_err(|_| Problem::new(Code::Malformed))?;
            read(payload).await.map(JsonBytes)
        })
    }
}

/// Parses bytes that were checked for depth. 400 when they are not JSON, 422 with a JSON pointer when they do not fit.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let reason = error.inner();
        match reason.classify() {
            Category::Data => {
                let detail = without_place(&reason.to_string());
                Problem::new(Code::Invalid).detail("A field cannot be accepted.").field(pointer(error.path()), detail)
            }
            _ => not_json(reason),
        }
    })?;
    deserializer.end().map_err(|reason| not_json(&reason))?;
    Ok(value)
}

fn not_json(reason: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", reason.line(), reason.column());
    Problem::new(Code::Malformed).detail(format!("The body is not JSON: see {place}."))
}

fn check_head(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        Ok(())
    } else {
        Err(Problem::new(Code::UnsupportedMediaType))
    }
}

async fn read(payload: web::Payload) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(Code::TooLarge).detail(format!("A body has at most {} bytes.", limits::BODY_MAX_BYTES));
    let read = payload.to_bytes_limited(limits::BODY_MAX_BYTES).await.map_err(|_| too_large())?;
    let bytes = read.map_err(|_| Problem::new(Code::Malformed).detail("The body did not arrive whole."))?;
    if !json_depth_within(&bytes, limits::JSON_MAX_DEPTH) {
        let deepest = limits::JSON_MAX_DEPTH;
        return Err(Problem::new(Code::Malformed).detail(format!("JSON nests at most {deepest} deep here.")));
    }
    Ok(bytes)
}

/// RFC 6901 pointer of the path; the whole document is the empty pointer.
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
        // Where an enum's variant or an unknown place stands, the pointer to what holds it is the truth.
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// serde_json ends its messages with a place in the text, which the pointer says better.
fn without_place(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |end| &message[..end]).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(rename = "items")]
        _items: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "quantity")]
        _quantity: u32,
    }

    async fn extract(content_type: Option<&str>, body: &str) -> Result<JsonBody<Outer>, Problem> {
        let mut request = TestRequest::post().set_payload(body.to_owned());
        if let Some(content_type) = content_type {
            request = request.insert_header((header::CONTENT_TYPE, content_type));
        }
        let (request, mut payload) = request.to_http_parts();
        JsonBody::from_request(&request, &mut payload).await
    }

    #[actix_web::test]
    async fn a_body_that_fits_is_read() {
        for content_type in [None, Some("application/json; charset=utf-8"), Some("application/merge-patch+json")] {
            assert!(extract(content_type, r#"{"items":[{"quantity":1}],"unknown":7}"#).await.is_ok());
        }
    }

    #[actix_web::test]
    async fn each_fault_has_its_code() {
        let json = Some("application/json");
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let large = format!("{{\"items\":[],\"x\":\"{}\"}}", "x".repeat(limits::BODY_MAX_BYTES));
        for (content_type, body, code) in [
            (json, "{", Code::Malformed),
            (json, "", Code::Malformed),
            (json, r#"{"items":[]} extra"#, Code::Malformed),
            (json, r#"{"items":[{"quantity":NaN}]}"#, Code::Malformed),
            (json, deep.as_str(), Code::Malformed),
            (json, large.as_str(), Code::TooLarge),
            (json, "{}", Code::Invalid),
            (json, r#"{"items":[],"items":[]}"#, Code::Invalid),
            (Some("text/plain"), r#"{"items":[]}"#, Code::UnsupportedMediaType),
            (Some("application/x-www-form-urlencoded"), "items=1", Code::UnsupportedMediaType),
        ] {
            let problem = extract(content_type, body).await.unwrap_err();
            assert_eq!(problem.code, code, "{}", body.chars().take(40).collect::<String>());
        }
    }

    #[actix_web::test]
    async fn a_bad_field_is_pointed_at() {
        let body = r#"{"items":[{"quantity":1},{"quantity":"two"}]}"#;
        let problem = extract(None, body).await.unwrap_err();
        assert_eq!(problem.errors[0].pointer, "/items/1/quantity");
        assert_eq!(problem.errors[0].detail, "invalid type: string \"two\", expected u32");
    }
}
