//! A show's state as it was at a position, and the way back: with it nobody needs to fold the whole history.
//!
//! A snapshot has what the fold alone knows. What follows from that is computed again: who has which seat, which seats are free,
//! which holds are open. It comes from outside, so it is examined before it is believed.

use crate::chart::SeatIndex;
use crate::event::Event;
use crate::id::ReservationId;
use crate::plan::Plan;
use crate::room::{Room, RoomSnapshot};
use crate::show::{Claim, Reservation, ReservationStatus, Show};
use crate::time::Timestamp;

/// What a show's events have come to at a position. The plan is not in it: the show's first event has that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowSnapshot {
    /// The position of the last event that was folded.
    pub position: u64,
    /// When that event was recorded.
    pub recorded_at: Timestamp,
    /// All reservations there ever were, in the order of their holds.
    pub reservations: Vec<Reservation>,
    /// The waiting room, if the show has one.
    pub room: Option<RoomSnapshot>,
}

/// Why a snapshot is not believed: no history can have come to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotFault {
    /// The event that it is said to begin with schedules no show.
    NotScheduled,
    /// So many events as it needs, or others than it can have, do not lead to its position.
    Position,
    /// The show has no such seat.
    UnknownSeat(SeatIndex),
    /// Two reservations have one seat (promise P1).
    SeatOwnedTwice(SeatIndex),
    /// Two reservations have one id.
    ReservationReused(ReservationId),
    /// What is said of the reservation does not go together.
    Reservation(ReservationId),
    /// What is said of the waiting room does not go together, with the plan or with itself.
    Room,
}

impl Show {
    /// The state as it is, to be kept. What is set aside is no part of it.
    pub fn snapshot(&self) -> ShowSnapshot {
        ShowSnapshot {
            position: self.position,
            recorded_at: self.recorded_at,
            reservations: self.reservations.clone(),
            room: self.room.as_ref().map(Room::snapshot),
        }
    }

    /// The show that its first event describes, as it was when the snapshot was taken.
    pub fn restore(first: &Event, snapshot: ShowSnapshot) -> Result<Self, SnapshotFault> {
        let ShowSnapshot { position, recorded_at, reservations, room } = snapshot;
        let mut show = Self::schedule(first, recorded_at).map_err(|_breach| SnapshotFault::NotScheduled)?;
        check_position(position, &reservations, room.is_some())?;
        show.position = position;
        show.claim_of.reserve(reservations.len());
        for (number, reservation) in (0..).zip(&reservations) {
            show.claim(Claim(number), reservation)?;
        }
        let taken: Vec<SeatIndex> = (0..show.chart.seats()).filter(|&seat| show.claims[seat as usize].is_some()).collect();
        show.free.take(&taken);
        show.available -= taken.len() as u32;
        show.room = restore_room(&show.plan, room, &reservations)?;
        show.reservations = reservations;
        Ok(show)
    }

    /// Takes a reservation into account as it is now.
    fn claim(&mut self, claim: Claim, reservation: &Reservation) -> Result<(), SnapshotFault> {
        check_reservation(reservation, self.position)?;
        if let Some(&seat) = reservation.seats.iter().find(|&&seat| seat >= self.chart.seats()) {
            return Err(SnapshotFault::UnknownSeat(seat));
        }
        if self.claim_of.insert(reservation.id.clone(), claim).is_some() {
            return Err(SnapshotFault::ReservationReused(reservation.id.clone()));
        }
        match reservation.status {
            ReservationStatus::Released | ReservationStatus::Expired => return Ok(()),
            ReservationStatus::Reserved => {}
            ReservationStatus::Pending => {
                self.pending += reservation.seats.len() as u32;
                self.open.insert((reservation.expires_at, claim.0));
            }
        }
        for &seat in &reservation.seats {
            if self.claims[seat as usize].replace(claim).is_some() {
                return Err(SnapshotFault::SeatOwnedTwice(seat));
            }
        }
        Ok(())
    }
}

/// The first event, each hold and each end of one take a position; so does what happens to a waiting room.
fn check_position(position: u64, reservations: &[Reservation], has_room: bool) -> Result<(), SnapshotFault> {
    let ended = reservations.iter().filter(|reservation| reservation.status != ReservationStatus::Pending).count();
    let needed = 1 + reservations.len() as u64 + ended as u64;
    let fits = if has_room { needed <= position } else { needed == position };
    if fits { Ok(()) } else { Err(SnapshotFault::Position) }
}

fn check_reservation(reservation: &Reservation, position: u64) -> Result<(), SnapshotFault> {
    let Reservation { id, status, expires_at, changed_at, payment_reference, .. } = reservation;
    // Promise P4 is kept by whatever was folded.
    let is_in_time = match status {
        ReservationStatus::Pending | ReservationStatus::Released => true,
        ReservationStatus::Reserved => changed_at < expires_at,
        ReservationStatus::Expired => changed_at >= expires_at,
    };
    let is_paid = payment_reference.is_some() == (*status == ReservationStatus::Reserved);
    let is_placed = (2..=position).contains(&reservation.position);
    if is_in_time && is_paid && is_placed { Ok(()) } else { Err(SnapshotFault::Reservation(id.clone())) }
}

fn restore_room(plan: &Plan, room: Option<RoomSnapshot>, reservations: &[Reservation]) -> Result<Option<Room>, SnapshotFault> {
    match (plan.waiting_room, room) {
        (None, None) => Ok(None),
        (Some(rules), Some(snapshot)) => {
            let open = reservations.iter().filter(|reservation| reservation.status == ReservationStatus::Pending);
            Room::restore(rules, plan.on_sale_at, snapshot, open).map(Some).ok_or(SnapshotFault::Room)
        }
        (None, Some(_)) | (Some(_), None) => Err(SnapshotFault::Room),
    }
}
