//! Checkpoints of the log, and proofs that something is in it. What the bytes mean is written in `docs/proofs.md`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fullhouse_domain::{ReservationId, ShowId};
use fullhouse_http::problem::{Failure, internal};
use fullhouse_http::{Answer, Parameters, PathId, Role, Witness};
use fullhouse_schemas::proofs::{CheckpointBody, CheckpointsBody, ConsistencyBody, Receipt, hash_text};
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem, StoredFact};
use fullhouse_transparency::{KeptCheckpoint, TransparencyError};
use serde::Deserialize;

use crate::{PATIENCE, QueryState, log_failed};

/// Checkpoints on a page when the client doesn't say.
const LIMIT_DEFAULT: u64 = 100;
/// The most checkpoints on a page.
const LIMIT_MAX: u64 = 1_000;
/// How often the newest checkpoint is looked at while somebody waits for it.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// Which checkpoints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichCheckpoints {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
}

/// Between which log positions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    from: u64,
    to: u64,
}

/// The newest checkpoint: a signed note with the log's name, its size and the root of the tree over it.
#[utoipa::path(
    get, path = "/checkpoint", tag = "proofs",
    responses((status = 200, content_type = "text/plain", body = String), (status = 404, description = "Nothing is sealed yet.", body = Problem))
)]
pub async fn newest(State(state): State<QueryState>) -> Answer<Response> {
    let newest = state.prover.newest().await.map_err(|error| failed(&error))?;
    let newest = newest.ok_or_else(|| Problem::new(Code::NotFound, "Nothing is sealed yet."))?;
    Ok(text(newest.note))
}

/// The public key that checkpoints are verified with: `name+id+key`.
#[utoipa::path(
    get, path = "/checkpoint/key", tag = "proofs",
    responses((status = 200, content_type = "text/plain", body = String), (status = 404, description = "Nothing is sealed yet.", body = Problem))
)]
pub async fn key(State(state): State<QueryState>) -> Answer<Response> {
    let signers = state.prover.checkpoints().signers().await.map_err(|error| failed(&error))?;
    let newest = signers.first().ok_or_else(|| Problem::new(Code::NotFound, "Nothing is sealed yet."))?;
    Ok(text(format!("{newest}\n")))
}

/// Kept checkpoints, the smallest first.
#[utoipa::path(
    get, path = "/checkpoints", tag = "proofs",
    params(
        ("after" = Option<u64>, Query, description = "A size; checkpoints of more facts."),
        ("limit" = Option<u64>, Query, description = "1 to 1,000, 100 when absent."),
    ),
    responses((status = 200, body = CheckpointsBody), (status = 400, description = "bad-request", body = Problem))
)]
pub async fn checkpoints(
    State(state): State<QueryState>,
    Parameters(WhichCheckpoints { after, limit }): Parameters<WhichCheckpoints>,
) -> Answer<Json<CheckpointsBody>> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(Code::BadRequest, format!("`limit` must be 1 to {LIMIT_MAX}.")).into());
    }
    let _permit = state.past_read().await?;
    let kept = state.prover.checkpoints().at_least(after.saturating_add(1), limit as usize + 1).await.map_err(|error| failed(&error))?;
    let mut checkpoints: Vec<CheckpointBody> = kept.into_iter().map(body).collect();
    let has_more = checkpoints.len() as u64 > limit;
    checkpoints.truncate(limit as usize);
    let next = checkpoints.last().filter(|_| has_more).map(|last| last.size);
    Ok(Json(CheckpointsBody { checkpoints, next }))
}

/// The proof that the log of one kept checkpoint is the beginning of another's. They are the smallest that cover the two log
/// positions.
#[utoipa::path(
    get, path = "/checkpoints/consistency", tag = "proofs",
    params(("from" = u64, Query, description = "A log position, 1 or more."), ("to" = u64, Query, description = "The same, or a later one.")),
    responses(
        (status = 200, body = ConsistencyBody),
        (status = 400, description = "bad-request", body = Problem),
        (status = 503, description = "not-sealed: no checkpoint reaches so far", body = Problem),
    )
)]
pub async fn consistency(
    State(state): State<QueryState>,
    Parameters(Between { from, to }): Parameters<Between>,
) -> Answer<Json<ConsistencyBody>> {
    if from == 0 || from > to {
        return Err(Problem::new(Code::BadRequest, "`from` must be 1 or more, and `to` not before it.").into());
    }
    let _permit = state.past_read().await?;
    let proof = state.prover.consistency(from, to).await.map_err(|error| failed(&error))?;
    let hashes = proof.hashes.iter().map(hash_text).collect();
    Ok(Json(ConsistencyBody { from: body(proof.from), to: body(proof.to), hashes }))
}

/// The receipt of a reservation: its facts, and the proof that they are in the log. For its holder, and for auditors.
#[utoipa::path(
    get, path = "/reserve/{reservation_id}/proof", tag = "proofs", security(("token" = ["customer", "auditor"])),
    params(("reservation_id" = String, Path)),
    responses(
        (status = 200, body = Receipt),
        (status = 404, description = "There is no such reservation of yours.", body = Problem),
        (status = 503, description = "not-sealed: ask again in a second", body = Problem),
    )
)]
pub async fn receipt(State(state): State<QueryState>, Witness(caller): Witness, PathId(id): PathId<ReservationId>) -> Answer<Response> {
    state.catch_up().await?;
    let not_found = || Problem::new(Code::NotFound, "There is no such reservation.");
    let show = state.views.show(&id.show()).ok_or_else(not_found)?;
    let positions = {
        let view = show.view();
        let is_for = |subject| caller.role == Role::Auditor || caller.subject == subject;
        view.reservation(&id).filter(|reservation| is_for(reservation.subject.clone())).ok_or_else(not_found)?;
        view.positions_about(&id)
    };
    let facts = {
        let _permit = state.past_read().await?;
        facts_at(&state, show.id(), &positions).await?
    };
    wait_until_sealed(&state, facts.last().map_or(0, |fact| fact.log_position)).await?;
    let _permit = state.past_read().await?;
    let receipt = state.prover.receipt(&id, &facts).await.map_err(|error| failed(&error))?;
    Ok(Json(receipt).into_response())
}

/// Waits for a checkpoint that covers a log position. It may be a second away, so nobody else's turn is taken up meanwhile.
async fn wait_until_sealed(state: &QueryState, log_position: u64) -> Answer<()> {
    let asked_at = tokio::time::Instant::now();
    while asked_at.elapsed() < PATIENCE {
        let newest = state.prover.newest().await.map_err(|error| failed(&error))?;
        if newest.is_some_and(|newest| newest.size >= log_position) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(failed(&TransparencyError::NotSealed { log_position }))
}

async fn facts_at(state: &QueryState, show: &ShowId, positions: &[u64]) -> Answer<Vec<StoredFact>> {
    let mut facts = Vec::with_capacity(positions.len());
    for position in positions {
        let read = state.log.read_show(show, position - 1, 1).await;
        facts.extend(read.map_err(|error| log_failed("reading a reservation's history", &error))?);
    }
    Ok(facts)
}

fn body(KeptCheckpoint { size, signed_at, note }: KeptCheckpoint) -> CheckpointBody {
    CheckpointBody { size, signed_at: Instant(signed_at), note }
}

fn text(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}

/// What is not sealed will be; a store that can't be reached may be reached soon; a history that is not what was signed needs
/// the operator.
fn failed(error: &TransparencyError) -> Failure {
    match error {
        TransparencyError::NotSealed { log_position } => {
            Problem::new(Code::NotSealed, format!("No checkpoint reaches log position {log_position} yet.")).into()
        }
        TransparencyError::Store { .. } => {
            tracing::warn!(cause = std::error::Error::source(error).map(ToString::to_string), "checkpoints can't be read: {error}");
            Problem::new(Code::LogUnreachable, "The checkpoints can't be reached.").into()
        }
        TransparencyError::Contradiction { .. } | TransparencyError::Unusable { .. } => internal("proving what is in the log", error),
    }
}
