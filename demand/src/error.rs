//! What can go wrong.

use fullhouse_eventstore::sqlite::beside::FileError;
use fullhouse_eventstore::{LogError, StoreError};

/// Why refusals can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DemandError {
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
    #[error("the refused demand can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
}

/// What a failure of a database means here.
pub(crate) fn failed<E: Into<StoreError>>(doing: &'static str) -> impl Fn(E) -> DemandError + Copy {
    move |source| DemandError::Store { doing, source: source.into() }
}

impl From<LogError> for DemandError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store { doing, source } => Self::Store { doing, source },
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

impl From<FileError> for DemandError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Sqlite { source, .. } => failed("opening the refused demand")(source),
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}
