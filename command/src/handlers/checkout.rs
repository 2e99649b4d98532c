//! `POST /reserve/{id}/checkout`

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fullhouse_domain::{Command, ReservationId};
use fullhouse_http::{Answer, Customer, IdempotencyKey, JsonBody, PathId, RequestId};
use fullhouse_schemas::Problem;
use fullhouse_schemas::http::{CheckoutBody, ReservationBody};

use super::{CommandState, Sent, impossible, json, refused_as, reservation_body, submit};
use crate::outcome::Outcome;
use crate::sequencer::Action;

/// Sells the seats of a hold to its holder.
#[utoipa::path(
    post, path = "/reserve/{reservation_id}/checkout", tag = "reservations", request_body = CheckoutBody, security(("token" = ["customer"])),
    params(
        ("reservation_id" = String, Path, description = "From the answer to the hold."),
        ("Idempotency-Key" = Option<String>, Header, description = "Names the command; sent again, it is done once."),
    ),
    responses(
        (status = 200, description = "The seats are sold. Asked again, the same answer.", body = ReservationBody),
        (status = 404, description = "There is no such reservation of yours.", body = Problem),
        (status = 410, description = "hold-expired or hold-released", body = Problem),
        (status = "4XX", description = "See `code`.", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown", body = Problem),
    )
)]
pub async fn checkout(
    State(state): State<CommandState>,
    Customer(subject): Customer,
    PathId(reservation): PathId<ReservationId>,
    Extension(request_id): Extension<RequestId>,
    key: Option<IdempotencyKey>,
    JsonBody { value: body, bytes }: JsonBody<CheckoutBody>,
) -> Answer<Response> {
    let payment_reference = body.checked()?;
    let target = format!("POST /reserve/{reservation}/checkout");
    let sent = Sent { subject: &subject, key: key.as_ref(), request_id: &request_id, target: &target, body: &bytes };
    let show = reservation.show();
    let command = Command::Checkout { reservation, subject: subject.clone(), payment_reference };
    match submit(&state, sent.submission(show, Action::Command(command))).await? {
        Outcome::CheckedOut(claimed) => Ok(json(StatusCode::OK, &reservation_body(&claimed))),
        Outcome::RefusedAs(problem) => Ok(refused_as(problem)),
        other => Err(impossible(&other)),
    }
}
