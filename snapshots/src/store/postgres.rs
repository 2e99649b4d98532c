//! Snapshots in a schema of the log's database.

use std::sync::Arc;

use fullhouse_domain::ShowId;
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::{Schema, SingleConnection, migrate_schema};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use super::{Kept, hash_of};
use crate::error::{SnapshotsError, failed};

/// The steps that lead from an empty schema to the tables of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where they are. Command servers go on from what projectors have folded.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_snapshots",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_snapshots TO fullhouse_command, fullhouse_projector;
             GRANT SELECT ON fullhouse_snapshots.snapshots TO fullhouse_command, fullhouse_projector;
             GRANT INSERT, UPDATE, DELETE ON fullhouse_snapshots.snapshots TO fullhouse_projector",
};

/// Makes the tables of this release, or brings those of an earlier one up to it. The connection must be the owner's, and the log
/// must have been migrated before: it makes the groups.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// Snapshots in a database. Clones share one connection, which is made when it is needed: a database without the tables is noticed then.
#[derive(Debug, Clone)]
pub struct PostgresSnapshots {
    connection: SingleConnection,
}

impl PostgresSnapshots {
    /// Those in this database.
    pub fn new(url: &str) -> Self {
        Self { connection: SingleConnection::new(url, SCHEMA.name) }
    }

    pub(super) async fn newest(&self, show: &ShowId, version: u16) -> Result<Option<Kept>, SnapshotsError> {
        let (doing, show) = ("reading a snapshot", show.clone());
        let reading = self.connection.with(doing, move |connection| {
            let show = show.clone();
            Box::pin(async move { newest(connection, &show, version).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        reading.await
    }

    pub(super) async fn positions(&self, version: u16) -> Result<Vec<(String, i64)>, SnapshotsError> {
        let doing = "reading which snapshots there are";
        let reading = self.connection.with(doing, move |connection| {
            Box::pin(async move {
                let read = sqlx::query_as("SELECT show_id, position FROM snapshots WHERE version = $1").bind(version as i16);
                read.fetch_all(connection).await.map_err(failed::<sqlx::Error>(doing))
            })
        });
        reading.await
    }

    pub(super) async fn keep(&self, show: &ShowId, kept: Kept) -> Result<(), SnapshotsError> {
        let (doing, what) = ("keeping a snapshot", Arc::new((show.clone(), kept)));
        let keeping = self.connection.with(doing, move |connection| {
            let what = what.clone();
            Box::pin(async move { keep(connection, &what.0, &what.1).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        keeping.await
    }

    pub(super) async fn forget(&self, show: &ShowId, version: u16) -> Result<(), SnapshotsError> {
        let (doing, show) = ("throwing a snapshot away", show.clone());
        let forgetting = self.connection.with(doing, move |connection| {
            let show = show.clone();
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM snapshots WHERE show_id = $1 AND version = $2");
                let delete = delete.bind(show.as_str()).bind(version as i16);
                delete.execute(connection).await.map(|_| ()).map_err(failed::<sqlx::Error>(doing))
            })
        });
        forgetting.await
    }
}

async fn newest(connection: &mut PgConnection, show: &ShowId, version: u16) -> Result<Option<Kept>, sqlx::Error> {
    let read = sqlx::query_as("SELECT position, row_hash, bytes FROM snapshots WHERE show_id = $1 AND version = $2");
    let row: Option<(i64, Vec<u8>, Vec<u8>)> = read.bind(show.as_str()).bind(version as i16).fetch_optional(connection).await?;
    Ok(row.map(|(position, hash, bytes)| Kept { version, position: position as u64, row_hash: hash_of(&hash), bytes }))
}

async fn keep(connection: &mut PgConnection, show: &ShowId, kept: &Kept) -> Result<(), sqlx::Error> {
    let Kept { version, position, row_hash, bytes } = kept;
    let mut transaction = connection.begin().await?;
    let delete = sqlx::query("DELETE FROM snapshots WHERE show_id = $1 AND version < $2 - 1");
    delete.bind(show.as_str()).bind(*version as i16).execute(&mut *transaction).await?;
    let insert = sqlx::query(
        "INSERT INTO snapshots VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (show_id, version) DO UPDATE SET position = excluded.position, row_hash = excluded.row_hash, bytes = excluded.bytes
         WHERE excluded.position > snapshots.position",
    );
    let insert = insert.bind(show.as_str()).bind(*version as i16).bind(*position as i64).bind(row_hash.as_slice()).bind(bytes);
    insert.execute(&mut *transaction).await?;
    transaction.commit().await
}
