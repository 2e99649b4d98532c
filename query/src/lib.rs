//! Reads: shows, seats, reservations, history, and the live stream.
//!
//! # Layout
//!
//! * [`shows`], [`chart`], [`seats`], [`reservation`]: what is, from the views, and the seats as they were
//! * [`queue`]: the waiting room
//! * [`biography`]: what became of a seat, and whom it was refused
//! * [`history`]: what happened, from the log
//! * [`proofs`]: checkpoints of the log, and proofs that something is in it
//! * [`stream`]: what changes, as it changes
//! * `conditional`: answers that a client may have already
//!
//! Nothing here writes anything, and nothing here knows the command side.

pub mod biography;
pub mod chart;
mod conditional;
pub mod history;
pub mod proofs;
pub mod queue;
pub mod reservation;
pub mod seats;
pub mod shows;
pub mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use fullhouse_demand::DemandStore;
use fullhouse_domain::ShowId;
use fullhouse_eventstore::{Log, LogError};
use fullhouse_http::problem::{Failure, internal};
use fullhouse_http::{Answer, Tokens};
use fullhouse_line::Presence;
use fullhouse_schemas::{Code, Problem};
use fullhouse_transparency::{Checkpoints, Prover};
use fullhouse_views::{LiveShow, LiveViews};
use tokio::sync::Semaphore;

pub use stream::Streams;

/// How long a read waits for the views to reach the position it needs.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many reads of the past may fold the log at a time.
const PAST_READS_MAX: usize = 4;

/// What the handlers need.
#[derive(Debug, Clone)]
pub struct QueryState {
    views: Arc<LiveViews>,
    log: Log,
    tokens: Arc<Tokens>,
    streams: Arc<Streams>,
    presence: Arc<Presence>,
    prover: Prover,
    demand: DemandStore,
    past_reads: Arc<Semaphore>,
}

impl FromRef<QueryState> for Arc<Tokens> {
    fn from_ref(state: &QueryState) -> Self {
        state.tokens.clone()
    }
}

impl QueryState {
    /// Reads from these views, this log and what was refused, and proves with these checkpoints; who asks after his place is noted.
    pub fn new(
        views: Arc<LiveViews>,
        log: Log,
        checkpoints: Checkpoints,
        demand: DemandStore,
        tokens: Arc<Tokens>,
        streams: Arc<Streams>,
        presence: Arc<Presence>,
    ) -> Self {
        let prover = Prover::new(log.clone(), checkpoints);
        Self { views, log, tokens, streams, presence, prover, demand, past_reads: Arc::new(Semaphore::new(PAST_READS_MAX)) }
    }

    fn show(&self, id: &ShowId) -> Answer<Arc<LiveShow>> {
        self.views.show(id).ok_or_else(|| Problem::new(Code::NotFound, "There is no such event.").into())
    }

    /// Waits until the views have everything that the log had when the request came, so that nobody misses what he has
    /// just been told was done.
    async fn catch_up(&self) -> Answer<()> {
        let head = self.log.newest_head(PATIENCE).await.map_err(|error| log_failed("asking for the log's head", &error))?;
        if self.views.reach(head, PATIENCE).await {
            return Ok(());
        }
        let reached = *self.views.log_position().borrow();
        let detail = format!("The views are at log position {reached}; the log is at {head}.");
        Err(Problem::new(Code::NotReached, detail).with("log_position", reached).into())
    }

    async fn past_read(&self) -> Answer<tokio::sync::OwnedSemaphorePermit> {
        let permit = tokio::time::timeout(PATIENCE, self.past_reads.clone().acquire_owned()).await;
        match permit {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy("Too many reads of the past are going on.")),
        }
    }
}

/// A log that can't be reached may be reached soon; one that is broken needs the operator.
fn log_failed(doing: &'static str, error: &LogError) -> Failure {
    match error {
        LogError::Store { .. } => {
            tracing::warn!(cause = std::error::Error::source(error).map(ToString::to_string), doing, "the log can't be reached: {error}");
            Problem::new(Code::LogUnreachable, "The log can't be reached, and what the views show may not be the newest.").into()
        }
        _ => internal(doing, error),
    }
}

fn busy(detail: &str) -> Failure {
    Problem::new(Code::Overloaded, detail).into()
}

/// The paths of all reads.
pub fn router(state: QueryState) -> Router {
    Router::new()
        .route("/events", get(shows::list))
        .route("/events/{event_id}", get(shows::one))
        .route("/events/{event_id}/chart", get(chart::chart))
        .route("/events/{event_id}/seats", get(seats::seats))
        .route("/events/{event_id}/seats/{seat}/biography", get(biography::biography))
        .route("/events/{event_id}/queue", get(queue::place))
        .route("/events/{event_id}/waiting-room", get(queue::room))
        .route("/events/{event_id}/draw", get(queue::draw))
        .route("/events/{event_id}/history", get(history::of_show))
        .route("/log", get(history::of_log))
        .route("/checkpoint", get(proofs::newest))
        .route("/checkpoint/key", get(proofs::key))
        .route("/checkpoints", get(proofs::checkpoints))
        .route("/checkpoints/consistency", get(proofs::consistency))
        .route("/reserve/{reservation_id}", get(reservation::reservation))
        .route("/reserve/{reservation_id}/proof", get(proofs::receipt))
        .layer(tower_http::compression::CompressionLayer::new())
        .layer(axum::middleware::map_response(conditional::tag_what_was_compressed))
        .layer(axum::middleware::map_request(conditional::leave_a_way_to_answer))
        .route("/events/{event_id}/stream", get(stream::stream))
        .with_state(state)
}
