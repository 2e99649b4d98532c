//! Snapshots are taken of long histories, each from the one before, and whatever stands in their way.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::{Access, PostgresLog};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_projector::health::Health;
use fullhouse_projector::snapshots::{self, Snapshots};
use fullhouse_schemas::snapshot::{VERSION, decode};
use fullhouse_snapshots::store::{PostgresSnapshots, SqliteSnapshots, migrate};
use fullhouse_snapshots::{Kept, SnapshotStore};
use support::{Author, eventually};
use tokio_util::sync::CancellationToken;

/// So many facts make a history long.
const FACTS_MIN: u64 = 30;

async fn taken_in_time(log: Log, store: SnapshotStore) {
    let mut long = Author::schedule(&log, "a").await;
    let mut short = Author::schedule(&log, "b").await;
    let (stop, health) = (CancellationToken::new(), Health::default());
    // Two at once do no harm.
    let running = [(); 2].map(|()| {
        let snapshots = Snapshots { log: log.clone(), store: store.clone(), facts_min: FACTS_MIN };
        tokio::spawn(snapshots::run(snapshots, health.clone(), stop.clone()))
    });
    for round in 1..=3 {
        if round == 3 {
            // One of another log, at a position that this one has not.
            let kept = store.newest(&long.id, VERSION).await.unwrap().unwrap();
            store.keep(&long.id, Kept { position: 1_000_000, row_hash: [7; 32], ..kept }).await.unwrap();
        }
        let reached = round * 2 * FACTS_MIN;
        while long.show.position() < reached {
            long.hold_and_release().await;
        }
        short.hold_and_release().await;
        eventually("there is a snapshot that is new enough", async || {
            let kept = store.newest(&long.id, VERSION).await.unwrap();
            let position = kept.as_ref().map_or(0, |kept| kept.position);
            let is_new = position <= long.show.position() && position + FACTS_MIN > long.show.position();
            if let Some(kept) = kept.filter(|_| is_new) {
                let last = log.read_show(&long.id, position - 1, 1).await.unwrap().remove(0);
                let taken = decode(&kept.bytes).unwrap();
                assert_eq!((last.row_hash(), last.position, last.recorded_at), (kept.row_hash, taken.position, taken.recorded_at));
                assert!(position < long.show.position() || taken.reservations.len() == long.show.reservations().len());
            }
            is_new
        })
        .await;
    }
    assert_eq!(store.newest(&short.id, VERSION).await.unwrap(), None, "a short history needs none");
    assert_eq!(health.stopped_beside(), Vec::<String>::new());
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_in_time_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    taken_in_time(log, SnapshotStore::Sqlite(SqliteSnapshots::new(folder.path()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_in_time_in_a_database() {
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.unwrap();
    migrate(&database.url()).await.unwrap();
    let log = Log::Postgres(PostgresLog::open(&database.url(), Access::Append).await.unwrap());
    let store = SnapshotStore::Postgres(PostgresSnapshots::new(&database.login("fullhouse_projector")));
    taken_in_time(log, store).await;
}
