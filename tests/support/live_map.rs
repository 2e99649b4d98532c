//! A seat map kept by a client that follows the live stream.

use std::collections::BTreeMap;
use std::pin::Pin;

use eventsource_stream::{Event, Eventsource};
use futures::{Stream, StreamExt};
use reqwest::Method;
use serde_json::Value;

use super::{PATIENCE, Person};

type Messages = Pin<Box<dyn Stream<Item = Option<Event>> + Send>>;

/// What a client knows of a show, from its stream alone.
pub struct LiveMap {
    person: Person,
    event: String,
    labels: Vec<String>,
    messages: Option<Messages>,
    /// `available`, `pending` or `reserved`, by label.
    pub seats: BTreeMap<String, String>,
    pub position: u64,
    pub counts: Value,
    pub last_event_id: Option<String>,
    /// Own reservations, as told by the stream.
    pub reservations: Vec<Value>,
    /// How many whole maps were sent.
    pub whole_maps: usize,
}

impl LiveMap {
    /// Opens the stream and waits for the first map.
    pub async fn open(person: &Person, event: &str) -> Self {
        let chart = person.get(&format!("/events/{event}/chart")).await;
        assert_eq!(chart.status, 200, "{event} was acknowledged and is not known: {chart:?}");
        let labels = chart.body["seats"].as_array().unwrap().iter().map(|seat| seat["seat"].as_str().unwrap().to_owned()).collect();
        let mut map = Self {
            person: person.clone(),
            event: event.into(),
            labels,
            messages: None,
            seats: BTreeMap::new(),
            position: 0,
            counts: Value::Null,
            last_event_id: None,
            reservations: Vec::new(),
            whole_maps: 0,
        };
        map.connect().await;
        map.next().await;
        map
    }

    /// Opens the stream again where it ended.
    pub async fn connect(&mut self) {
        assert!(self.try_connect().await, "the stream can't be opened");
    }

    /// The same, when the server may be gone.
    pub async fn try_connect(&mut self) -> bool {
        let mut request = self.person.request(Method::GET, &format!("/events/{}/stream", self.event));
        if let Some(id) = &self.last_event_id {
            request = request.header("last-event-id", id);
        }
        let Ok(response) = request.send().await else { return false };
        if response.status().is_server_error() {
            return false;
        }
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        self.messages = Some(Box::pin(response.bytes_stream().eventsource().map(Result::ok)));
        true
    }

    /// Hangs up.
    pub fn cut(&mut self) {
        self.messages = None;
    }

    /// Takes the next message into account; false when the stream has ended.
    pub async fn next(&mut self) -> bool {
        let messages = self.messages.as_mut().expect("the stream is open");
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("the stream breaks its silence");
        let Some(Some(message)) = message else { return false };
        self.apply(&message);
        true
    }

    fn apply(&mut self, message: &Event) {
        let body: Value = serde_json::from_str(&message.data).unwrap();
        match message.event.as_str() {
            "seats" => {
                let words = body["statuses"].as_str().unwrap().chars().map(word_of_letter);
                self.seats = self.labels.iter().cloned().zip(words).collect();
                assert_eq!(self.seats.len(), self.labels.len(), "the map has every seat");
                self.whole_maps += 1;
                self.advance(&body);
            }
            "change" => {
                for (seat, status) in body["seats"].as_object().unwrap() {
                    *self.seats.get_mut(seat).expect("a seat of this show") = status.as_str().unwrap().into();
                }
                self.advance(&body);
            }
            "reservation" => self.reservations.push(body),
            other => panic!("unexpected event {other}"),
        }
        self.last_event_id = Some(message.id.clone());
    }

    /// P6: positions never go back, and the id of a message is the position that it leads to.
    fn advance(&mut self, body: &Value) {
        let position = body["position"].as_u64().unwrap();
        assert!(position >= self.position, "went back from {} to {position}", self.position);
        self.position = position;
        self.counts = body["counts"].clone();
        let count = |word| self.seats.values().filter(|status| *status == word).count();
        for word in ["available", "pending", "reserved"] {
            assert_eq!(self.counts[word], count(word), "{word} at position {position}");
        }
    }

    /// Reads on until the position is reached.
    pub async fn reach(&mut self, position: u64) {
        while self.position < position {
            assert!(self.next().await, "the stream ended at position {}, before {position}", self.position);
        }
    }

    /// One letter per seat in chart order, as the compact map has it.
    pub fn statuses(&self) -> String {
        self.labels.iter().map(|label| self.seats[label].chars().next().unwrap()).collect()
    }
}

fn word_of_letter(letter: char) -> String {
    match letter {
        'a' => "available",
        'p' => "pending",
        'r' => "reserved",
        other => panic!("unexpected letter {other}"),
    }
    .into()
}
