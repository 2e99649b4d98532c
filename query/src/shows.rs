//! `GET /events` and `GET /events/{id}`

use axum::Json;
use axum::extract::State;
use fullhouse_domain::ShowId;
use fullhouse_http::{Answer, Parameters, PathId};
use fullhouse_schemas::http::{ShowBody, ShowWithCountsBody, ShowsBody};
use fullhouse_schemas::{Code, Problem};
use fullhouse_views::LiveShow;
use serde::Deserialize;

use crate::QueryState;

/// Shows on a page when the client doesn't say.
const LIMIT_DEFAULT: usize = 50;
/// The most shows on a page.
const LIMIT_MAX: usize = 200;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// All shows, in the order in which they were scheduled.
#[utoipa::path(
    get, path = "/events", tag = "shows",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<usize>, Query, description = "1 to 200; 50 when absent."),
    ),
    responses((status = 200, body = ShowsBody), (status = "4XX", description = "bad-request", body = Problem))
)]
pub async fn list(State(state): State<QueryState>, Parameters(page): Parameters<Page>) -> Answer<Json<ShowsBody>> {
    let after: u64 = match page.after.as_deref() {
        None => 0,
        Some(text) => text.parse().map_err(|_not_ours| Problem::new(Code::BadRequest, "`after` must be `next` of the page before."))?,
    };
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(Code::BadRequest, format!("`limit` must be 1 to {LIMIT_MAX}.")).into());
    }
    state.catch_up().await?;
    let mut shows = state.views.shows_after(after, limit + 1);
    let is_more = shows.len() > limit;
    shows.truncate(limit);
    let next = shows.last().filter(|_| is_more).map(|(scheduled_at, _)| scheduled_at.to_string());
    Ok(Json(ShowsBody { events: shows.iter().map(|(_, show)| body(show)).collect(), next }))
}

/// One show.
#[utoipa::path(
    get, path = "/events/{event_id}", tag = "shows", params(("event_id" = String, Path)),
    responses((status = 200, body = ShowWithCountsBody), (status = 404, description = "not-found", body = Problem))
)]
pub async fn one(State(state): State<QueryState>, PathId(id): PathId<ShowId>) -> Answer<Json<ShowWithCountsBody>> {
    state.catch_up().await?;
    Ok(Json(body(&*state.show(&id)?)))
}

fn body(show: &LiveShow) -> ShowWithCountsBody {
    let view = show.view();
    ShowWithCountsBody { show: ShowBody::new(show.id(), show.plan()), position: view.position(), counts: view.counts() }
}
