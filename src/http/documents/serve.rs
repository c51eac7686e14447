//! The documents over HTTP. Each is made at its first request and kept.

use super::asyncapi::asyncapi;
use super::errors;
use super::openapi::openapi;
use super::yaml::to_yaml;
use crate::http::pages::hex;
use crate::http::pages::is_known;
use crate::http::problem::method_not_allowed;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::Resource;
use actix_web::Route;
use actix_web::http::header;
use actix_web::http::header::ETag;
use actix_web::http::header::EntityTag;
use actix_web::web;
use bytes::Bytes;
use serde_json::Value;
use sha2::Digest as _;
use sha2::Sha256;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::LazyLock;

/// One address that answers GET.
fn get(path: &str, route: Route) -> Resource {
    web::resource(path).default_service(method_not_allowed("GET")).route(route)
}

/// What the page of problems may load: styles, the font and the colours' script, of this host only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A text that does not change while the process runs.
struct Document {
    content_type: &'static str,
    body: Bytes,
    tag: EntityTag,
}

static OPENAPI: LazyLock<Document> = LazyLock::new(|| Document::new("application/json", openapi_text()));
static ASYNCAPI: LazyLock<Document> =
    LazyLock::new(|| Document::new("application/yaml; charset=utf-8", asyncapi_text()));
static ERRORS: LazyLock<Document> = LazyLock::new(|| Document::new("text/html; charset=utf-8", errors::page()));
static SCRIPT: LazyLock<Option<Document>> =
    LazyLock::new(|| swagger("swagger-ui-bundle.js", "text/javascript; charset=utf-8"));
static STYLE: LazyLock<Option<Document>> = LazyLock::new(|| swagger("swagger-ui.css", "text/css; charset=utf-8"));

impl Document {
    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag = EntityTag::new_strong(hex(&Sha256::digest(&body)[..16]));
        Self { content_type, body, tag }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = is_known(request, &self.tag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(ETag(self.tag.clone())).insert_header((header::CACHE_CONTROL, "no-cache"));
        if known {
            return response.finish();
        }
        response.insert_header((header::CONTENT_TYPE, self.content_type)).body(self.body.clone())
    }
}

/// A file of Swagger UI, carried inside the binary.
fn swagger(file: &str, content_type: &'static str) -> Option<Document> {
    let found = utoipa_swagger_ui::serve(file, Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"))).ok()??;
    Some(match found.bytes {
        Cow::Borrowed(bytes) => Document::new(content_type, bytes),
        Cow::Owned(bytes) => Document::new(content_type, bytes),
    })
}

/// `docs/openapi.json`.
pub fn openapi_text() -> String {
    pretty(&openapi())
}

/// `docs/asyncapi.yaml`.
pub fn asyncapi_text() -> String {
    to_yaml(&asyncapi())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Routes of the documents: `/openapi.json`, `/asyncapi.yaml`, `/docs/errors`, and what the page `/docs` loads.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(get("/openapi.json", web::get().to(async |request: HttpRequest| OPENAPI.answer(&request))))
        .service(get("/asyncapi.yaml", web::get().to(async |request: HttpRequest| ASYNCAPI.answer(&request))))
        .service(get("/docs/errors", web::get().to(problems)))
        .service(get(
            "/docs/ui/swagger-ui-bundle.js",
            web::get().to(async |request: HttpRequest| file(&request, SCRIPT.as_ref())),
        ))
        .service(get(
            "/docs/ui/swagger-ui.css",
            web::get().to(async |request: HttpRequest| file(&request, STYLE.as_ref())),
        ));
}

async fn problems(request: HttpRequest) -> HttpResponse {
    let mut response = ERRORS.answer(&request);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(POLICY));
    response
}

fn file(request: &HttpRequest, found: Option<&Document>) -> Result<HttpResponse, Problem> {
    found.map(|found| found.answer(request)).ok_or_else(|| Problem::new(Code::NotFound))
}
