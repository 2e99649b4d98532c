//! Somebody in front of a show with a waiting room.

use std::pin::Pin;

use eventsource_stream::Eventsource;
use futures::{Stream, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};

use super::person::answered;
use super::{Answered, PATIENCE, Person, eventually};

/// A person who joins, waits, and shops.
#[derive(Clone)]
pub struct Shopper {
    pub person: Person,
    pub event: String,
    pub ticket: String,
    pub pass: Option<String>,
    /// What he was told last.
    pub told: Value,
}

/// The messages about his place that his stream brings.
pub type PlaceMessages = Pin<Box<dyn Stream<Item = Value> + Send>>;

impl Shopper {
    /// Joins the line.
    pub async fn join(person: Person, event: &str) -> Self {
        let mut shopper = Self { person, event: event.into(), ticket: String::new(), pass: None, told: Value::Null };
        shopper.join_again().await;
        shopper
    }

    pub fn path(&self) -> String {
        format!("/events/{}/queue", self.event)
    }

    /// Asks for a place once more.
    pub async fn join_again(&mut self) -> &Value {
        let answer = self.person.post(&self.path(), &json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.note(answer.body)
    }

    fn note(&mut self, told: Value) -> &Value {
        if let Some(ticket) = told["ticket"].as_str() {
            self.ticket = ticket.into();
        }
        self.pass = told["pass"].as_str().map(str::to_owned);
        self.told = told;
        &self.told
    }

    /// Asks where he stands.
    pub async fn ask(&mut self) -> &Value {
        let answer = answered(self.person.request(Method::GET, &self.path()).header("queue-ticket", &self.ticket)).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        self.note(answer.body)
    }

    /// Asks again and again until he is told so.
    pub async fn ask_until(&mut self, state: &str) -> &Value {
        let this = tokio::sync::Mutex::new(&mut *self);
        eventually(&format!("he is {state}"), || async { (this.lock().await.ask().await["state"] == state).then_some(()) }).await;
        &self.told
    }

    pub fn number(&self) -> u64 {
        self.told["number"].as_u64().unwrap_or_else(|| panic!("no number: {}", self.told))
    }

    pub fn is_admitted(&self) -> bool {
        self.told["state"] == "admitted" && self.pass.is_some()
    }

    pub async fn leave(&self) -> Answered {
        answered(self.person.request(Method::DELETE, &self.path()).header("queue-ticket", &self.ticket)).await.expect("an answer")
    }

    /// Holds the best seats with his pass, if he has one.
    pub async fn hold_best(&self, count: u32) -> Answered {
        let mut request = self.person.request(Method::POST, "/reserve");
        if let Some(pass) = &self.pass {
            request = request.header("queue-pass", pass);
        }
        answered(request.json(&json!({ "event_id": self.event, "best_available": { "count": count } }))).await.expect("an answer")
    }

    /// Holds a seat and buys it.
    pub async fn buy(&self) {
        let held = self.hold_best(1).await;
        assert_eq!(held.status, 201, "{held:?}");
        let sold = self.person.checkout(held.body["reservation_id"].as_str().unwrap()).await;
        assert_eq!(sold.status, 200, "{sold:?}");
    }

    /// Opens a stream with his ticket.
    pub async fn messages(&self) -> PlaceMessages {
        self.try_messages().await.expect("the stream can be opened")
    }

    /// The same, when the server may be gone.
    pub async fn try_messages(&self) -> Option<PlaceMessages> {
        let path = format!("/events/{}/stream?ticket={}", self.event, self.ticket);
        let response = self.person.request(Method::GET, &path).send().await.ok()?;
        if response.status().is_server_error() {
            return None;
        }
        assert_eq!(response.status(), 200);
        let messages = response.bytes_stream().eventsource().filter_map(|message| async move {
            let message = message.ok().filter(|message| message.event == "queue")?;
            Some(serde_json::from_str(&message.data).expect("JSON"))
        });
        Some(Box::pin(messages))
    }
}

/// The next message in which he is told so.
pub async fn message_of(messages: &mut PlaceMessages, state: &str) -> Value {
    let waiting = async {
        loop {
            let message = messages.next().await.expect("the stream goes on");
            if message["state"] == state {
                return message;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("the stream never said {state}"))
}

/// How many people a server knows to be there, waiting for their turn or just let in.
pub async fn present_at(url: &str) -> usize {
    metric(url, "fullhouse_queue_people_present").await as usize
}

/// The value of a metric's series; 0, when it was never counted.
pub async fn metric(url: &str, series: &str) -> f64 {
    let text = Person::anonymous(url).get("/metrics").await.text;
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

/// A hall with a waiting room.
pub fn hall_with_room(rows: u8, seats: u32, room: Value) -> Value {
    let mut hall = super::hall(rows, seats);
    hall["waiting_room"] = room;
    hall
}
