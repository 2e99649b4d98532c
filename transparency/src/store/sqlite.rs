//! Checkpoints in a file.

use std::path::Path;

use fullhouse_domain::Timestamp;
use fullhouse_eventstore::sqlite::beside::{FileBeside, SharedConnection};
use fullhouse_eventstore::sqlite::format::Format;
use rusqlite::{Connection, Row, params};

use super::{KeptCheckpoint, Sealed};
use crate::error::{TransparencyError, contradiction, failed};

const FILE: FileBeside = FileBeside {
    name: "checkpoints.sqlite",
    kind: "a store of checkpoints",
    // `SEAL` in ASCII.
    format: Format { application_id: 0x5345_414c, version: 1 },
    tables: "
    -- Roots over 256 facts each: tile 0 is over log positions 1 to 256.
    CREATE TABLE tiles (
        number INTEGER PRIMARY KEY,
        root   BLOB    NOT NULL
    ) STRICT;
    CREATE TABLE checkpoints (
        size      INTEGER PRIMARY KEY, -- how many facts it covers
        signed_at INTEGER NOT NULL, -- microseconds since 1970
        note      TEXT    NOT NULL -- signed, see docs/proofs.md
    ) STRICT;
    -- The public keys that have signed.
    CREATE TABLE signers (
        verifier_key TEXT    PRIMARY KEY,
        first_size   INTEGER NOT NULL -- of the first checkpoint that it signed
    ) STRICT;
    ",
};

/// Checkpoints in a file, written once a second at most. Clones share one connection.
#[derive(Debug, Clone)]
pub struct SqliteCheckpoints {
    /// Nothing, when there is no such file.
    connection: Option<SharedConnection>,
}

impl SqliteCheckpoints {
    /// Opens those of a folder, and makes the file if there is none.
    pub fn open(folder: &Path) -> Result<Self, TransparencyError> {
        Ok(Self { connection: Some(SharedConnection::new(FILE.open_for_writing(folder)?)) })
    }

    /// Opens those of a folder to read them; none, when there is no file.
    pub fn open_to_read(folder: &Path) -> Result<Self, TransparencyError> {
        Ok(Self { connection: FILE.open_to_read(folder)?.map(SharedConnection::new) })
    }

    pub(super) async fn newest(&self) -> Result<Option<KeptCheckpoint>, TransparencyError> {
        let sql = "SELECT size, signed_at, note FROM checkpoints ORDER BY size DESC LIMIT 1";
        Ok(self.rows(sql, (), kept).await?.pop())
    }

    pub(super) async fn at_least(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, TransparencyError> {
        let sql = "SELECT size, signed_at, note FROM checkpoints WHERE size >= ?1 ORDER BY size LIMIT ?2";
        self.rows(sql, (size, limit as i64), kept).await
    }

    pub(super) async fn signers(&self) -> Result<Vec<String>, TransparencyError> {
        self.rows("SELECT verifier_key FROM signers ORDER BY first_size DESC", (), |row| row.get(0)).await
    }

    pub(super) async fn tiles(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, TransparencyError> {
        self.rows("SELECT number, root FROM tiles WHERE number >= ?1 ORDER BY number", [first], |row| Ok((row.get(0)?, row.get(1)?))).await
    }

    pub(super) async fn keep(&self, sealed: Sealed) -> Result<(), TransparencyError> {
        let connection = self.connection.as_ref().ok_or(TransparencyError::Unusable { what: "they were opened to be read".into() })?;
        let other = connection.with(move |connection| keep(connection, &sealed)).await.map_err(failed("keeping a checkpoint"))?;
        other.map_or(Ok(()), |what| Err(contradiction(what)))
    }

    async fn rows<T: Send + 'static>(
        &self,
        sql: &'static str,
        parameters: impl rusqlite::Params + Send + 'static,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, TransparencyError> {
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        let read = move |connection: &mut Connection| connection.prepare_cached(sql)?.query_map(parameters, row)?.collect();
        connection.with(read).await.map_err(failed("reading checkpoints"))
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptCheckpoint> {
    Ok(KeptCheckpoint { size: row.get(0)?, signed_at: Timestamp::from_micros(row.get(1)?), note: row.get(2)? })
}

/// Keeps a checkpoint and its tiles. What somebody else has kept in their place must be the same; if not, nothing is kept, and what differs is
/// returned.
fn keep(connection: &mut Connection, sealed: &Sealed) -> rusqlite::Result<Option<String>> {
    let Sealed { first_tile, tiles, checkpoint, signer } = sealed;
    let transaction = connection.transaction()?;
    for (root, number) in tiles.iter().zip(*first_tile..) {
        transaction.prepare_cached("INSERT INTO tiles VALUES (?1, ?2) ON CONFLICT DO NOTHING")?.execute(params![number, root])?;
        let kept: Vec<u8> = transaction.query_row("SELECT root FROM tiles WHERE number = ?1", [number], |row| row.get(0))?;
        if kept != root {
            return Ok(Some(format!("tile {number} is kept with another root")));
        }
    }
    transaction.prepare_cached("INSERT INTO checkpoints VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?.execute(params![
        checkpoint.size,
        checkpoint.signed_at.as_micros(),
        checkpoint.note
    ])?;
    let kept: String = transaction.query_row("SELECT note FROM checkpoints WHERE size = ?1", [checkpoint.size], |row| row.get(0))?;
    if !sealed.is_what(&kept) {
        return Ok(Some(format!("a checkpoint of size {} is kept with another root", checkpoint.size)));
    }
    transaction
        .prepare_cached("INSERT INTO signers VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![signer.to_string(), checkpoint.size])?;
    transaction.commit()?;
    Ok(None)
}
