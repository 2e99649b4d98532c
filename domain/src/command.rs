//! What people, and timers, ask for.

use crate::id::{ReservationId, Subject};
use crate::room::{Candidate, InLine, MemberHash};

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
        /// The number of the pass that came along: genuine, this person's, and for this show.
        pass: Option<u64>,
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
    /// Begin the sale of a show with a waiting room.
    OpenRoom {
        /// Those who came before, in the order in which they are to be served.
        members: Vec<MemberHash>,
        /// What the order was drawn with.
        seed: Option<[u8; 32]>,
        /// The last number in the line before the draw.
        last_entry: u64,
    },
    /// Let people in, as many as there is room for.
    AdmitShoppers {
        /// Who is there and waits.
        candidates: Vec<Candidate>,
        /// Numbers of those who have been let in and are there.
        taken_up: Vec<u64>,
    },
    /// Take up a turn, or be let in at once when nobody has to wait.
    TakePlace(InLine),
    /// Give up a turn, or a place in the line.
    LeaveRoom(InLine),
    /// Change the waiting room; what is not named stays as it is.
    ChangeRoom {
        /// How many may shop at a time.
        max_active: Option<u32>,
        /// Whether nobody is let in.
        is_paused: Option<bool>,
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
