//! A client that writes down every command before it sends it, and every answer that it gets.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::person::answered;
use super::{Answered, PATIENCE, Person};

/// The hall that clients shop in: so many rows of so many seats.
pub const ROWS: u8 = 20;
pub const ROW_SEATS: u32 = 500;
/// The pause before a command is sent again.
const PAUSE: Duration = Duration::from_millis(25);

/// A command as it is sent, and sent again.
pub struct Command {
    method: Method,
    path: String,
    key: String,
    body: Value,
}

pub struct Client {
    /// Where commands go in: each time another one, if there are several.
    doors: Vec<Person>,
    /// Where reads go in.
    reader: Person,
    event: String,
    rows: u8,
    row_seats: u32,
    random: StdRng,
    pub commands: u64,
    unanswered: Option<Command>,
    /// Seats and status that were acknowledged last, by reservation.
    reservations: HashMap<String, (Value, String)>,
    pending: Vec<String>,
    /// A few answers to compare with what a repetition gets.
    answers: Vec<(Command, Answered)>,
}

impl Client {
    /// One who shops for seats of a hall of [`ROWS`] and [`ROW_SEATS`].
    pub fn new(doors: Vec<Person>, reader: Person, event: &str, seed: u64) -> Self {
        Self {
            doors,
            reader,
            event: event.into(),
            rows: ROWS,
            row_seats: ROW_SEATS,
            random: StdRng::seed_from_u64(seed),
            commands: 0,
            unanswered: None,
            reservations: HashMap::new(),
            pending: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// The same in another hall.
    pub fn in_hall(mut self, rows: u8, row_seats: u32) -> Self {
        (self.rows, self.row_seats) = (rows, row_seats);
        self
    }

    /// Sends commands until `stop`, each again and again until it has an answer.
    pub async fn work(mut self, stop: CancellationToken) -> Self {
        self.reconnect();
        while !stop.is_cancelled() {
            let command = self.unanswered.take().unwrap_or_else(|| self.next_command());
            if !self.is_answered(command).await {
                let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
            }
        }
        self
    }

    fn reconnect(&mut self) {
        self.doors = self.doors.iter().map(Person::reconnected).collect();
        self.reader = self.reader.reconnected();
    }

    /// Sends a command once, and keeps it when nobody knows what became of it.
    async fn is_answered(&mut self, command: Command) -> bool {
        match self.send(&command).await {
            Some(answer) if answer.status < 500 => {
                self.note(command, answer).await;
                true
            }
            _ => {
                self.unanswered = Some(command);
                false
            }
        }
    }

    async fn send(&mut self, command: &Command) -> Option<Answered> {
        let door = self.doors.choose(&mut self.random).unwrap();
        let request = door.request(command.method.clone(), &command.path).timeout(PATIENCE);
        answered(if command.method == Method::POST { request.header("idempotency-key", &command.key).json(&command.body) } else { request })
            .await
    }

    fn next_command(&mut self) -> Command {
        self.commands += 1;
        let key = format!("command-{}", self.commands);
        if self.pending.is_empty() || self.random.random_bool(0.5) {
            let row = char::from(b'A' + self.random.random_range(0..self.rows));
            let first = self.random.random_range(1..self.row_seats);
            let seats: Vec<String> = (first..=first + self.random.random_range(0..=1)).map(|number| format!("S-{row}-{number}")).collect();
            return Command { method: Method::POST, path: "/reserve".into(), key, body: json!({ "event_id": self.event, "seats": seats }) };
        }
        let reservation = self.pending.swap_remove(self.random.random_range(0..self.pending.len()));
        if self.random.random_bool(0.3) {
            let body = json!({ "payment_reference": key });
            Command { method: Method::POST, path: format!("/reserve/{reservation}/checkout"), key, body }
        } else {
            Command { method: Method::DELETE, path: format!("/reserve/{reservation}"), key, body: Value::Null }
        }
    }

    async fn note(&mut self, command: Command, answer: Answered) {
        match answer.status {
            200 | 201 => {
                let id = answer.body["reservation_id"].as_str().unwrap().to_owned();
                if answer.status == 201 {
                    self.pending.push(id.clone());
                    if self.random.random_bool(0.1) {
                        self.knows(&id).await;
                    }
                }
                self.reservations.insert(id, (answer.body["seats"].clone(), answer.body["status"].as_str().unwrap().into()));
            }
            204 => self.reservations.get_mut(command.path.trim_start_matches("/reserve/")).unwrap().1 = "released".into(),
            409 => return,
            other => panic!("{other}: {answer:?}"),
        }
        if self.commands.is_multiple_of(7) {
            self.answers.push((command, answer));
        }
    }

    /// What was acknowledged is known to whoever can answer at all.
    async fn knows(&self, reservation: &str) {
        let read = answered(self.reader.request(Method::GET, &format!("/reserve/{reservation}")).timeout(PATIENCE)).await;
        if let Some(read) = read.filter(|read| read.status < 500) {
            assert_eq!(read.status, 200, "{reservation} was acknowledged and is not known: {read:?}");
        }
    }

    /// Sends what was never answered until it is.
    pub async fn finish(&mut self) {
        self.reconnect();
        while let Some(command) = self.unanswered.take() {
            if !self.is_answered(command).await {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Compares what clients were told with what is: nothing is lost, nothing sold twice, and a repetition gets the same bytes.
/// Returns how many seats are sold.
pub async fn nothing_was_lost(clients: &mut [Client]) -> usize {
    let mut sold: HashMap<String, String> = HashMap::new();
    for client in clients {
        for (id, (seats, status)) in &client.reservations {
            let found = client.reader.get(&format!("/reserve/{id}")).await;
            assert_eq!(found.status, 200, "{id} was acknowledged and is lost");
            assert_eq!((&found.body["seats"], &found.body["status"]), (seats, &json!(status)), "{id}");
            if found.body["status"] == "reserved" {
                for seat in found.body["seats"].as_array().unwrap() {
                    let other = sold.insert(seat["seat"].as_str().unwrap().into(), id.clone());
                    assert_eq!(other, None, "{seat} was sold twice");
                }
            }
        }
        for (command, answer) in std::mem::take(&mut client.answers) {
            let again = client.send(&command).await.unwrap();
            assert_eq!((again.status, &again.text), (answer.status, &answer.text), "{} {}", command.method, command.path);
        }
    }
    sold.len()
}
