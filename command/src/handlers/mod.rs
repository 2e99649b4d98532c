//! Commands over HTTP. Each handler parses, submits, and says what became of it.

mod checkout;
mod people;
mod queue;
mod release;
mod reserve;
mod schedule;
mod session;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post, put};
use fullhouse_demand::Demand;
use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::Fingerprint;
use fullhouse_http::problem::{Failure, PROBLEM_MEDIA_TYPE};
use fullhouse_http::{Answer, IdempotencyKey, RequestId, Tokens};
use fullhouse_people::People;
use fullhouse_schemas::http::ReservationBody;
use fullhouse_schemas::{Code, CommandId, Problem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::outcome::{Claimed, Outcome, Rejected};
use crate::rooms::Rooms;
use crate::sequencer::{Action, Sequencer, Submission};

pub use checkout::__path_checkout;
pub use people::{__path_find, __path_forget, __path_note};
pub use queue::{__path_change_room, __path_join, __path_leave};
pub use release::__path_release;
pub use reserve::__path_reserve;
pub use schedule::__path_schedule;
pub use session::__path_session;

/// The body of a request that needs none: nothing, or an empty object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NothingToSay {}

/// What the handlers need. A request copies it several times, so the parts are shared.
#[derive(Debug, Clone)]
pub struct CommandState(Arc<CommandParts>);

/// The parts.
#[derive(Debug)]
pub struct CommandParts {
    /// Where commands go.
    pub sequencer: Sequencer,
    /// The waiting rooms.
    pub rooms: Rooms,
    /// Where refused holds are noted.
    pub demand: Demand,
    /// Who the subjects are.
    pub people: People,
    /// Whose tokens are good.
    pub tokens: Arc<Tokens>,
    /// The short name of this cluster, which the ids of its shows begin with.
    pub cluster: Arc<str>,
}

impl From<CommandParts> for CommandState {
    fn from(parts: CommandParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for CommandState {
    type Target = CommandParts;

    fn deref(&self) -> &CommandParts {
        &self.0
    }
}

impl FromRef<CommandState> for Arc<Tokens> {
    fn from_ref(state: &CommandState) -> Self {
        state.tokens.clone()
    }
}

/// The paths of all commands.
pub fn router(state: CommandState) -> Router {
    Router::new()
        .route("/events", post(schedule::schedule))
        .route("/events/{event_id}/queue", post(queue::join).delete(queue::leave))
        .route("/events/{event_id}/waiting-room", put(queue::change_room))
        .route("/reserve", post(reserve::reserve))
        .route("/reserve/{reservation_id}", delete(release::release))
        .route("/reserve/{reservation_id}/checkout", post(checkout::checkout))
        .route("/people/{subject}", put(people::note).get(people::find).delete(people::forget))
        .route("/session", post(session::session))
        .with_state(state)
}

/// A random word of 80 bits for an id, in lower-case letters and digits that can't be mistaken for one another.
fn random_word() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let random: u128 = rand::random();
    (0..16).map(|at| char::from(ALPHABET[(random >> (5 * at)) as usize % 32])).collect()
}

/// A request, as far as it matters for its identity.
struct Sent<'a> {
    subject: &'a Subject,
    key: Option<&'a IdempotencyKey>,
    request_id: &'a RequestId,
    /// Method and path.
    target: &'a str,
    body: &'a [u8],
}

impl Sent<'_> {
    /// A key names the same command for the same person on every server, also after a crash, since the id is computed from
    /// the two.
    fn command_id(&self) -> CommandId {
        match self.key {
            None => CommandId(rand::random()),
            Some(key) => CommandId(digest(&[self.subject.as_str().as_bytes(), key.as_str().as_bytes()])),
        }
    }

    fn submission(&self, show: ShowId, action: Action) -> Submission {
        Submission {
            show,
            command_id: self.command_id(),
            is_keyed: self.key.is_some(),
            fingerprint: Fingerprint(if self.key.is_some() { digest(&[self.target.as_bytes(), self.body]) } else { [0; 16] }),
            subject: Some(self.subject.clone()),
            request_id: self.request_id.as_str().into(),
            action,
        }
    }
}

/// 128 bits of SHA-256 over the parts, each with its length before it.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}

/// Room for one more command. A handler that asks for this first refuses the excess before it looks at tokens and bodies.
struct Room;

impl FromRequestParts<CommandState> for Room {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, state: &CommandState) -> Result<Self, Failure> {
        state.sequencer.check_room().map(|()| Self).map_err(not_done)
    }
}

/// Submits a command and waits. The sequencer's task does the work, so a client that hangs up takes nothing with it.
async fn submit(state: &CommandState, submission: Submission) -> Answer<Outcome> {
    match submit_even_in_vain(state, submission).await? {
        Outcome::Refused { refusal, position } => Err(Problem::refused(&refusal, position).into()),
        outcome => Ok(outcome),
    }
}

/// The same for whoever has more to do with a refusal than to answer with it.
async fn submit_even_in_vain(state: &CommandState, submission: Submission) -> Answer<Outcome> {
    match state.sequencer.submit(submission).await {
        Ok(Outcome::KeyReused) => {
            let detail = "The key stands for another request of yours. Send a new key, or the same request.";
            Err(Problem::new(Code::IdempotencyKeyReused, detail).into())
        }
        Ok(outcome) => Ok(outcome),
        Err(rejected) => Err(not_done(rejected)),
    }
}

fn not_done(rejected: Rejected) -> Failure {
    let problem = match rejected {
        Rejected::Overloaded => Problem::new(Code::Overloaded, "Too many commands are waiting. Nothing was done."),
        Rejected::Closing => Problem::new(Code::NotReady, "The server is shutting down. Nothing was done."),
        Rejected::Unknown => Problem::new(
            Code::OutcomeUnknown,
            "The log could not be written, or it was written and nobody can tell. Send the command again with the same Idempotency-Key.",
        ),
        Rejected::Unreachable => Problem::new(Code::LogUnreachable, "The log can't be reached. Nothing was done."),
        Rejected::Damaged => Problem::new(Code::Internal, "The history of this event can't be read. Nothing was done."),
    };
    problem.into()
}

/// The problem that was answered the first time, byte for byte.
fn refused_as(problem: String) -> Response {
    let status = serde_json::from_str::<Problem>(&problem).ok().and_then(|problem| StatusCode::from_u16(problem.status).ok());
    (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], problem).into_response()
}

/// A JSON answer.
fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("text, numbers and lists always serialize");
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}

/// The same, that nobody on the way may keep.
fn private(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 201 with the path of what was made.
fn created(location: &str, body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A reservation at the instant of the fact that made it what it is.
fn reservation_body(claimed: &Claimed) -> ReservationBody {
    ReservationBody::new(&claimed.reservation, &claimed.chart, claimed.reservation.changed_at)
}

/// An outcome that a command of this kind can't have: a defect, answered as such.
fn impossible(outcome: &Outcome) -> Failure {
    tracing::error!(?outcome, "a command had the outcome of another kind of command");
    Problem::new(Code::Internal, "The server's log has the cause under this request's id.").into()
}
