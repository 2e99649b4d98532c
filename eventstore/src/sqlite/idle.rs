//! Connections that read, made as they are needed and kept for the next read.

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

/// Connections that nobody uses at the moment.
#[derive(Debug)]
pub struct IdleConnections {
    kept: Mutex<Vec<Connection>>,
    most: usize,
}

impl IdleConnections {
    /// None yet, and never more than so many.
    pub fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), most }
    }

    /// Reads on one of them, or on a new one.
    pub fn with<T, E>(
        &self,
        connect: impl FnOnce() -> Result<Connection, E>,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(connect, Ok)?;
        let result = read(&connection);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.most {
            kept.push(connection);
        }
        result
    }
}
