//! What the end-to-end tests share: a real server process, people who talk to it over real sockets, and their live maps.
#![allow(dead_code, unused_imports, reason = "each test file uses its own share of this")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

pub mod client;
pub mod cluster;
pub mod gateway;
pub mod live_map;
pub mod person;
pub mod planted;
pub mod proxy;
pub mod sale;
pub mod schedule;
pub mod server;
pub mod shopper;

pub use client::Client;
pub use cluster::Cluster;
pub use gateway::Gateway;
pub use live_map::LiveMap;
pub use person::{Answered, Person};
pub use server::Server;
pub use shopper::Shopper;

use std::time::Duration;

use serde_json::{Value, json};

/// How long a test waits for something that should take milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The same, unless `FULLHOUSE_TEST_PATIENCE` says otherwise, in seconds: for debugging, and for sales of millions of facts.
fn patience() -> Duration {
    let seconds = std::env::var("FULLHOUSE_TEST_PATIENCE").ok().and_then(|text| text.parse().ok());
    seconds.map_or(PATIENCE, Duration::from_secs)
}

/// Asks again until the answer is there. Fails when it never comes.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(patience(), asking).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// A hall of one section `S`: so many rows, named `A`, `B`, …, of so many seats.
pub fn hall(rows: u8, seats: u32) -> Value {
    let rows: Vec<Value> = (0..rows).map(|row| json!({ "name": char::from(b'A' + row).to_string(), "seats": seats })).collect();
    json!({
        "title": "Hamlet", "starts_at": "2030-01-31T19:30:00Z",
        "sections": [{ "name": "S", "price": { "amount": 4500, "currency": "EUR" }, "rows": rows }],
    })
}

/// The same with seats held so many seconds.
pub fn hall_with_hold_seconds(rows: u8, seats: u32, hold_seconds: u32) -> Value {
    let mut hall = hall(rows, seats);
    hall["hold_seconds"] = hold_seconds.into();
    hall
}
