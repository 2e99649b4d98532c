//! The words that the stories are told with.
#![allow(dead_code, reason = "each test file uses its own share of the words")]

use fullhouse_domain::plan::{Row, Section};
use fullhouse_domain::{
    Command, Conflict, Currency, Event, Money, Plan, Refusal, ReservationId, SeatIndex, SeatStatus, Show, ShowId, Subject, Timestamp,
    Wanted, decide,
};

/// The end of a hold that begins at `at(0)`.
pub const AT_600: Timestamp = at(600);

/// So many seconds after the show was scheduled.
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
}

/// A hall of two sections: `S` with the rows A and B of ten seats, and `T` with row A of ten. Four seats at a time.
pub fn plan() -> Plan {
    let price = |amount| Money { amount, currency: Currency::parse("EUR").expect("a code") };
    let row = |name: &str| Row { name: name.into(), seats: 10 };
    Plan {
        title: "Hamlet".into(),
        description: String::new(),
        starts_at: at(1_000_000),
        on_sale_at: None,
        hold_seconds: 600,
        max_seats_per_reservation: 4,
        waiting_room: None,
        sections: vec![
            Section { name: "S".into(), ring: None, price: price(4500), rows: vec![row("A"), row("B")] },
            Section { name: "T".into(), ring: None, price: price(2500), rows: vec![row("A")] },
        ],
    }
}

/// A show that some events have happened to.
pub struct Stage {
    pub show: Show,
}

impl Stage {
    pub fn given_plan(plan: Plan) -> Self {
        Self { show: Show::schedule(&Event::ShowScheduled(Box::new(plan)), at(0)).expect("a plan schedules a show") }
    }

    pub fn given<const N: usize>(events: [(Timestamp, Event); N]) -> Self {
        events.into_iter().fold(Self::given_plan(plan()), |stage, (at, event)| stage.and(at, event))
    }

    pub fn and(mut self, at: Timestamp, event: Event) -> Self {
        self.show.evolve(&event, at).expect("what is given is a possible history");
        self
    }

    pub fn when(&self, now: Timestamp, command: Command) -> Outcome {
        Outcome(decide(&self.show, &command, now))
    }
}

pub struct Outcome(Result<Vec<Event>, Refusal>);

impl Outcome {
    pub fn then<const N: usize>(self, events: [Event; N]) {
        assert_eq!(self.0, Ok(events.to_vec()));
    }

    pub fn then_refused(self, refusal: Refusal) {
        assert_eq!(self.0, Err(refusal));
    }
}

pub fn reservation(name: &str) -> ReservationId {
    ReservationId::of_show(&ShowId::parse("local-hamlet").expect("plain"), name).expect("plain")
}

pub fn subject(name: &str) -> Subject {
    Subject::parse(name).expect("visible")
}

pub fn hold(id: &str, who: &str, labels: &[&str]) -> Command {
    let labels = labels.iter().map(|&label| label.to_owned()).collect();
    Command::HoldSeats { reservation: reservation(id), subject: subject(who), wanted: Wanted::Seats(labels), pass: None }
}

pub fn hold_best(id: &str, who: &str, count: u32, section: Option<&str>) -> Command {
    let wanted = Wanted::BestAvailable { count, section: section.map(str::to_owned) };
    Command::HoldSeats { reservation: reservation(id), subject: subject(who), wanted, pass: None }
}

pub fn checkout(id: &str, who: &str, payment_reference: &str) -> Command {
    Command::Checkout { reservation: reservation(id), subject: subject(who), payment_reference: payment_reference.into() }
}

pub fn release(id: &str, who: &str) -> Command {
    Command::ReleaseHold { reservation: reservation(id), subject: subject(who) }
}

pub fn expire(id: &str) -> Command {
    Command::ExpireHold { reservation: reservation(id) }
}

pub fn held(id: &str, who: &str, seats: &[SeatIndex], expires_at: Timestamp) -> Event {
    Event::SeatsHeld { reservation: reservation(id), subject: subject(who), seats: seats.to_vec(), expires_at }
}

pub fn reserved(id: &str, seats: &[SeatIndex], payment_reference: &str) -> Event {
    Event::SeatsReserved { reservation: reservation(id), seats: seats.to_vec(), payment_reference: payment_reference.into() }
}

pub fn released(id: &str, seats: &[SeatIndex]) -> Event {
    Event::HoldReleased { reservation: reservation(id), seats: seats.to_vec() }
}

pub fn expired(id: &str, seats: &[SeatIndex]) -> Event {
    Event::HoldExpired { reservation: reservation(id), seats: seats.to_vec() }
}

pub fn taken(conflicts: &[(&str, SeatStatus)]) -> Refusal {
    Refusal::SeatsTaken(conflicts.iter().map(|&(seat, status)| Conflict { seat: seat.into(), status }).collect())
}
