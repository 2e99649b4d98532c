//! Snapshots of shows against the fold of the log.

use std::collections::BTreeMap;

use anyhow::Context;
use fullhouse_domain::{ShowId, ShowSnapshot};
use fullhouse_schemas::{StoredFact, snapshot};
use fullhouse_snapshots::{Kept, SnapshotStore};

use super::replay::{Replay, Replayed};
use super::report::{Breach, Report};
use crate::promise::Promise;

const UNREADABLE: &str = "the snapshots can't be read";

/// The snapshots that there were when verifying began.
pub struct Snapshots {
    store: SnapshotStore,
    /// Where each is to be compared.
    due: BTreeMap<ShowId, u64>,
}

impl Snapshots {
    pub async fn open(store: SnapshotStore) -> anyhow::Result<Self> {
        let due = store.positions(snapshot::VERSION).await.context(UNREADABLE)?;
        Ok(Self { store, due })
    }

    /// Compares the snapshot of a show when its position is reached.
    pub async fn compare(&mut self, fact: &StoredFact, replay: &Replay, report: &mut Report) -> anyhow::Result<()> {
        if self.due.get(&fact.show) != Some(&fact.position) {
            return Ok(());
        }
        self.due.remove(&fact.show);
        let kept = self.store.newest(&fact.show, snapshot::VERSION).await.context(UNREADABLE)?;
        // A server that runs may have taken another one since.
        let Some(kept) = kept.filter(|kept| kept.position == fact.position) else { return Ok(()) };
        let Some(Replayed::Sound(show)) = replay.shows.get(&fact.show) else { return Ok(()) };
        report.snapshots_compared += 1;
        if let Err(what) = check(&kept, fact, &show.snapshot()) {
            report.breaches.push(breach(&fact.show, Some(fact.log_position), what));
        }
        Ok(())
    }

    /// Notes the snapshots whose position was never reached.
    pub fn finish(&self, replay: &Replay, report: &mut Report) {
        for (show, position) in &self.due {
            let length = match replay.shows.get(show) {
                Some(Replayed::Broken) => continue,
                Some(Replayed::Sound(show)) => show.position(),
                None => 0,
            };
            let what = format!("the snapshot is of position {position}, but the history ends at {length}");
            report.breaches.push(breach(show, None, what));
        }
    }
}

fn breach(show: &ShowId, log_position: Option<u64>, what: String) -> Breach {
    Breach { promise: Promise::Snapshots, log_position, event_id: Some(show.to_string()), what }
}

fn check(kept: &Kept, fact: &StoredFact, folded: &ShowSnapshot) -> Result<(), String> {
    if kept.row_hash != fact.row_hash() {
        return Err("the snapshot is of another history: its last fact has another hash".into());
    }
    let stored = snapshot::decode(&kept.bytes).map_err(|error| format!("the snapshot can't be read: {error}"))?;
    if stored == *folded { Ok(()) } else { Err(format!("the snapshot is not the fold of the log: {}", difference(&stored, folded))) }
}

/// The first thing that differs.
fn difference(stored: &ShowSnapshot, folded: &ShowSnapshot) -> String {
    if (stored.position, stored.recorded_at) != (folded.position, folded.recorded_at) {
        return "it names another end of the history".into();
    }
    if stored.reservations.len() != folded.reservations.len() {
        return format!("it has {} reservations, and the log {}", stored.reservations.len(), folded.reservations.len());
    }
    let mut both = stored.reservations.iter().zip(&folded.reservations);
    both.find(|(stored, folded)| stored != folded)
        .map_or_else(|| "its waiting room is another".into(), |(_, folded)| format!("it has {} otherwise", folded.id))
}
