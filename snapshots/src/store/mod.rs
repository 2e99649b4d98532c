//! Where snapshots are kept: in a file beside the log, or in a schema of its database.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use fullhouse_domain::ShowId;

pub use postgres::{PostgresSnapshots, SCHEMA, migrate};
pub use sqlite::SqliteSnapshots;

use crate::error::SnapshotsError;

/// A snapshot as it is kept: bytes, and what they are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The version of the bytes.
    pub version: u16,
    /// The position of the last fact that was folded.
    pub position: u64,
    /// The hash of that fact.
    pub row_hash: [u8; 32],
    /// What the fold came to. The store does not look into it.
    pub bytes: Vec<u8>,
}

/// The snapshots of a log. Cheap to clone; the set of stores is closed, so it is an enum.
///
/// Of each show and version the newest is kept. The version before stays, for servers that are not upgraded yet; older ones go.
#[derive(Debug, Clone)]
pub enum SnapshotStore {
    /// In a file.
    Sqlite(SqliteSnapshots),
    /// In a database.
    Postgres(PostgresSnapshots),
}

impl SnapshotStore {
    /// The snapshot of a show in this version.
    pub async fn newest(&self, show: &ShowId, version: u16) -> Result<Option<Kept>, SnapshotsError> {
        match self {
            SnapshotStore::Sqlite(store) => store.newest(show, version).await,
            SnapshotStore::Postgres(store) => store.newest(show, version).await,
        }
    }

    /// The shows that have a snapshot in this version, and its position.
    pub async fn positions(&self, version: u16) -> Result<BTreeMap<ShowId, u64>, SnapshotsError> {
        let rows = match self {
            SnapshotStore::Sqlite(store) => store.positions(version).await,
            SnapshotStore::Postgres(store) => store.positions(version).await,
        }?;
        let read = |(show, position): (String, i64)| ShowId::parse(&show).map(|show| (show, position as u64));
        let unusable = || SnapshotsError::Unusable { what: "one is of something that is no show".into() };
        rows.into_iter().map(read).collect::<Option<_>>().ok_or_else(unusable)
    }

    /// Keeps a snapshot in place of an older one. A newer one stays.
    pub async fn keep(&self, show: &ShowId, kept: Kept) -> Result<(), SnapshotsError> {
        match self {
            SnapshotStore::Sqlite(store) => store.keep(show, kept).await,
            SnapshotStore::Postgres(store) => store.keep(show, kept).await,
        }
    }

    /// Throws away whatever is kept of a show in this version.
    pub async fn forget(&self, show: &ShowId, version: u16) -> Result<(), SnapshotsError> {
        match self {
            SnapshotStore::Sqlite(store) => store.forget(show, version).await,
            SnapshotStore::Postgres(store) => store.forget(show, version).await,
        }
    }
}

/// The hash in a row. One of another length is no hash, and equals none.
fn hash_of(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or_default()
}
