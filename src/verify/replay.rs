//! The log against itself and against the rules.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use fullhouse_domain::room::RoomBreach;
use fullhouse_domain::show::Breach as RuleBroken;
use fullhouse_domain::{Chart, Event, SeatStatus, Show, ShowId, Timestamp};
use fullhouse_eventstore::DECISION_AGE_MAX;
use fullhouse_schemas::facts::{Label, decode_with_labels};
use fullhouse_schemas::{CommandId, StoredFact, draw};

use super::registers::Registers;
use super::report::{Breach, Report};
use crate::promise::Promise;

/// Clocks are compared no finer than this.
const ROUNDING: Duration = Duration::from_millis(100);

/// The fold of every show so far.
#[derive(Default)]
pub struct Replay {
    pub shows: BTreeMap<ShowId, Replayed>,
    pub registers: Registers,
    recorded_at: Timestamp,
    command: Option<CommandId>,
    commands_before: HashSet<CommandId>,
    /// Whether a fact could not be read. Whose it was is not known, so a show that goes on elsewhere than was due is not to blame.
    has_lost_one: bool,
}

/// A show's state; nothing more is known after its history broke.
pub enum Replayed {
    Sound(Box<Show>),
    Broken,
}

impl Replay {
    /// Takes the next fact into account, and names what is wrong with it. The log itself asserts positions and hashes.
    pub fn fold(&mut self, fact: &StoredFact, breaches: &mut Vec<Breach>) {
        let mut found = |promise, what: String| {
            breaches.push(Breach { promise, log_position: Some(fact.log_position), event_id: Some(fact.show.to_string()), what });
        };
        if fact.recorded_at < self.recorded_at {
            found(Promise::HoldsEndOnTime, "it was recorded before the fact that stands before it".into());
        }
        self.recorded_at = fact.recorded_at;
        if self.command != Some(fact.command_id) {
            self.commands_before.extend(self.command.replace(fact.command_id));
            if self.commands_before.contains(&fact.command_id) {
                found(Promise::Once, format!("command {} took effect before", fact.command_id));
            }
        }
        if self.registers.takes(fact) {
            if let Err(what) = self.registers.fold(fact, self.has_lost_one) {
                found(Promise::History, what);
            }
            return;
        }
        if self.follows_a_lost_one(fact) {
            self.shows.insert(fact.show.clone(), Replayed::Broken);
            return;
        }
        let (event, labels) = match decode_with_labels(fact) {
            Ok(decoded) => decoded,
            Err(error) => {
                found(Promise::History, error.to_string());
                self.shows.insert(fact.show.clone(), Replayed::Broken);
                return;
            }
        };
        let replayed = match self.shows.remove(&fact.show) {
            None if fact.position == 1 => {
                Show::schedule(&event, fact.recorded_at).map(Box::new).map_err(|rule| (promise_of(&rule), words(&rule)))
            }
            None => Err((Promise::History, format!("its position is {}, but nothing stands before it", fact.position))),
            Some(Replayed::Broken) => {
                self.shows.insert(fact.show.clone(), Replayed::Broken);
                return;
            }
            Some(Replayed::Sound(show)) => next(show, fact, &event, &labels),
        };
        let replayed = match replayed {
            Ok(show) => Replayed::Sound(show),
            Err((promise, what)) => {
                found(promise, what);
                Replayed::Broken
            }
        };
        self.shows.insert(fact.show.clone(), replayed);
    }

    /// A fact could not be read.
    pub fn lose_one(&mut self) {
        self.has_lost_one = true;
    }

    /// Whether a fact does not follow what is known of its show, and no wonder.
    fn follows_a_lost_one(&self, fact: &StoredFact) -> bool {
        let due = match self.shows.get(&fact.show) {
            None => 1,
            Some(Replayed::Sound(show)) => show.position() + 1,
            Some(Replayed::Broken) => return false,
        };
        self.has_lost_one && fact.position != due
    }

    /// Checks every drawn order against what was published before it.
    pub fn check_draws(&self, breaches: &mut Vec<Breach>) {
        for (id, replayed) in &self.shows {
            let Replayed::Sound(show) = replayed else { continue };
            let Some(room) = show.room() else { continue };
            if let (Some(published), Some(seed)) = (room.rules().seed_sha256, room.seed())
                && let Err(unfair) = draw::verify(&published, &seed, room.drawn())
            {
                let (promise, what) = (Promise::History, format!("the drawn order of the waiting room: {unfair}"));
                breaches.push(Breach { promise, log_position: None, event_id: Some(id.to_string()), what });
            }
        }
    }

    /// Counts what there is.
    pub fn summarize(&self, report: &mut Report) {
        report.shows = self.shows.len();
        report.people_forgotten = self.registers.forgotten().count();
        for replayed in self.shows.values() {
            let Replayed::Sound(show) = replayed else { continue };
            report.reservations += show.reservations().len();
            for seat in 0..show.chart().seats() {
                match show.seat_status(seat) {
                    SeatStatus::Available => {}
                    SeatStatus::Pending => report.seats_pending += 1,
                    SeatStatus::Reserved => report.seats_reserved += 1,
                }
            }
        }
    }
}

fn next(mut show: Box<Show>, fact: &StoredFact, event: &Event, labels: &[Label<'_>]) -> Result<Box<Show>, (Promise, String)> {
    if fact.position != show.position() + 1 {
        return Err((Promise::History, format!("its position is {}, but {} was due", fact.position, show.position() + 1)));
    }
    check_labels(event, labels, show.chart())?;
    // A hold counts from its decision, which is recorded a moment later when another server's facts came first.
    if let Event::SeatsHeld { expires_at, .. } = event
        && let latest = fact.recorded_at + show.plan().hold_duration()
        && (*expires_at > latest || expires_at.until(latest) > DECISION_AGE_MAX + ROUNDING)
    {
        return Err((Promise::HoldsEndOnTime, "the hold is not as long as the show says".into()));
    }
    show.evolve(event, fact.recorded_at).map_err(|rule| (promise_of(&rule), words(&rule)))?;
    Ok(show)
}

fn check_labels(event: &Event, labels: &[Label<'_>], chart: &Chart) -> Result<(), (Promise, String)> {
    // Decoding has seen to it that there are as many of the one as of the other.
    if event.seats().iter().zip(labels).all(|(&seat, label)| chart.is_labelled(seat, label.as_str())) {
        return Ok(());
    }
    let labels: Vec<&str> = labels.iter().map(Label::as_str).collect();
    Err((Promise::History, format!("it names the seats {labels:?} but touches others")))
}

fn promise_of(rule: &RuleBroken) -> Promise {
    match rule {
        RuleBroken::SeatOwnedTwice(_) => Promise::OneOwner,
        RuleBroken::ExpiredEarly(_) | RuleBroken::CheckedOutLate(_) => Promise::HoldsEndOnTime,
        RuleBroken::ReservationReused(_) | RuleBroken::ReservationEndedTwice(_) => Promise::Once,
        RuleBroken::NotScheduledOnce
        | RuleBroken::UnknownSeat(_)
        | RuleBroken::UnknownReservation(_)
        | RuleBroken::SeatsDiffer(_)
        | RuleBroken::Room(_) => Promise::History,
    }
}

fn words_of_room(rule: &RoomBreach) -> String {
    match rule {
        RoomBreach::NoRoom => "the show has no waiting room".into(),
        RoomBreach::TooManyActive => "more people were let in than the waiting room allows".into(),
        RoomBreach::AdmittedWrongly(number) => format!("number {number} was let in twice, or before the sale, or after its end"),
        RoomBreach::HeldWithoutTurn(id) => format!("{id} was held by somebody whose turn it was not"),
        RoomBreach::OpenedTwice => "the order was drawn, or the sale begun, after it had begun".into(),
    }
}

fn words(rule: &RuleBroken) -> String {
    match rule {
        RuleBroken::NotScheduledOnce => "a show is scheduled by its first fact, and only by that".into(),
        RuleBroken::UnknownSeat(seat) => format!("the show has no seat number {seat}"),
        RuleBroken::SeatOwnedTwice(seat) => format!("seat number {seat} had an owner already"),
        RuleBroken::ReservationReused(id) => format!("{id} was held before"),
        RuleBroken::UnknownReservation(id) => format!("{id} was never held"),
        RuleBroken::ReservationEndedTwice(id) => format!("{id} had ended before"),
        RuleBroken::SeatsDiffer(id) => format!("{id} has other seats"),
        RuleBroken::ExpiredEarly(id) => format!("{id} expired before its end"),
        RuleBroken::CheckedOutLate(id) => format!("{id} was checked out after its end"),
        RuleBroken::Room(rule) => words_of_room(rule),
    }
}
