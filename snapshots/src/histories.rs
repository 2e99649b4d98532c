//! A show's state, from its newest snapshot and the facts after it.

use std::fmt::Display;
use std::time::{Duration, Instant};

use fullhouse_domain::{Show, ShowId, SnapshotFault};
use fullhouse_eventstore::{Log, LogError, with_cause};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::{UnreadableFact, decode};
use fullhouse_schemas::snapshot::{self, UnreadableSnapshot};

use crate::store::{Kept, SnapshotStore};

/// Counter: histories that were read, by what the reading began with: `from="snapshot"` or `from="facts"`.
pub const LOADS: &str = "fullhouse_history_loads_total";
/// Histogram: how long reading a history took, in seconds.
pub const LOAD_SECONDS: &str = "fullhouse_history_load_seconds";
/// Histogram: how many facts had to be folded for that.
pub const LOAD_FACTS: &str = "fullhouse_history_load_facts";
/// Counter: how often a snapshot could not be read, used or kept.
pub const FAILURES: &str = "fullhouse_snapshot_failures_total";

/// How long the store may take to answer. Folding a long history takes about as long.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many facts are read at a time.
pub const READ_FACTS: usize = 4_096;

/// The histories of a log's shows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Histories {
    log: Log,
    store: SnapshotStore,
}

/// Why a history can't be folded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fact can't be read.
    #[error(transparent)]
    Fact(#[from] UnreadableFact),
    /// The facts contradict one another.
    #[error("the history of {show} breaks the rules at position {position}: {breach:?}; examine it with `fullhouse verify`")]
    Breach {
        /// Whose.
        show: ShowId,
        /// Where.
        position: u64,
        /// In what way.
        breach: fullhouse_domain::show::Breach,
    },
}

impl LoadError {
    /// Whether the history may be sound, and only can't be had now.
    pub fn is_passing(&self) -> bool {
        matches!(self, LoadError::Log(LogError::Store { .. }))
    }
}

/// Why nobody goes on from a snapshot.
#[derive(Debug, thiserror::Error)]
enum UnusableSnapshot {
    #[error("the log has another fact at its position, or none")]
    OtherHistory,
    #[error(transparent)]
    Unreadable(#[from] UnreadableSnapshot),
    #[error("no history comes to it: {0:?}")]
    Fault(SnapshotFault),
}

impl Histories {
    /// Those of a log, with the snapshots beside it.
    pub fn new(log: Log, store: SnapshotStore) -> Self {
        Self { log, store }
    }

    /// A show's state at the end of its history; nothing, when there is no such show.
    pub async fn load(&self, id: &ShowId) -> Result<Option<Box<Show>>, LoadError> {
        let began = Instant::now();
        let resumed = self.resume(id).await?;
        let (mut from, mut after) = resumed.as_ref().map_or(("facts", 0), |show| ("snapshot", show.position()));
        let mut read = self.read_on(id, resumed).await;
        // It is the snapshot that is wrong, as long as the facts alone say nothing else.
        if let Err(breach @ LoadError::Breach { .. }) = &read
            && after > 0
        {
            (from, after) = ("facts", 0);
            read = self.read_on(id, go_without(id, breach)).await;
        }
        let show = read?;
        if let Some(show) = &show {
            metrics::counter!(LOADS, "from" => from).increment(1);
            metrics::histogram!(LOAD_SECONDS).record(began.elapsed().as_secs_f64());
            metrics::histogram!(LOAD_FACTS).record((show.position() - after) as f64);
        }
        Ok(show)
    }

    /// Folds a show's facts from where `show` stands to the end.
    pub async fn read_on(&self, id: &ShowId, mut show: Option<Box<Show>>) -> Result<Option<Box<Show>>, LoadError> {
        loop {
            let after = show.as_ref().map_or(0, |show| show.position());
            let facts = self.log.read_show(id, after, READ_FACTS).await?;
            show = fold_all(show, &facts)?;
            if facts.len() < READ_FACTS || show.is_none() {
                return Ok(show);
            }
        }
    }

    /// A show's state at its newest snapshot; nothing, when there is none to go on from. Why not is told, if there should have been one.
    pub async fn resume(&self, id: &ShowId) -> Result<Option<Box<Show>>, LoadError> {
        // Whoever makes up ids costs no look at the snapshots.
        let Some(first) = self.log.read_show(id, 0, 1).await?.pop().filter(StoredFact::is_of_a_show) else { return Ok(None) };
        let kept = match tokio::time::timeout(PATIENCE, self.store.newest(id, snapshot::VERSION)).await {
            Ok(Ok(Some(kept))) => kept,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => return Ok(go_without(id, with_cause(&error))),
            Err(elapsed) => return Ok(go_without(id, elapsed)),
        };
        let last = self.log.read_show(id, kept.position.saturating_sub(1), 1).await?.pop();
        // A big hall takes a while, which holds nobody up there.
        let restoring = tokio::task::spawn_blocking(move || restore(&first, last.as_ref(), &kept));
        match restoring.await {
            Ok(Ok(show)) => Ok(Some(show)),
            Ok(Err(unusable)) => Ok(go_without(id, unusable)),
            // Commands wait for this, so it must end with something.
            Err(panicked) => Ok(go_without(id, panicked)),
        }
    }
}

/// Tells why a snapshot is not gone on from.
fn go_without(id: &ShowId, why: impl Display) -> Option<Box<Show>> {
    metrics::counter!(FAILURES).increment(1);
    tracing::warn!(show = %id, "no snapshot is used, and all of the show's facts are folded: {why}");
    None
}

/// The state that a snapshot keeps, if it is of the history that has these facts: the first one, and the one at its position.
fn restore(first: &StoredFact, last: Option<&StoredFact>, kept: &Kept) -> Result<Box<Show>, UnusableSnapshot> {
    let last = last.ok_or(UnusableSnapshot::OtherHistory)?;
    if last.position != kept.position || last.row_hash() != kept.row_hash {
        return Err(UnusableSnapshot::OtherHistory);
    }
    let snapshot = snapshot::decode(&kept.bytes)?;
    if (snapshot.position, snapshot.recorded_at) != (last.position, last.recorded_at) {
        return Err(UnusableSnapshot::OtherHistory);
    }
    let scheduled = decode(first).map_err(|_unreadable| UnusableSnapshot::OtherHistory)?;
    Show::restore(&scheduled, snapshot).map(Box::new).map_err(UnusableSnapshot::Fault)
}

/// Folds a show's next facts; nothing, when there is no such show.
pub fn fold_all(mut show: Option<Box<Show>>, facts: &[StoredFact]) -> Result<Option<Box<Show>>, LoadError> {
    // A stream of something else has a name like a show's, but there is no such show.
    if facts.first().is_some_and(|fact| !fact.is_of_a_show()) {
        return Ok(None);
    }
    for fact in facts {
        show = Some(fold(show, fact)?);
    }
    Ok(show)
}

/// Folds a show's next fact.
pub fn fold(show: Option<Box<Show>>, fact: &StoredFact) -> Result<Box<Show>, LoadError> {
    let event = decode(fact)?;
    let breached = |breach| LoadError::Breach { show: fact.show.clone(), position: fact.position, breach };
    match show {
        None => Show::schedule(&event, fact.recorded_at).map(Box::new).map_err(breached),
        Some(mut show) => {
            show.evolve(&event, fact.recorded_at).map_err(breached)?;
            Ok(show)
        }
    }
}
