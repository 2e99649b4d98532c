//! The file: its format, and the checks before anybody uses it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::format::{Format, OtherFormat};
use crate::error::LogError;

/// `FULL` in ASCII.
const FORMAT: Format = Format { application_id: 0x4655_4c4c, version: 1 };

/// Not a letter of it may change without a new format: `verify` compares each log with it.
const CREATE: &str = "
    CREATE TABLE facts (
        log_position INTEGER PRIMARY KEY,
        show_id      TEXT    NOT NULL,
        position     INTEGER NOT NULL,
        kind         TEXT    NOT NULL,
        version      INTEGER NOT NULL,
        recorded_at  INTEGER NOT NULL, -- microseconds since 1970
        command_id   BLOB    NOT NULL,
        subject      TEXT,
        touches      BLOB    NOT NULL, -- seats in chart order, 4 bytes each, little endian
        data         TEXT    NOT NULL, -- a JSON object
        row_hash    BLOB    NOT NULL, -- of all that stands before it, see StoredFact::row_hash
        UNIQUE (show_id, position)
    ) STRICT;
    -- Commands whose senders may repeat them at any time.
    CREATE TABLE commands (
        command_id         BLOB    PRIMARY KEY,
        fingerprint        BLOB    NOT NULL,
        first_log_position INTEGER NOT NULL,
        facts              INTEGER NOT NULL,
        refusal            TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER facts_are_never_updated BEFORE UPDATE ON facts BEGIN SELECT raise(ABORT, 'facts are never changed'); END;
    CREATE TRIGGER facts_are_never_deleted BEFORE DELETE ON facts BEGIN SELECT raise(ABORT, 'facts are never changed'); END;
";

/// Whether a connection may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedAs {
    /// It may.
    Writer,
    /// It may not.
    Reader,
}

impl OpenedAs {
    /// How SQLite is to open it.
    pub(crate) fn flags(self) -> OpenFlags {
        let access = match self {
            OpenedAs::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            // A reader of a write-ahead log needs to write its shared-memory file; `query_only` keeps it from the rest.
            OpenedAs::Reader => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        OpenFlags::SQLITE_OPEN_NO_MUTEX | access
    }
}

/// Where the log of a folder is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("log.sqlite")
}

/// The only connection that writes, and the lock that keeps it the only one.
pub(crate) fn open_for_writing(folder: &Path) -> Result<(Connection, File), LogError> {
    let lock = lock(folder)?;
    let path = path(folder);
    let connection = connect(&path, OpenedAs::Writer)?;
    prepare(&path, &connection)?;
    Ok((connection, lock))
}

fn lock(folder: &Path) -> Result<File, LogError> {
    let path = folder.join("log.lock");
    let file = File::create(&path).map_err(|source| LogError::LockFile { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(LogError::InUse { path }),
        Err(std::fs::TryLockError::Error(source)) => Err(LogError::LockFile { path, source }),
    }
}

/// A connection with the settings that durability and speed depend on.
pub(crate) fn connect(path: &Path, opened_as: OpenedAs) -> Result<Connection, LogError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, opened_as.flags())?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        match opened_as {
            OpenedAs::Writer => {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                // 16 MiB between checkpoints: rarer pauses, and a file that stays small.
                connection.pragma_update(None, "wal_autocheckpoint", 4_096)?;
            }
            OpenedAs::Reader => connection.pragma_update(None, "query_only", true)?,
        }
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    };
    open().map_err(|error| of_open(path, error))
}

/// How a connection that writes this log syncs, by SQLite's own account: its journal mode, and the number of `synchronous`.
pub fn durability(folder: &Path) -> Result<(String, i64), LogError> {
    let path = path(folder);
    let ask = |connection: &Connection| -> rusqlite::Result<(String, i64)> {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok((mode, connection.pragma_query_value(None, "synchronous", |row| row.get(0))?))
    };
    ask(&connect(&path, OpenedAs::Writer)?).map_err(|error| of_open(&path, error))
}

/// Makes the tables in a new file, and refuses a file that is not ours to write.
fn prepare(path: &Path, connection: &Connection) -> Result<(), LogError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(|error| of_open(path, error))?;
    if tables > 0 {
        return check_format(path, connection);
    }
    let create = format!("BEGIN IMMEDIATE; {} COMMIT;", FORMAT.creation(CREATE));
    connection.execute_batch(&create).map_err(|source| LogError::Store { doing: "making the log's tables", source: source.into() })
}

/// Checks that a file can be read as a log.
pub(crate) fn check_readable(folder: &Path) -> Result<(), LogError> {
    let path = path(folder);
    if !path.exists() {
        return Err(LogError::NotALog { path, what: "there is no such file".into() });
    }
    check_format(&path, &connect(&path, OpenedAs::Reader)?)
}

fn check_format(path: &Path, connection: &Connection) -> Result<(), LogError> {
    FORMAT.check(connection).map_err(|other| match other {
        OtherFormat::Unreadable(error) => of_open(path, error),
        OtherFormat::Foreign(what) => LogError::NotALog { path: path.into(), what },
        OtherFormat::Newer { found } => LogError::Newer { path: path.into(), found, supported: FORMAT.version },
    })
}

fn of_open(path: &Path, error: rusqlite::Error) -> LogError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => LogError::NotALog { path: path.into(), what: error.to_string() },
        _ => LogError::Store { doing: "opening the log", source: error.into() },
    }
}

/// What a new log is made of: the SQL of each table, index and trigger, by name.
pub(crate) fn schema() -> rusqlite::Result<BTreeMap<String, String>> {
    let empty = Connection::open_in_memory()?;
    empty.execute_batch(CREATE)?;
    schema_of(&empty)
}

/// What a log is made of.
pub(crate) fn schema_of(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
