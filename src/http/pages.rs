//! The pages: `static/` carried inside the binary and served with a strict content security policy.
//!
//! Knows files and headers, nothing of orders or drivers: the pages are clients of the public contract like any other.
//! `static/vendor` (map library and font) is filled by npm. A build without it still serves every page, and the pages say
//! what is missing; a file that is not there is a plain 404.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::http::header::ETag;
use actix_web::http::header::EntityTag;
use actix_web::http::header::Header as _;
use actix_web::http::header::HeaderValue;
use actix_web::http::header::IfNoneMatch;
use actix_web::web;
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// What scripts, styles and connections a page may use: its own host only. `connect-src` is completed by [`Policy`].
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
                      worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'";
/// Vendored files lie in folders named after their version, so a name never changes its content.
static IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Everything else is asked for again each time and answered 304 by its tag.
static REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The content security policy of the pages.
#[derive(Clone)]
struct Policy(HeaderValue);

impl Policy {
    /// `tiles_origin` is `scheme://host[:port]`; one that cannot stand in a header is left out, and the browser then
    /// refuses those tiles.
    fn new(tiles_origin: Option<&str>) -> Self {
        let own = HeaderValue::from_static(POLICY);
        let Some(origin) = tiles_origin.filter(|origin| is_origin(origin)) else {
            return Self(own);
        };
        Self(HeaderValue::from_str(&format!("{POLICY} {origin}")).unwrap_or(own))
    }
}

/// Whether `text` is a bare web origin: anything more could smuggle a second directive into the policy.
fn is_origin(text: &str) -> bool {
    let Some(host) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
}

/// Address and file of each page.
const PAGES: [(&str, &str); 5] = [
    ("/", "index.html"),
    ("/track", "track.html"),
    ("/customer", "track.html"),
    ("/operator", "operator.html"),
    ("/docs", "docs.html"),
];

/// Routes of the pages, `/static/...` and `/vendor/...`.
///
/// `tiles_origin` (`scheme://host[:port]`) is where tiles come from when not from this host; it is added to `connect-src`.
pub fn configure(tiles_origin: Option<&str>) -> impl FnOnce(&mut web::ServiceConfig) + use<> {
    let policy = Policy::new(tiles_origin);
    move |cfg: &mut web::ServiceConfig| {
        for (path, file) in PAGES {
            let policy = policy.clone();
            let page = move |request: HttpRequest| std::future::ready(page(&request, file, &policy));
            cfg.service(web::resource(path).route(web::get().to(page.clone())).route(web::head().to(page)));
        }
        for path in ["/static/{path:.*}", "/vendor/{path:.*}"] {
            let policy = policy.clone();
            let asset = move |request: HttpRequest| std::future::ready(asset(&request, &policy));
            cfg.service(web::resource(path).route(web::get().to(asset.clone())).route(web::head().to(asset)));
        }
    }
}

fn page(request: &HttpRequest, file: &str, policy: &Policy) -> HttpResponse {
    let mut response = serve(request, file, &REVALIDATE);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.0.clone());
    headers.insert(header::PERMISSIONS_POLICY, HeaderValue::from_static("camera=(), microphone=(), geolocation=()"));
    response
}

/// A worker is bound by the policy of its own script and not by that of its page: the map fetches tiles in one.
fn asset(request: &HttpRequest, policy: &Policy) -> HttpResponse {
    let path = request.path().trim_start_matches('/');
    // `/static/js/map.js` is `js/map.js` in the folder; `/vendor/...` has a folder of its own there.
    let file = path.strip_prefix("static/").unwrap_or(path);
    // HTML is served by its own address only, where its policy comes with it.
    if file.ends_with(".html") || (path != file && file.starts_with("vendor/")) {
        return HttpResponse::NotFound().finish();
    }
    let mut response = serve(request, file, cache_of(file));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.0.clone());
    response
}

/// `vendor/NAME-VERSION/file` is immutable; `vendor/maplibre.js`, which points there, is not.
fn cache_of(file: &str) -> &'static HeaderValue {
    let versioned = file.strip_prefix("vendor/").is_some_and(|rest| rest.contains('/'));
    if versioned { &IMMUTABLE } else { &REVALIDATE }
}

fn serve(request: &HttpRequest, file: &str, cache: &HeaderValue) -> HttpResponse {
    let Some(found) = Files::get(file) else {
        return HttpResponse::NotFound().finish();
    };
    let tag = EntityTag::new_strong(hex(&found.metadata.sha256_hash()[..16]));
    let known = is_known(request, &tag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, cache.clone()));
    if known {
        return response.finish();
    }
    response.insert_header((header::CONTENT_TYPE, content_type(file))).body(match found.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    })
}

/// Whether the browser already holds this version. The weak comparison is the one for GET (RFC 9110, 13.1.2).
pub fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|each| each.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn content_type(file: &str) -> String {
    let mime = mime_guess::from_path(file).first_or_octet_stream();
    if mime.type_() == mime_guess::mime::TEXT { format!("{mime}; charset=utf-8") } else { mime.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test as http;

    /// Status, headers and body of one GET.
    async fn get(path: &str, known: Option<&str>) -> (StatusCode, header::HeaderMap, Bytes) {
        let app = http::init_service(App::new().configure(configure(Some("https://tiles.example")))).await;
        let mut request = http::TestRequest::get().uri(path);
        if let Some(tag) = known {
            request = request.insert_header((header::IF_NONE_MATCH, tag));
        }
        let response = http::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, http::read_body(response).await)
    }

    fn text<'a>(headers: &'a header::HeaderMap, name: &str) -> &'a str {
        headers.get(name).unwrap().to_str().unwrap()
    }

    #[actix_web::test]
    async fn every_page_is_html_under_the_policy() {
        for (path, _) in PAGES {
            let (status, headers, body) = get(path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert_eq!(text(&headers, "content-type"), "text/html; charset=utf-8");
            let policy = text(&headers, "content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
            assert!(policy.ends_with("connect-src 'self' https://tiles.example"), "{policy}");
            let body = std::str::from_utf8(&body).unwrap();
            assert!(!body.contains("style=\"") && !body.contains("<style"), "inline style in {path}");
            assert!(!body.contains("<script>"), "inline script in {path}");
        }
    }

    #[actix_web::test]
    async fn what_pages_load_exists_unless_it_is_vendored() {
        for (_, page) in PAGES {
            let html = Files::get(page).unwrap().data;
            let html = std::str::from_utf8(&html).unwrap().to_owned();
            for quoted in html.split('"').filter(|part| part.starts_with("/static/")) {
                assert_eq!(get(quoted, None).await.0, StatusCode::OK, "{quoted} in {page}");
            }
        }
    }

    #[actix_web::test]
    async fn a_known_tag_is_answered_without_a_body() {
        let (_, headers, body) = get("/static/js/motion.js", None).await;
        assert_eq!(text(&headers, "content-type"), "text/javascript; charset=utf-8");
        assert!(!body.is_empty());
        let tag = text(&headers, "etag").to_owned();
        let (status, _, body) = get("/static/js/motion.js", Some(&tag)).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(get("/static/js/motion.js", Some("\"other\"")).await.0, StatusCode::OK);
    }

    #[test]
    fn only_what_carries_its_version_is_immutable() {
        assert_eq!(cache_of("vendor/maplibre-gl-6.17.0/maplibre-gl.mjs"), "public, max-age=31536000, immutable");
        for file in ["vendor/maplibre.js", "vendor/vendor.css", "js/map.js", "index.html"] {
            assert_eq!(cache_of(file), "no-cache", "{file}");
        }
    }

    #[actix_web::test]
    async fn html_is_not_served_past_its_policy() {
        for path in ["/static/index.html", "/static/vendor/maplibre.js", "/static/../Cargo.toml", "/static/none.js"] {
            assert_eq!(get(path, None).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[actix_web::test]
    async fn a_tile_source_cannot_widen_the_policy() {
        for bad in ["https://a; script-src *", "https://", "ftp://a", "https://a/path", "*"] {
            assert_eq!(Policy::new(Some(bad)).0, POLICY, "{bad}");
        }
        assert_eq!(Policy::new(None).0, POLICY);
    }
}
