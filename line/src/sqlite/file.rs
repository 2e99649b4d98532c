//! The file: its format, and the checks before anybody uses it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fullhouse_eventstore::sqlite::OpenedAs;
use fullhouse_eventstore::sqlite::format::{Format, OtherFormat};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{LineError, failed};

/// `LINE` in ASCII.
const FORMAT: Format = Format { application_id: 0x4c49_4e45, version: 1 };

const CREATE: &str = "
    -- A row keeps its number for good, so that no number is given twice; only its subject goes away.
    CREATE TABLE places (
        show_id TEXT    NOT NULL,
        number  INTEGER NOT NULL CHECK (number > 0),
        subject TEXT, -- whose place it is; null, when it was given up
        PRIMARY KEY (show_id, number)
    ) STRICT, WITHOUT ROWID;
    -- One place for each person. A second one would be a defect, and is refused.
    CREATE UNIQUE INDEX places_of_people ON places (show_id, subject) WHERE subject IS NOT NULL;
";

/// How long one process waits for another that writes the same file.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// Where the line of a folder is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("line.sqlite")
}

/// The connection that writes, to a file that has the tables. Nothing is changed in a file that is not ours.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, LineError> {
    let mut connection = connect(path, OpenedAs::Writer)?;
    if has_tables(&connection).map_err(|error| of_open(path, error))? {
        check_format(path, &connection)?;
    }
    let settings = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // 16 MiB between checkpoints: rarer pauses, and a file that stays small.
        connection.pragma_update(None, "wal_autocheckpoint", 4_096)
    };
    settings().map_err(|error| of_open(path, error))?;
    make_tables(&mut connection).map_err(failed("making the line's tables"))?;
    Ok(connection)
}

/// A connection that waits for others instead of failing.
pub(crate) fn connect(path: &Path, opened_as: OpenedAs) -> Result<Connection, LineError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match opened_as {
            OpenedAs::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            // A reader of a write-ahead log needs to write its shared-memory file; `query_only` keeps it from the rest.
            OpenedAs::Reader => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_MAX)?;
        if opened_as == OpenedAs::Reader {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(connection)
    };
    open().map_err(|error| of_open(path, error))
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Makes the tables in an empty file. Another process may be about to do the same: the transaction lets only one of them find
/// it empty.
fn make_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_tables(&transaction)? {
        transaction.execute_batch(&FORMAT.creation(CREATE))?;
    }
    transaction.commit()
}

fn check_format(path: &Path, connection: &Connection) -> Result<(), LineError> {
    FORMAT.check(connection).map_err(|other| match other {
        OtherFormat::Unreadable(error) => of_open(path, error),
        OtherFormat::Foreign(what) => LineError::NotALine { path: path.into(), what },
        OtherFormat::Newer { found } => LineError::Newer { path: path.into(), found, supported: FORMAT.version },
    })
}

fn of_open(path: &Path, error: rusqlite::Error) -> LineError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => LineError::NotALine { path: path.into(), what: error.to_string() },
        _ => failed("opening the line")(error),
    }
}
