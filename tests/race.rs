//! Promises P1, P3 and P5 under a race: 200 clients for 40 seats of one show, for 30 seconds.
//!
//! The log is the witness: whatever a client was told names a position, and must have been true there; and no answer may
//! be older than what anybody had been told before the question was asked (strict serializability).
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use support::person::answered;
use support::{Answered, LiveMap, Person, Server, hall_with_hold_seconds};

const CLIENTS: u64 = 200;
const SEATS: u32 = 40;
const DURATION: Duration = Duration::from_secs(30);
/// Some holds are abandoned; they end while the race goes on.
const HOLD_SECONDS: u32 = 2;

/// One answer, and the highest position that anybody knew when the question was asked.
struct Witnessed {
    floor: u64,
    asked_for: Vec<String>,
    answer: Answered,
}

struct Racer {
    person: Person,
    event: String,
    random: StdRng,
    newest: Arc<AtomicU64>,
    seen: Vec<Witnessed>,
}

impl Racer {
    async fn race(mut self, until: Instant) -> Vec<Witnessed> {
        while Instant::now() < until {
            let wanted = self.wish();
            let labels: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let floor = self.newest.load(Ordering::SeqCst);
            let held = self.person.hold(&self.event, &labels).await;
            let id = held.body["reservation_id"].as_str().map(str::to_owned);
            self.witness(floor, wanted, held);
            let Some(id) = id else { continue };
            let floor = self.newest.load(Ordering::SeqCst);
            match self.random.random_range(0..200) {
                0 => {
                    let sold = self.person.checkout(&id).await;
                    self.witness(floor, vec![], sold);
                }
                // Abandoned: it will expire.
                1..=20 => {}
                _ => {
                    let released = self.person.release(&id).await;
                    // The clock may have run out meanwhile.
                    assert!(released.status == 204 || released.code() == "hold-expired", "{released:?}");
                }
            }
        }
        self.seen
    }

    /// One to three seats, of which the first ones are wanted most.
    fn wish(&mut self) -> Vec<String> {
        let count = self.random.random_range(1..=3);
        let mut numbers: Vec<u32> =
            (0..count).map(|_| self.random.random_range(1..=SEATS).min(self.random.random_range(1..=SEATS))).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| format!("S-A-{number}")).collect()
    }

    fn witness(&mut self, floor: u64, asked_for: Vec<String>, answer: Answered) {
        self.newest.fetch_max(answer.body["position"].as_u64().unwrap_or(0), Ordering::SeqCst);
        self.seen.push(Witnessed { floor, asked_for, answer });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_clients_racing_for_40_seats_each_seat_has_one_owner_and_every_answer_was_true() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_hold_seconds(1, SEATS, HOLD_SECONDS)).await;
    let newest = Arc::new(AtomicU64::new(1));
    let watcher = Person::anonymous(&server.url);
    let mut map = LiveMap::open(&watcher, &event).await;
    let until = Instant::now() + DURATION;
    let mut racers = Vec::new();
    for number in 0..CLIENTS {
        let person = server.guest().await;
        let racer = Racer { person, event: event.clone(), random: StdRng::seed_from_u64(number), newest: newest.clone(), seen: Vec::new() };
        racers.push(tokio::spawn(racer.race(until)));
    }
    let mut seen = Vec::new();
    for racer in racers {
        seen.extend(racer.await.unwrap());
    }

    // The abandoned holds end.
    support::eventually("no hold is left", || async { (!watcher.statuses(&event).await.contains('p')).then_some(()) }).await;
    let history = history(&server, &event).await;
    let sold = every_answer_was_true(&seen, &history);

    // The log, the clients' records, the view in memory, the stream and the SQL views agree.
    let at_the_end = history.statuses.last().unwrap();
    let memory = watcher.statuses(&event).await;
    assert_eq!(&memory, at_the_end);
    map.reach(history.statuses.len() as u64).await;
    assert_eq!(&map.statuses(), at_the_end);
    for number in 1..=SEATS {
        let label = format!("S-A-{number}");
        assert_eq!(sold.contains_key(&label), at_the_end.as_bytes()[number as usize - 1] == b'r', "{label}");
    }
    support::eventually("the SQL views are at the head", || async {
        let report = server.verify();
        (report["views_compared_at"] == report["facts"]).then_some(())
    })
    .await;
    let refused = seen.iter().filter(|witnessed| witnessed.answer.status == 409).count();
    println!("{} answers, {refused} refusals, {} seats sold, {} facts", seen.len(), sold.len(), history.statuses.len());
    assert!(seen.len() > 1_000 && refused > 100, "there was a race");
}

/// The map at every position, and the reservation that each hold was.
struct History {
    statuses: Vec<String>,
}

async fn history(server: &Server, event: &str) -> History {
    let auditor = server.person("auditor", "aud");
    let request = auditor.request(reqwest::Method::GET, &format!("/events/{event}/history")).header("accept", "application/x-ndjson");
    let lines = answered(request).await.unwrap().text;
    let mut map = vec![b'a'; SEATS as usize];
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut statuses = Vec::new();
    for (line, position) in lines.lines().zip(1_u64..) {
        let fact: Value = serde_json::from_str(line).unwrap();
        assert_eq!(fact["position"], position, "positions have no gap");
        let letter = match fact["type"].as_str().unwrap() {
            "show_scheduled" => None,
            "seats_held" => Some(b'p'),
            "seats_reserved" => Some(b'r'),
            "hold_released" | "hold_expired" => Some(b'a'),
            other => panic!("unexpected fact {other}"),
        };
        for label in fact["data"]["seats"].as_array().into_iter().flatten() {
            let label = label.as_str().unwrap();
            let reservation = fact["data"]["reservation_id"].as_str().unwrap();
            // P1: a seat is held only when nobody has it, and ended only by the one who has it.
            match letter.unwrap() {
                b'p' => assert_eq!(owners.insert(label.into(), reservation.into()), None, "{label} was held twice at {position}"),
                _ => assert_eq!(owners.get(label).map(String::as_str), Some(reservation), "{label} at {position}"),
            }
            if letter == Some(b'a') {
                owners.remove(label);
            }
            map[seat_number(label)] = letter.unwrap();
        }
        statuses.push(String::from_utf8(map.clone()).unwrap());
    }
    History { statuses }
}

fn seat_number(label: &str) -> usize {
    label.rsplit('-').next().unwrap().parse::<usize>().unwrap() - 1
}

/// P3 for each answer; returns who bought which seat, by the clients' own records.
fn every_answer_was_true(seen: &[Witnessed], history: &History) -> HashMap<String, String> {
    let mut sold: HashMap<String, String> = HashMap::new();
    for Witnessed { floor, asked_for, answer } in seen {
        let position = answer.body["position"].as_u64().unwrap_or_else(|| panic!("no position: {answer:?}"));
        assert!(position >= *floor, "an answer of position {position} to a question asked after {floor} was known");
        let map = history.statuses[position as usize - 1].as_bytes();
        let letter_of = |seat: &Value| map[seat_number(seat.as_str().unwrap())];
        match (answer.status, answer.body["status"].as_str()) {
            (201, _) => assert!(answer.body["seats"].as_array().unwrap().iter().all(|seat| letter_of(&seat["seat"]) == b'p')),
            (200, Some("reserved")) => {
                let id = answer.body["reservation_id"].as_str().unwrap();
                for seat in answer.body["seats"].as_array().unwrap() {
                    assert_eq!(letter_of(&seat["seat"]), b'r');
                    let other = sold.insert(seat["seat"].as_str().unwrap().into(), id.into());
                    assert_eq!(other, None, "{seat} was sold twice");
                }
            }
            (409, _) => {
                let conflicts = answer.is_problem(409, "seats-taken").body["conflicts"].as_array().unwrap();
                assert!(!conflicts.is_empty());
                for conflict in conflicts {
                    let seat = conflict["seat"].as_str().unwrap();
                    assert!(asked_for.iter().any(|asked| asked == seat), "{seat} was not asked for");
                    let reason = if letter_of(&conflict["seat"]) == b'p' { "pending" } else { "reserved" };
                    assert_eq!(conflict["reason"], reason, "{seat} at {position}");
                }
                // Every seat that is named nowhere was free, or its hold had ended by the clock.
                for seat in asked_for.iter().filter(|asked| !conflicts.iter().any(|conflict| conflict["seat"] == asked.as_str())) {
                    assert_ne!(map[seat_number(seat)], b'r', "{seat} was sold at {position}, but not named");
                }
            }
            // The clock may have run out between holding and paying.
            (410, _) => assert_eq!(answer.code(), "hold-expired"),
            other => panic!("{other:?}: {answer:?}"),
        }
    }
    sold
}
