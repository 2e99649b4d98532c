//! The limit of what HTTP and JSON allow here: axum, which reads the body of a hold and sends it back.

use std::net::SocketAddr;

use axum::routing::post;
use axum::{Json, Router};
use fullhouse_schemas::http::ReserveBody;

/// Serves until killed.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let router = Router::new().route("/reserve", post(|Json(body): Json<ReserveBody>| async { Json(body) }));
    crate::baselines::listen(router, address).await
}
