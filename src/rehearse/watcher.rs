//! Live streams: the one that the shared picture is painted from, and those of buyers.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use eventsource_stream::{Event, Eventsource};
use futures::StreamExt;
use http_body_util::BodyDataStream;
use serde::Deserialize;
use tokio::sync::Notify;

use super::client::Request;
use super::lag::Follower;
use super::stage::Stage;
use crate::promise::Promise;

/// The pause before a stream that has ended is opened again, as its first line says.
const RETRY: Duration = Duration::from_millis(fullhouse_schemas::stream::RETRY_MS);

/// Whose stream it is.
#[derive(Debug)]
pub enum Viewer {
    /// Nobody's: it keeps the picture that all look at.
    Shared,
    Buyer {
        token: Box<str>,
        ticket: Option<Box<str>>,
        /// Woken when his place in the line is another one than waiting.
        called: Arc<Notify>,
    },
}

#[derive(Debug, Deserialize)]
struct PlaceRead {
    state: String,
}

/// Follows the stream until the rehearsal closes, and opens it again where it ended.
pub async fn watch(stage: Arc<Stage>, viewer: Viewer) {
    let mut follower = Follower::default();
    let closing = stage.closing.clone();
    let following = async {
        loop {
            let pause = follow(&stage, &viewer, &mut follower).await;
            tokio::time::sleep(pause.mul_f64(1.0 + rand::random::<f64>())).await;
        }
    };
    let _: Option<()> = closing.run_until_cancelled(following).await;
    follower.finish(&stage.lags);
}

/// Opens the stream and follows it to its end; returns how long to wait before it is opened again.
async fn follow(stage: &Stage, viewer: &Viewer, follower: &mut Follower) -> Duration {
    let position = follower.position();
    let (token, ticket) = match viewer {
        Viewer::Shared => (None, None),
        Viewer::Buyer { token, ticket, .. } => (Some(&**token), ticket.as_deref()),
    };
    let query = ticket.map_or_else(String::new, |ticket| format!("?ticket={ticket}"));
    let path = format!("/events/{}/stream{query}", stage.show.event_id);
    let last = position.to_string();
    let mut headers = vec![("accept", "text/event-stream")];
    if position > 0 {
        headers.push(("last-event-id", &*last));
    }
    let request = Request { method: Method::GET, path: &path, token, headers, ..Request::default() };
    let response = match stage.client.begin(&request).await {
        Ok(response) => response,
        Err(trouble) => {
            stage.board.error(format!("{} on stream", trouble.as_str()));
            return RETRY;
        }
    };
    let status = response.status().as_u16();
    if status != 200 {
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let note = format!("{status} on stream");
        if matches!(status, 429 | 503) {
            stage.board.put_off(note)
        } else {
            stage.board.error(note)
        }
        return wait.map_or(RETRY, Duration::from_secs);
    }
    let mut messages = BodyDataStream::new(response.into_body()).eventsource();
    while let Some(Ok(message)) = messages.next().await {
        take_in(stage, viewer, follower, &message);
    }
    stage.board.error("stream-ended".into());
    RETRY
}

fn take_in(stage: &Stage, viewer: &Viewer, follower: &mut Follower, message: &Event) {
    let Ok(position) = message.id.parse() else { return };
    match message.event.as_str() {
        "seats" => follower.starts_at(position),
        "change" => follower.moves_to(position, &stage.lags),
        "queue" => {
            let is_waiting = serde_json::from_str::<PlaceRead>(&message.data).is_ok_and(|place| place.state == "waiting");
            if let (Viewer::Buyer { called, .. }, false) = (viewer, is_waiting) {
                called.notify_one();
            }
        }
        _ => {}
    }
    if matches!(viewer, Viewer::Shared) {
        let taken_in = stage.picture_mut().take_in(&stage.hall, &message.event, &message.data);
        match taken_in {
            Ok(()) => drop(stage.shown.send_replace(stage.picture().position())),
            Err(what) => stage.breach(Promise::Views, format!("the stream at position {position}: {what}")),
        }
    }
}
