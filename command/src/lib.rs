//! Commands: how they arrive over HTTP, and how they are decided and appended.
//!
//! # Layout
//!
//! * [`sequencer`]: decides commands in batches and appends each batch in one transaction
//! * [`outcome`]: what becomes of a command
//! * [`rooms`]: joining and leaving the lines of waiting rooms, and letting people in
//! * [`handlers`]: commands over HTTP

pub mod handlers;
pub mod outcome;
pub mod rooms;
pub mod sequencer;

pub use handlers::{CommandParts, CommandState, router};
pub use outcome::{Outcome, Rejected};
pub use rooms::Rooms;
pub use sequencer::{Action, Sequencer, Submission};
