//! `DELETE /reserve/{id}`

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use fullhouse_domain::{Command, ReservationId};
use fullhouse_http::{Answer, Customer, PathId, RequestId};
use fullhouse_schemas::Problem;

use super::{CommandState, Sent, impossible, submit};
use crate::outcome::Outcome;
use crate::sequencer::Action;

/// Gives up a hold.
#[utoipa::path(
    delete, path = "/reserve/{reservation_id}", tag = "reservations", security(("token" = ["customer"])),
    params(("reservation_id" = String, Path, description = "From the answer to the hold.")),
    responses(
        (status = 204, description = "The hold is released, now or before."),
        (status = 404, description = "There is no such reservation of yours.", body = Problem),
        (status = 409, description = "already-reserved: it was checked out", body = Problem),
        (status = 410, description = "hold-expired", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown", body = Problem),
    )
)]
pub async fn release(
    State(state): State<CommandState>,
    Customer(subject): Customer,
    PathId(reservation): PathId<ReservationId>,
    Extension(request_id): Extension<RequestId>,
) -> Answer<Response> {
    let target = format!("DELETE /reserve/{reservation}");
    // Releasing twice is the same as releasing once, so this command needs no key.
    let sent = Sent { subject: &subject, key: None, request_id: &request_id, target: &target, body: &[] };
    let show = reservation.show();
    let command = Command::ReleaseHold { reservation, subject: subject.clone() };
    match submit(&state, sent.submission(show, Action::Command(command))).await? {
        Outcome::Ended => Ok(StatusCode::NO_CONTENT.into_response()),
        other => Err(impossible(&other)),
    }
}
