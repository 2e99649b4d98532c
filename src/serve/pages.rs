//! The web pages, which travel in the binary, and the page that documents the interface.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fullhouse_http::Answer;
use fullhouse_schemas::{Code, Problem, hex};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// Scripts, styles and requests of this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The documentation's own scripts set styles in elements.
const DOCUMENTATION_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `/`, `/audit`, `/web/…` and `/docs`.
pub fn router() -> Router {
    let documentation: Router = SwaggerUi::new("/docs").config(Config::new(["/openapi.json"]).validator_url("none")).into();
    let policy = HeaderValue::from_static(DOCUMENTATION_POLICY);
    let documentation = documentation.route_layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, policy));
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page("index.html", &headers) }))
        .route("/audit", get(|headers: HeaderMap| async move { page("audit.html", &headers) }))
        .route("/web/{*path}", get(|Path(path): Path<String>, headers: HeaderMap| async move { page(&path, &headers) }))
        .merge(documentation)
}

fn page(path: &str, request: &HeaderMap) -> Answer<Response> {
    let EmbeddedFile { data, metadata } = Web::get(path).ok_or_else(|| Problem::new(Code::NotFound, "There is no such page."))?;
    let tag = format!("\"{}\"", hex::encode(&metadata.sha256_hash()[..16]));
    let is_known = request.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { data.into_owned().into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
