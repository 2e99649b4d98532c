//! `GET /reserve/{id}`

use axum::Json;
use axum::extract::State;
use fullhouse_domain::ReservationId;
use fullhouse_http::{Answer, Customer, PathId};
use fullhouse_schemas::http::ReservationBody;
use fullhouse_schemas::{Code, Problem};

use crate::QueryState;

/// A reservation of yours.
#[utoipa::path(
    get, path = "/reserve/{reservation_id}", tag = "reservations", security(("token" = ["customer"])),
    params(("reservation_id" = String, Path)),
    responses((status = 200, body = ReservationBody), (status = 404, description = "There is no such reservation of yours.", body = Problem))
)]
pub async fn reservation(
    State(state): State<QueryState>,
    Customer(subject): Customer,
    PathId(id): PathId<ReservationId>,
) -> Answer<Json<ReservationBody>> {
    state.catch_up().await?;
    let not_found = || Problem::new(Code::NotFound, "There is no such reservation.");
    let show = state.views.show(&id.show()).ok_or_else(not_found)?;
    let view = show.view();
    // Somebody else's reservation does not exist for the one who asks.
    let reservation = view.reservation(&id).filter(|reservation| reservation.subject == subject).ok_or_else(not_found)?;
    Ok(Json(ReservationBody::new(reservation, show.chart(), state.log.now())))
}
