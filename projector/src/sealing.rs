//! Sealing: about once a second the tree over the log is signed, off the append path.

use std::convert::Infallible;
use std::time::Duration;

use fullhouse_eventstore::{Following, Log};
use fullhouse_transparency::sealer::{Sealer, leaves_of};
use fullhouse_transparency::{CheckpointKey, Checkpoints};
use tokio_util::sync::CancellationToken;

use crate::health::{Health, with_cause};
use crate::{ProjectionError, next_facts, read_more, whatever_happens};

/// Gauge: the log position up to which the log is sealed.
pub const LOG_POSITION: &str = "fullhouse_sealed_log_position";
/// Counter: how often nothing could be sealed.
pub const FAILURES: &str = "fullhouse_sealing_failures_total";

/// The pause before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// The pause between two checkpoints.
const PAUSE: Duration = Duration::from_secs(1);
/// How many facts go into the tree at a time when it is far behind; a checkpoint follows each time.
const FACTS_AT_A_TIME_MAX: usize = 50_000;
/// How long the last checkpoint may take when the server shuts down.
const LAST_MAX: Duration = Duration::from_secs(3);

/// Seals the log until `stop`, and once more then. Two that do so at once do no harm: they come to the same roots.
pub async fn run(log: Log, store: Checkpoints, key: CheckpointKey, health: Health, stop: CancellationToken) {
    let following = whatever_happens("sealing", FAILURES, RETRY_PAUSE, &health, || follow(&log, &store, &key, &health));
    health.watch("sealing", &stop, following).await;
    let sealed = tokio::time::timeout(LAST_MAX, seal_the_rest(&log, &store, &key)).await;
    match sealed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("the end of the log is sealed when a server starts again: {}", with_cause(&error)),
        Err(_elapsed) => tracing::warn!("the end of the log is sealed when a server starts again: there was no time"),
    }
}

async fn follow(log: &Log, store: &Checkpoints, key: &CheckpointKey, health: &Health) -> Result<Infallible, ProjectionError> {
    let mut sealer = Sealer::open(log, store.clone(), key.clone()).await?;
    let mut follower = log.follow(sealer.log_position());
    loop {
        let first = next_facts(&mut follower, health).await?;
        let batches = read_more(first, &mut follower, FACTS_AT_A_TIME_MAX)?;
        let is_behind = batches.iter().map(|batch| batch.len()).sum::<usize>() >= FACTS_AT_A_TIME_MAX;
        extend(&mut sealer, batches).await;
        let sealed = sealer.seal(log.now()).await?;
        metrics::gauge!(LOG_POSITION).set(sealed as f64);
        if !is_behind {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What was appended while the server shut down is sealed too.
async fn seal_the_rest(log: &Log, store: &Checkpoints, key: &CheckpointKey) -> Result<(), ProjectionError> {
    let mut sealer = Sealer::open(log, store.clone(), key.clone()).await?;
    let mut follower = log.follow(sealer.log_position());
    while sealer.log_position() < log.head() {
        let facts = follower.next().await?;
        extend(&mut sealer, vec![facts]).await;
    }
    sealer.seal(log.now()).await?;
    Ok(())
}

async fn extend(sealer: &mut Sealer, batches: Vec<Following>) {
    let hashing = tokio::task::spawn_blocking(move || leaves_of(batches.iter().flat_map(|batch| batch.iter())));
    match hashing.await {
        Ok(leaves) => sealer.extend(&leaves),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
