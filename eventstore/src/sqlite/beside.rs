//! Files of ours that stand beside the log: their tables, and the checks before anybody uses them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::OpenedAs;
use super::format::{Format, OtherFormat};

/// How long one process waits for another that writes the same file.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub struct FileBeside {
    /// Its name in the data folder.
    pub name: &'static str,
    /// What is in it, for people: `a line`.
    pub kind: &'static str,
    /// How it is told from other files.
    pub format: Format,
    /// SQL that makes its tables.
    pub tables: &'static str,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is something else.
    #[error("{} is not {kind} of Fullhouse: {what}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What was found.
        what: String,
    },
    /// It belongs to a later release.
    #[error("{} was written by a newer release (format {found}; this release knows up to {supported}): run that release", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format found there.
        found: i64,
        /// The latest format known here.
        supported: i64,
    },
    /// SQLite failed.
    #[error("{} can't be opened", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

impl FileBeside {
    /// Where the file of a folder is.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name)
    }

    /// A connection that writes durably, to a file that has the tables. Nothing is changed in a file that is not ours.
    pub fn open_for_writing(&self, folder: &Path) -> Result<Connection, FileError> {
        let path = self.path(folder);
        let failed = |source| FileError::Sqlite { path: path.clone(), source };
        let mut connection = self.connect(&path, OpenedAs::Writer)?;
        if has_tables(&connection).map_err(|error| self.of_open(&path, error))? {
            self.check_format(&path, &connection)?;
        }
        let settings = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "cache_size", -65_536)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // 16 MiB between checkpoints: rarer pauses, and a file that stays small.
            connection.pragma_update(None, "wal_autocheckpoint", 4_096)
        };
        settings().map_err(|error| self.of_open(&path, error))?;
        self.make_tables(&mut connection).map_err(failed)?;
        Ok(connection)
    }

    /// A connection that only reads; nothing, when there is no such file.
    pub fn open_to_read(&self, folder: &Path) -> Result<Option<Connection>, FileError> {
        let Some(connection) = self.connect_to_read(folder)? else { return Ok(None) };
        self.check_format(&self.path(folder), &connection)?;
        Ok(Some(connection))
    }

    /// The same for a file that may be lost: one that is empty counts as none, since somebody may be about to make its tables.
    pub fn open_to_read_unless_empty(&self, folder: &Path) -> Result<Option<Connection>, FileError> {
        let (path, Some(connection)) = (self.path(folder), self.connect_to_read(folder)?) else { return Ok(None) };
        if !has_tables(&connection).map_err(|error| self.of_open(&path, error))? {
            return Ok(None);
        }
        self.check_format(&path, &connection)?;
        Ok(Some(connection))
    }

    fn connect_to_read(&self, folder: &Path) -> Result<Option<Connection>, FileError> {
        let path = self.path(folder);
        if path.exists() { self.connect(&path, OpenedAs::Reader).map(Some) } else { Ok(None) }
    }

    /// A connection that waits for others instead of failing.
    pub fn connect(&self, path: &Path, opened_as: OpenedAs) -> Result<Connection, FileError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, opened_as.flags())?;
            connection.busy_timeout(BUSY_MAX)?;
            if opened_as == OpenedAs::Reader {
                connection.pragma_update(None, "query_only", true)?;
            }
            Ok(connection)
        };
        open().map_err(|error| self.of_open(path, error))
    }

    /// Makes the tables in an empty file. Another process may be about to do the same: the transaction lets only one of them
    /// find it empty.
    fn make_tables(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !has_tables(&transaction)? {
            transaction.execute_batch(&self.format.creation(self.tables))?;
        }
        transaction.commit()
    }

    fn check_format(&self, path: &Path, connection: &Connection) -> Result<(), FileError> {
        self.format.check(connection).map_err(|other| match other {
            OtherFormat::Unreadable(error) => self.of_open(path, error),
            OtherFormat::Foreign(what) => FileError::NotOurs { path: path.into(), kind: self.kind, what },
            OtherFormat::Newer { found } => FileError::Newer { path: path.into(), found, supported: self.format.version },
        })
    }

    fn of_open(&self, path: &Path, error: rusqlite::Error) -> FileError {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                FileError::NotOurs { path: path.into(), kind: self.kind, what: error.to_string() }
            }
            _ => FileError::Sqlite { path: path.into(), source: error },
        }
    }
}

/// One connection for what is asked seldom. Clones share it; work is done one after another, where that holds nobody up.
#[derive(Debug, Clone)]
pub struct SharedConnection(Arc<Mutex<Connection>>);

impl SharedConnection {
    /// Shares a connection.
    pub fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    /// Works on it. The work goes on even if the caller stops waiting.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let shared = self.0.clone();
        off_the_runtime(move || work(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

/// Works where that holds nobody up. The work goes on even if the caller stops waiting; a panic in it goes on in the caller.
pub async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}
