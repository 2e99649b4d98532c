//! What can go wrong.

use std::sync::Arc;

use fullhouse_eventstore::sqlite::beside::FileError;
use fullhouse_eventstore::{LogError, StoreError};

use crate::note::NoteError;
use crate::tree::Unknown;

/// Why nothing can be signed or proved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransparencyError {
    /// The log, or the store of checkpoints, failed. It may be tried again.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: Arc<StoreError>,
    },
    /// The log is not what was signed, or the store contradicts itself. Nothing must be signed before somebody has looked at it.
    #[error("history is not what was signed: {what}; examine it with `fullhouse verify`")]
    Contradiction {
        /// What contradicts what.
        what: String,
    },
    /// The file or the database is none that this release can use.
    #[error("checkpoints can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
    /// What is asked for is not sealed yet.
    #[error("no checkpoint reaches log position {log_position} yet")]
    NotSealed {
        /// Which position.
        log_position: u64,
    },
}

/// What a failure of a database means here.
pub(crate) fn failed<E: Into<StoreError>>(doing: &'static str) -> impl Fn(E) -> TransparencyError + Copy {
    move |source| TransparencyError::Store { doing, source: Arc::new(source.into()) }
}

pub(crate) fn contradiction(what: impl Into<String>) -> TransparencyError {
    TransparencyError::Contradiction { what: what.into() }
}

impl From<LogError> for TransparencyError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store { doing, source } => Self::Store { doing, source: source.into() },
            LogError::Damaged { .. } | LogError::DamagedShow { .. } | LogError::WentBack { .. } => contradiction(error.to_string()),
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

impl From<FileError> for TransparencyError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Sqlite { source, .. } => failed("opening the checkpoints")(source),
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

impl From<NoteError> for TransparencyError {
    fn from(error: NoteError) -> Self {
        contradiction(error.to_string())
    }
}

impl From<Unknown> for TransparencyError {
    fn from(error: Unknown) -> Self {
        contradiction(error.to_string())
    }
}
