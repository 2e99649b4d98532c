//! Requests over kept connections. All buyers share them: 100,000 people with a connection each would need more descriptors than a machine has.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request as HttpRequest, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;

/// A connection to be opened may take so long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer may take so long; then nobody knows what became of the request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The server closes a kept connection after 10 s of silence. It must not happen just when the next request is sent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent peer is asked for a sign of life after so long, and this often, so that a lost server ends its streams.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;
/// What to wait for when an answer asks for patience and does not say how much.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// All connections to one address.
#[derive(Debug)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    url: String,
}

/// A request that can be sent again.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    pub method: Method,
    pub path: &'a str,
    pub token: Option<&'a str>,
    pub headers: Vec<(&'static str, &'a str)>,
    /// Empty: there is none.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// How long to wait before another try, when that was said or is usual.
    pub retry_after: Duration,
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    NoConnection,
    NoAnswerInTime,
    ConnectionLost,
    NotSendable,
}

/// What this program reads of a problem.
#[derive(Debug, Default, Deserialize)]
pub struct ProblemRead {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub detail: String,
    #[serde(default)]
    pub on_sale_at: Option<fullhouse_schemas::time::Instant>,
}

impl Trouble {
    fn of(error: Error) -> Self {
        if error.is_connect() { Trouble::NoConnection } else { Trouble::ConnectionLost }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Trouble::NoConnection => "no-connection",
            Trouble::NoAnswerInTime => "no-answer-in-time",
            Trouble::ConnectionLost => "connection-lost",
            Trouble::NotSendable => "not-sendable",
        }
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same request may get a real answer later.
    pub fn is_put_off(&self) -> bool {
        matches!(self.status, 429 | 502 | 503 | 504)
    }

    /// The problem that it is; one without a code, when it is something else.
    pub fn problem(&self) -> ProblemRead {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What went wrong, in one word: the problem's code, or the status of an answer that is no problem.
    pub fn code(&self) -> String {
        let code = self.problem().code;
        if code.is_empty() { format!("http-{}", self.status) } else { code }
    }
}

impl Client {
    pub fn new(url: &str, connections: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_keepalive(Some(KEEPALIVE_AFTER));
        connector.set_keepalive_interval(Some(KEEPALIVE_EVERY));
        connector.set_keepalive_retries(Some(KEEPALIVE_PROBES));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(connections)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { pool, url: url.into() }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, Trouble> {
        let sending = async {
            let response = self.begin(request).await?;
            let status = response.status().as_u16();
            let seconds = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let retry_after = seconds.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs);
            let body = response.into_body().collect().await.map_err(|_| Trouble::ConnectionLost)?.to_bytes();
            Ok(Answer { status, retry_after, body })
        };
        tokio::time::timeout(ANSWER_TIMEOUT, sending).await.unwrap_or(Err(Trouble::NoAnswerInTime))
    }

    /// Sends a request and hands the answer over as soon as it begins: for streams.
    pub async fn begin(&self, request: &Request<'_>) -> Result<Response<Body>, Trouble> {
        let mut building = HttpRequest::builder().method(&request.method).uri(format!("{}{}", self.url, request.path));
        if let Some(token) = request.token {
            building = building.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &request.headers {
            building = building.header(*name, *value);
        }
        if !request.body.is_empty() {
            building = building.header(header::CONTENT_TYPE, "application/json");
        }
        let built = building.body(Full::new(request.body.clone())).map_err(|_| Trouble::NotSendable)?;
        let sent = self.pool.request(built).await;
        sent.map(|response| response.map(Body::new)).map_err(Trouble::of)
    }
}
