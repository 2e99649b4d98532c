//! The rules of selling numbered seats.
//!
//! Everything here is a pure function of its arguments: no input or output, no clock, no randomness, no
//! serialization. [`decide`] turns a command into events or a [`Refusal`]; [`Show::evolve`] folds events into state.
//!
//! # Layout, in reading order
//!
//! * [`plan`]: what an organizer asks for, and what makes it invalid
//! * [`chart`]: the seats of a show, their labels and places, fixed for good when the show is scheduled
//! * [`command`], [`event`], [`refusal`]: the words spoken with this crate
//! * [`show`]: the state of one show, folded from its events; kept as a snapshot and taken up again
//! * [`decide`]: the decisions
//! * [`room`]: the waiting room of a show
//! * [`seating`]: which seats are free, arranged so that the best adjacent ones are found quickly

pub mod chart;
pub mod command;
mod decide;
pub mod event;
pub mod id;
mod layout;
pub mod plan;
pub mod planted;
pub mod refusal;
pub mod room;
mod row;
pub mod seating;
pub mod show;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;

pub use chart::{Chart, SeatIndex};
pub use command::{Command, Wanted};
pub use decide::{decide, decide_schedule};
pub use event::{Event, ROOM};
pub use id::{ReservationId, ShowId, Subject};
pub use plan::{Currency, Money, Plan};
pub use refusal::{Conflict, PlanFault, Refusal};
pub use room::{Candidate, InLine, MemberHash, Place, Room, RoomEvent, RoomSnapshot, Turn, TurnEnd};
pub use show::{Claim, Reservation, ReservationStatus, SeatStatus, Show, ShowSnapshot, SnapshotFault};
pub use time::Timestamp;
