//! Who the subjects are, as long as they are not forgotten.
//!
//! The log, the views, the lines and the refused demand know people by the opaque subjects of their tokens. Who is behind a subject
//! stands in one table, beside the log and never in it. To forget somebody is to cut that link for good: a fact in the log says
//! so, and the row goes. Since no other fact changes, every proof stays what it was.
//!
//! The fact comes first. Whoever crashes between the two finds it when he reads on: the table carries out what the log says, and
//! notes how far it has.
//!
//! # Layout
//!
//! * [`People`]: noting, finding, forgetting
//! * [`store`]: the table, in a file or in a schema of the log's database

mod error;
mod register;
pub mod store;

pub use error::PeopleError;
pub use register::People;
pub use store::{Forgotten, Known, PeopleStore, Person};
