//! Every path.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use fullhouse_http::manners::MannersLayer;
use metrics_exporter_prometheus::PrometheusHandle;

use super::operations::{self, Readiness};
use super::pages;
use super::parts::Parts;

/// All paths of this process, with the manners that they share.
pub fn router(parts: &Parts, readiness: Arc<Readiness>, metrics: PrometheusHandle) -> Router {
    let operations = Router::new()
        .route("/livez", get(operations::livez))
        .route("/readyz", get(operations::readyz).with_state(readiness))
        .route("/metrics", get(operations::metrics).with_state(metrics))
        .route("/openapi.json", get(operations::openapi))
        .route("/problems/{code}", get(operations::problem));
    let mut router = operations;
    if let Some(commands) = &parts.commands {
        router = router.merge(fullhouse_command::router(commands.state.clone()));
    }
    if let Some(queries) = &parts.queries {
        router = router.merge(fullhouse_query::router(queries.state.clone())).merge(pages::router());
    }
    router.layer(MannersLayer)
}
