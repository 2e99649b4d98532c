//! Reading, beside the writer and without waiting for it.

use std::path::PathBuf;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::sqlite::OpenedAs;
use fullhouse_eventstore::sqlite::idle::IdleConnections;
use rusqlite::{Connection, params};

use super::file::FILE;
use crate::error::{LineError, failed};
use crate::place;

/// How many connections are kept for the next read.
const IDLE_MAX: usize = 4;

/// Connections that read, made as they are needed and kept.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: IdleConnections,
}

impl Readers {
    pub fn new(path: PathBuf) -> Self {
        Self { path, idle: IdleConnections::new(IDLE_MAX) }
    }

    fn with_connection<T>(&self, read: impl FnOnce(&Connection) -> Result<T, LineError>) -> Result<T, LineError> {
        self.idle.with(|| FILE.connect(&self.path, OpenedAs::Reader).map_err(LineError::from), read)
    }

    /// Up to `limit` people after a number, in the order of numbers.
    pub fn members(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<(u64, Subject)>, LineError> {
        let sql = "SELECT number, subject FROM places WHERE show_id = ?1 AND number > ?2 AND subject IS NOT NULL ORDER BY number LIMIT ?3";
        let read = |connection: &Connection| -> rusqlite::Result<Vec<(u64, String)>> {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params![show.as_str(), after, limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows = self.with_connection(|connection| read(connection).map_err(failed("reading the line")))?;
        rows.iter().map(|(number, subject)| place(show, *number, subject)).collect()
    }

    /// The last number that was given.
    pub fn last_number(&self, show: &ShowId) -> Result<u64, LineError> {
        self.with_connection(|connection| last_number(connection, show).map_err(failed("reading the end of the line")))
    }
}

/// The last number that was given, as this connection sees it.
pub(crate) fn last_number(connection: &Connection, show: &ShowId) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(number), 0) FROM places WHERE show_id = ?1";
    connection.prepare_cached(sql)?.query_row([show.as_str()], |row| row.get(0))
}
