//! What can go wrong with a log.

use std::path::PathBuf;

use fullhouse_domain::ShowId;
use fullhouse_schemas::StoredFact;

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file belongs to a later release.
    #[error("{} was written by a newer release (format {found}; this release knows up to {supported}): run that release", path.display())]
    Newer {
        /// The log's file.
        path: PathBuf,
        /// The format found there.
        found: i64,
        /// The latest format known here.
        supported: i64,
    },
    /// The file is something else.
    #[error("{} is not a Fullhouse log: {what}", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another process has the log open for writing.
    #[error("{} is in use by another process: stop that one first", path.display())]
    InUse {
        /// The lock's file.
        path: PathBuf,
    },
    /// The log contradicts itself. It must not be used before somebody has looked at it.
    #[error("the log is damaged at log position {log_position}: {what}; restore it from a backup, or examine it with `fullhouse verify`")]
    Damaged {
        /// Where.
        log_position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The same for one show's stream.
    #[error("the history of {show} is damaged after position {after}: {what}; examine it with `fullhouse verify`")]
    DamagedShow {
        /// Which show.
        show: ShowId,
        /// The last position that was as it should be.
        after: u64,
        /// What is wrong there.
        what: String,
    },
    /// The store failed. Whether an append took effect is not known; sending the same command ids again tells.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// The lock file could not be made.
    #[error("{} can't be created or locked", path.display())]
    LockFile {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The log ends before what was read from it: it has lost facts.
    #[error("the log ends at log position {head}, but {known} was there before: the database has lost facts; restore it, then restart")]
    WentBack {
        /// Where it ends.
        head: u64,
        /// What was known of it.
        known: u64,
    },
    /// So much was appended since a batch was decided that it has to be decided anew.
    #[error("the log is at {head}, far beyond {known}, which was known when the batch was decided")]
    TooFarBehind {
        /// Where the log ends.
        head: u64,
        /// What the batch knew.
        known: u64,
    },
    /// The database is none that this release can use.
    #[error("the database can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
    /// The log was closed while something still used it.
    #[error("the log is closed")]
    Closed,
}

/// What a database said.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
}

/// An error and what it came of, in one line.
pub fn with_cause(error: &impl std::error::Error) -> String {
    format!("{error}{}", cause_of(error))
}

/// What an error came of, as it is put behind it; nothing, when it came of nothing.
pub fn cause_of(error: &impl std::error::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}

/// Checks that these are all the facts after one log position and up to another.
pub(crate) fn check_gapless(facts: &[StoredFact], after: u64, until: u64) -> Result<(), LogError> {
    let mut expected = after + 1;
    for fact in facts {
        if fact.log_position != expected {
            return Err(LogError::Damaged { log_position: expected, what: format!("the next fact is at {}", fact.log_position) });
        }
        expected += 1;
    }
    if expected != until + 1 {
        return Err(LogError::Damaged { log_position: expected, what: "the fact is missing".into() });
    }
    Ok(())
}
