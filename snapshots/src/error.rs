//! What can go wrong.

use fullhouse_eventstore::sqlite::beside::FileError;
use fullhouse_eventstore::{LogError, StoreError};

/// Why snapshots can't be read or written. Nobody needs them, so it is no reason to fail.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotsError {
    /// The store failed. It may be tried again.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// The file or the database is none that this release can use.
    #[error("the snapshots can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
}

/// What a failure of a database means here.
pub(crate) fn failed<E: Into<StoreError>>(doing: &'static str) -> impl Fn(E) -> SnapshotsError + Copy {
    move |source| SnapshotsError::Store { doing, source: source.into() }
}

impl From<LogError> for SnapshotsError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store { doing, source } => Self::Store { doing, source },
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

impl From<FileError> for SnapshotsError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Sqlite { source, .. } => failed("opening the snapshots")(source),
            unusable => Self::Unusable { what: format!("{unusable}; the file may be deleted") },
        }
    }
}
