//! What becomes of a command. Each outcome is computed from stored facts and from what never changes, so that a repeated
//! command is answered as it was the first time, byte for byte.

use std::sync::Arc;

use fullhouse_domain::{Chart, Place, Plan, Refusal, Reservation, ShowId};
use fullhouse_schemas::queue::{QueueBody, RoomBody};

/// What became of a command that was decided.
#[derive(Debug)]
pub enum Outcome {
    /// The show exists.
    Scheduled(Box<Scheduled>),
    /// The seats are held.
    Held(Claimed),
    /// The seats are sold.
    CheckedOut(Claimed),
    /// The hold is over: released, or expired. Or whatever else nobody asks about is done.
    Ended,
    /// Somebody stands there in the line.
    Standing(Box<Standing>),
    /// The waiting room is like this now.
    Room(Box<RoomBody>),
    /// It was refused. This was true at the position; 0, when there is no such show.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Where.
        position: u64,
    },
    /// It was refused, and a repetition under the same `Idempotency-Key` gets this same problem.
    RefusedAs(String),
    /// Its id belongs to another command.
    KeyReused,
}

/// Where somebody stands.
#[derive(Debug)]
pub struct Standing {
    /// What he is told, but for ticket and pass.
    pub body: QueueBody,
    /// The same for us.
    pub place: Place,
}

/// A show that was scheduled.
#[derive(Debug)]
pub struct Scheduled {
    /// Its id.
    pub show: ShowId,
    /// What was planned.
    pub plan: Plan,
    /// How many seats it has.
    pub seats: u32,
}

/// A reservation, as the command left it.
#[derive(Debug)]
pub struct Claimed {
    /// The reservation.
    pub reservation: Reservation,
    /// The seats of its show.
    pub chart: Arc<Chart>,
}

/// Why a command was not decided at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// As many commands wait as may. Nothing was done.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The server is shutting down. Nothing was done.
    #[error("the server is shutting down")]
    Closing,
    /// The log failed. The command may or may not be in it; sent again with the same id, it gets its one outcome.
    #[error("the log failed, and the outcome is not known")]
    Unknown,
    /// The log can't be reached to read the show's history. Nothing was done.
    #[error("the log can't be reached")]
    Unreachable,
    /// The show's history is broken. Nothing was done.
    #[error("the show's history can't be read")]
    Damaged,
}
