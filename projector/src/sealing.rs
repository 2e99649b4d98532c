//! Sealing: about once a second the tree over the log is signed, off the append path.

use std::convert::Infallible;
use std::time::Duration;

use fullhouse_eventstore::{Following, Log, with_cause};
use fullhouse_transparency::sealer::{Sealer, leaves_of};
use fullhouse_transparency::{CheckpointKey, Checkpoints, TransparencyError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::background::{Background, in_background};
use crate::health::Health;
use crate::{ProjectionError, next_facts, read_more, whatever_happens};

/// Gauge: the log position up to which the log is sealed.
pub const LOG_POSITION: &str = "fullhouse_sealed_log_position";
/// Counter: how often nothing could be sealed.
pub const FAILURES: &str = "fullhouse_sealing_failures_total";
/// Gauge: 1, when sealing has stopped for good, because the log is not what was signed; else 0.
pub const STOPPED: &str = "fullhouse_sealing_stopped";

/// The pause before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// The pause between two checkpoints.
const PAUSE: Duration = Duration::from_secs(1);
/// How many facts go into the tree at a time.
const FACTS_AT_A_TIME_MAX: usize = 20_000;
/// A tree that lacks more facts than this does not wait for the next second.
const BEHIND_MAX: u64 = 1_000;
/// Nor is it signed before it has grown by so many.
const UNSEALED_MAX: u64 = 100_000;
/// How long the last checkpoint may take when the work ends: less than the session of whoever hands it over lives.
const LAST_MAX: Duration = Duration::from_secs(1);
/// How long the log may take to tell its head.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// What is sealed, kept when it is begun anew.
type Slot = Mutex<Option<Sealer>>;

/// Seals the log until `stop`, and once more then. Two that do so at once do no harm: they come to the same roots.
///
/// Each time that it begins, the whole log is hashed and compared with the newest checkpoint before anything is signed. Selling does
/// not wait for that, nor for anything else here.
pub async fn run(log: Log, store: Checkpoints, key: CheckpointKey, health: Health, stop: CancellationToken) {
    metrics::gauge!(STOPPED).set(0.0);
    let slot = Slot::default();
    let following = whatever_happens("sealing", FAILURES, RETRY_PAUSE, &health, || follow(&log, &store, &key, &health, &slot));
    health.watch_beside("sealing", &stop, following).await;
    if !stop.is_cancelled() {
        metrics::gauge!(STOPPED).set(1.0);
        return;
    }
    match tokio::time::timeout(LAST_MAX, seal_the_rest(&log, &slot)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("the end of the log is sealed when a server starts again: {}", with_cause(&error)),
        Err(_elapsed) => tracing::warn!("the end of the log is sealed when a server starts again: there was no time"),
    }
}

async fn follow(log: &Log, store: &Checkpoints, key: &CheckpointKey, health: &Health, slot: &Slot) -> Result<Infallible, ProjectionError> {
    let mut slot = slot.lock().await;
    let sealer = match &mut *slot {
        Some(begun) => begun,
        none => none.insert(Sealer::open(store.clone(), key.clone()).await?),
    };
    check_length(log, sealer).await?;
    let mut follower = log.follow(sealer.log_position());
    loop {
        let first = next_facts(&mut follower, health).await?;
        let batches = read_more(first, &mut follower, FACTS_AT_A_TIME_MAX)?;
        extend(sealer, batches).await?;
        let is_behind = log.head().saturating_sub(sealer.log_position()) > BEHIND_MAX;
        if is_behind && sealer.unsealed() < UNSEALED_MAX {
            continue;
        }
        let sealed = sealer.seal(log.now()).await?;
        metrics::gauge!(LOG_POSITION).set(sealed as f64);
        if !is_behind {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A log that ends before what was signed has lost facts. Once it has grown again nobody could tell by its length.
async fn check_length(log: &Log, sealer: &Sealer) -> Result<(), ProjectionError> {
    let head = log.newest_head(LOG_PATIENCE).await?;
    match sealer.must_reach().filter(|signed| head < *signed) {
        None => Ok(()),
        Some(signed) => {
            let what = format!("a checkpoint was signed at log position {signed}, and the log ends at {head}");
            Err(TransparencyError::Contradiction { what }.into())
        }
    }
}

/// What was appended while the server shut down is sealed too, if all that was signed before was reached.
async fn seal_the_rest(log: &Log, slot: &Slot) -> Result<(), ProjectionError> {
    let mut slot = slot.lock().await;
    let Some(sealer) = slot.as_mut().filter(|sealer| sealer.has_reached_what_was_signed()) else { return Ok(()) };
    let mut follower = log.follow(sealer.log_position());
    while sealer.log_position() < log.head() {
        let facts = follower.next().await?;
        extend(sealer, vec![facts]).await?;
    }
    sealer.seal(log.now()).await?;
    Ok(())
}

async fn extend(sealer: &mut Sealer, batches: Vec<Following>) -> Result<(), ProjectionError> {
    let leaves = in_background(Background::Hashing, move || leaves_of(batches.iter().flat_map(|batch| batch.iter()))).await;
    Ok(sealer.extend(&leaves)?)
}
