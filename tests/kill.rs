//! Promise P2: the server is killed at random moments under load, 50 times. Nothing that was acknowledged is lost, and what
//! was not takes effect exactly once when it is sent again.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::{Answered, LiveMap, Person, Server, hall};

const ROUNDS: u64 = 50;
const CLIENTS: u64 = 12;
const ROWS: u8 = 20;
const ROW_SEATS: u32 = 500;
/// The server lives at least and at most so long, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 20..400;

/// A command as it is sent, and sent again.
struct Command {
    method: Method,
    path: String,
    key: String,
    body: Value,
}

/// A client that writes down every command before it sends it, and every answer that it gets.
struct Client {
    person: Person,
    event: String,
    random: StdRng,
    commands: u64,
    unanswered: Option<Command>,
    /// Seats and status that were acknowledged last, by reservation.
    reservations: HashMap<String, (Value, String)>,
    pending: Vec<String>,
    /// A few answers to compare with what a repetition gets.
    answers: Vec<(Command, Answered)>,
}

impl Client {
    fn new(person: Person, event: &str, seed: u64) -> Self {
        let (reservations, pending, answers) = (HashMap::new(), Vec::new(), Vec::new());
        Self {
            person,
            event: event.into(),
            random: StdRng::seed_from_u64(seed),
            commands: 0,
            unanswered: None,
            reservations,
            pending,
            answers,
        }
    }

    /// Sends commands until the server is gone.
    async fn work(mut self) -> Self {
        self.person = self.person.reconnected();
        loop {
            let command = self.unanswered.take().unwrap_or_else(|| self.next_command());
            match self.send(&command).await {
                Some(answer) if answer.status != 503 => self.note(command, answer),
                _ => {
                    self.unanswered = Some(command);
                    return self;
                }
            }
        }
    }

    async fn send(&self, command: &Command) -> Option<Answered> {
        let request = self.person.request(command.method.clone(), &command.path);
        answered(if command.method == Method::POST { request.header("idempotency-key", &command.key).json(&command.body) } else { request })
            .await
    }

    fn next_command(&mut self) -> Command {
        self.commands += 1;
        let key = format!("command-{}", self.commands);
        if self.pending.is_empty() || self.random.random_bool(0.5) {
            let row = char::from(b'A' + self.random.random_range(0..ROWS));
            let first = self.random.random_range(1..ROW_SEATS);
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

    fn note(&mut self, command: Command, answer: Answered) {
        match answer.status {
            200 | 201 => {
                let id = answer.body["reservation_id"].as_str().unwrap().to_owned();
                if answer.status == 201 {
                    self.pending.push(id.clone());
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
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_50_times_under_load_it_loses_nothing_and_sells_nothing_twice() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(ROWS, ROW_SEATS)).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::new(server.guest().await, &event, number));
    }
    let watcher = Person::anonymous(&server.url);
    let mut map = LiveMap::open(&watcher, &event).await;
    for round in 0..ROUNDS {
        let working: Vec<_> = clients.drain(..).map(|client| tokio::spawn(client.work())).collect();
        let life = Duration::from_millis(random.random_range(LIFE_MS));
        let mut alive = true;
        let _ = tokio::time::timeout(life, async {
            while alive {
                alive = map.next().await;
            }
        })
        .await;
        server.kill();
        map.cut();
        for client in working {
            clients.push(client.await.unwrap());
        }
        server.restart();
        map.connect().await;
        if round % 10 == 9 {
            server.verify();
        }
    }
    let after: Vec<Client> = futures::future::join_all(clients.into_iter().map(finish)).await;
    nothing_was_lost(&after).await;
    // P6 holds across crashes too.
    let end = watcher.reconnected().get(&format!("/events/{event}/seats?format=compact")).await.body;
    map.reach(end["position"].as_u64().unwrap()).await;
    assert_eq!((map.statuses().as_str(), map.whole_maps), (end["statuses"].as_str().unwrap(), 1));
    let report = server.verify();
    println!("{} commands, {report}", after.iter().map(|client| client.commands).sum::<u64>());
    assert!(report["facts"].as_u64().unwrap() > 500, "there was load");
}

/// Sends once more what was never answered.
async fn finish(mut client: Client) -> Client {
    client.person = client.person.reconnected();
    if let Some(command) = client.unanswered.take() {
        let answer = client.send(&command).await.unwrap();
        client.note(command, answer);
    }
    client
}

async fn nothing_was_lost(clients: &[Client]) {
    let mut sold: HashMap<String, String> = HashMap::new();
    for client in clients {
        for (id, (seats, status)) in &client.reservations {
            let found = client.person.get(&format!("/reserve/{id}")).await;
            assert_eq!(found.status, 200, "{id} was acknowledged and is lost");
            assert_eq!((&found.body["seats"], &found.body["status"]), (seats, &json!(status)), "{id}");
            if found.body["status"] == "reserved" {
                for seat in found.body["seats"].as_array().unwrap() {
                    let other = sold.insert(seat["seat"].as_str().unwrap().into(), id.clone());
                    assert_eq!(other, None, "{seat} was sold twice");
                }
            }
        }
        for (command, answer) in &client.answers {
            let again = client.send(command).await.unwrap();
            assert_eq!((again.status, &again.text), (answer.status, &answer.text), "{} {}", command.method, command.path);
        }
    }
    assert!(sold.len() > 20, "only {} seats were sold", sold.len());
}
