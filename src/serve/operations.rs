//! Health, metrics and documentation.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use fullhouse_command::Sequencer;
use fullhouse_eventstore::{Log, cause_of};
use fullhouse_http::Answer;
use fullhouse_projector::health::Health;
use fullhouse_schemas::http::ReadinessBody;
use fullhouse_schemas::{Code, Problem};
use fullhouse_views::LiveViews;
use metrics_exporter_prometheus::PrometheusHandle;

use super::parts::Parts;
use crate::openapi;

/// How long the log may take to answer before it counts as unreachable.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// Whether requests can be served, and if not, what is missing.
pub struct Readiness {
    log: Log,
    head_at_start: u64,
    views: Option<Arc<LiveViews>>,
    sequencer: Option<Sequencer>,
    health: Health,
    draining: AtomicBool,
}

impl Readiness {
    pub fn new(parts: &Parts) -> Self {
        Self {
            log: parts.log.clone(),
            head_at_start: parts.head_at_start,
            views: parts.queries.as_ref().map(|queries| queries.views.clone()),
            sequencer: parts.commands.as_ref().map(|commands| commands.sequencer.clone()),
            health: parts.health.clone(),
            draining: AtomicBool::new(false),
        }
    }

    /// Waits until the views have what was in the log when the server started.
    pub async fn wait(&self) {
        if let Some(views) = &self.views {
            views.reached_by_and_by(self.head_at_start).await;
        }
    }

    /// From now on new requests should go elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn missing(&self) -> Vec<String> {
        let mut missing = self.health.stopped();
        if let Err(error) = self.log.newest_head(LOG_PATIENCE).await {
            missing.push(format!("the log can't be reached or used{}", cause_of(&error)));
        }
        let reached = self.views.as_ref().map_or(self.head_at_start, |views| *views.log_position().borrow());
        if reached < self.head_at_start {
            missing.push(format!("the live seat views are at log position {reached} of {}", self.head_at_start));
        }
        if self.sequencer.as_ref().is_some_and(|sequencer| !sequencer.is_running()) {
            missing.push("the sequencer has stopped".into());
        }
        if self.draining.load(Ordering::Relaxed) {
            missing.push("the server is shutting down".into());
        }
        missing
    }
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", tag = "operations", responses((status = 200, description = "It does.", body = String)))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be served; if not, what is missing.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses((status = 200, body = ReadinessBody), (status = 503, description = "not-ready: `missing` names what is missing.", body = Problem))
)]
pub async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let missing = readiness.missing().await;
    if missing.is_empty() {
        return Json(ReadinessBody { status: "ready".into(), missing, troubles: readiness.health.stopped_beside() }).into_response();
    }
    let problem = Problem::new(Code::NotReady, missing.join("; ")).with("missing", missing);
    fullhouse_http::problem::Failure::from(problem).into_response()
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn metrics(State(metrics): State<PrometheusHandle>) -> Response {
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, media_type)], metrics.render()).into_response()
}

/// The description of the HTTP interface.
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi::json()).into_response()
}

/// What a code means, for people who follow the `type` of a problem.
pub async fn problem(Path(code): Path<String>) -> Answer<Response> {
    let code = Code::parse(&code).ok_or_else(|| Problem::new(Code::NotFound, "There is no such code."))?;
    let mut page = String::new();
    let (name, status, title, meaning) = (code.as_str(), code.status(), code.title(), code.meaning());
    write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title><h1>{title}</h1><p>{meaning}</p><p><code>{name}</code>, HTTP status {status}</p></html>"
    )
    .expect("writing to a string does not fail");
    Ok((StatusCode::OK, Html(page)).into_response())
}
