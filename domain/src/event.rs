//! What happened. Events carry all that [`crate::Show::evolve`] needs, and nothing that can be computed.

use crate::chart::SeatIndex;
use crate::id::{ReservationId, Subject};
use crate::plan::Plan;
use crate::room::RoomEvent;
use crate::time::Timestamp;

/// Stands for the waiting room among the seats that events touch. No show has so many seats.
pub const ROOM: SeatIndex = SeatIndex::MAX;

/// A fact about one show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The show exists, and its chart is fixed for good.
    ShowScheduled(Box<Plan>),
    /// The seats are `pending` for the subject until the hold ends.
    SeatsHeld {
        /// The new reservation.
        reservation: ReservationId,
        /// Its holder.
        subject: Subject,
        /// In the order in which they were asked for.
        seats: Vec<SeatIndex>,
        /// The hold's end: from this instant on it can't be checked out.
        expires_at: Timestamp,
    },
    /// The seats are sold.
    SeatsReserved {
        /// The reservation that was checked out.
        reservation: ReservationId,
        /// Its seats.
        seats: Vec<SeatIndex>,
        /// How its payment is known elsewhere.
        payment_reference: String,
    },
    /// The holder gave the seats up; they are free.
    HoldReleased {
        /// The reservation that was released.
        reservation: ReservationId,
        /// Its seats.
        seats: Vec<SeatIndex>,
    },
    /// The hold's time was over; its seats are free.
    HoldExpired {
        /// The reservation that expired.
        reservation: ReservationId,
        /// Its seats.
        seats: Vec<SeatIndex>,
    },
    /// Something happened to the waiting room.
    Room(RoomEvent),
}

impl Event {
    /// What decisions that have not seen this event must be compared with: its seats, or the waiting room.
    pub fn touches(&self) -> &[SeatIndex] {
        match self {
            Event::Room(_) => &[ROOM],
            Event::ShowScheduled(_)
            | Event::SeatsHeld { .. }
            | Event::SeatsReserved { .. }
            | Event::HoldReleased { .. }
            | Event::HoldExpired { .. } => self.seats(),
        }
    }

    /// The seats whose status this event changes.
    pub fn seats(&self) -> &[SeatIndex] {
        match self {
            Event::ShowScheduled(_) | Event::Room(_) => &[],
            Event::SeatsHeld { seats, .. }
            | Event::SeatsReserved { seats, .. }
            | Event::HoldReleased { seats, .. }
            | Event::HoldExpired { seats, .. } => seats,
        }
    }
}
