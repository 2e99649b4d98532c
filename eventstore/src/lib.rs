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
//! * [`postgres`]: the log in a database that many processes share
//! * [`own_thread`]: tasks that must not wait behind thousands of others
//! * `judge`: the verdicts on a batch, the same for every store

pub mod append;
mod columns;
mod error;
pub mod follow;
mod judge;
mod log;
pub mod own_thread;
pub mod postgres;
pub mod sqlite;
mod system_clock;
mod tail;

pub use append::{Appended, Batch, Entry, Fingerprint, Proposal, Recorded, RecordedOutcome, Verdict};
pub use error::{LogError, StoreError, cause_of, with_cause};
pub use follow::{Follower, Following};
pub use judge::DECISION_AGE_MAX;
pub use log::Log;
