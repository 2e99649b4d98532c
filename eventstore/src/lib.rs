//! The log: what happened, in one order, for good.
//!
//! Every fact has a log position (its place among all) and a position (its place in its show), both without gaps. An
//! append is conditional: a command that was decided at a known log position is accepted only if no later fact touches
//! its seats. Readers assert that positions follow one another, so a fact can't be missed without an error.
//!
//! # Layout
//!
//! * [`append`]: what is offered to the log and what it answers
//! * [`Log`]: the interface, the same for every store
//! * [`follow`]: reading on as facts arrive
//! * [`sqlite`]: the log in one file

pub mod append;
mod error;
pub mod follow;
mod log;
pub mod sqlite;
mod tail;

pub use append::{Appended, Batch, Entry, Fingerprint, Proposal, Recorded, RecordedOutcome, Verdict};
pub use error::LogError;
pub use follow::{Follower, Following};
pub use log::Log;
