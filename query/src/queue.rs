//! The waiting room, to read: where somebody stands, how the room is, and how its order was drawn.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fullhouse_domain::{InLine, Place, ShowId, Timestamp};
use fullhouse_http::problem::internal;
use fullhouse_http::tickets::QUEUE_TICKET;
use fullhouse_http::{Answer, Caller, PathId, Ticket};
use fullhouse_line::Presence;
use fullhouse_line::presence::Wants;
use fullhouse_schemas::queue::{DrawBody, QueueBody, QueueSummaryBody, RoomBody};
use fullhouse_schemas::room_messages::RoomReport;
use fullhouse_schemas::{Code, Problem};
use fullhouse_views::{LiveShow, LiveViews};

use crate::QueryState;

/// Where you stand in the line.
#[utoipa::path(
    get, path = "/events/{event_id}/queue", tag = "waiting room", security((), ("token" = ["customer"])),
    params(("event_id" = String, Path), ("Queue-Ticket" = String, Header, description = "From the answer to joining.")),
    responses(
        (status = 200, description = "Where you stand; with a `pass` when it is your turn.", body = QueueBody),
        (status = 400, description = "ticket-required", body = Problem),
        (status = 403, description = "forbidden: the ticket is somebody else's", body = Problem),
        (status = 404, description = "not-found or no-waiting-room", body = Problem),
    )
)]
pub async fn place(State(state): State<QueryState>, PathId(id): PathId<ShowId>, headers: HeaderMap) -> Answer<Response> {
    let caller = Caller::of(&headers, &state.tokens)?;
    state.catch_up().await?;
    let show = state.show(&id)?;
    must_have_room(&show)?;
    let ticket = Ticket::of(&headers, &state.tokens, &id)?;
    if caller.is_some_and(|caller| caller.subject != ticket.subject) {
        return Err(Problem::new(Code::Forbidden, "The ticket is somebody else's.").into());
    }
    let (place, body) = told(&show, &ticket.in_line(), state.log.now()).ok_or_else(no_room)?;
    match &place {
        Place::Waiting { number, .. } => state.presence.asked(&id, *number, &ticket.subject, Wants::Turn),
        Place::Admitted(turn) if !turn.is_taken_up => state.presence.asked(&id, turn.number, &ticket.subject, Wants::Shop),
        Place::Admitted(turn) => state.presence.forget(&id, turn.number),
        Place::BeforeDraw | Place::Over { .. } | Place::SoldOut { .. } => {}
    }
    // A ticket stays what it is, and need not be signed again.
    let text = headers.get(QUEUE_TICKET).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = QueueBody { ticket: text, pass: state.tokens.pass_for(&id, &place), ..body };
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response())
}

/// Where somebody stands at an instant, and what he is told, without ticket and pass. Nothing, when the show has no waiting room.
pub(crate) fn told(show: &LiveShow, who: &InLine, now: Timestamp) -> Option<(Place, QueueBody)> {
    let seats_left = show.view().counts().available;
    let room = show.room()?;
    let place = room.place(who, now);
    let body = QueueBody::new(&room, &place, seats_left);
    Some((place, body))
}

fn must_have_room(show: &LiveShow) -> Answer<()> {
    show.room().map(drop).ok_or_else(|| no_room().into())
}

fn no_room() -> Problem {
    Problem::new(Code::NoWaitingRoom, "This event has no waiting room.")
}

/// The waiting room of a show.
#[utoipa::path(
    get, path = "/events/{event_id}/waiting-room", tag = "waiting room",
    params(("event_id" = String, Path)),
    responses(
        (status = 200, description = "How the room is.", body = RoomBody),
        (status = 404, description = "not-found or no-waiting-room", body = Problem),
    )
)]
pub async fn room(State(state): State<QueryState>, PathId(id): PathId<ShowId>) -> Answer<Json<RoomBody>> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let (position, counts) = {
        let view = show.view();
        (view.position(), view.counts())
    };
    let room = show.room().ok_or_else(no_room)?;
    Ok(Json(RoomBody::new(&id, &room, position, counts, state.log.now())))
}

/// The drawn order of those who came before the sale, with all that is needed to check it: `fullhouse verify-draw` does.
#[utoipa::path(
    get, path = "/events/{event_id}/draw", tag = "waiting room",
    params(("event_id" = String, Path)),
    responses(
        (status = 200, description = "The order, and the seed that it follows from.", body = DrawBody),
        (status = 404, description = "not-found, no-waiting-room, or not-drawn", body = Problem),
    )
)]
pub async fn draw(State(state): State<QueryState>, PathId(id): PathId<ShowId>) -> Answer<Json<DrawBody>> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let drawn = {
        // The projector waits while the room is looked at, so the order is copied and let go.
        let room = show.room().ok_or_else(no_room)?;
        room.seed().zip(room.rules().seed_sha256).map(|(seed, published)| (seed, published, room.drawn().to_vec()))
    };
    let (seed, published, order) =
        drawn.ok_or_else(|| Problem::new(Code::NotDrawn, "The order has not been drawn, or there is none to draw."))?;
    let _permit = state.past_read().await?;
    let writing = tokio::task::spawn_blocking(move || DrawBody::new(&id, &published, &seed, &order));
    Ok(Json(writing.await.map_err(|error| internal("writing a drawn order", &error))?))
}

/// What the map says of the waiting room.
pub(crate) fn summary(show: &LiveShow, now: Timestamp) -> Option<QueueSummaryBody> {
    let counts = show.view().counts();
    show.room().map(|room| QueueSummaryBody::new(&room, counts, now))
}

/// Who is there, as far as this server's views know what each number is.
pub fn reports(presence: &Presence, views: &LiveViews) -> Vec<RoomReport> {
    let report = |id: ShowId| {
        let show = views.show(&id)?;
        let room = show.room()?;
        Some(presence.report(&id, |number| room.is_waiting(number), |number| room.is_let_in(number)))
    };
    presence.shows().into_iter().filter_map(report).collect()
}
