//! Following the log, and signing how far it is.

use fullhouse_domain::Timestamp;
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;

use crate::error::{TransparencyError, contradiction};
use crate::note::{CheckpointKey, NoteError};
use crate::store::{Checkpoints, KeptCheckpoint, Sealed};
use crate::tree::{GrowingTree, Hash, TILE, Tiles, leaf_hash};

/// The tree up to the last fact that it was given, and what of it was signed.
#[derive(Debug)]
pub struct Sealer {
    store: Checkpoints,
    key: CheckpointKey,
    tree: GrowingTree,
    /// How many of its complete tiles are kept.
    kept_tiles: u64,
    /// How many facts the newest checkpoint covers.
    sealed: u64,
}

/// The leaves of consecutive facts. It takes a while for many: not on a thread that answers others.
pub fn leaves_of<'a>(facts: impl Iterator<Item = &'a StoredFact>) -> Vec<Hash> {
    facts.map(|fact| leaf_hash(&fact.canonical_bytes())).collect()
}

impl Sealer {
    /// Goes on where the newest checkpoint is, after a look at whether the log is still what was signed: at its length, and at
    /// the facts behind the last complete tile. The rest is for `fullhouse verify`.
    pub async fn open(log: &Log, store: Checkpoints, key: CheckpointKey) -> Result<Self, TransparencyError> {
        let mut tiles = Tiles::default();
        store.read_tiles(&mut tiles).await?;
        let newest = store.newest().await?;
        let mut sealer = Self { store, key, kept_tiles: tiles.count(), tree: GrowingTree::after(tiles), sealed: 0 };
        if let Some(newest) = newest {
            sealer.go_on_from(log, &newest).await?;
        } else if sealer.kept_tiles > 0 {
            return Err(contradiction("there are tiles of a tree that nobody has signed"));
        }
        Ok(sealer)
    }

    async fn go_on_from(&mut self, log: &Log, newest: &KeptCheckpoint) -> Result<(), TransparencyError> {
        let checkpoint = self.key.verifier().verify(&newest.note).map_err(|error| match error {
            NoteError::NotSigned(_) => TransparencyError::Unusable {
                what: "the newest was signed with another key or for another cluster: give this process that key (checkpoint-key.p8 in --data)"
                    .into(),
            },
            other => other.into(),
        })?;
        if self.kept_tiles != checkpoint.size / TILE {
            return Err(contradiction("the tiles of the tree end elsewhere than its newest checkpoint"));
        }
        let first = self.tree.size();
        let facts = log.read_log(first, (checkpoint.size - first) as usize).await?;
        if facts.len() as u64 != checkpoint.size - first || log.head() < checkpoint.size {
            return Err(contradiction(format!("a checkpoint was signed at log position {}, and the log ends before it", checkpoint.size)));
        }
        self.extend(&leaves_of(facts.iter()));
        self.sealed = checkpoint.size;
        if self.tree.root() != checkpoint.root {
            let what = format!("the root over the first {} facts is another than was signed", checkpoint.size);
            return Err(contradiction(what));
        }
        Ok(())
    }

    /// The log position of the last fact in the tree.
    pub fn log_position(&self) -> u64 {
        self.tree.size()
    }

    /// Adds the leaves of the next facts.
    pub fn extend(&mut self, leaves: &[Hash]) {
        leaves.iter().for_each(|leaf| self.tree.push(*leaf));
    }

    /// Signs how far the tree is, and keeps that; nothing new is no reason to sign. Returns what is sealed.
    pub async fn seal(&mut self, now: Timestamp) -> Result<u64, TransparencyError> {
        let size = self.log_position();
        if size > self.sealed {
            let tiles = (self.kept_tiles..self.tree.tiles().count()).filter_map(|tile| self.tree.tiles().root(tile).copied()).collect();
            let checkpoint = KeptCheckpoint { size, signed_at: now, note: self.key.sign(size, self.tree.root()) };
            let sealed = Sealed { first_tile: self.kept_tiles, tiles, checkpoint, signer: self.key.verifier() };
            self.store.keep(sealed).await?;
            (self.kept_tiles, self.sealed) = (self.tree.tiles().count(), size);
        }
        Ok(self.sealed)
    }
}
