//! What people, and timers, ask for.

use crate::id::{ReservationId, Subject};

/// A request to change one show. Scheduling has a function of its own, [`crate::decide_schedule`], since there is no
/// show yet that could decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Hold seats for a customer: all of them or none.
    HoldSeats {
        /// The id that the reservation will have.
        reservation: ReservationId,
        /// For whom.
        subject: Subject,
        /// Which.
        wanted: Wanted,
    },
    /// Sell the seats of a hold to its holder.
    Checkout {
        /// Which hold.
        reservation: ReservationId,
        /// Who asks.
        subject: Subject,
        /// How the holder's payment is known elsewhere.
        payment_reference: String,
    },
    /// Give up a hold.
    ReleaseHold {
        /// Which hold.
        reservation: ReservationId,
        /// Who asks.
        subject: Subject,
    },
    /// Free the seats of a hold whose time is over.
    ExpireHold {
        /// Which hold.
        reservation: ReservationId,
    },
}

/// Which seats a customer would like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Exactly these, by label.
    Seats(Vec<String>),
    /// The best free ones that stand side by side in one row.
    BestAvailable {
        /// How many.
        count: u32,
        /// Only in the section of this name.
        section: Option<String>,
    },
}
