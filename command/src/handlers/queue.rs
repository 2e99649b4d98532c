//! `POST` and `DELETE /events/{id}/queue`, `PUT /events/{id}/waiting-room`

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fullhouse_domain::{Command, ShowId};
use fullhouse_http::problem::{Failure, internal};
use fullhouse_http::{Answer, Customer, JsonBody, PathId, RequestId, SaleKeeper, Ticket};
use fullhouse_line::LineError;
use fullhouse_schemas::queue::{ChangeRoomBody, QueueBody, RoomBody};
use fullhouse_schemas::{Code, Problem};

use super::{CommandState, NothingToSay, Sent, impossible, json, not_done, submit};
use crate::outcome::Outcome;
use crate::rooms::NotDone;
use crate::sequencer::Action;

/// Joins the line of a show with a waiting room.
///
/// Asked again, it gives the same number, and says where that is now; so an `Idempotency-Key` is not needed. When the turn of
/// that number is over, there is a new one at the end of the line.
#[utoipa::path(
    post, path = "/events/{event_id}/queue", tag = "waiting room", security(("token" = ["customer"])),
    params(("event_id" = String, Path)),
    responses(
        (status = 200, description = "Where you stand; with a `pass` when you are let in.", body = QueueBody),
        (status = "4XX", description = "See `code`. A body is not needed; `{}` may be sent.", body = Problem),
        (status = 404, description = "not-found or no-waiting-room", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown: ask again", body = Problem),
    )
)]
pub async fn join(
    State(state): State<CommandState>,
    Customer(subject): Customer,
    PathId(show): PathId<ShowId>,
    _: Option<JsonBody<NothingToSay>>,
) -> Answer<Response> {
    let body = state.rooms.join(&show, &subject).await.map_err(failed)?;
    Ok(json(StatusCode::OK, &body))
}

/// Leaves the line, or gives up the turn.
#[utoipa::path(
    delete, path = "/events/{event_id}/queue", tag = "waiting room", security(("token" = ["customer"])),
    params(("event_id" = String, Path), ("Queue-Ticket" = String, Header, description = "From the answer to joining.")),
    responses(
        (status = 204, description = "The place, or the turn, is given up, now or before."),
        (status = 400, description = "ticket-required", body = Problem),
        (status = 403, description = "forbidden: the ticket is somebody else's", body = Problem),
        (status = 404, description = "not-found", body = Problem),
        (status = 503, description = "outcome-unknown: send it again", body = Problem),
    )
)]
pub async fn leave(
    State(state): State<CommandState>,
    Customer(subject): Customer,
    PathId(show): PathId<ShowId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let ticket = Ticket::of(&headers, &state.tokens, &show)?;
    if ticket.subject != subject {
        return Err(Problem::new(Code::Forbidden, "The ticket is somebody else's.").into());
    }
    state.rooms.leave(&ticket).await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Changes the waiting room while the sale runs: its limit, and whether anybody is let in.
#[utoipa::path(
    put, path = "/events/{event_id}/waiting-room", tag = "waiting room", request_body = ChangeRoomBody,
    security(("token" = ["organizer"]), ("token" = ["operator"])), params(("event_id" = String, Path)),
    responses(
        (status = 200, description = "The waiting room, as it is now.", body = RoomBody),
        (status = 404, description = "not-found or no-waiting-room", body = Problem),
        (status = 422, description = "faulty-plan: the limit is none", body = Problem),
        (status = "4XX", description = "See `code`.", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown", body = Problem),
    )
)]
pub async fn change_room(
    State(state): State<CommandState>,
    SaleKeeper(subject): SaleKeeper,
    PathId(show): PathId<ShowId>,
    Extension(request_id): Extension<RequestId>,
    JsonBody { value: body, bytes }: JsonBody<ChangeRoomBody>,
) -> Answer<Response> {
    let target = format!("PUT /events/{show}/waiting-room");
    // Setting it twice is the same as setting it once, so this command needs no key.
    let sent = Sent { subject: &subject, key: None, request_id: &request_id, target: &target, body: &bytes };
    let command = Command::ChangeRoom { max_active: body.max_active, is_paused: body.is_paused };
    match submit(&state, sent.submission(show, Action::Command(command))).await? {
        Outcome::Room(room) => Ok(json(StatusCode::OK, &*room)),
        other => Err(impossible(&other)),
    }
}

fn failed(why: NotDone) -> Failure {
    match why {
        NotDone::Refused(Outcome::Refused { refusal, position }) => Problem::refused(&refusal, position).into(),
        NotDone::Refused(other) => impossible(&other),
        NotDone::Rejected(rejected) => not_done(rejected),
        NotDone::Line(LineError::Overloaded) => Problem::new(Code::Overloaded, "Too many people are joining. Nothing was done.").into(),
        NotDone::Line(error @ (LineError::Store { .. } | LineError::Closed)) => {
            tracing::warn!(cause = std::error::Error::source(&error).map(ToString::to_string), "the line can't be reached: {error}");
            let detail = "The line can't be written, or it was written and nobody can tell. Ask again: you keep the number that you have.";
            Problem::new(Code::OutcomeUnknown, detail).into()
        }
        NotDone::Line(error) => internal("joining the line", &error),
    }
}
