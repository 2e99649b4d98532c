//! The fold of one show's facts into the seat view.

use foldhash::HashMap;
use fullhouse_domain::{Chart, Event, Reservation, ReservationId, ReservationStatus, SeatIndex, SeatStatus, Subject, Timestamp};
use fullhouse_schemas::http::Counts;

/// Seats, counts and reservations as they are at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct SeatView {
    position: u64,
    recorded_at: Timestamp,
    counts: Counts,
    statuses: Vec<SeatStatus>,
    changed_at: Vec<u64>,
    reservations: Vec<Reservation>,
    number_of: HashMap<ReservationId, u32>,
    numbers_of: HashMap<Subject, Vec<u32>>,
    /// Which reservation each position after the first was about, or [`NONE`].
    about: Vec<u32>,
}

/// Stands for no reservation: the fact was about the waiting room.
const NONE: u32 = u32::MAX;

/// A fact that can't follow the ones before it. The log, or whoever delivered from it, is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// The position is not the next one.
    #[error("position {found} came where {expected} was due")]
    Gap {
        /// The position that should have come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// The fact names a seat or a reservation that the show has not, or schedules the show again.
    #[error("position {0} tells of something that the show has not")]
    Impossible(u64),
}

impl SeatView {
    /// The view right after a show was scheduled, which is its position 1: every seat is free.
    pub fn scheduled(chart: &Chart, recorded_at: Timestamp) -> Self {
        let seats = chart.seats();
        Self {
            position: 1,
            recorded_at,
            counts: Counts { available: seats, pending: 0, reserved: 0 },
            statuses: vec![SeatStatus::Available; seats as usize],
            changed_at: vec![1; seats as usize],
            reservations: Vec::new(),
            number_of: HashMap::default(),
            numbers_of: HashMap::default(),
            about: Vec::new(),
        }
    }

    /// Takes the next fact into account. After an error the view is as it was.
    pub fn apply(&mut self, position: u64, recorded_at: Timestamp, event: &Event) -> Result<(), Inconsistency> {
        if position != self.position + 1 {
            return Err(Inconsistency::Gap { expected: self.position + 1, found: position });
        }
        let impossible = || Inconsistency::Impossible(position);
        if event.seats().iter().any(|&seat| seat as usize >= self.statuses.len()) {
            return Err(impossible());
        }
        let (number, status) = match event {
            Event::ShowScheduled(_) => return Err(impossible()),
            Event::Room(_) => (NONE, SeatStatus::Available),
            Event::SeatsHeld { reservation, subject, seats, expires_at } => {
                let number = self.reservations.len() as u32;
                self.number_of.insert(reservation.clone(), number);
                self.numbers_of.entry(subject.clone()).or_default().push(number);
                self.reservations.push(Reservation::as_held(reservation, subject, seats, *expires_at, recorded_at, position));
                (number, SeatStatus::Pending)
            }
            Event::SeatsReserved { reservation, payment_reference, .. } => {
                let number = self.end(reservation, ReservationStatus::Reserved, position, recorded_at).ok_or_else(impossible)?;
                self.reservations[number as usize].payment_reference = Some(payment_reference.as_str().into());
                (number, SeatStatus::Reserved)
            }
            Event::HoldReleased { reservation, .. } => {
                (self.end(reservation, ReservationStatus::Released, position, recorded_at).ok_or_else(impossible)?, SeatStatus::Available)
            }
            Event::HoldExpired { reservation, .. } => {
                (self.end(reservation, ReservationStatus::Expired, position, recorded_at).ok_or_else(impossible)?, SeatStatus::Available)
            }
        };
        self.set(event.seats(), status, position);
        self.about.push(number);
        self.position = position;
        self.recorded_at = recorded_at;
        Ok(())
    }

    fn end(&mut self, id: &ReservationId, status: ReservationStatus, position: u64, recorded_at: Timestamp) -> Option<u32> {
        let number = *self.number_of.get(id)?;
        let reservation = &mut self.reservations[number as usize];
        reservation.status = status;
        reservation.position = position;
        reservation.changed_at = recorded_at;
        Some(number)
    }

    fn set(&mut self, seats: &[SeatIndex], status: SeatStatus, position: u64) {
        for &seat in seats {
            let before = std::mem::replace(&mut self.statuses[seat as usize], status);
            *self.counts.of(before) -= 1;
            *self.counts.of(status) += 1;
            self.changed_at[seat as usize] = position;
        }
    }

    /// The position of the last fact that was folded.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When that fact was recorded.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Seats by status.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Every seat's status, in chart order.
    pub fn statuses(&self) -> &[SeatStatus] {
        &self.statuses
    }

    /// The position at which each seat's status last changed, in chart order.
    pub fn changed_at(&self) -> &[u64] {
        &self.changed_at
    }

    /// A reservation by its id.
    pub fn reservation(&self, id: &ReservationId) -> Option<&Reservation> {
        self.number_of.get(id).map(|&number| &self.reservations[number as usize])
    }

    /// The reservations that facts after a position were about, the newest first, each once.
    pub fn reservations_changed_after(&self, position: u64) -> impl Iterator<Item = &Reservation> {
        // Position 2 is the first that is about a reservation. What a reservation's last fact was is in the reservation.
        let from = (position.saturating_sub(1) as usize).min(self.about.len());
        let last_fact = self.position;
        self.about[from..].iter().rev().zip(0..).filter_map(move |(&number, back)| {
            let reservation = self.reservations.get(number as usize)?;
            (reservation.position == last_fact - back).then_some(reservation)
        })
    }

    /// The positions of the facts about a reservation, the first one first.
    pub fn positions_about(&self, id: &ReservationId) -> Vec<u64> {
        let Some(&number) = self.number_of.get(id) else { return Vec::new() };
        // Position 2 is the first that is about a reservation.
        (2..).zip(&self.about).filter(|(_, about)| **about == number).map(|(position, _)| position).collect()
    }

    /// A person's reservations, the oldest first.
    pub fn reservations_of(&self, subject: &Subject) -> impl Iterator<Item = &Reservation> {
        self.numbers_of.get(subject).into_iter().flatten().map(|&number| &self.reservations[number as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fullhouse_domain::{ShowId, testing};

    fn chart() -> Chart {
        Chart::new(&testing::plan(&[4]))
    }

    fn id(name: &str) -> ReservationId {
        ReservationId::of_show(&ShowId::parse("local-a").expect("plain"), name).expect("plain")
    }

    fn held(name: &str, seats: &[SeatIndex]) -> Event {
        let subject = Subject::parse("ann").expect("visible");
        Event::SeatsHeld { reservation: id(name), subject, seats: seats.to_vec(), expires_at: Timestamp::from_micros(9) }
    }

    fn released(name: &str, seats: &[SeatIndex]) -> Event {
        Event::HoldReleased { reservation: id(name), seats: seats.to_vec() }
    }

    fn view(events: &[Event]) -> SeatView {
        let mut view = SeatView::scheduled(&chart(), Timestamp::default());
        for (position, event) in (2..).zip(events) {
            view.apply(position, Timestamp::from_micros(position as i64), event).expect("a possible history");
        }
        view
    }

    #[test]
    fn it_tells_each_seats_status_and_since_when() {
        let view = view(&[held("r1", &[0, 1]), held("r2", &[2]), released("r1", &[0, 1])]);
        assert_eq!(view.statuses(), [SeatStatus::Available, SeatStatus::Available, SeatStatus::Pending, SeatStatus::Available]);
        assert_eq!(view.changed_at(), [4, 4, 3, 1]);
        assert_eq!(view.counts(), Counts { available: 3, pending: 1, reserved: 0 });
    }

    #[test]
    fn it_tells_which_reservations_changed_since_any_position() {
        let view = view(&[held("r1", &[0]), held("r2", &[2]), released("r1", &[0])]);
        let changed = |position| view.reservations_changed_after(position).map(|reservation| reservation.id.clone()).collect::<Vec<_>>();
        assert_eq!(changed(0), [id("r1"), id("r2")]);
        assert_eq!(changed(1), [id("r1"), id("r2")]);
        assert_eq!(changed(2), [id("r1"), id("r2")]);
        assert_eq!(changed(3), [id("r1")]);
        assert_eq!(changed(4), []);
        assert_eq!(changed(99), []);
    }

    #[test]
    fn it_tells_where_the_facts_about_a_reservation_stand() {
        let view = view(&[held("r1", &[0]), held("r2", &[2]), released("r1", &[0])]);
        assert_eq!(view.positions_about(&id("r1")), [2, 4]);
        assert!(view.positions_about(&id("r3")).is_empty());
    }

    #[test]
    fn what_can_not_follow_is_refused_and_changes_nothing() {
        let mut view = view(&[held("r1", &[0])]);
        let before = view.clone();
        let at = Timestamp::default();
        assert_eq!(view.apply(4, at, &released("r1", &[0])), Err(Inconsistency::Gap { expected: 3, found: 4 }));
        assert_eq!(view.apply(2, at, &released("r1", &[0])), Err(Inconsistency::Gap { expected: 3, found: 2 }));
        assert_eq!(view.apply(3, at, &released("r9", &[0])), Err(Inconsistency::Impossible(3)));
        assert_eq!(view.apply(3, at, &held("r2", &[4])), Err(Inconsistency::Impossible(3)));
        assert_eq!(view, before);
    }
}
