//! `POST /session`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fullhouse_domain::Timestamp;
use fullhouse_http::JsonBody;
use fullhouse_schemas::Problem;
use fullhouse_schemas::http::SessionBody;
use fullhouse_schemas::time::Instant;

use super::{CommandState, NothingToSay, private};

/// Gives anyone a guest token: role `customer`, a random subject.
///
/// An `Idempotency-Key` is not honoured here. Keys belong to a subject, and there is none yet: whoever guessed a key
/// would be handed somebody else's token.
#[utoipa::path(
    post, path = "/session", tag = "reservations",
    responses(
        (status = 201, description = "A token for `Authorization: Bearer`.", body = SessionBody),
        (status = "4XX", description = "See `code`. A body is not needed; `{}` may be sent.", body = Problem),
    )
)]
pub async fn session(State(state): State<CommandState>, _: Option<JsonBody<NothingToSay>>) -> Response {
    let (token, subject, expires_at_seconds) = state.tokens.sign_guest();
    let expires_at = Instant(Timestamp::from_micros(expires_at_seconds as i64 * 1_000_000));
    private(StatusCode::CREATED, &SessionBody { token, subject: subject.to_string(), expires_at })
}
