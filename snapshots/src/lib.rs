//! States of shows, kept beside the log, so that nobody folds a long history twice.
//!
//! The log is the truth: a snapshot only saves time. It is bound to the history that it was folded from by the hash of that history's
//! last fact, it is examined before it is believed, and whoever can't read or use one folds the facts. So it may be thrown away at
//! any time, and nothing fails without it.
//!
//! # Layout
//!
//! * [`Histories`]: a show's state, from its newest snapshot and the facts after it
//! * [`store`]: the snapshots, in a file or in a schema of the log's database

mod error;
mod histories;
pub mod store;

pub use error::SnapshotsError;
pub use histories::{FAILURES, Histories, LOAD_FACTS, LOAD_SECONDS, LOADS, LoadError, READ_FACTS, fold, fold_all};
pub use store::{Kept, SnapshotStore};
