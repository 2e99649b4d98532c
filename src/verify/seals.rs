//! The log against what was signed about it.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Context, bail};
use fullhouse_transparency::note::NoteError;
use fullhouse_transparency::tree::{GrowingTree, Hash, TILE, Tiles};
use fullhouse_transparency::{Checkpoint, Checkpoints, KeptCheckpoint, VerifierKey};

use super::report::{Breach, OfSeals, Report};
use crate::promise::Promise;

/// How many checkpoints are read at a time.
const READ_CHECKPOINTS: usize = 1_000;
const UNREADABLE: &str = "the checkpoints can't be read";

/// A tree that grows with the log, and what it is compared with on the way.
#[derive(Default)]
pub struct Seals {
    tree: GrowingTree,
    kept: Option<Kept>,
    /// A checkpoint that somebody else has kept.
    trusted: Option<Checkpoint>,
    /// Whether somebody has named the key that must have signed.
    has_key: bool,
    /// Up to here all is as it was signed.
    sound: u64,
    /// Up to here the tiles are as they were kept. Nobody has signed them, so this only helps to say where a change is.
    sound_tiles: u64,
    /// Roots are compared no more once one differs: all later ones differ too.
    is_broken: bool,
    /// A fact could not be read, so there is no tree over it.
    is_cut: bool,
    checkpoints: usize,
}

/// What is kept beside the log.
struct Kept {
    store: Checkpoints,
    /// Those that are read and not reached yet.
    ahead: VecDeque<KeptCheckpoint>,
    tiles: Tiles,
    /// The first one that is another than the log comes to.
    differing_tile: Option<u64>,
    /// The size of the newest when verifying began. The log had that much.
    newest: u64,
    /// The keys that may have signed.
    keys: Vec<VerifierKey>,
    /// One was not to be believed, and mostly then none of the others is.
    is_doubtful: bool,
}

impl Seals {
    /// What is compared: the checkpoints of a store, believed with the key that is named or else with those that the store names;
    /// and one that was kept elsewhere.
    pub async fn open(store: Option<Checkpoints>, key: Option<&str>, checkpoint: Option<&Path>) -> anyhow::Result<Self> {
        let key =
            key.map(VerifierKey::parse).transpose().context("the public key (--verifier-key, FULLHOUSE_VERIFIER_KEY) can't be used")?;
        let has_key = key.is_some();
        let keys = match (key, &store) {
            (Some(key), _) => vec![key],
            (None, Some(store)) => store.signers().await.context(UNREADABLE)?,
            (None, None) => Vec::new(),
        };
        let trusted = checkpoint.map(|path| read_trusted(path, &keys)).transpose()?;
        let kept = match store {
            Some(store) => Some(Kept::open(store, keys).await?),
            None => None,
        };
        Ok(Self { kept, trusted, has_key, ..Self::default() })
    }

    /// Takes the next fact's leaf into account.
    pub async fn push(&mut self, leaf: Hash, report: &mut Report) -> anyhow::Result<()> {
        if self.is_cut {
            return Ok(());
        }
        self.tree.push(leaf);
        let size = self.tree.size();
        if size.is_multiple_of(TILE) {
            self.compare_tile(size / TILE - 1);
        }
        if let Some(trusted) = self.trusted.clone().filter(|trusted| trusted.size == size) {
            self.compare_root(&trusted.root, "the checkpoint that you trust", report);
        }
        let reached = match &mut self.kept {
            Some(kept) => kept.reached(size).await?,
            None => None,
        };
        match reached {
            Some(Ok(checkpoint)) => {
                self.checkpoints += 1;
                self.compare_root(&checkpoint.root, "the checkpoint", report);
            }
            Some(Err(what)) => {
                let is_told = self.kept.as_mut().is_none_or(|kept| std::mem::replace(&mut kept.is_doubtful, true));
                report.breaches.extend((!is_told).then(|| breach(size, what)));
            }
            None => {}
        }
        Ok(())
    }

    /// A fact could not be read: what stands after it can't be compared.
    pub fn cut(&mut self) {
        self.is_cut = true;
    }

    /// At the end of the log: what was signed beyond it?
    pub fn finish(self, head: u64, report: &mut Report) {
        let newest = self.kept.as_ref().map_or(0, |kept| kept.newest);
        let signed = newest.max(self.trusted.as_ref().map_or(0, |trusted| trusted.size));
        if signed > head {
            let first = self.first_doubtful();
            let what =
                format!("the log ends at log position {head}, but {signed} facts were signed: some of those from {first} on are missing");
            report.breaches.push(breach(first.min(head + 1), what));
        }
        let is_signed = newest > 0 || self.trusted.is_some();
        if self.has_key && !is_signed {
            report
                .breaches
                .push(breach(1, "a key was named, but there is no checkpoint that it could have signed: they are missing".into()));
        }
        if let Some(tile) = self.kept.as_ref().and_then(|kept| kept.differing_tile) {
            self.tell_of_tile(tile, report);
        }
        let signers = self.kept.iter().flat_map(|kept| &kept.keys).map(ToString::to_string).collect();
        let trusted = self.trusted.map(|trusted| trusted.size);
        report.seals = Some(OfSeals { checkpoints: self.checkpoints, sealed: self.sound, trusted, signers });
    }

    /// The first log position that nothing speaks for.
    fn first_doubtful(&self) -> u64 {
        self.sound.max(self.sound_tiles) + 1
    }

    fn compare_root(&mut self, signed: &Hash, by_what: &str, report: &mut Report) {
        let size = self.tree.size();
        if self.tree.root() == *signed {
            if !self.is_broken {
                self.sound = size;
            }
        } else if !std::mem::replace(&mut self.is_broken, true) {
            let first = self.first_doubtful().min(size);
            let what = if first == size {
                format!("the fact is not the one that was signed: the root differs from {by_what}")
            } else {
                format!("one of the facts at log positions {first} to {size} is not what was signed: the root differs from {by_what}")
            };
            report.breaches.push(breach(first, what));
        }
    }

    fn compare_tile(&mut self, tile: u64) {
        let Some(kept) = self.kept.as_mut().filter(|kept| kept.differing_tile.is_none()) else { return };
        let Some(root) = kept.tiles.root(tile) else { return };
        if Some(root) == self.tree.tiles().root(tile) {
            self.sound_tiles = (tile + 1) * TILE;
        } else {
            kept.differing_tile = Some(tile);
        }
    }

    /// Nobody has signed tiles; whether the facts or the tile were changed is told by the signed root over both.
    fn tell_of_tile(&self, tile: u64, report: &mut Report) {
        let (first, last) = (tile * TILE + 1, (tile + 1) * TILE);
        let what = if self.sound >= last {
            format!("the tile kept over log positions {first} to {last} is wrong; the facts are what was signed")
        } else {
            format!("one of the facts at log positions {first} to {last} is not what it was when it was sealed")
        };
        report.breaches.push(breach(first, what));
    }
}

impl Kept {
    async fn open(store: Checkpoints, keys: Vec<VerifierKey>) -> anyhow::Result<Self> {
        let newest = store.newest().await.context(UNREADABLE)?.map_or(0, |newest| newest.size);
        let mut tiles = Tiles::default();
        store.read_tiles(&mut tiles).await.context(UNREADABLE)?;
        Ok(Self { store, ahead: VecDeque::new(), tiles, differing_tile: None, newest, keys, is_doubtful: false })
    }

    /// The checkpoint of this size, if there is one, and if it is to be believed.
    async fn reached(&mut self, size: u64) -> anyhow::Result<Option<Result<Checkpoint, String>>> {
        if self.ahead.is_empty() && size <= self.newest {
            self.ahead = self.store.at_least(size, READ_CHECKPOINTS).await.context(UNREADABLE)?.into();
        }
        let Some(kept) = self.ahead.pop_front_if(|kept| kept.size <= size) else { return Ok(None) };
        Ok(Some(match believed(&self.keys, &kept.note) {
            Some(Ok(checkpoint)) if checkpoint.size == kept.size => Ok(checkpoint),
            Some(Ok(_)) => Err("the checkpoint kept here is that of another size".into()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the checkpoint is signed, but nobody says with which key".into()),
        }))
    }
}

/// The checkpoint of one of the keys that somebody has kept.
fn read_trusted(path: &Path, keys: &[VerifierKey]) -> anyhow::Result<Checkpoint> {
    let note = crate::read_text(Some(path))?;
    let believed =
        believed(keys, &note).context("name the key that must have signed the checkpoint (--verifier-key, FULLHOUSE_VERIFIER_KEY)")?;
    let checkpoint = believed.with_context(|| format!("{} (--checkpoint, FULLHOUSE_CHECKPOINT) is not to be believed", path.display()))?;
    if checkpoint.size == 0 {
        bail!("{} is a checkpoint of an empty log, which shows nothing", path.display());
    }
    Ok(checkpoint)
}

/// The checkpoint of a note that one of these keys has signed; nothing, when there is no key.
fn believed(keys: &[VerifierKey], note: &str) -> Option<Result<Checkpoint, NoteError>> {
    keys.iter().map(|key| key.verify(note)).reduce(Result::or)
}

fn breach(log_position: u64, what: String) -> Breach {
    Breach { promise: Promise::History, log_position: Some(log_position), event_id: None, what }
}
