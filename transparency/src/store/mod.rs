//! Where tiles and checkpoints are kept: in a file beside the log, or in a schema of its database.
//!
//! Nothing here is secret, and nothing here is believed: whoever uses a checkpoint looks at its signature, and whoever uses a tile
//! compares the root with one that was signed.

mod postgres;
mod sqlite;

use fullhouse_domain::Timestamp;

pub use postgres::{PostgresCheckpoints, SCHEMA, migrate};
pub use sqlite::SqliteCheckpoints;

use crate::error::{TransparencyError, contradiction};
use crate::note::{Checkpoint, VerifierKey};
use crate::tree::{Hash, Tiles};

/// A checkpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// How many facts it covers.
    pub size: u64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The signed note.
    pub note: String,
}

/// What is kept together: a checkpoint, and the tiles that have become complete since the one before.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// The number of the first of these tiles.
    pub first_tile: u64,
    pub tiles: Vec<Hash>,
    pub checkpoint: KeptCheckpoint,
    pub signer: VerifierKey,
}

impl Sealed {
    /// Whether a note that is kept says the same as this one.
    fn is_what(&self, kept: &str) -> bool {
        matches!((Checkpoint::read(kept), Checkpoint::read(&self.checkpoint.note)), (Ok(kept), Ok(own)) if kept == own)
    }
}

/// The store of checkpoints. Cheap to clone; the set of stores is closed, so it is an enum.
#[derive(Debug, Clone)]
pub enum Checkpoints {
    /// In a file.
    Sqlite(SqliteCheckpoints),
    /// In a database.
    Postgres(PostgresCheckpoints),
}

impl Checkpoints {
    /// The newest one.
    pub async fn newest(&self) -> Result<Option<KeptCheckpoint>, TransparencyError> {
        match self {
            Checkpoints::Sqlite(store) => store.newest().await,
            Checkpoints::Postgres(store) => store.newest().await,
        }
    }

    /// Up to `limit` that cover at least `size` facts, the smallest first.
    pub async fn at_least(&self, size: u64, limit: usize) -> Result<Vec<KeptCheckpoint>, TransparencyError> {
        let limit = limit.min(i64::MAX as usize);
        match self {
            // Neither store counts further.
            _ if size > i64::MAX as u64 => Ok(Vec::new()),
            Checkpoints::Sqlite(store) => store.at_least(size, limit).await,
            Checkpoints::Postgres(store) => store.at_least(size, limit).await,
        }
    }

    /// The keys that have signed, the newest first.
    pub async fn signers(&self) -> Result<Vec<VerifierKey>, TransparencyError> {
        let texts = match self {
            Checkpoints::Sqlite(store) => store.signers().await,
            Checkpoints::Postgres(store) => store.signers().await,
        };
        texts?.iter().map(|text| Ok(VerifierKey::parse(text)?)).collect()
    }

    /// Reads on in the complete tiles.
    pub async fn read_tiles(&self, tiles: &mut Tiles) -> Result<(), TransparencyError> {
        let first = tiles.count();
        let rows = match self {
            Checkpoints::Sqlite(store) => store.tiles(first).await,
            Checkpoints::Postgres(store) => store.tiles(first).await,
        };
        for ((number, root), expected) in rows?.into_iter().zip(first..) {
            if number != expected {
                return Err(contradiction(format!("tile {expected} of the tree is missing")));
            }
            tiles.push(root.try_into().map_err(|_| contradiction(format!("the root of tile {number} is not 32 bytes")))?);
        }
        Ok(())
    }

    pub(crate) async fn keep(&self, sealed: Sealed) -> Result<(), TransparencyError> {
        match self {
            Checkpoints::Sqlite(store) => store.keep(sealed).await,
            Checkpoints::Postgres(store) => store.keep(sealed).await,
        }
    }
}
