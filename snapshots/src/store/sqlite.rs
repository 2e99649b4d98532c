//! Snapshots in a file.

use std::path::Path;
use std::sync::Arc;

use fullhouse_domain::ShowId;
use fullhouse_eventstore::sqlite::beside::{FileBeside, off_the_runtime};
use fullhouse_eventstore::sqlite::format::Format;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Kept, hash_of};
use crate::error::{SnapshotsError, failed};

const FILE: FileBeside = FileBeside {
    name: "snapshots.sqlite",
    kind: "a file of snapshots",
    // `SNAP` in ASCII.
    format: Format { application_id: 0x534e_4150, version: 1 },
    tables: "
    CREATE TABLE snapshots (
        show_id  TEXT    NOT NULL,
        version  INTEGER NOT NULL, -- of the bytes, and of what the fold makes of facts
        position INTEGER NOT NULL,
        row_hash BLOB    NOT NULL, -- of the fact at that position: a snapshot of another history is noticed by it
        bytes    BLOB    NOT NULL,
        PRIMARY KEY (show_id, version)
    ) STRICT;
    ",
};

/// Snapshots in a file. It is opened anew for each use, which is seldom: so it may be deleted at any time.
#[derive(Debug, Clone)]
pub struct SqliteSnapshots {
    folder: Arc<Path>,
}

impl SqliteSnapshots {
    /// Those in a folder. The file is made when there is something to keep.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    pub(super) async fn newest(&self, show: &ShowId, version: u16) -> Result<Option<Kept>, SnapshotsError> {
        let show = show.clone();
        let read = move |connection: &Connection| {
            let sql = "SELECT position, row_hash, bytes FROM snapshots WHERE show_id = ?1 AND version = ?2";
            let kept = connection.query_row(sql, params![show.as_str(), version], |row| {
                Ok(Kept { version, position: row.get(0)?, row_hash: hash_of(row.get_ref(1)?.as_blob()?), bytes: row.get(2)? })
            });
            kept.optional()
        };
        self.read("reading a snapshot", read).await
    }

    pub(super) async fn positions(&self, version: u16) -> Result<Vec<(String, i64)>, SnapshotsError> {
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare("SELECT show_id, position FROM snapshots WHERE version = ?1")?;
            let rows = statement.query_map([version], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        self.read("reading which snapshots there are", read).await
    }

    pub(super) async fn keep(&self, show: &ShowId, kept: Kept) -> Result<(), SnapshotsError> {
        let show = show.clone();
        let write = move |connection: &mut Connection| {
            let Kept { version, position, row_hash, bytes } = kept;
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM snapshots WHERE show_id = ?1 AND version < ?2 - 1", params![show.as_str(), version])?;
            let sql = "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT DO UPDATE SET position = excluded.position, row_hash = excluded.row_hash, bytes = excluded.bytes
                       WHERE excluded.position > position";
            transaction.execute(sql, params![show.as_str(), version, position, row_hash, bytes])?;
            transaction.commit()
        };
        self.write("keeping a snapshot", write).await
    }

    pub(super) async fn forget(&self, show: &ShowId, version: u16) -> Result<(), SnapshotsError> {
        let show = show.clone();
        let write = move |connection: &mut Connection| {
            let sql = "DELETE FROM snapshots WHERE show_id = ?1 AND version = ?2";
            connection.execute(sql, params![show.as_str(), version]).map(|_| ())
        };
        self.write("throwing a snapshot away", write).await
    }

    /// Reads; without a file there is nothing.
    async fn read<T: Default + Send + 'static>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SnapshotsError> {
        let folder = self.folder.clone();
        let reading = move || match FILE.open_to_read_unless_empty(&folder)? {
            Some(connection) => read(&connection).map_err(failed(doing)),
            None => Ok(T::default()),
        };
        off_the_runtime(reading).await
    }

    async fn write(
        &self,
        doing: &'static str,
        write: impl FnOnce(&mut Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), SnapshotsError> {
        let folder = self.folder.clone();
        off_the_runtime(move || write(&mut FILE.open_for_writing(&folder)?).map_err(failed(doing))).await
    }
}
