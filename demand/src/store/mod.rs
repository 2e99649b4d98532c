//! Where refusals are kept: in a file beside the log, or in a schema of its database.

mod postgres;
mod sqlite;

use std::sync::Arc;

use fullhouse_domain::{ShowId, Timestamp};

pub use postgres::{PostgresDemand, SCHEMA, migrate};
pub use sqlite::SqliteDemand;

use crate::error::DemandError;
use crate::tally::Page;

/// A hold that was refused because of one seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedOnce {
    /// When.
    pub refused_at: Timestamp,
    /// The show's position at which it was refused.
    pub position: u64,
    /// Whom.
    pub subject: String,
    /// `pending` or `reserved`.
    pub reason: String,
}

/// A count of refusals, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedInMinute {
    /// The show.
    pub event_id: String,
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The label of the seat; empty, when no seats were side by side.
    pub seat: String,
    /// `pending`, `reserved`, or `no-adjacent-seats`.
    pub reason: String,
    /// How many holds.
    pub refusals: u64,
}

/// The store of refusals. Cheap to clone; the set of stores is closed, so it is an enum.
#[derive(Debug, Clone)]
pub enum DemandStore {
    /// In a file.
    Sqlite(SqliteDemand),
    /// In a database.
    Postgres(PostgresDemand),
}

impl DemandStore {
    pub(crate) async fn add(&self, page: Arc<Page>) -> Result<(), DemandError> {
        match self {
            DemandStore::Sqlite(store) => store.add(page).await,
            DemandStore::Postgres(store) => store.add(page).await,
        }
    }

    /// How many holds were refused because of a seat, and up to `limit` of them that are known one by one, the last ones.
    pub async fn of_seat(&self, show: &ShowId, seat: &str, limit: usize) -> Result<(u64, Vec<RefusedOnce>), DemandError> {
        match self {
            DemandStore::Sqlite(store) => store.of_seat(show, seat, limit).await,
            DemandStore::Postgres(store) => store.of_seat(show, seat, limit).await,
        }
    }

    /// All counts, in the order of events, minutes, seats and reasons.
    pub async fn counts(&self) -> Result<Vec<RefusedInMinute>, DemandError> {
        match self {
            DemandStore::Sqlite(store) => store.counts().await,
            DemandStore::Postgres(store) => store.counts().await,
        }
    }
}
