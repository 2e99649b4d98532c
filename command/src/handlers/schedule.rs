//! `POST /events`

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use fullhouse_domain::ShowId;
use fullhouse_http::{Answer, IdempotencyKey, JsonBody, Organizer, RequestId};
use fullhouse_schemas::http::{Counts, SHOW_BODY_BYTES_MAX, ScheduleShowBody, ShowBody, ShowWithCountsBody};
use fullhouse_schemas::{Problem, draw};

use super::{CommandState, Sent, created, impossible, random_word, refused_as, submit};
use crate::outcome::Outcome;
use crate::sequencer::Action;

/// Schedules a show.
#[utoipa::path(
    post, path = "/events", tag = "shows", request_body = ScheduleShowBody, security(("token" = ["organizer"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the command; sent again, it is done once.")),
    responses(
        (status = 201, description = "The show is scheduled, and on sale unless `on_sale_at` says otherwise.", body = ShowWithCountsBody,
            headers(("Location" = String, description = "The path of the show."))),
        (status = "4XX", description = "See `code`: faulty-plan, forbidden, …", body = Problem),
        (status = 503, description = "overloaded or outcome-unknown", body = Problem),
    )
)]
pub async fn schedule(
    State(state): State<CommandState>,
    Organizer(subject): Organizer,
    Extension(request_id): Extension<RequestId>,
    key: Option<IdempotencyKey>,
    JsonBody { value: body, bytes }: JsonBody<ScheduleShowBody, SHOW_BODY_BYTES_MAX>,
) -> Answer<Response> {
    let mut plan = body.into_plan()?;
    let show = ShowId::parse(&format!("{}-{}", state.cluster, random_word())).expect("a cluster's name and a random word make an id");
    if let Some(room) = plan.waiting_room.as_mut().filter(|_| plan.on_sale_at.is_some()) {
        room.seed_sha256 = Some(draw::seed_sha256(&state.tokens.draw_seed(&show)));
    }
    let sent = Sent { subject: &subject, key: key.as_ref(), request_id: &request_id, target: "POST /events", body: &bytes };
    match submit(&state, sent.submission(show, Action::Schedule(Box::new(plan)))).await? {
        Outcome::Scheduled(scheduled) => {
            let counts = Counts { available: scheduled.seats, pending: 0, reserved: 0 };
            let body = ShowWithCountsBody { show: ShowBody::new(&scheduled.show, &scheduled.plan), position: 1, counts };
            Ok(created(&format!("/events/{}", scheduled.show), &body))
        }
        Outcome::RefusedAs(problem) => Ok(refused_as(problem)),
        other => Err(impossible(&other)),
    }
}
