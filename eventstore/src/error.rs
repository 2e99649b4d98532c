//! What can go wrong with a log.

use std::path::PathBuf;

use fullhouse_domain::ShowId;

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file belongs to a later release.
    #[error("{} was written by a newer release (format {found}; this release knows up to {supported}): run that release", path.display())]
    Newer {
        /// The log's file.
        path: PathBuf,
        /// The format found there.
        found: i64,
        /// The latest format known here.
        supported: i64,
    },
    /// The file is something else.
    #[error("{} is not a Fullhouse log: {what}", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another process has the log open for writing.
    #[error("{} is in use by another process: stop that one first", path.display())]
    InUse {
        /// The lock's file.
        path: PathBuf,
    },
    /// The log contradicts itself. It must not be used before somebody has looked at it.
    #[error("the log is damaged at log position {log_position}: {what}; restore it from a backup, or examine it with `fullhouse verify`")]
    Damaged {
        /// Where.
        log_position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The same for one show's stream.
    #[error("the history of {show} is damaged after position {after}: {what}; examine it with `fullhouse verify`")]
    DamagedShow {
        /// Which show.
        show: ShowId,
        /// The last position that was as it should be.
        after: u64,
        /// What is wrong there.
        what: String,
    },
    /// The store failed. Whether an append took effect is not known; sending the same command ids again tells.
    #[error("{doing} failed")]
    Store {
        /// What was attempted.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: rusqlite::Error,
    },
    /// The lock file could not be made.
    #[error("{} can't be created or locked", path.display())]
    LockFile {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The log was closed while something still used it.
    #[error("the log is closed")]
    Closed,
}
