//! The interface of every store.

use std::time::Duration;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use tokio::sync::watch;

use crate::append::{Appended, Batch};
use crate::error::LogError;
use crate::follow::Follower;
use crate::postgres::PostgresLog;
use crate::sqlite::SqliteLog;

/// No store counts further: both keep positions as 64-bit integers with a sign. Whoever asks for what stands behind gets nothing.
const POSITION_MAX: u64 = i64::MAX as u64 - 1;

/// The log. Cheap to clone; the clones are one log. The set of stores is closed, so it is an enum.
#[derive(Debug, Clone)]
pub enum Log {
    /// In one file, for one machine.
    Sqlite(SqliteLog),
    /// In a database, for many processes.
    Postgres(PostgresLog),
}

impl Log {
    /// The log's clock: it never runs back, not even from one run of the program to the next.
    pub fn now(&self) -> Timestamp {
        match self {
            Log::Sqlite(log) => log.now(),
            Log::Postgres(log) => log.now(),
        }
    }

    /// Commits what can be committed of a batch, all of it durably and at once.
    ///
    /// The work goes on even if the caller stops waiting. After an error the outcome is unknown: send the same batch again.
    pub async fn append(&self, batch: Batch) -> Result<Appended, LogError> {
        match self {
            Log::Sqlite(log) => log.append(batch).await,
            Log::Postgres(log) => log.append(batch).await,
        }
    }

    /// Up to `limit` facts after a log position, in order.
    pub async fn read_log(&self, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        if after > POSITION_MAX {
            return Ok(Vec::new());
        }
        match self {
            Log::Sqlite(log) => log.read_log(after, limit).await,
            Log::Postgres(log) => log.read_log(after, limit).await,
        }
    }

    /// Up to `limit` facts of one show after a position, in order.
    pub async fn read_show(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        if after > POSITION_MAX {
            return Ok(Vec::new());
        }
        match self {
            Log::Sqlite(log) => log.read_show(show, after, limit).await,
            Log::Postgres(log) => log.read_show(show, after, limit).await,
        }
    }

    /// The shows that have at least so many facts, and how many. The cost grows with the number of shows, not of facts.
    pub async fn long_histories(&self, facts_min: u64) -> Result<Vec<(ShowId, u64)>, LogError> {
        match self {
            Log::Sqlite(log) => log.long_histories(facts_min).await,
            Log::Postgres(log) => log.long_histories(facts_min).await,
        }
    }

    /// The commands that the log knows for good, compared with the facts that they claim: a sentence for each contradiction.
    pub async fn contradictions_of_commands(&self) -> Result<Vec<String>, LogError> {
        match self {
            Log::Sqlite(log) => log.contradictions_of_commands().await,
            Log::Postgres(log) => log.contradictions_of_commands().await,
        }
    }

    /// The tables themselves: a sentence for whatever is broken in them, or keeps facts from being changed no more.
    pub async fn contradictions_of_store(&self) -> Result<Vec<String>, LogError> {
        match self {
            Log::Sqlite(log) => log.contradictions_of_store().await,
            Log::Postgres(log) => log.contradictions_of_store().await,
        }
    }

    /// The last log position that this process knows of.
    pub fn head(&self) -> u64 {
        // The value is copied here, because whoever kept the borrow across an append would lock the writer out.
        *self.watch_head().borrow()
    }

    /// The last log position at this moment, or a later one. Where others append too, the store is asked.
    pub async fn newest_head(&self, patience: Duration) -> Result<u64, LogError> {
        match self {
            Log::Sqlite(_) => Ok(self.head()),
            Log::Postgres(log) => log.newest_head(patience).await,
        }
    }

    /// Tells that the log may have grown elsewhere. It is noticed without that too, only later.
    pub fn nudge(&self) {
        match self {
            Log::Sqlite(_) => {}
            Log::Postgres(log) => log.nudge(),
        }
    }

    /// The last log position, now and whenever it grows.
    pub(crate) fn watch_head(&self) -> watch::Receiver<u64> {
        match self {
            Log::Sqlite(log) => log.watch_head(),
            Log::Postgres(log) => log.watch_head(),
        }
    }

    /// Reads on from a log position, for as long as the log is open.
    pub fn follow(&self, after: u64) -> Follower {
        Follower::new(self.clone(), after)
    }

    /// A recent stretch of the log that is still in memory and begins right after this position.
    pub(crate) fn recent(&self, after: u64) -> Option<crate::follow::Following> {
        match self {
            Log::Sqlite(log) => log.recent(after),
            Log::Postgres(log) => log.recent(after),
        }
    }
}
