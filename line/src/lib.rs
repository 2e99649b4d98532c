//! The line before a show with a waiting room: who stands where.
//!
//! Each person has one number at a time. Numbers of a show count 1, 2, 3, … in the order of commit, without a gap, and none
//! is given twice, not even when its owner has left. Whoever is told a number can rely on it: it was committed before.
//!
//! Calls that arrive while the last transaction is being committed are committed together by the next one.
//!
//! # Layout
//!
//! * [`Line`]: the interface, the same for every store
//! * `settle`: what becomes of a batch of calls, the same for every store
//! * `queue`: the calls that wait for the writer
//! * [`sqlite`]: the line in one file
//! * [`postgres`]: the line in a database that many processes share
//! * [`presence`]: who is there, at this server

mod error;
pub mod postgres;
pub mod presence;
mod queue;
mod settle;
pub mod sqlite;

use fullhouse_domain::{ShowId, Subject};

pub use error::LineError;
use postgres::PostgresLine;
pub use presence::Presence;
pub use queue::{BATCH_JOINS, JOIN_SECONDS, JOINS};
use sqlite::SqliteLine;

/// No store counts further: both keep numbers as 64-bit integers with a sign. Nobody stands behind it.
const NUMBER_MAX: u64 = i64::MAX as u64;

/// The line. Cheap to clone; the clones are one line. The set of stores is closed, so it is an enum.
#[derive(Debug, Clone)]
pub enum Line {
    /// In one file, for one machine.
    Sqlite(SqliteLine),
    /// In a database, for many processes.
    Postgres(PostgresLine),
}

impl Line {
    /// The number of this person before this show: the one he has, or the next. Whatever is retried, on whichever server: one
    /// number.
    ///
    /// `instead_of` is a number of his that is used up. If it is still his, he gets a new one at the end; a retry of that
    /// gets the new one. The work goes on even if the caller stops waiting.
    pub async fn join(&self, show: &ShowId, subject: &Subject, instead_of: Option<u64>) -> Result<u64, LineError> {
        match self {
            Line::Sqlite(line) => line.join(show, subject, instead_of).await,
            Line::Postgres(line) => line.join(show, subject, instead_of).await,
        }
    }

    /// Gives up a place. A number that is not (or no longer) this person's changes nothing.
    pub async fn leave(&self, show: &ShowId, subject: &Subject, number: u64) -> Result<(), LineError> {
        match self {
            Line::Sqlite(line) => line.leave(show, subject, number).await,
            Line::Postgres(line) => line.leave(show, subject, number).await,
        }
    }

    /// Up to `limit` people after a number, in the order of numbers. Those who left are left out.
    pub async fn members(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<(u64, Subject)>, LineError> {
        if after >= NUMBER_MAX {
            return Ok(Vec::new());
        }
        let limit = limit.min(NUMBER_MAX as usize);
        match self {
            Line::Sqlite(line) => line.members(show, after, limit).await,
            Line::Postgres(line) => line.members(show, after, limit).await,
        }
    }

    /// The last number that was given, also when its owner has left; 0, when none was.
    pub async fn last_number(&self, show: &ShowId) -> Result<u64, LineError> {
        match self {
            Line::Sqlite(line) => line.last_number(show).await,
            Line::Postgres(line) => line.last_number(show).await,
        }
    }
}

/// A place as it was read, before anything about it is believed.
fn place(show: &ShowId, number: u64, subject: &str) -> Result<(u64, Subject), LineError> {
    let subject = Subject::parse(subject)
        .ok_or_else(|| LineError::Damaged { what: format!("number {number} of {show} belongs to `{subject}`, which is not a subject") })?;
    Ok((number, subject))
}
