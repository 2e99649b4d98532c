//! A sale that is invented, decided by the rules and written straight into a log: hours of it in a moment.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use fullhouse_domain::plan::{Row, Section};
use fullhouse_domain::{
    Command, Currency, Event, Money, Plan, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide, decide_schedule,
};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal, Verdict};
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::encode;
use fullhouse_schemas::time::Instant;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How long the sale goes on.
const SALE: Duration = Duration::from_secs(3 * 60 * 60);
/// Commands that are recorded at one instant.
const BATCH: u64 = 16;
/// How often somebody who holds seats buys them, as long as there is something left to sell: one in so many.
const BUYERS: u64 = 4;

/// What came of the sale, by its own count.
#[derive(Debug, Default)]
pub struct Sold {
    pub facts: u64,
    pub held: u64,
    pub bought: u64,
    pub released: u64,
    pub expired: u64,
    /// In minor units.
    pub revenue: i64,
}

struct Sale {
    log: Log,
    shows: Vec<(ShowId, Show)>,
    /// Open holds by their end: the show, the reservation, whose it is.
    open: VecDeque<(Timestamp, usize, ReservationId, Subject)>,
    now: Timestamp,
    dice: StdRng,
    commands: u64,
    seats: u64,
    sold: Sold,
}

/// Fills the log of a folder with two events and about so many facts.
pub async fn make(folder: &Path, facts: u64, seed: u64) -> Sold {
    let log = Log::Sqlite(SqliteLog::open(folder).unwrap());
    let Instant(now) = Instant::parse("2026-03-01T10:00:00.25Z").unwrap();
    let dice = StdRng::seed_from_u64(seed);
    let mut sale = Sale { log, shows: Vec::new(), open: VecDeque::new(), now, dice, commands: 0, seats: 0, sold: Sold::default() };
    sale.schedule("local-gala", &[("Stalls", 40, 50, 9_000), ("Circle-Left", 20, 40, 6_500), ("Gallery", 30, 60, 3_000)]).await;
    sale.schedule("local-matinee", &[("Floor", 20, 30, 2_500)]).await;
    let step = SALE.div_f64((facts as f64 / 2.0 / BATCH as f64).max(1.0));
    while sale.log.head() < facts {
        sale.now = sale.now + step.mul_f64(sale.dice.random_range(0.1..1.9));
        sale.expire().await;
        sale.round(facts).await;
    }
    sale.sold.facts = sale.log.head();
    drop(sale.log);
    // The log is free once its writer's thread has ended.
    std::fs::File::open(folder.join("log.lock")).unwrap().lock().unwrap();
    sale.sold
}

impl Sale {
    async fn schedule(&mut self, id: &str, sections: &[(&str, u32, u32, i64)]) {
        let section = |(name, rows, seats, amount): &(&str, u32, u32, i64)| Section {
            name: (*name).into(),
            ring: None,
            price: Money { amount: *amount, currency: Currency::parse("EUR").unwrap() },
            rows: (1..=*rows).map(|row| Row { name: row.to_string(), seats: *seats }).collect(),
        };
        let Instant(starts_at) = Instant::parse("2026-06-01T19:30:00Z").unwrap();
        let plan = Plan {
            title: format!("A sale of {id}"),
            description: String::new(),
            starts_at,
            on_sale_at: None,
            hold_seconds: 600,
            max_seats_per_reservation: 10,
            waiting_room: None,
            sections: sections.iter().map(section).collect(),
        };
        let events = decide_schedule(None, &plan).unwrap();
        let show = Show::schedule(&events[0], self.now).unwrap();
        self.seats += u64::from(show.chart().seats());
        self.shows.push((ShowId::parse(id).unwrap(), show));
        self.append(vec![(self.shows.len() - 1, Subject::parse("olga").unwrap(), events)]).await;
    }

    /// Holds that are over expire, before anybody wants their seats.
    async fn expire(&mut self) {
        let (over, open) = std::mem::take(&mut self.open).into_iter().partition(|(ends_at, ..)| *ends_at <= self.now);
        self.open = open;
        let over: VecDeque<_> = over;
        let mut decided = Vec::new();
        for (_, show, reservation, subject) in over {
            assert!(self.decide(show, &subject, Command::ExpireHold { reservation }, &mut decided), "a hold that is over expires");
            self.sold.expired += 1;
        }
        self.append(decided).await;
    }

    /// Some holds, and then the ends of some that were held before: what was decided of one batch never touches the same seats.
    async fn round(&mut self, facts: u64) {
        let mut decided = Vec::new();
        let mut begun = Vec::new();
        for _ in 0..BATCH {
            let show = usize::from(self.dice.random_range(0..12) == 0);
            let subject = Subject::parse(&format!("guest-{}", self.dice.random_range(0..1 + facts / 20))).unwrap();
            let count = 1 + self.dice.random_range(0..8_u32).min(self.dice.random_range(0..8));
            let sections = self.shows[show].1.plan().sections.len();
            let section = self.shows[show].1.plan().sections[self.dice.random_range(0..sections)].name.clone();
            let reservation = ReservationId::of_show(&self.shows[show].0, &format!("{:x}", self.commands + decided.len() as u64)).unwrap();
            let wanted = Wanted::BestAvailable { count, section: Some(section) };
            let hold = Command::HoldSeats { reservation: reservation.clone(), subject: subject.clone(), wanted, pass: None };
            if self.decide(show, &subject, hold, &mut decided) {
                self.sold.held += 1;
                begun.push((self.now + Duration::from_secs(600), show, reservation, subject));
            }
        }
        for _ in 0..self.open.len().min(BATCH as usize) {
            self.end_one(facts, &mut decided);
        }
        self.open.extend(begun);
        self.append(decided).await;
    }

    /// What becomes of the oldest open hold.
    fn end_one(&mut self, facts: u64, decided: &mut Vec<(usize, Subject, Vec<Event>)>) {
        let Some((ends_at, show, reservation, subject)) = self.open.pop_front() else { return };
        let may_sell = self.sold.bought * 4 < self.seats * (self.log.head() + 1) / facts.max(1);
        let command = if may_sell && self.dice.random_range(0..BUYERS) == 0 {
            self.sold.bought += 1;
            let held = self.shows[show].1.reservation(&reservation).unwrap();
            self.sold.revenue += self.shows[show].1.chart().total(&held.seats).amount;
            Command::Checkout { payment_reference: format!("pay-{reservation}"), reservation, subject: subject.clone() }
        } else if self.dice.random_range(0..3) == 0 {
            // He thinks about it, perhaps for too long.
            return self.open.push_back((ends_at, show, reservation, subject));
        } else {
            self.sold.released += 1;
            Command::ReleaseHold { reservation, subject: subject.clone() }
        };
        assert!(self.decide(show, &subject, command, decided), "what was held can end");
    }

    /// Decides a command; whether it was not refused.
    fn decide(&mut self, show: usize, subject: &Subject, command: Command, decided: &mut Vec<(usize, Subject, Vec<Event>)>) -> bool {
        let state = &mut self.shows[show].1;
        let Ok(events) = decide(state, &command, self.now) else { return false };
        events.iter().for_each(|event| state.evolve(event, self.now).unwrap());
        decided.push((show, subject.clone(), events));
        true
    }

    async fn append(&mut self, decided: Vec<(usize, Subject, Vec<Event>)>) {
        let mut entries = Vec::new();
        for (show, subject, events) in decided {
            self.commands += 1;
            let (id, state) = &self.shows[show];
            let by_time = matches!(events[0], Event::HoldExpired { .. });
            entries.push(Entry {
                command_id: CommandId(u128::from(self.commands).to_be_bytes()),
                is_keyed: false,
                fingerprint: Fingerprint([0; 16]),
                show: id.clone(),
                subject: (!by_time).then_some(subject),
                relies_on_room: false,
                valid_before: None,
                proposal: Proposal::Append(events.iter().map(|event| encode(event, Some(state.chart()))).collect()),
            });
        }
        let appended = self.log.append(Batch { known: self.log.head(), decided_at: self.now, entries }).await.unwrap();
        assert!(appended.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })), "{:?}", appended.verdicts);
    }
}
