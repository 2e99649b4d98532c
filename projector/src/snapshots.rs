//! Snapshots of shows with long histories, so that nobody who needs such a show folds all of its facts.
//!
//! Nothing is counted from fact to fact, and no state is kept: now and then the log is asked which histories are long, and the store
//! how long each was when its snapshot was taken. One show at a time then goes on from that snapshot to a new one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use fullhouse_domain::{Show, ShowId};
use fullhouse_eventstore::{Log, LogError};
use fullhouse_schemas::snapshot;
use fullhouse_snapshots::{FAILURES, Histories, Kept, LoadError, READ_FACTS, SnapshotStore, fold_all};
use tokio_util::sync::CancellationToken;

use crate::background::{Background, in_background};
use crate::health::Health;
use crate::{ProjectionError, whatever_happens};

/// Counter: snapshots that were kept.
pub const KEPT: &str = "fullhouse_snapshots_kept_total";

/// So many facts are folded in about 100 ms, which whoever waits for a show does not mind. Fewer would be kept again and again.
pub const FACTS_MIN: u64 = 30_000;
/// A longer history gets a snapshot whenever it has grown by one part in so many: a snapshot is about as long as the history, and all
/// that are ever written of a show come to about this many times the last.
const GROWTH: u64 = 16;
/// The log is asked for long histories when it has grown by one part in so many of what makes a history long.
const LOOKS: u64 = 5;
/// A snapshot that is bigger is not kept: the store would need as much memory again.
const BYTES_MAX: usize = 512 << 20;
/// The pause between two looks at the log. A hall that is sold out in half a minute need not have a snapshot every second of it.
const PAUSE: Duration = Duration::from_secs(5);
/// After each snapshot there is a rest, this many times as long as the snapshot took: else the halls of a big on-sale could take turns without
/// end. While one was taken under full load it cost a fourteenth of all processor time with PostgreSQL.
const REST: u32 = 9;
/// The pause before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// What is made of what.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The log.
    pub log: Log,
    /// Where they are kept.
    pub store: SnapshotStore,
    /// How many new facts a history must have: [`FACTS_MIN`], or fewer where somebody tries this.
    pub facts_min: u64,
}

/// Makes snapshots until `stop`. Two that do so at once do no harm: the newer one is kept. Selling needs none of it.
pub async fn run(snapshots: Snapshots, health: Health, stop: CancellationToken) {
    let following = whatever_happens("taking snapshots", FAILURES, RETRY_PAUSE, &health, || follow(&snapshots));
    health.watch_beside("taking snapshots", &stop, following).await;
}

async fn follow(snapshots: &Snapshots) -> Result<Infallible, ProjectionError> {
    // Histories of which no snapshot can be taken, by how long they were when that was tried.
    let mut passed_over = HashMap::new();
    let mut looked_at = 0;
    loop {
        let head = snapshots.log.head();
        if head >= looked_at + (snapshots.facts_min / LOOKS).max(1) {
            look(snapshots, &mut passed_over).await?;
            looked_at = head;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes a snapshot of each show that is due, one after another.
async fn look(snapshots: &Snapshots, passed_over: &mut HashMap<ShowId, u64>) -> Result<(), ProjectionError> {
    let kept = snapshots.store.positions(snapshot::VERSION).await?;
    let mut failed = Ok(());
    for (show, length) in snapshots.log.long_histories(snapshots.facts_min).await? {
        let before = kept.get(&show).max(passed_over.get(&show)).copied().unwrap_or(0);
        // A snapshot that is ahead of the log is of another one.
        if length >= before && length - before < snapshots.facts_min.max(length / GROWTH) {
            continue;
        }
        let began = Instant::now();
        let taken = take(snapshots, &show, kept.contains_key(&show)).await;
        if taken.is_ok() {
            tokio::time::sleep(REST * began.elapsed()).await;
        }
        match taken {
            Ok(true) => {}
            Ok(false) => drop(passed_over.insert(show, length)),
            // The others need theirs all the same.
            Err(error) => failed = Err(error),
        }
    }
    failed
}

/// Takes a snapshot of a show as it is now; whether one can be taken.
async fn take(snapshots: &Snapshots, id: &ShowId, has_one: bool) -> Result<bool, ProjectionError> {
    let Snapshots { log, store, .. } = snapshots;
    let histories = Histories::new(log.clone(), store.clone());
    let began = histories.resume(id).await?;
    let has_begun = began.is_some();
    let mut folded = fold_in_background(log, id, began).await;
    let is_wrong = has_begun && matches!(folded, Err(LoadError::Breach { .. }));
    if has_one && !has_begun || is_wrong {
        // One that nobody can use must not stand in the way of the next, wherever it says that it is.
        store.forget(id, snapshot::VERSION).await?;
    }
    if is_wrong {
        folded = fold_in_background(log, id, None).await;
    }
    let (show, row_hash) = match folded {
        Ok(Some(folded)) => folded,
        // A history that can't be folded is told of by whoever needs the show, and by `fullhouse verify`.
        Ok(None) | Err(LoadError::Breach { .. } | LoadError::Fact(_) | LoadError::Log(LogError::Damaged { .. })) => return Ok(false),
        Err(error @ LoadError::Log(_)) => return Err(error.into()),
    };
    let position = show.position();
    let bytes = in_background(Background::Snapshots, move || snapshot::encode(&show.snapshot())).await;
    if bytes.len() > BYTES_MAX {
        tracing::warn!(show = %id, bytes = bytes.len(), "the show's snapshot is too big to be kept: whoever needs the show folds its facts");
        return Ok(false);
    }
    store.keep(id, Kept { version: snapshot::VERSION, position, row_hash, bytes }).await?;
    metrics::counter!(KEPT).increment(1);
    tracing::debug!(show = %id, position, "a snapshot was taken");
    Ok(true)
}

/// Folds a history to its end; returns the state with the hash of its last fact. Nothing, when there is nothing new, or no such show.
async fn fold_in_background(log: &Log, id: &ShowId, mut show: Option<Box<Show>>) -> Result<Option<(Box<Show>, [u8; 32])>, LoadError> {
    let mut row_hash = None;
    loop {
        let after = show.as_ref().map_or(0, |show| show.position());
        let facts = log.read_show(id, after, READ_FACTS).await?;
        let is_end = facts.len() < READ_FACTS;
        row_hash = facts.last().map(|fact| fact.row_hash()).or(row_hash);
        show = in_background(Background::Snapshots, move || fold_all(show, &facts)).await?;
        if is_end || show.is_none() {
            return Ok(show.zip(row_hash));
        }
    }
}
