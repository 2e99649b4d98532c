//! The state of one show, folded from its events.

mod snapshot;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::chart::{Chart, SeatIndex};
use crate::event::Event;
use crate::id::{ReservationId, Subject};
use crate::plan::Plan;
use crate::room::{Room, RoomBreach};
use crate::seating::FreeSeats;
use crate::time::Timestamp;

pub use snapshot::{ShowSnapshot, SnapshotFault};

/// What can be said of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatStatus {
    /// Anybody may hold it.
    Available,
    /// It is held for one customer.
    Pending,
    /// It is sold.
    Reserved,
}

/// What can be said of a reservation. It begins `Pending` and then becomes exactly one of the others, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReservationStatus {
    /// Its seats are held.
    Pending,
    /// Its seats are sold to its holder.
    Reserved,
    /// Its holder gave the seats up.
    Released,
    /// Its time ended.
    Expired,
}

/// One customer's claim on seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its name.
    pub id: ReservationId,
    /// Its holder.
    pub subject: Subject,
    /// Its seats, in the order in which they were asked for.
    pub seats: Box<[SeatIndex]>,
    /// What has become of it.
    pub status: ReservationStatus,
    /// The end of its hold.
    pub expires_at: Timestamp,
    /// When its status was recorded.
    pub changed_at: Timestamp,
    /// The position of the event that gave it its status.
    pub position: u64,
    /// How its payment is known elsewhere, once it is checked out.
    pub payment_reference: Option<Box<str>>,
}

impl Reservation {
    /// A reservation as its hold made it, whatever becomes of it later.
    pub fn as_held(
        id: &ReservationId,
        subject: &Subject,
        seats: &[SeatIndex],
        expires_at: Timestamp,
        held_at: Timestamp,
        position: u64,
    ) -> Self {
        Self {
            id: id.clone(),
            subject: subject.clone(),
            seats: seats.into(),
            status: ReservationStatus::Pending,
            expires_at,
            changed_at: held_at,
            position,
            payment_reference: None,
        }
    }
}

/// Who has a seat: the reservation's number in order of holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim(u32);

/// The fold of one show's events.
#[derive(Debug)]
pub struct Show {
    plan: Plan,
    chart: Arc<Chart>,
    position: u64,
    recorded_at: Timestamp,
    claims: Vec<Option<Claim>>,
    reservations: Vec<Reservation>,
    claim_of: HashMap<ReservationId, Claim>,
    /// Pending reservations by the end of their hold.
    open: BTreeSet<(Timestamp, u32)>,
    free: FreeSeats,
    available: u32,
    pending: u32,
    /// The waiting room, if the show has one.
    room: Option<Room>,
    /// Free seats that best-available choices keep away from, while a hold of them is being committed.
    aside: Vec<SeatIndex>,
}

/// A history that can't have come from the rules: what `verify` looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// The first event of a show must schedule it, and no other may.
    NotScheduledOnce,
    /// An event names a seat that the show has not.
    UnknownSeat(SeatIndex),
    /// A hold took a seat that had an owner (promise P1).
    SeatOwnedTwice(SeatIndex),
    /// A reservation id was used for two holds.
    ReservationReused(ReservationId),
    /// An event ends a reservation that does not exist.
    UnknownReservation(ReservationId),
    /// An event ends a reservation that had ended.
    ReservationEndedTwice(ReservationId),
    /// An event names other seats than its reservation has.
    SeatsDiffer(ReservationId),
    /// A hold expired before its end (promise P4).
    ExpiredEarly(ReservationId),
    /// A hold was checked out after its end (promise P4).
    CheckedOutLate(ReservationId),
    /// The waiting room was not kept to.
    Room(RoomBreach),
}

impl Show {
    /// The show that its first event, recorded at position 1, describes.
    pub fn schedule(event: &Event, recorded_at: Timestamp) -> Result<Self, Breach> {
        let Event::ShowScheduled(plan) = event else { return Err(Breach::NotScheduledOnce) };
        let chart = Arc::new(Chart::new(plan));
        Ok(Self {
            plan: (**plan).clone(),
            position: 1,
            recorded_at,
            claims: vec![None; chart.seats() as usize],
            reservations: Vec::new(),
            claim_of: HashMap::new(),
            open: BTreeSet::new(),
            free: FreeSeats::all(&chart),
            available: chart.seats(),
            pending: 0,
            room: Room::of_plan(plan, recorded_at),
            aside: Vec::new(),
            chart,
        })
    }

    /// Takes the next event into account. An error leaves the state unusable: the history is broken.
    pub fn evolve(&mut self, event: &Event, recorded_at: Timestamp) -> Result<(), Breach> {
        self.position += 1;
        self.recorded_at = recorded_at;
        if let Some(&seat) = event.seats().iter().find(|&&seat| seat >= self.chart.seats()) {
            return Err(Breach::UnknownSeat(seat));
        }
        match (&mut self.room, event) {
            (Some(room), _) => room.evolve(event, recorded_at).map_err(Breach::Room)?,
            (None, Event::Room(_)) => return Err(Breach::Room(RoomBreach::NoRoom)),
            (None, _) => {}
        }
        match event {
            Event::Room(_) => Ok(()),
            Event::ShowScheduled(_) => Err(Breach::NotScheduledOnce),
            Event::SeatsHeld { reservation, subject, seats, expires_at } => self.hold(reservation, subject, seats, *expires_at),
            Event::SeatsReserved { reservation, seats, payment_reference } => {
                let claim = self.end(reservation, seats, ReservationStatus::Reserved)?;
                self.pending -= seats.len() as u32;
                let ended = &mut self.reservations[claim.0 as usize];
                ended.payment_reference = Some(payment_reference.as_str().into());
                if recorded_at >= ended.expires_at { Err(Breach::CheckedOutLate(reservation.clone())) } else { Ok(()) }
            }
            Event::HoldReleased { reservation, seats } => {
                self.end(reservation, seats, ReservationStatus::Released)?;
                self.free_seats(seats);
                Ok(())
            }
            Event::HoldExpired { reservation, seats } => {
                let claim = self.end(reservation, seats, ReservationStatus::Expired)?;
                self.free_seats(seats);
                let early = recorded_at < self.reservations[claim.0 as usize].expires_at;
                if early { Err(Breach::ExpiredEarly(reservation.clone())) } else { Ok(()) }
            }
        }
    }

    fn hold(&mut self, id: &ReservationId, subject: &Subject, seats: &[SeatIndex], expires_at: Timestamp) -> Result<(), Breach> {
        let claim = Claim(self.reservations.len() as u32);
        if self.claim_of.insert(id.clone(), claim).is_some() {
            return Err(Breach::ReservationReused(id.clone()));
        }
        for &seat in seats {
            if self.claims[seat as usize].replace(claim).is_some() {
                return Err(Breach::SeatOwnedTwice(seat));
            }
        }
        self.free.take(seats);
        self.available -= seats.len() as u32;
        self.pending += seats.len() as u32;
        self.open.insert((expires_at, claim.0));
        self.reservations.push(Reservation::as_held(id, subject, seats, expires_at, self.recorded_at, self.position));
        Ok(())
    }

    fn end(&mut self, id: &ReservationId, seats: &[SeatIndex], status: ReservationStatus) -> Result<Claim, Breach> {
        let claim = *self.claim_of.get(id).ok_or_else(|| Breach::UnknownReservation(id.clone()))?;
        let reservation = &mut self.reservations[claim.0 as usize];
        if reservation.status != ReservationStatus::Pending {
            return Err(Breach::ReservationEndedTwice(id.clone()));
        }
        if *reservation.seats != *seats {
            return Err(Breach::SeatsDiffer(id.clone()));
        }
        reservation.status = status;
        reservation.position = self.position;
        reservation.changed_at = self.recorded_at;
        self.open.remove(&(reservation.expires_at, claim.0));
        Ok(claim)
    }

    fn free_seats(&mut self, seats: &[SeatIndex]) {
        for &seat in seats {
            self.claims[seat as usize] = None;
        }
        self.available += seats.len() as u32;
        self.pending -= seats.len() as u32;
        self.free.give_back(seats);
    }

    /// Keeps free seats out of best-available choices while a hold of them is being committed. It is no fact: a command
    /// that names these seats is still decided as if nothing had happened.
    pub fn set_aside(&mut self, seats: &[SeatIndex]) {
        self.free.take(seats);
        self.aside.extend(seats);
    }

    /// Whether best-available choices are kept away from free seats, so that there may be more of them than a choice finds.
    pub fn has_set_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// Ends what [`Show::set_aside`] began, before the outcome is folded in.
    pub fn put_back(&mut self) {
        for seat in std::mem::take(&mut self.aside) {
            if self.claims[seat as usize].is_none() {
                self.free.give_back(&[seat]);
            }
        }
    }

    /// What was planned.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The seats and where they stand.
    pub fn chart(&self) -> &Arc<Chart> {
        &self.chart
    }

    /// The position of the last event that was folded.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the last event that was folded was recorded.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// The waiting room, if the show has one.
    pub fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    /// How many seats nobody has.
    pub fn available(&self) -> u32 {
        self.available
    }

    /// How many seats are held.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Whether no seat is free, nor may become so.
    pub fn is_sold_out(&self) -> bool {
        self.available == 0 && self.pending == 0
    }

    /// What can be said of a seat.
    pub fn seat_status(&self, seat: SeatIndex) -> SeatStatus {
        match self.owner(seat).map(|reservation| reservation.status) {
            None => SeatStatus::Available,
            Some(ReservationStatus::Pending) => SeatStatus::Pending,
            Some(ReservationStatus::Reserved) => SeatStatus::Reserved,
            Some(ReservationStatus::Released | ReservationStatus::Expired) => unreachable!("ended reservations own no seat"),
        }
    }

    /// The reservation that has a seat.
    pub fn owner(&self, seat: SeatIndex) -> Option<&Reservation> {
        self.claims[seat as usize].map(|claim| &self.reservations[claim.0 as usize])
    }

    /// The reservation of this id, ended or not.
    pub fn reservation(&self, id: &ReservationId) -> Option<&Reservation> {
        self.numbered_reservation(id).map(|(_, reservation)| reservation)
    }

    /// The same with its number in [`Show::reservations`].
    pub fn numbered_reservation(&self, id: &ReservationId) -> Option<(usize, &Reservation)> {
        self.claim_of.get(id).map(|claim| (claim.0 as usize, &self.reservations[claim.0 as usize]))
    }

    /// All reservations there ever were, in the order of their holds.
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// The holds whose time is over at `now` although nobody has recorded it, the longest ended first.
    pub fn lapsed(&self, now: Timestamp) -> impl Iterator<Item = &Reservation> {
        self.open.iter().take_while(move |(end, _)| *end <= now).map(|(_, claim)| &self.reservations[*claim as usize])
    }

    /// The free seats.
    pub(crate) fn free(&self) -> &FreeSeats {
        &self.free
    }

    /// The free seats, and those of holds that have lapsed at `now`; without those that are set aside.
    pub(crate) fn free_at(&self, now: Timestamp) -> FreeSeats {
        let mut free = self.free.clone();
        self.lapsed(now).for_each(|reservation| free.give_back(&reservation.seats));
        free.take(&self.aside);
        free
    }
}
