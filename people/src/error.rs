//! What can go wrong.

use fullhouse_eventstore::sqlite::beside::FileError;
use fullhouse_eventstore::{LogError, StoreError};
use fullhouse_schemas::facts::UnreadableFact;

/// Why people can't be noted, found or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The store failed. It may be tried again.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// Other commands came before again and again. Nothing was done.
    #[error("the log had no room for the fact; nothing was done")]
    Crowded,
    /// The log could not be written, or it was and nobody can tell. Forgetting again does no harm.
    #[error("whether the log has the fact is not known")]
    Unknown(#[source] LogError),
    /// The log has the fact, and the table does not show it yet. Forgetting again does no harm.
    #[error("the log says that the person is forgotten, and the table can't be brought to it")]
    NotErased,
    /// A fact about a person can't be read.
    #[error(transparent)]
    Fact(#[from] UnreadableFact),
    /// The file, the database or the log is none that this release can use.
    #[error("the people can't be used: {what}")]
    Unusable {
        /// What is wrong, and what to do.
        what: String,
    },
}

/// What a failure of a database means here.
pub(crate) fn failed<E: Into<StoreError>>(doing: &'static str) -> impl Fn(E) -> PeopleError + Copy {
    move |source| PeopleError::Store { doing, source: source.into() }
}

impl From<LogError> for PeopleError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store { doing, source } => Self::Store { doing, source },
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}

impl From<FileError> for PeopleError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Sqlite { source, .. } => failed("opening the people")(source),
            unusable => Self::Unusable { what: unusable.to_string() },
        }
    }
}
