//! Messages of the live stream, as bytes of `text/event-stream` (WHATWG HTML, section 9.2).

use std::fmt::Write as _;

use fullhouse_domain::{Chart, SeatIndex, SeatStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{CompactSeatsBody, Counts, ReservationBody};
use crate::queue::QueueBody;

/// How long a client waits before it reconnects, in milliseconds.
pub const RETRY_MS: u64 = 1_000;

/// `event: change`. In the stream its `seats` is an object from label to status.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeBody {
    /// The position that it brings the client to.
    pub position: u64,
    /// Seats by status.
    pub counts: Counts,
    /// Every seat that differs, with its status.
    #[schema(value_type = std::collections::HashMap<String, String>, example = json!({"Stalls-A-1": "pending"}))]
    pub seats: serde_json::Map<String, serde_json::Value>,
}

/// What every stream begins with.
pub fn opening() -> String {
    format!("retry: {RETRY_MS}\n\n")
}

/// What tells a silent client, and everything between, that the stream lives.
pub const HEARTBEAT: &str = ": \n\n";

/// The whole map.
pub fn seats_message(body: &CompactSeatsBody) -> String {
    message("seats", body.position, &json(body))
}

/// The seats that changed.
pub fn change_message(chart: &Chart, position: u64, counts: Counts, changes: &[(SeatIndex, SeatStatus)]) -> String {
    let mut seats = serde_json::Map::new();
    for &(seat, status) in changes {
        seats.insert(chart.label(seat), status.as_str().into());
    }
    message("change", position, &json(&ChangeBody { position, counts, seats }))
}

/// A reservation of the holder who listens. It goes out before the change that it belongs to and does not move the
/// client on: `position` is where the client was. Cut off between the two, he gets both again.
pub fn reservation_message(body: &ReservationBody, position: u64) -> String {
    message("reservation", position, &json(body))
}

/// Where somebody stands in the line. It does not move the client on: `position` is where the client is.
pub fn queue_message(body: &QueueBody, position: u64) -> String {
    message("queue", position, &json(body))
}

fn message(event: &str, position: u64, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 48);
    // JSON has no raw line break, so one `data:` line is enough.
    write!(text, "event: {event}\nid: {position}\ndata: {data}\n\n").expect("writing to a string does not fail");
    text
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text, numbers and lists always serialize")
}
