//! What the tests of projections share: shows whose histories are written straight into a log.
#![allow(dead_code, reason = "each test file uses its own share of this")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::time::Duration;

use fullhouse_domain::{Command, Event, Plan, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide, decide_schedule, testing};
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal};
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::encode;

/// How long a test waits for something that should take milliseconds. Raise it while debugging.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A show whose history is written straight into the log.
pub struct Author {
    pub log: Log,
    pub id: ShowId,
    pub show: Show,
    now: Timestamp,
    commands: u64,
}

impl Author {
    pub async fn schedule(log: &Log, name: &str) -> Self {
        let sections = vec![testing::section("S", 4_500, &[15]), testing::section("T", 2_500, &[15])];
        let plan = Plan { title: name.into(), sections, ..testing::plan(&[]) };
        let now = log.now();
        let events = decide_schedule(None, &plan).unwrap();
        let show = Show::schedule(&events[0], now).unwrap();
        let mut author = Self { log: log.clone(), id: ShowId::parse(&format!("local-{name}")).unwrap(), show, now, commands: 0 };
        author.append(&events).await;
        author
    }

    pub async fn append(&mut self, events: &[Event]) {
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        id[8] = self.id.as_str().as_bytes()[6];
        let chart = self.show.chart().clone();
        let facts = events.iter().map(|event| encode(event, Some(&chart))).collect();
        let entry = Entry {
            command_id: CommandId(id),
            is_keyed: false,
            fingerprint: Fingerprint([0; 16]),
            show: self.id.clone(),
            subject: Subject::parse("ann"),
            relies_on_room: false,
            valid_before: None,
            proposal: Proposal::Append(facts),
        };
        self.log.append(Batch { known: self.log.head(), decided_at: self.now, entries: vec![entry] }).await.unwrap();
    }

    /// Goes on so much earlier.
    pub fn backdate(&mut self, by: Duration) {
        self.now = Timestamp::from_micros(self.now.as_micros() - by.as_micros() as i64);
    }

    /// A hold by the log's clock, and its release.
    pub async fn hold_and_release(&mut self) {
        let subject = Subject::parse("ann").unwrap();
        let reservation = ReservationId::of_show(&self.id, &format!("n{}", self.commands)).unwrap();
        let wanted = Wanted::BestAvailable { count: 1, section: None };
        let hold = Command::HoldSeats { reservation: reservation.clone(), subject: subject.clone(), wanted, pass: None };
        for command in [hold, Command::ReleaseHold { reservation, subject }] {
            self.now = self.log.now();
            let events = decide(&self.show, &command, self.now).unwrap();
            events.iter().for_each(|event| self.show.evolve(event, self.now).unwrap());
            self.append(&events).await;
        }
    }

    /// One command out of many kinds; some minutes pass now and then.
    pub async fn go_on(&mut self, number: u64) {
        self.now = self.now + Duration::from_secs(number * number % 97);
        let subject = Subject::parse("ann").unwrap();
        let open: Vec<ReservationId> = self.show.reservations().iter().map(|reservation| reservation.id.clone()).collect();
        let reservation = open.get((number * 31) as usize % open.len().max(1)).cloned();
        let command = match (number % 5, reservation) {
            (0, Some(reservation)) => Command::Checkout { reservation, subject, payment_reference: format!("p{number}") },
            (1, Some(reservation)) => Command::ReleaseHold { reservation, subject },
            (2, Some(reservation)) => Command::ExpireHold { reservation },
            _ => {
                let reservation = ReservationId::of_show(&self.id, &format!("r{number}")).unwrap();
                Command::HoldSeats {
                    reservation,
                    subject,
                    wanted: Wanted::BestAvailable { count: (number % 3) as u32 + 1, section: None },
                    pass: None,
                }
            }
        };
        if let Ok(events) = decide(&self.show, &command, self.now) {
            events.iter().for_each(|event| self.show.evolve(event, self.now).unwrap());
            self.append(&events).await;
        }
    }
}

/// Asks again until it is so. Fails when it never is.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
