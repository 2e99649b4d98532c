//! Why a command is not done. A refusal is a value, with all that its receiver needs to do better.

use crate::show::SeatStatus;
use crate::time::Timestamp;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such show.
    UnknownShow,
    /// The plan of a new show is faulty; every fault is named.
    FaultyPlan(Vec<PlanFault>),
    /// The show has been scheduled already.
    AlreadyScheduled,
    /// Seats are not on sale before this instant.
    NotYetOnSale(Timestamp),
    /// The show has a waiting room, and it is not this person's turn.
    PassRequired,
    /// The show has no waiting room.
    NoWaitingRoom,
    /// No seat was asked for.
    NoSeats,
    /// More seats were asked for than one reservation may have.
    TooManySeats {
        /// How many were asked for.
        asked: usize,
        /// How many the show allows.
        max: u32,
    },
    /// These labels were asked for more than once.
    DuplicateSeats(Vec<String>),
    /// The show has no seats of these labels.
    UnknownSeats(Vec<String>),
    /// The show has no section of this name.
    UnknownSection(String),
    /// These seats belong to somebody else; all of them are named.
    SeatsTaken(Vec<Conflict>),
    /// No row has so many free seats side by side.
    NoAdjacentSeats {
        /// How many were asked for.
        count: u32,
    },
    /// There is no such reservation, or it belongs to somebody else.
    UnknownReservation,
    /// The reservation id of a new hold is in use.
    ReservationExists,
    /// The hold ended before.
    HoldExpired,
    /// The hold was given up before.
    HoldReleased,
    /// The seats are sold.
    AlreadyReserved,
    /// A hold that still runs can't expire.
    HoldStillRuns {
        /// When it will end.
        expires_at: Timestamp,
    },
}

/// A seat that was asked for and is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The seat's label.
    pub seat: String,
    /// `Pending` or `Reserved`.
    pub status: SeatStatus,
}

/// One fault of a plan: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFault {
    /// Path of the member, such as `sections[2].rows[0].seats`.
    pub path: String,
    /// What is wrong with it.
    pub fault: String,
}

impl PlanFault {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, fault: impl Into<String>) -> Self {
        Self { path: path.into(), fault: fault.into() }
    }
}
