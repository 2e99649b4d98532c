//! Answers that a client may have already (RFC 9110, section 13).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// Names one state of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Tag(String);

impl Tag {
    pub fn new(state: impl std::fmt::Display) -> Self {
        Self(format!("\"{state}\""))
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let listed =
            headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        listed.map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || tag == self.0 || tag.strip_suffix(ZIPPED_ENDING).is_some_and(|plain| self.0.strip_suffix('"') == Some(plain))
        })
    }
}

/// How the tag of a compressed answer ends: a strong tag stands for certain bytes, and these are others.
const ZIPPED_ENDING: &str = "-gzip\"";

/// Reduces `Accept-Encoding` to what there is: gzip, or nothing. Who takes neither gzip nor plain bytes gets these all the same (RFC 9110, section
/// 12.5.3, allows that), and errors stay what they are; the layer that compresses would make 406 of all.
pub(crate) async fn leave_a_way_to_answer(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if headers.contains_key(header::ACCEPT_ENCODING) {
        let takes_gzip = weight(headers, "gzip").or_else(|| weight(headers, "x-gzip")).or_else(|| weight(headers, "*"));
        headers.remove(header::ACCEPT_ENCODING);
        if takes_gzip.is_some_and(|weight| weight > 0.0) {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    request
}

/// The weight that a client gives to a coding, if it names it.
fn weight(headers: &HeaderMap, coding: &str) -> Option<f32> {
    let listed = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut weighted = listed.map(|item| item.split_once(';').unwrap_or((item, "q=1")));
    let (_, weight) = weighted.find(|(name, _)| name.trim().eq_ignore_ascii_case(coding))?;
    let (_, number) = weight.split_once('=')?;
    number.trim().parse().ok()
}

/// Gives a compressed answer a tag of its own.
pub(crate) async fn tag_what_was_compressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_ENCODING) {
        let plain = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"')).map(str::to_owned);
        if let Some(tag) = plain.and_then(|plain| HeaderValue::from_str(&format!("{plain}{ZIPPED_ENDING}")).ok()) {
            headers.insert(header::ETAG, tag);
        }
    }
    response
}

/// 304 for a client that has this state; else the body, which is made only then.
pub(crate) fn json(request: &HeaderMap, tag: &Tag, cache_control: &'static str, body: impl FnOnce() -> Bytes) -> Response {
    let mut response = if tag.is_in(request) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], Body::from(body())).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&tag.0) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if response.status() == StatusCode::NOT_MODIFIED {
        // What is sent whole gets this from whoever compresses it.
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_state_gets_no_body() {
        let tag = Tag::new(7);
        let status = |sent: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(sent))]);
            json(&headers, &tag, "no-cache", || Bytes::from_static(b"{}")).status()
        };
        for has_it in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "\"7-gzip\"", "*"] {
            assert_eq!(status(has_it), StatusCode::NOT_MODIFIED, "{has_it}");
        }
        for has_not in ["\"6\"", "7", "", "\"77\"", "\"-gzip\"", "\"77-gzip\""] {
            assert_eq!(status(has_not), StatusCode::OK, "{has_not}");
        }
    }
}
