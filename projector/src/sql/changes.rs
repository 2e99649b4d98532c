//! What facts change in the SQL views: pure, and folded, so that a row is written once however often it changed.

use std::collections::BTreeMap;

use fullhouse_domain::{Event, Money, ReservationId, ReservationStatus, SeatIndex, SeatStatus, ShowId, Subject, Timestamp};
use fullhouse_schemas::StoredFact;

/// Rows to write, by key.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The position that each show comes to.
    pub shows: BTreeMap<ShowId, u64>,
    pub seats: BTreeMap<(ShowId, SeatIndex), SeatChange>,
    /// By the log position of the hold.
    pub held: BTreeMap<u64, Held>,
    /// By the log position of the hold that ended.
    pub ended: BTreeMap<u64, Ended>,
    pub sales: BTreeMap<(ShowId, Timestamp), Sales>,
}

/// A seat's new status.
#[derive(Debug, PartialEq)]
pub(crate) struct SeatChange {
    pub status: SeatStatus,
    pub reservation: Option<ReservationId>,
    pub position: u64,
    pub changed_at: Timestamp,
}

/// A new reservation.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    pub reservation: ReservationId,
    pub show: ShowId,
    pub subject: Subject,
    /// In chart order, from 0.
    pub seat_numbers: Vec<SeatIndex>,
    pub total: Money,
    pub held_at: Timestamp,
    pub expires_at: Timestamp,
    pub position: u64,
}

/// The end of a reservation that is `pending` until then.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub status: ReservationStatus,
    pub ended_at: Timestamp,
    pub payment_reference: Option<String>,
    pub position: u64,
}

/// What is added to a minute.
#[derive(Debug, PartialEq)]
pub(crate) struct Sales {
    pub reservations: u64,
    pub seats: usize,
    pub amount: Money,
    pub position: u64,
}

impl Changes {
    /// Takes the next fact of a scheduled show into account. `total` is what the fact's seats cost together, and
    /// `held_at` where in the log the reservation that it ends was held.
    pub fn fold(&mut self, fact: &StoredFact, event: &Event, total: Money, held_at: u64) {
        self.shows.insert(fact.show.clone(), fact.position);
        match event {
            Event::ShowScheduled(_) | Event::Room(_) => {}
            Event::SeatsHeld { reservation, subject, seats, expires_at } => {
                self.seats(fact, seats, SeatStatus::Pending, Some(reservation));
                let held = Held {
                    reservation: reservation.clone(),
                    show: fact.show.clone(),
                    subject: subject.clone(),
                    seat_numbers: seats.clone(),
                    total,
                    held_at: fact.recorded_at,
                    expires_at: *expires_at,
                    position: fact.position,
                };
                self.held.insert(fact.log_position, held);
            }
            Event::SeatsReserved { reservation, seats, payment_reference } => {
                self.seats(fact, seats, SeatStatus::Reserved, Some(reservation));
                self.end(fact, held_at, ReservationStatus::Reserved, Some(payment_reference.clone()));
                self.sell(fact, seats.len(), total);
            }
            Event::HoldReleased { seats, .. } => {
                self.seats(fact, seats, SeatStatus::Available, None);
                self.end(fact, held_at, ReservationStatus::Released, None);
            }
            Event::HoldExpired { seats, .. } => {
                self.seats(fact, seats, SeatStatus::Available, None);
                self.end(fact, held_at, ReservationStatus::Expired, None);
            }
        }
    }

    fn seats(&mut self, fact: &StoredFact, seats: &[SeatIndex], status: SeatStatus, reservation: Option<&ReservationId>) {
        for &seat in seats {
            let change = SeatChange { status, reservation: reservation.cloned(), position: fact.position, changed_at: fact.recorded_at };
            self.seats.insert((fact.show.clone(), seat), change);
        }
    }

    fn end(&mut self, fact: &StoredFact, held_at: u64, status: ReservationStatus, payment_reference: Option<String>) {
        let ended = Ended { status, ended_at: fact.recorded_at, payment_reference, position: fact.position };
        self.ended.insert(held_at, ended);
    }

    fn sell(&mut self, fact: &StoredFact, seats: usize, total: Money) {
        let nothing = Sales { reservations: 0, seats: 0, amount: Money { amount: 0, currency: total.currency }, position: 0 };
        let sales = self.sales.entry((fact.show.clone(), fact.recorded_at.minute())).or_insert(nothing);
        sales.reservations += 1;
        sales.seats += seats;
        sales.amount.amount += total.amount;
        sales.position = fact.position;
    }
}
