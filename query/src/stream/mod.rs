//! `GET /events/{id}/stream`: the live map, as server-sent events.
//!
//! The stream is state, not messages. For each show that somebody watches, a `feed` keeps every seat's status and the
//! position at which it last changed, so what changed since any position is known exactly, without a history of
//! messages. A client is a socket and the last position that was sent to it (`client`), and perhaps his place in the line (`waiter`). Clients at the same position
//! are sent the same bytes; one that is slow simply gets a later, larger difference.

mod client;
mod feed;
mod limits;
#[cfg(test)]
mod tests;
mod waiter;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::Log;
use fullhouse_http::{Answer, Caller, Parameters, PathId, Ticket};
use fullhouse_schemas::{Code, Problem};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, QueryState};
use client::Client;
use feed::{Clock, Feeds};
use limits::Limits;
use waiter::Waiter;

pub use limits::StreamLimits;

/// All streams of this server.
#[derive(Debug)]
pub struct Streams {
    feeds: Feeds,
    limits: Arc<Limits>,
}

impl Streams {
    /// Streams within these limits, by the clock of this log, which all end at `stop`.
    pub fn new(limits: StreamLimits, log: Log, stop: CancellationToken) -> Self {
        let clock = Clock(Arc::new(move || log.now()));
        Self { feeds: Feeds::new(clock, stop), limits: Arc::new(Limits::new(limits)) }
    }
}

/// What stands behind the question mark. Proxies may add to it, so the rest is ignored.
#[derive(Debug, Deserialize)]
pub struct Asked {
    ticket: Option<String>,
}

fn waiter(state: &QueryState, id: &ShowId, asked: &Asked, subject: Option<&Subject>) -> Answer<Option<Waiter>> {
    let Some(text) = &asked.ticket else { return Ok(None) };
    let ticket = Ticket::read(Some(text), &state.tokens, id)?;
    if subject.is_some_and(|subject| *subject != ticket.subject) {
        return Err(Problem::new(Code::Forbidden, "The ticket is somebody else's.").into());
    }
    Ok(Some(Waiter::new(&ticket, state.tokens.clone(), state.presence.clone())))
}

/// The live map of a show.
///
/// First `event: seats`, the whole map, or, with `Last-Event-ID`, one `event: change` with all that changed since; then
/// `event: change` whenever something does. With a ticket of the waiting room, `event: queue` whenever your place changes; an open
/// stream with a ticket also says that you are there. With a token, `event: reservation` for each change of your own reservations.
#[utoipa::path(
    get, path = "/events/{event_id}/stream", tag = "shows", security((), ("token" = ["customer"])),
    params(
        ("event_id" = String, Path),
        ("ticket" = Option<String>, Query, description = "From the answer to joining the waiting room."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last message that you have."),
    ),
    responses(
        (status = 200, description = "Server-sent events; each `data` is one of `CompactSeatsBody`, `ChangeBody`, `ReservationBody`, `QueueBody`.",
            content_type = "text/event-stream", body = String),
        (status = 400, description = "ticket-required: the ticket is no good, or for another show", body = Problem),
        (status = 403, description = "forbidden: the ticket is somebody else's", body = Problem),
        (status = 429, description = "too-many-requests: this address has as many streams as it may", body = Problem),
        (status = 503, description = "overloaded: this server has as many streams as it may", body = Problem),
        (status = 404, body = Problem),
    )
)]
pub async fn stream(
    State(state): State<QueryState>,
    PathId(id): PathId<ShowId>,
    Parameters(asked): Parameters<Asked>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let subject = Caller::of(&headers, &state.tokens)?.map(|caller| caller.subject.clone());
    state.catch_up().await?;
    let show = state.show(&id)?;
    let waiter = waiter(&state, &id, &asked, subject.as_ref())?;
    let place = state.streams.limits.enter(peer.map(|Extension(ConnectInfo(address))| address.ip()))?;
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    if let Some(position) = last_event_id {
        // Another server may have been ahead. If this one can't follow, the client gets the whole map.
        let _ = show.reach(position, PATIENCE).await;
    }
    let feed = state.streams.feeds.join(&show);
    let client = Client::new(feed, subject, last_event_id, waiter, place);
    let messages = futures::stream::unfold(client, |mut client| async move {
        let bytes = client.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), client))
    });
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((head, Body::from_stream(messages)).into_response())
}
