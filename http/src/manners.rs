//! The outermost layer around every handler.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fullhouse_schemas::{Code, Problem};
use futures::FutureExt;
use metrics::Histogram;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use crate::problem::{Failure, PROBLEM_MEDIA_TYPE};

/// Histogram: how long a request took until its answer's head was ready, by method, route and status.
pub const REQUEST_SECONDS: &str = "fullhouse_http_request_seconds";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest request id that is taken over from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Names one request in the log and in problems. Handlers find it in the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The client's own name of the request when it sent a harmless one; else a random one.
    fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
        let harmless = |text: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
        };
        match sent.filter(harmless) {
            Some(text) => Self(text.into()),
            None => Self(format!("{:032x}", rand::random::<u128>()).into()),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Puts [`Manners`] around a service.
#[derive(Debug, Clone, Copy)]
pub struct MannersLayer;

impl<S> Layer<S> for MannersLayer {
    type Service = Manners<S>;

    fn layer(&self, inner: S) -> Manners<S> {
        Manners { inner }
    }
}

/// Names the request, traces and measures it, and writes whatever went wrong as a problem, also when the framework itself
/// refused the request, and when a handler panicked.
///
/// It is a service, not a function for axum's `from_fn`, and it catches panics by itself: each layer that knows nothing of the one inside
/// costs every request a box or two.
#[derive(Debug, Clone)]
pub struct Manners<S> {
    inner: S,
}

impl<S> Service<Request> for Manners<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let named = Named::of(&mut request);
        // What is called may panic before there is a future.
        let called = catch_unwind(AssertUnwindSafe(|| named.span.in_scope(|| self.inner.call(request))));
        Box::pin(async move {
            let answered = match called {
                Ok(answering) => AssertUnwindSafe(answering).catch_unwind().instrument(named.span.clone()).await,
                Err(panicked) => Err(panicked),
            };
            let response = match answered {
                Ok(Ok(response)) => response,
                Err(panicked) => named.span.in_scope(|| of_panic(panicked.as_ref())),
            };
            Ok(named.finish(response))
        })
    }
}

/// A request on its way.
struct Named {
    began: Instant,
    id: RequestId,
    method: Method,
    route: Option<MatchedPath>,
    span: Span,
}

impl Named {
    /// Names a request, and begins its span.
    fn of(request: &mut Request) -> Self {
        let (id, method) = (RequestId::of(request.headers()), request.method().clone());
        let route = request.extensions().get::<MatchedPath>().cloned();
        // Each member is written down for every request, so those that can wait stand where the answer is told of.
        let span = tracing::info_span!("request", request_id = id.as_str(), trace_id = trace_id(request.headers()));
        request.extensions_mut().insert(id.clone());
        Self { began: Instant::now(), id, method, route, span }
    }

    /// Writes what all answers have, and measures.
    fn finish(self, mut response: Response) -> Response {
        if response.status().is_client_error() || response.status().is_server_error() {
            response = into_problem(response, &self.id);
        }
        if let Ok(value) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let status = response.status().as_u16();
        let seconds = self.began.elapsed().as_secs_f64();
        // `Method` is an open set: a client could fill the memory with labels of its own invention.
        let method_label = KNOWN_METHODS.into_iter().find(|known| *known == self.method.as_str()).unwrap_or("other");
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        measure(method_label, route, status, seconds);
        let (method, _entered) = (self.method.as_str(), self.span.entered());
        if status >= 500 {
            tracing::warn!(method, route, status, seconds, "answered");
        } else {
            tracing::debug!(method, route, status, seconds, "answered");
        }
        response
    }
}

/// The answer to a request whose handler panicked. What it said is logged under the request's id.
fn of_panic(panicked: &(dyn Any + Send)) -> Response {
    let said = panicked.downcast_ref::<&str>().copied().or_else(|| panicked.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a handler panicked: {}", said.unwrap_or("it said nothing"));
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"];

/// The histograms of a route, by method and status.
type OfRoute = HashMap<(&'static str, u16), Histogram>;

/// Measures a request. The registry looks histograms up by labels that are made anew each time, so each thread keeps those it has used;
/// methods, routes and statuses are few.
fn measure(method: &'static str, route: &str, status: u16, seconds: f64) {
    thread_local! {
        static KEPT: RefCell<HashMap<String, OfRoute>> = RefCell::default();
    }
    KEPT.with_borrow_mut(|kept| {
        if !kept.contains_key(route) {
            kept.insert(route.to_owned(), OfRoute::new());
        }
        let Some(of_route) = kept.get_mut(route) else { return };
        let histogram = of_route.entry((method, status)).or_insert_with(
            || metrics::histogram!(REQUEST_SECONDS, "method" => method, "route" => route.to_owned(), "status" => status.to_string()),
        );
        histogram.record(seconds);
    });
}

/// The trace that the caller says this request belongs to (W3C Trace Context, section 3.2.2.3).
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let parts: Vec<&str> = headers.get(&TRACEPARENT)?.to_str().ok()?.split('-').collect();
    let [version, trace, _parent, _flags, ..] = parts.as_slice() else { return None };
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex(version, 2) && *version != "ff" && is_hex(trace, 32) && trace.bytes().any(|byte| byte != b'0')).then_some(*trace)
}

fn into_problem(mut response: Response, id: &RequestId) -> Response {
    let mut problem = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure.into_problem(),
        // A stored answer is repeated byte for byte.
        None if response.headers().get(header::CONTENT_TYPE) == Some(&PROBLEM_MEDIA_TYPE) => return response,
        None => of_framework(response.status()),
    };
    problem.request_id = id.as_str().into();
    let body = serde_json::to_vec(&problem).expect("text, numbers and lists always serialize");
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE);
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, Body::from(body))
}

/// The framework and its layers answer with bare text; the status says what they mean.
fn of_framework(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(Code::NotFound, "There is no such path. `/docs` lists those there are."),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(Code::MethodNotAllowed, "The `Allow` header names the methods that work here."),
        StatusCode::REQUEST_TIMEOUT => Problem::new(Code::RequestTimeout, "The request did not arrive in time."),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "The body is larger than this path takes."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(Code::UnsupportedMediaType, "Send `Content-Type: application/json`."),
        StatusCode::UNPROCESSABLE_ENTITY => Problem::new(Code::UnprocessableContent, "The request does not say what is needed."),
        StatusCode::SERVICE_UNAVAILABLE => Problem::new(Code::Overloaded, "Nothing was done."),
        other if other.is_client_error() => Problem::new(Code::BadRequest, "The request can't be read."),
        _ => Problem::new(Code::Internal, "The server's log has the cause under this request's id."),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn headers(name: &HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_str(value).expect("a header value"))])
    }

    #[test]
    fn a_clients_request_id_is_kept_only_when_it_can_do_no_harm() {
        assert_eq!(RequestId::of(&headers(&REQUEST_ID, "order-17")).as_str(), "order-17");
        for harmful in ["", "a b", "a\"b", "{}", &"x".repeat(129)] {
            assert_ne!(RequestId::of(&headers(&REQUEST_ID, harmful)).as_str(), harmful);
        }
        assert_ne!(RequestId::of(&HeaderMap::new()).as_str(), RequestId::of(&HeaderMap::new()).as_str());
    }

    #[test]
    fn a_trace_id_is_taken_from_a_valid_traceparent_only() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(&headers(&TRACEPARENT, valid)), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for invalid in
            ["", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
        {
            assert_eq!(trace_id(&headers(&TRACEPARENT, invalid)), None, "{invalid}");
        }
    }

    async fn answer_of<S>(service: S) -> (StatusCode, Problem)
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(&REQUEST_ID, HeaderValue::from_static("find-me"));
        let response = MannersLayer.layer(service).oneshot(request).await.expect("it is infallible");
        assert_eq!(response.headers()[&REQUEST_ID], "find-me");
        let (status, body) = (response.status(), response.into_body().collect().await.expect("it is in memory").to_bytes());
        (status, serde_json::from_slice(&body).expect("a problem"))
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_for_wherever_it_does() {
        let later = service_fn(async |_: Request| -> Result<Response, Infallible> { panic!("on purpose") });
        let at_once = service_fn(|_: Request| -> std::future::Ready<Result<Response, Infallible>> { panic!("{}", "on purpose") });
        for (status, problem) in [answer_of(later).await, answer_of(at_once).await] {
            assert_eq!((status.as_u16(), problem.code.as_str(), problem.request_id.as_str()), (500, "internal", "find-me"));
        }
    }
}
