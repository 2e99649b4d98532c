//! What the tests of the command side share.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::Path;

use fullhouse_domain::Show;
use fullhouse_eventstore::Log;
use fullhouse_schemas::facts::decode;
use fullhouse_snapshots::SnapshotStore;
use fullhouse_snapshots::store::SqliteSnapshots;

/// The snapshots in a folder: none, as long as nobody makes them.
pub fn snapshots(folder: &Path) -> SnapshotStore {
    SnapshotStore::Sqlite(SqliteSnapshots::new(folder))
}

/// Folds a log of one show, and shows each state on the way. A history that breaks the rules fails.
pub async fn replay(log: &Log, mut each: impl FnMut(&Show)) -> Show {
    let facts = log.read_log(0, 10_000_000).await.unwrap();
    let mut show = Show::schedule(&decode(&facts[0]).unwrap(), facts[0].recorded_at).unwrap();
    for fact in &facts[1..] {
        show.evolve(&decode(fact).unwrap(), fact.recorded_at).unwrap();
        each(&show);
    }
    show
}
