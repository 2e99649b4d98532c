//! `POST /reserve`

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use fullhouse_domain::{Command, ReservationId, ShowId, Wanted};
use fullhouse_http::{Answer, Customer, IdempotencyKey, JsonBody, RequestId, SentPass};
use fullhouse_schemas::http::{ReservationBody, ReserveBody};
use fullhouse_schemas::{Code, Problem};

use super::{CommandState, Room, Sent, created, impossible, random_word, refused_as, reservation_body, submit_even_in_vain};
use crate::outcome::Outcome;
use crate::sequencer::Action;

/// Holds seats: all of them or none.
#[utoipa::path(
    post, path = "/reserve", tag = "reservations", request_body = ReserveBody, security(("token" = ["customer"])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names the command; sent again, it is done once."),
        ("Queue-Pass" = Option<String>, Header, description = "The pass of the waiting room, if the show has one."),
    ),
    responses(
        (status = 201, description = "The seats are held until `expires_at`.", body = ReservationBody,
            headers(("Location" = String, description = "The path of the reservation."))),
        (status = 409, description = "seats-taken, with every conflict; no-adjacent-seats; not-yet-on-sale", body = Problem),
        (status = 403, description = "pass-required: the show has a waiting room, and it is not your turn", body = Problem),
        (status = "4XX", description = "See `code`: unknown-seats, too-many-seats, duplicate-seats, no-seats, not-found, …", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown", body = Problem),
    )
)]
pub async fn reserve(
    _: Room,
    State(state): State<CommandState>,
    Customer(subject): Customer,
    Extension(request_id): Extension<RequestId>,
    key: Option<IdempotencyKey>,
    pass: SentPass,
    JsonBody { value: body, bytes }: JsonBody<ReserveBody>,
) -> Answer<Response> {
    let wanted = body.wanted()?;
    let show = ShowId::parse(&body.event_id).ok_or_else(|| Problem::new(Code::NotFound, "There is no such event."))?;
    let reservation = ReservationId::of_show(&show, &random_word()).expect("a show's id and a random word make an id");
    let sent = Sent { subject: &subject, key: key.as_ref(), request_id: &request_id, target: "POST /reserve", body: &bytes };
    let pass = pass.number(&state.tokens, &show, &subject);
    let seats = match &wanted {
        Wanted::Seats(labels) => labels.len(),
        Wanted::BestAvailable { count, .. } => *count as usize,
    };
    let command = Command::HoldSeats { reservation, subject: subject.clone(), wanted, pass };
    match submit_even_in_vain(&state, sent.submission(show.clone(), Action::Command(command))).await? {
        Outcome::Refused { refusal, position } => {
            state.demand.note(show, subject, seats, &refusal, position);
            Err(Problem::refused(&refusal, position).into())
        }
        Outcome::Held(claimed) => Ok(created(&format!("/reserve/{}", claimed.reservation.id), &reservation_body(&claimed))),
        Outcome::RefusedAs(problem) => Ok(refused_as(problem)),
        other => Err(impossible(&other)),
    }
}
