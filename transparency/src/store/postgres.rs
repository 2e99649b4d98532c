//! Checkpoints in a schema of the log's database.

use std::sync::Arc;

use fullhouse_domain::Timestamp;
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::{Access, Schema, SingleConnection, column, connect_to_tables, migrate_schema};
use futures::TryFutureExt;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use super::{KeptCheckpoint, Sealed};
use crate::error::{TransparencyError, contradiction, failed};

/// The steps that lead from an empty schema to the checkpoints of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where they are. Projectors add to them; whoever answers reads.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_checkpoints",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_checkpoints TO fullhouse_query, fullhouse_projector;
             GRANT SELECT ON ALL TABLES IN SCHEMA fullhouse_checkpoints TO fullhouse_query, fullhouse_projector;
             GRANT INSERT ON fullhouse_checkpoints.tiles, fullhouse_checkpoints.checkpoints, fullhouse_checkpoints.signers TO fullhouse_projector",
};

const DOING: &str = "reading checkpoints";

/// Makes the tables of this release, or brings those of an earlier one up to it. The connection must be the owner's, and the log
/// must have been migrated before: it makes the groups.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// Checkpoints in a database. Clones share one connection.
#[derive(Debug, Clone)]
pub struct PostgresCheckpoints {
    connection: SingleConnection,
}

impl PostgresCheckpoints {
    /// Checks that the tables are there and that the login may read them or, to sign, add to them.
    pub async fn open(url: &str, access: Access) -> Result<Self, TransparencyError> {
        let (right, group) = match access {
            Access::Read => ("SELECT", "fullhouse_query"),
            Access::Append => ("INSERT", "fullhouse_projector"),
        };
        connect_to_tables(url, &SCHEMA, "fullhouse_checkpoints.checkpoints", right, group).await?;
        Ok(Self { connection: SingleConnection::new(url, SCHEMA.name) })
    }

    pub(super) async fn newest(&self) -> Result<Option<KeptCheckpoint>, TransparencyError> {
        let sql = "SELECT size, signed_at, note FROM checkpoints ORDER BY size DESC LIMIT 1";
        let reading = self
            .connection
            .with(DOING, move |connection| Box::pin(sqlx::query_as(sql).fetch_optional(connection).map_err(failed::<sqlx::Error>(DOING))));
        Ok(reading.await?.map(kept))
    }

    pub(super) async fn at_least(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, TransparencyError> {
        let sql = "SELECT size, signed_at, note FROM checkpoints WHERE size >= $1 ORDER BY size LIMIT $2";
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let rows = self.connection.with(DOING, move |connection| {
            Box::pin(sqlx::query_as(sql).bind(size).bind(limit as i64).fetch_all(connection).map_err(failed::<sqlx::Error>(DOING)))
        });
        Ok(rows.await?.into_iter().map(kept).collect())
    }

    pub(super) async fn signers(&self) -> Result<Vec<String>, TransparencyError> {
        let sql = "SELECT verifier_key FROM signers ORDER BY first_size DESC";
        let reading = self
            .connection
            .with(DOING, move |connection| Box::pin(sqlx::query_scalar(sql).fetch_all(connection).map_err(failed::<sqlx::Error>(DOING))));
        reading.await
    }

    pub(super) async fn tiles(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, TransparencyError> {
        let sql = "SELECT number, root FROM tiles WHERE number >= $1 ORDER BY number";
        let rows = self.connection.with(DOING, move |connection| {
            Box::pin(
                sqlx::query_as::<_, (i64, Vec<u8>)>(sql).bind(first as i64).fetch_all(connection).map_err(failed::<sqlx::Error>(DOING)),
            )
        });
        Ok(rows.await?.into_iter().map(|(number, root)| (number as u64, root)).collect())
    }

    /// What is kept twice is kept once.
    pub(super) async fn keep(&self, sealed: Sealed) -> Result<(), TransparencyError> {
        let (doing, sealed) = ("keeping a checkpoint", Arc::new(sealed));
        let writing = self.connection.with(doing, move |connection| {
            let sealed = sealed.clone();
            Box::pin(async move { keep(connection, &sealed).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        writing.await?.map_or(Ok(()), |what| Err(contradiction(what)))
    }
}

fn kept((size, signed_at, note): (i64, i64, String)) -> KeptCheckpoint {
    KeptCheckpoint { size: size as u64, signed_at: Timestamp::from_micros(signed_at), note }
}

/// Keeps a checkpoint and its tiles. What somebody else has kept in their place must be the same; if not, nothing is kept, and what differs is
/// returned.
async fn keep(connection: &mut PgConnection, sealed: &Sealed) -> Result<Option<String>, sqlx::Error> {
    let Sealed { first_tile, tiles, checkpoint, signer } = sealed;
    let mut transaction = connection.begin().await?;
    let numbered: Vec<(u64, &[u8; 32])> = (*first_tile..).zip(tiles).collect();
    sqlx::query("INSERT INTO tiles SELECT * FROM unnest($1::bigint[], $2::bytea[]) ON CONFLICT DO NOTHING")
        .bind(column(&numbered, |(number, _)| *number as i64))
        .bind(column(&numbered, |(_, root)| root.as_slice()))
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO checkpoints VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(checkpoint.size as i64)
        .bind(checkpoint.signed_at.as_micros())
        .bind(&checkpoint.note)
        .execute(&mut *transaction)
        .await?;
    let sql = "SELECT count(*) FROM unnest($1::bigint[], $2::bytea[]) AS own (number, root)
               JOIN tiles ON tiles.number = own.number AND tiles.root = own.root";
    let same: i64 = sqlx::query_scalar(sql)
        .bind(column(&numbered, |(number, _)| *number as i64))
        .bind(column(&numbered, |(_, root)| root.as_slice()))
        .fetch_one(&mut *transaction)
        .await?;
    let kept: String = sqlx::query_scalar("SELECT note FROM checkpoints WHERE size = $1")
        .bind(checkpoint.size as i64)
        .fetch_one(&mut *transaction)
        .await?;
    if same as usize != numbered.len() || !sealed.is_what(&kept) {
        return Ok(Some(format!("what is kept up to size {} has another root", checkpoint.size)));
    }
    sqlx::query("INSERT INTO signers VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(signer.to_string())
        .bind(checkpoint.size as i64)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(None)
}
