//! `GET /events/{id}/seats/{seat}/biography`: what became of a seat, and whom it was refused.

use axum::Json;
use axum::extract::State;
use fullhouse_domain::SeatIndex;
use fullhouse_http::{Answer, Auditor, Parameters, PathSeat};
use fullhouse_schemas::biography::{BiographyBody, BiographyEntry, RefusedBody};
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem, StoredFact};
use fullhouse_views::LiveShow;
use serde::Deserialize;

use crate::{QueryState, log_failed};

/// How many facts are read at a time.
const READ_FACTS: usize = 4_096;
/// Refusals that are told one by one, the last ones.
const REFUSED_MAX: usize = 1_000;
/// The most entries on a page.
const LIMIT_MAX: u64 = 1_000;

/// Which page of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
}

/// What became of a seat: who held, paid, released or lost it, when, and whom it was refused. Role: auditor.
#[utoipa::path(
    get, path = "/events/{event_id}/seats/{seat}/biography", tag = "history", security(("token" = ["auditor"])),
    params(
        ("event_id" = String, Path),
        ("seat" = String, Path, description = "The seat's label."),
        ("after" = Option<u64>, Query, description = "A position; what happened after it."),
        ("limit" = Option<u64>, Query, description = "1 to 1,000 entries, 1,000 when absent."),
    ),
    responses((status = 200, body = BiographyBody), (status = "4XX", description = "See `code`.", body = Problem))
)]
pub async fn biography(
    State(state): State<QueryState>,
    Auditor(_): Auditor,
    PathSeat(id, label): PathSeat,
    Parameters(Wanted { after, limit }): Parameters<Wanted>,
) -> Answer<Json<BiographyBody>> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let seat = show.chart().seat(&label).ok_or_else(|| Problem::new(Code::NotFound, format!("This event has no seat {label}.")))?;
    let limit = limit.unwrap_or(LIMIT_MAX);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(Code::BadRequest, format!("`limit` must be 1 to {LIMIT_MAX}.")).into());
    }
    let _permit = state.past_read().await?;
    let (entries, next) = entries(&state, &show, seat, after, limit as usize).await?;
    let read = state.demand.of_seat(&id, &label, REFUSED_MAX).await;
    let (refusals, refused) = read.map_err(|error| {
        tracing::warn!(cause = std::error::Error::source(&error).map(ToString::to_string), "refusals can't be read: {error}");
        Problem::new(Code::LogUnreachable, "What was refused can't be read.")
    })?;
    let refused = refused.into_iter().rev().map(|once| RefusedBody {
        refused_at: Instant(once.refused_at),
        position: once.position,
        subject: once.subject,
        reason: once.reason,
    });
    let status = show.view().statuses()[seat as usize];
    Ok(Json(BiographyBody {
        event_id: id.to_string(),
        seat: label,
        status: status.as_str().into(),
        entries,
        next,
        refusals,
        refused: refused.collect(),
    }))
}

/// Up to `limit` entries after a position, and where the next page begins, if there is one.
async fn entries(
    state: &QueryState,
    show: &LiveShow,
    seat: SeatIndex,
    mut after: u64,
    limit: usize,
) -> Answer<(Vec<BiographyEntry>, Option<u64>)> {
    let mut entries: Vec<BiographyEntry> = Vec::new();
    loop {
        let facts =
            state.log.read_show(show.id(), after, READ_FACTS).await.map_err(|error| log_failed("reading a show's history", &error))?;
        for fact in facts.iter().filter(|fact| fact.touches.contains(&seat)) {
            if entries.len() == limit {
                let next = entries.last().map(|last| last.position);
                return Ok((entries, next));
            }
            entries.push(entry(show, fact));
        }
        after = facts.last().map_or(after, |fact| fact.position);
        if facts.len() < READ_FACTS {
            return Ok((entries, None));
        }
    }
}

/// Whose seat it was is told by the hold, also where the fact came of a timer.
fn entry(show: &LiveShow, fact: &StoredFact) -> BiographyEntry {
    let mut entry = BiographyEntry::of(fact);
    let view = show.view();
    entry.holder = entry.reservation_id.as_ref().and_then(|id| view.reservation(id)).map(|reservation| reservation.subject.to_string());
    entry
}
