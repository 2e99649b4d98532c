//! What can go wrong with a line.

use std::sync::Arc;

use fullhouse_eventstore::sqlite::beside::FileError;
use fullhouse_eventstore::{LogError, StoreError};

/// Why the line could not do what it was asked. It can be cloned, because one failure is the answer to all calls of a batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LineError {
    /// As many calls wait as may. Nothing was done.
    #[error("too many wait to join or leave")]
    Overloaded,
    /// The line was closed while something still used it. Nothing was done, or it is not known: the same call may be made again
    /// elsewhere.
    #[error("the line is closed")]
    Closed,
    /// The store failed. Whether a call took effect is not known; the same call may be made again, and then tells.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: Arc<StoreError>,
    },
    /// The store holds what this program never wrote.
    #[error("the line is damaged: {what}")]
    Damaged {
        /// What is wrong, and where.
        what: String,
    },
    /// The database or the machine is none that this release can use.
    #[error("the line can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
}

impl From<LogError> for LineError {
    /// Connections and migrations are shared with the log.
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store { doing, source } => Self::Store { doing, source: source.into() },
            LogError::Unusable { what } => Self::Unusable { what },
            about_the_log => Self::Unusable { what: about_the_log.to_string() },
        }
    }
}

impl From<FileError> for LineError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Sqlite { source, .. } => failed("opening the line")(source),
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

/// What a failure of a database means here.
pub(crate) fn failed<E: Into<StoreError>>(doing: &'static str) -> impl Fn(E) -> LineError + Copy {
    move |source| LineError::Store { doing, source: Arc::new(source.into()) }
}
