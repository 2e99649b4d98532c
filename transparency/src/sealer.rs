//! Following the log, and signing how far it is.

use fullhouse_domain::Timestamp;
use fullhouse_schemas::StoredFact;

use crate::error::{TransparencyError, contradiction};
use crate::note::{Checkpoint, CheckpointKey, NoteError};
use crate::store::{Checkpoints, KeptCheckpoint, Sealed};
use crate::tree::{GrowingTree, Hash, TILE, leaf_hash};

/// The tree up to the last fact that it was given, and what of it was signed.
///
/// It is grown from the first fact on, whatever was signed before, and compared with that on the way: a log that differs from
/// it is not signed on.
#[derive(Debug)]
pub struct Sealer {
    store: Checkpoints,
    key: CheckpointKey,
    tree: GrowingTree,
    /// How many facts the newest checkpoint covers.
    sealed: u64,
    /// The newest checkpoint that was signed before, as long as the tree has not reached it.
    to_reach: Option<Checkpoint>,
}

/// The leaves of consecutive facts. It takes a while for many: not on a thread that answers others.
pub fn leaves_of<'a>(facts: impl Iterator<Item = &'a StoredFact>) -> Vec<Hash> {
    facts.map(|fact| leaf_hash(&fact.canonical_bytes())).collect()
}

impl Sealer {
    /// Reads what was signed before. Facts are due from the first one on.
    pub async fn open(store: Checkpoints, key: CheckpointKey) -> Result<Self, TransparencyError> {
        let newest = store.newest().await?;
        let to_reach = newest.map(|newest| believed(&key, &newest)).transpose()?;
        Ok(Self { store, key, tree: GrowingTree::default(), sealed: 0, to_reach })
    }

    /// The log position of the last fact in the tree.
    pub fn log_position(&self) -> u64 {
        self.tree.size()
    }

    /// Adds the leaves of the next facts. They must lead to the root that was signed, where one was.
    pub fn extend(&mut self, leaves: &[Hash]) -> Result<(), TransparencyError> {
        for leaf in leaves {
            self.tree.push(*leaf);
            let Some(reached) = self.to_reach.take_if(|to_reach| to_reach.size == self.tree.size()) else { continue };
            if self.tree.root() != reached.root {
                let what = format!("the root over the first {} facts is another than was signed", reached.size);
                self.to_reach = Some(reached);
                return Err(contradiction(what));
            }
            self.sealed = reached.size;
        }
        Ok(())
    }

    /// How many facts of the tree are not sealed.
    pub fn unsealed(&self) -> u64 {
        self.tree.size().saturating_sub(self.sealed)
    }

    /// Whether everything that was signed before is in the tree.
    pub fn has_reached_what_was_signed(&self) -> bool {
        self.to_reach.is_none()
    }

    /// How many facts were signed before, as long as the tree has not reached them: a log that ends before has lost some.
    pub fn must_reach(&self) -> Option<u64> {
        self.to_reach.as_ref().map(|to_reach| to_reach.size)
    }

    /// Signs how far the tree is, and keeps that; nothing new is no reason to sign. Returns what is sealed.
    pub async fn seal(&mut self, now: Timestamp) -> Result<u64, TransparencyError> {
        let size = self.log_position();
        if self.has_reached_what_was_signed() && size > self.sealed {
            // Those that were complete by then are kept already.
            let first_tile = self.sealed / TILE;
            let tiles = (first_tile..self.tree.tiles().count()).filter_map(|tile| self.tree.tiles().root(tile).copied()).collect();
            let checkpoint = KeptCheckpoint { size, signed_at: now, note: self.key.sign(size, self.tree.root()) };
            let sealed = Sealed { first_tile, tiles, checkpoint, signer: self.key.verifier() };
            self.store.keep(sealed).await?;
            self.sealed = size;
        }
        Ok(self.sealed)
    }
}

fn believed(key: &CheckpointKey, newest: &KeptCheckpoint) -> Result<Checkpoint, TransparencyError> {
    let checkpoint = key.verifier().verify(&newest.note).map_err(|error| match error {
        NoteError::NotSigned(_) => TransparencyError::Unusable {
            what: "the newest was signed with another key or for another cluster: give this process that key (checkpoint-key.p8 in --data)"
                .into(),
        },
        other => other.into(),
    })?;
    if checkpoint.size == newest.size { Ok(checkpoint) } else { Err(contradiction("the newest checkpoint is kept under another size")) }
}
