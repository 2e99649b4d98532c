//! How the projections are doing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ProjectionError;

/// Which projections have stopped, and why. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    stopped: Arc<Mutex<Vec<String>>>,
}

impl Health {
    /// Notes how a projection ended; what stopped it is logged here, once.
    pub(crate) fn ended(&self, projection: &'static str, result: Result<(), ProjectionError>) {
        let error = match result {
            // Closing the log is how a projection is told to end.
            Ok(()) | Err(ProjectionError::Log(fullhouse_eventstore::LogError::Closed)) => return,
            Err(error) => error,
        };
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        tracing::error!(projection, "a projection has stopped: {error}{source}");
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{projection} has stopped: {error}"));
    }

    /// What has stopped; nothing when all is well.
    pub fn stopped(&self) -> Vec<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
