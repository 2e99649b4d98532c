//! Demand: the holds that were refused because somebody else had the seats. It tells analysts what people wanted, and auditors whom a
//! seat was refused.
//!
//! Refusals are not facts, since nothing comes of them, so they are not in the log. They are counted in memory, completely, and written
//! about once a second: what a crash takes is the last second. Single refusals are kept too, up to a number a second; beyond
//! that they are only counted.
//!
//! # Layout
//!
//! * [`tally`]: counting, pure
//! * [`Demand`]: where refusals are noted, and the task that writes them
//! * [`store`]: in a file, or in a schema of the log's database

mod error;
mod recorder;
pub mod store;
pub mod tally;

pub use error::DemandError;
pub use recorder::{Demand, FAILURES, UNCOUNTED};
pub use store::{DemandStore, RefusedOnce};
