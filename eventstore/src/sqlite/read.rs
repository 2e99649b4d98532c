//! Reading. Every fact that leaves here follows right after the one before and has the hash that was stored with it.

use std::path::PathBuf;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use rusqlite::{Connection, ErrorCode, Row, params};

use super::file::{self, OpenedAs};
use super::idle::IdleConnections;
use crate::columns::{FactColumns, read_lengths};
use crate::error::LogError;

/// The columns of a fact, in the order that [`read_row`] takes them.
pub(crate) const COLUMNS: &str =
    "log_position, show_id, position, kind, version, recorded_at, command_id, subject, touches, data, row_hash";

/// More than SQLite maps: it has a limit of its own, 2 GiB less 64 KiB unless it is built otherwise, and reads what is beyond.
const MAPPED_MAX: u64 = 1 << 40;
/// How many connections are kept for the next read; each has a cache of its own.
const IDLE_MAX: usize = 8;
/// How many facts at the end of the log are checked when it is opened. The rest is checked when it is read.
const CHECKED_AT_OPEN: u64 = 100;

/// Goes from show to show in the index of positions, without a look at the facts between.
const LONG_HISTORIES: &str = "
    WITH RECURSIVE shows (show_id) AS (
        SELECT min(show_id) FROM facts
        UNION ALL SELECT (SELECT min(show_id) FROM facts WHERE show_id > shows.show_id) FROM shows WHERE show_id IS NOT NULL
    )
    SELECT show_id, (SELECT max(position) FROM facts WHERE facts.show_id = shows.show_id) AS length
    FROM shows WHERE show_id IS NOT NULL AND length >= ?1";

/// Connections that read, made as they are needed and kept.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: IdleConnections,
    /// Whether the file is mapped into memory instead of being read.
    is_mapped: bool,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: IdleConnections::new(IDLE_MAX), is_mapped: false }
    }

    /// Readers that go through the whole file: its pages are not copied. A disk that fails under a mapped file ends the process, so this is
    /// nothing for a server.
    pub(crate) fn of_whole_file(path: PathBuf) -> Self {
        Self { is_mapped: true, ..Self::new(path) }
    }

    fn with_connection<T>(&self, read: impl FnOnce(&Connection) -> Result<T, LogError>) -> Result<T, LogError> {
        let connect = || {
            let connection = file::connect(&self.path, OpenedAs::Reader)?;
            if self.is_mapped {
                let mapped = connection.pragma_update(None, "mmap_size", MAPPED_MAX);
                mapped.map_err(|error| damaged_or_failed(0, "opening the log", error))?;
            }
            Ok(connection)
        };
        self.idle.with(connect, read)
    }

    /// The last log position.
    pub(crate) fn head(&self) -> Result<u64, LogError> {
        self.with_connection(|connection| {
            connection
                .query_row("SELECT coalesce(max(log_position), 0) FROM facts", [], |row| row.get(0))
                .map_err(|error| damaged_or_failed(0, "reading the log's head", error))
        })
    }

    /// Checks the end of the log; returns its head and the instant of its last fact.
    pub(crate) fn check_end(&self) -> Result<(u64, Timestamp), LogError> {
        let head = self.head()?;
        let facts = self.log(head.saturating_sub(CHECKED_AT_OPEN), CHECKED_AT_OPEN as usize)?;
        Ok((head, facts.last().map_or(Timestamp::default(), |fact| fact.recorded_at)))
    }

    /// Up to `limit` facts after a log position.
    pub(crate) fn log(&self, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        self.with_connection(|connection| {
            let failed = |error| damaged_or_failed(after + 1, "reading the log", error);
            let sql = format!("SELECT {COLUMNS} FROM facts WHERE log_position > ?1 ORDER BY log_position LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
            let mut rows = statement.query(params![after, limit as i64]).map_err(failed)?;
            let mut facts = Vec::with_capacity(limit.min(4_096));
            let mut expected = after + 1;
            while let Some(row) = rows.next().map_err(|error| damaged_or_failed(expected, "reading the log", error))? {
                // Before anything else: what stands further on may be damaged too, and is told of later.
                let found: u64 = row.get(0).map_err(|error| damaged_or_failed(expected, "reading the log", error))?;
                if found != expected {
                    return Err(LogError::Damaged { log_position: expected, what: format!("the next fact is at {found}") });
                }
                let fact = read_row(row, expected)?;
                expected += 1;
                facts.push(fact);
            }
            Ok(facts)
        })
    }

    /// The shows that have at least so many facts.
    pub(crate) fn long_histories(&self, facts_min: u64) -> Result<Vec<(ShowId, u64)>, LogError> {
        self.with_connection(|connection| {
            let failed = |error| damaged_or_failed(0, "looking for long histories", error);
            let mut statement = connection.prepare_cached(LONG_HISTORIES).map_err(failed)?;
            let rows = statement.query_map([facts_min], |row| Ok((row.get(0)?, row.get(1)?)));
            read_lengths(rows.and_then(Iterator::collect).map_err(failed)?)
        })
    }

    /// Compares the commands that are known for good with the facts that they claim.
    pub(crate) fn contradictions_of_commands(&self) -> Result<Vec<String>, LogError> {
        const FOREIGN: &str = "SELECT lower(hex(command_id)), first_log_position FROM commands AS c WHERE facts <> (
            SELECT count(*) FROM facts AS f
            WHERE f.log_position >= c.first_log_position AND f.log_position < c.first_log_position + c.facts AND f.command_id = c.command_id
        ) LIMIT 100";
        self.with_connection(|connection| {
            let failed = |error| damaged_or_failed(0, "comparing commands with facts", error);
            let mut statement = connection.prepare_cached(FOREIGN).map_err(failed)?;
            let told = |row: &Row<'_>| {
                let (id, from): (String, u64) = (row.get(0)?, row.get(1)?);
                Ok(format!("the facts from log position {from} on are not those of command {id}"))
            };
            statement.query_map([], told).and_then(Iterator::collect).map_err(failed)
        })
    }

    /// Whether the file is whole, its indexes included, and whether its tables and triggers are those that this release makes.
    pub(crate) fn contradictions_of_store(&self) -> Result<Vec<String>, LogError> {
        let expected = file::schema().map_err(|error| damaged_or_failed(0, "making tables to compare with", error))?;
        self.with_connection(|connection| {
            let failed = |error| damaged_or_failed(0, "examining the file", error);
            let mut check = connection.prepare("PRAGMA integrity_check").map_err(failed)?;
            let mut found: Vec<String> = check.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
            found.retain(|line| line != "ok");
            let there = file::schema_of(connection).map_err(failed)?;
            let missing = expected.iter().filter(|(name, sql)| there.get(*name) != Some(sql));
            found.extend(
                missing.map(|(name, _)| format!("`{name}` is missing in the log's file, or is another one than this release makes")),
            );
            // What `ANALYZE` leaves is nothing strange.
            let strange = there.keys().filter(|name| !expected.contains_key(*name) && !name.starts_with("sqlite_stat"));
            found.extend(strange.map(|name| format!("`{name}` in the log's file is not made by this release")));
            Ok(found)
        })
    }

    /// Up to `limit` facts of a show after a position.
    pub(crate) fn show(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        self.with_connection(|connection| {
            let failed = |error| damaged_or_failed(0, "reading a show's history", error);
            let sql = format!("SELECT {COLUMNS} FROM facts WHERE show_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3");
            let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
            let mut rows = statement.query(params![show.as_str(), after, limit as i64]).map_err(failed)?;
            let mut facts: Vec<StoredFact> = Vec::with_capacity(limit.min(4_096));
            while let Some(row) = rows.next().map_err(failed)? {
                let fact = read_row(row, 0)?;
                let last = after + facts.len() as u64;
                if fact.position != last + 1 {
                    let what = format!("the next fact is at {}", fact.position);
                    return Err(LogError::DamagedShow { show: show.clone(), after: last, what });
                }
                facts.push(fact);
            }
            Ok(facts)
        })
    }
}

/// One fact, checked against its hash.
pub(crate) fn read_row(row: &Row<'_>, log_position: u64) -> Result<StoredFact, LogError> {
    let text = |column: usize| row.get_ref(column).and_then(|value| Ok(value.as_str()?));
    let read = || -> rusqlite::Result<FactColumns<'_>> {
        Ok(FactColumns {
            log_position: row.get(0)?,
            show: text(1)?,
            position: row.get(2)?,
            kind: text(3)?,
            version: row.get(4)?,
            recorded_at: row.get(5)?,
            command_id: row.get_ref(6)?.as_blob()?,
            subject: row.get_ref(7)?.as_str_or_null()?,
            touches: row.get_ref(8)?.as_blob()?,
            data: text(9)?,
            row_hash: row.get_ref(10)?.as_blob()?,
        })
    };
    read().map_err(|error| damaged_or_failed(log_position, "reading a fact", error))?.into_fact()
}

fn damaged_or_failed(log_position: u64, doing: &'static str, error: rusqlite::Error) -> LogError {
    let is_damage = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        );
    if is_damage { LogError::Damaged { log_position, what: error.to_string() } } else { LogError::Store { doing, source: error.into() } }
}
