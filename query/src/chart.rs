//! `GET /events/{id}/chart`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use fullhouse_domain::ShowId;
use fullhouse_http::{Answer, PathId};
use fullhouse_schemas::Problem;
use fullhouse_schemas::http::ChartBody;

use crate::QueryState;
use crate::conditional::{self, Tag};

/// The layout of a show. It never changes.
#[utoipa::path(
    get, path = "/events/{event_id}/chart", tag = "shows", params(("event_id" = String, Path)),
    responses((status = 200, body = ChartBody), (status = 304, description = "You have it."), (status = 404, body = Problem))
)]
pub async fn chart(State(state): State<QueryState>, PathId(id): PathId<ShowId>, headers: HeaderMap) -> Answer<Response> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let body = || serde_json::to_vec(&ChartBody::new(&id, show.chart())).expect("text and numbers always serialize").into();
    // The plan is the show's first fact, and the chart is computed from it: the id says it all.
    Ok(conditional::json(&headers, &Tag::new(format_args!("chart-{id}")), "public, max-age=31536000, immutable", body))
}
