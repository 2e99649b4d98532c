//! `GET /events/{id}/stream`: the live map, as server-sent events.
//!
//! The stream is state, not messages. For each show that somebody watches, a `feed` keeps every seat's status and the
//! position at which it last changed, so what changed since any position is known exactly, without a history of
//! messages. A client is a socket and the last position that was sent to it (`client`). Clients at the same position
//! are sent the same bytes; one that is slow simply gets a later, larger difference.

mod client;
mod feed;
mod limits;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fullhouse_domain::ShowId;
use fullhouse_eventstore::Log;
use fullhouse_http::{Answer, Caller, PathId};
use fullhouse_schemas::Problem;
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, QueryState};
use client::Client;
use feed::{Clock, Feeds};
use limits::Limits;

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

/// The live map of a show.
///
/// First `event: seats`, the whole map, or, with `Last-Event-ID`, one `event: change` with all that changed since; then
/// `event: change` whenever something does. With a token, `event: reservation` for each change of your own reservations.
#[utoipa::path(
    get, path = "/events/{event_id}/stream", tag = "shows", security((), ("token" = ["customer"])),
    params(
        ("event_id" = String, Path),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last message that you have."),
    ),
    responses(
        (status = 200, description = "Server-sent events; each `data` is one of `CompactSeatsBody`, `ChangeBody`, `ReservationBody`.",
            content_type = "text/event-stream", body = String),
        (status = 429, description = "too-many-requests: this address has as many streams as it may", body = Problem),
        (status = 503, description = "overloaded: this server has as many streams as it may", body = Problem),
        (status = 404, body = Problem),
    )
)]
pub async fn stream(
    State(state): State<QueryState>,
    PathId(id): PathId<ShowId>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Answer<Response> {
    let subject = Caller::of(&headers, &state.tokens)?.map(|caller| caller.subject.clone());
    state.catch_up().await?;
    let show = state.show(&id)?;
    let place = state.streams.limits.enter(peer.map(|Extension(ConnectInfo(address))| address.ip()))?;
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    if let Some(position) = last_event_id {
        // Another server may have been ahead. If this one can't follow, the client gets the whole map.
        let _ = show.reach(position, PATIENCE).await;
    }
    let feed = state.streams.feeds.join(&show);
    let client = Client::new(feed, subject, last_event_id, place);
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
