//! Proofs for those who ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fullhouse_domain::ReservationId;
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::proofs::Receipt;
use tokio::sync::Mutex;

use crate::error::{TransparencyError, contradiction};
use crate::note::Checkpoint;
use crate::receipt;
use crate::sealer::leaves_of;
use crate::store::{Checkpoints, KeptCheckpoint};
use crate::tree::{Hash, Leaves, TILE, Tiles, Tree, needed_for_consistency, needed_for_inclusion};

/// Makes proofs from the log, the kept tiles and the kept checkpoints. Each is verified before it leaves: facts that are not what
/// was signed are an error here, not a puzzle for whoever gets the proof.
#[derive(Debug, Clone)]
pub struct Prover {
    log: Log,
    checkpoints: Checkpoints,
    /// As far as they have been read.
    tiles: Arc<Mutex<Tiles>>,
    newest: Arc<Mutex<Newest>>,
}

/// How long the newest checkpoint is taken for the newest.
const NEWEST_FOR: Duration = Duration::from_millis(200);

/// What a kept checkpoint says, if it is kept where it belongs.
fn read(kept: &KeptCheckpoint) -> Result<Checkpoint, TransparencyError> {
    let checkpoint = Checkpoint::read(&kept.note)?;
    if checkpoint.size == kept.size {
        Ok(checkpoint)
    } else {
        Err(contradiction(format!("the checkpoint of size {} is another's", kept.size)))
    }
}

/// The newest checkpoint, if there is one, and when it was read, if it was.
#[derive(Debug, Default)]
struct Newest {
    read_at: Option<Instant>,
    checkpoint: Option<KeptCheckpoint>,
}

/// That one checkpoint's log is the beginning of another's.
#[derive(Debug, Clone)]
pub struct Consistency {
    /// The earlier checkpoint.
    pub from: KeptCheckpoint,
    /// The later one.
    pub to: KeptCheckpoint,
    /// RFC 6962, section 2.1.2.
    pub hashes: Vec<Hash>,
}

impl Prover {
    /// For this log and its checkpoints.
    pub fn new(log: Log, checkpoints: Checkpoints) -> Self {
        Self { log, checkpoints, tiles: Arc::default(), newest: Arc::default() }
    }

    /// Where checkpoints are.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// The newest checkpoint, as it was a moment ago: however many ask, the store is asked once.
    pub async fn newest(&self) -> Result<Option<KeptCheckpoint>, TransparencyError> {
        let mut newest = self.newest.lock().await;
        if newest.read_at.is_none_or(|at| at.elapsed() > NEWEST_FOR) {
            let checkpoint = self.checkpoints.newest().await?;
            *newest = Newest { read_at: Some(Instant::now()), checkpoint };
        }
        Ok(newest.checkpoint.clone())
    }

    /// What a customer keeps of his reservation: these facts of it, and the proof that they are in the log.
    pub async fn receipt(&self, reservation: &ReservationId, facts: &[StoredFact]) -> Result<Receipt, TransparencyError> {
        let last = facts.last().map_or(0, |fact| fact.log_position);
        let newest = self.newest().await?.filter(|newest| newest.size >= last);
        let newest = newest.ok_or(TransparencyError::NotSealed { log_position: last })?;
        let checkpoint = read(&newest)?;
        let mut proven = Vec::with_capacity(facts.len());
        for fact in facts {
            let path = self.inclusion(fact.log_position - 1, &checkpoint).await?;
            proven.push(receipt::proven(fact, &path));
        }
        let receipt = receipt::receipt_of(reservation, proven, newest.note);
        receipt::check_inclusion(&receipt, &checkpoint).map_err(|error| contradiction(error.to_string()))?;
        Ok(receipt)
    }

    /// The audit path of a leaf.
    async fn inclusion(&self, leaf: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, TransparencyError> {
        let leaves = self.read_leaves(needed_for_inclusion(leaf, checkpoint.size), checkpoint.size).await?;
        let tiles = self.tiles_of(checkpoint.size).await?;
        Ok(Tree { tiles: &tiles, leaves: &leaves }.inclusion(leaf, checkpoint.size)?)
    }

    /// The proof that the earlier of two kept checkpoints is the beginning of the later one. They are the smallest that cover
    /// these log positions.
    pub async fn consistency(&self, from: u64, to: u64) -> Result<Consistency, TransparencyError> {
        let kept = async |size: u64| {
            let found = self.checkpoints.at_least(size, 1).await?.pop();
            found.ok_or(TransparencyError::NotSealed { log_position: size })
        };
        let (from, to) = (kept(from).await?, kept(to).await?);
        let (old, new) = (read(&from)?, read(&to)?);
        let leaves = self.read_leaves(needed_for_consistency(old.size, new.size), new.size).await?;
        let tiles = self.tiles_of(new.size).await?;
        let tree = Tree { tiles: &tiles, leaves: &leaves };
        for checkpoint in [&old, &new] {
            if tree.root(checkpoint.size)? != checkpoint.root {
                return Err(contradiction(format!("the root over the first {} facts is another than was signed", checkpoint.size)));
            }
        }
        Ok(Consistency { hashes: tree.consistency(old.size, new.size)?, from, to })
    }

    /// The complete tiles, at least up to a size.
    async fn tiles_of(&self, size: u64) -> Result<tokio::sync::MutexGuard<'_, Tiles>, TransparencyError> {
        let mut tiles = self.tiles.lock().await;
        if tiles.count() < size / TILE {
            self.checkpoints.read_tiles(&mut tiles).await?;
        }
        Ok(tiles)
    }

    /// The leaves of some tiles, up to a size.
    async fn read_leaves(&self, tiles: Vec<u64>, size: u64) -> Result<Leaves, TransparencyError> {
        let mut leaves = Leaves::new();
        for tile in tiles {
            let first = tile * TILE;
            let facts = self.log.read_log(first, (size - first).min(TILE) as usize).await?;
            leaves.insert(tile, leaves_of(facts.iter()));
        }
        Ok(leaves)
    }
}
