//! Every path.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use fullhouse_http::manners::manners;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;

use super::operations::{self, Readiness};
use super::pages;
use super::parts::Parts;

/// All paths, with the manners that they share.
pub fn router(parts: &Parts, readiness: Arc<Readiness>, metrics: PrometheusHandle) -> Router {
    let operations = Router::new()
        .route("/livez", get(operations::livez))
        .route("/readyz", get(operations::readyz).with_state(readiness))
        .route("/metrics", get(operations::metrics).with_state(metrics))
        .route("/openapi.json", get(operations::openapi))
        .route("/problems/{code}", get(operations::problem));
    fullhouse_command::router(parts.command.clone())
        .merge(fullhouse_query::router(parts.query.clone()))
        .merge(operations)
        .merge(pages::router())
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(manners))
}
