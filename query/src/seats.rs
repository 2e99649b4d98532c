//! `GET /events/{id}/seats`: the map as it is, and as it was.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_http::problem::internal;
use fullhouse_http::{Answer, Parameters, PathId};
use fullhouse_schemas::http::{CompactSeatsBody, SeatsBody, statuses_text};
use fullhouse_schemas::queue::QueueSummaryBody;
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem, StoredFact};
use fullhouse_views::{LiveShow, PastMap};
use serde::Deserialize;

use crate::conditional::{self, Tag};
use crate::{PATIENCE, QueryState, log_failed, queue};

/// How many facts are read at a time.
const READ_FACTS: usize = 4_096;

/// One or the other, as `format` says.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described; the answers are written as what they are")]
enum SeatsAnswer {
    Full(SeatsBody),
    Compact(CompactSeatsBody),
}

/// Which map, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    format: Format,
    position: Option<u64>,
    at: Option<Instant>,
    min_position: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Full,
    Compact,
}

/// Where in a show's history.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Position(u64),
    At(Timestamp),
}

/// Every seat and its status.
#[utoipa::path(
    get, path = "/events/{event_id}/seats", tag = "shows",
    params(
        ("event_id" = String, Path),
        ("format" = Option<String>, Query, description = "`full`, or `compact`: one letter per seat in chart order."),
        ("position" = Option<u64>, Query, description = "The map as it was at this position."),
        ("at" = Option<String>, Query, description = "The map as it was at this instant (RFC 3339)."),
        ("min_position" = Option<u64>, Query, description = "Waits until the view has reached this position."),
    ),
    responses(
        (status = 200, description = "The map; with `format=compact` a `CompactSeatsBody`.", body = inline(SeatsAnswer)),
        (status = 304, description = "You have it."),
        (status = 400, description = "bad-request", body = Problem),
        (status = 404, description = "not-found: no such event, or it had no such moment", body = Problem),
        (status = 503, description = "not-reached: `position` says how far the view is", body = Problem),
    )
)]
pub async fn seats(
    State(state): State<QueryState>,
    PathId(id): PathId<ShowId>,
    Parameters(wanted): Parameters<Wanted>,
    headers: HeaderMap,
) -> Answer<Response> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let moment = match (wanted.position, wanted.at) {
        (None, None) => None,
        (Some(position), None) => Some(Moment::Position(position)),
        (None, Some(Instant(at))) => Some(Moment::At(at)),
        (Some(_), Some(_)) => return Err(Problem::new(Code::BadRequest, "Send either `position` or `at`, not both.").into()),
    };
    if let Some(min_position) = wanted.min_position
        && !show.reach(min_position, PATIENCE).await
    {
        let position = show.view().position();
        let detail = format!("The view is at position {position}, not yet at {min_position}.");
        return Err(Problem::new(Code::NotReached, detail).with("position", position).into());
    }
    match moment {
        None => {
            // The projector waits while the view is looked at, so it is copied and let go.
            let map = PastMap::of(&show.view());
            Ok(answer(&headers, wanted.format, &show, &map, queue::summary(&show, state.log.now())))
        }
        Some(moment) => Ok(answer(&headers, wanted.format, &show, &past(&state, &show, moment).await?, None)),
    }
}

fn answer(headers: &HeaderMap, format: Format, show: &LiveShow, map: &PastMap, queue: Option<QueueSummaryBody>) -> Response {
    let (position, counts, statuses) = (map.position(), map.counts(), map.statuses());
    // Turns end by time too, so with a waiting room the position alone does not name the state.
    let tag =
        queue.as_ref().map_or_else(|| Tag::new(position), |queue| Tag::new(format_args!("{position}-{}-{}", queue.active, queue.is_full)));
    let body = || -> Bytes {
        let written = match format {
            Format::Compact => serde_json::to_vec(&CompactSeatsBody { position, counts, statuses: statuses_text(statuses), queue }),
            Format::Full => serde_json::to_vec(&SeatsBody { queue, ..SeatsBody::new(show.id(), show.chart(), position, counts, statuses) }),
        };
        written.expect("text and numbers always serialize").into()
    };
    conditional::json(headers, &tag, "no-cache", body)
}

/// Folds the log up to a moment, from the last snapshot before it on.
async fn past(state: &QueryState, show: &LiveShow, moment: Moment) -> Answer<PastMap> {
    let head = show.view().position();
    if let Moment::Position(position) = moment
        && !(1..=head).contains(&position)
    {
        let detail = format!("This event has the positions 1 to {head}.");
        return Err(Problem::new(Code::NotFound, detail).with("position", head).into());
    }
    let _permit = state.past_read().await?;
    let mut map = match moment {
        Moment::Position(position) => show.snapshot_at_position(position),
        Moment::At(at) => show.snapshot_at_instant(at),
    };
    loop {
        let after = map.as_ref().map_or(0, PastMap::position);
        let facts =
            state.log.read_show(show.id(), after, READ_FACTS).await.map_err(|error| log_failed("reading a show's history", &error))?;
        for fact in &facts {
            if is_after(fact, moment) {
                return map.ok_or_else(|| Problem::new(Code::NotFound, "This event had not been scheduled then.").into());
            }
            apply(&mut map, show, fact)?;
        }
        if facts.len() < READ_FACTS {
            return map.ok_or_else(|| Problem::new(Code::NotFound, "There is no such event.").into());
        }
    }
}

fn is_after(fact: &StoredFact, moment: Moment) -> bool {
    match moment {
        Moment::Position(position) => fact.position > position,
        Moment::At(at) => fact.recorded_at > at,
    }
}

fn apply(map: &mut Option<PastMap>, show: &LiveShow, fact: &StoredFact) -> Answer<()> {
    match map {
        None => *map = Some(PastMap::scheduled(show.chart(), fact.recorded_at)),
        Some(map) => map.apply(fact).map_err(|error| internal("folding a show's history", &error))?,
    }
    Ok(())
}
