//! How a handler answers with a problem.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fullhouse_schemas::{Code, Problem};

/// The media type of problems (RFC 9457, section 3).
pub const PROBLEM_MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem on its way out. [`crate::manners`] adds the request's id and writes it.
#[derive(Debug, Clone)]
pub struct Failure {
    problem: Problem,
    retry_after_seconds: Option<u32>,
}

/// What a handler returns.
pub type Answer<T = Response> = Result<T, Failure>;

/// How long a client is asked to stay away when the problem itself doesn't say.
const RETRY_AFTER_SECONDS: u32 = 1;

impl Failure {
    /// Asks the client to stay away for so long.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    pub(crate) fn into_problem(self) -> Problem {
        self.problem
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let retry_after_seconds = matches!(problem.status, 429 | 503).then_some(RETRY_AFTER_SECONDS);
        Self { problem, retry_after_seconds }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.problem.code == Code::Unauthorized.as_str() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fullhouse\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error that only the operator can mend: logged here with its cause, answered without it.
pub fn internal(doing: &'static str, error: &dyn std::error::Error) -> Failure {
    let mut causes = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(doing, error = causes, "a request failed");
    Problem::new(Code::Internal, "The server's log has the cause under this request's id.").into()
}
