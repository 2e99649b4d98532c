//! How the projections are doing.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fullhouse_eventstore::with_cause;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::ProjectionError;

/// Which projections have stopped, and why. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    stopped: Arc<Mutex<Vec<String>>>,
    stopped_beside: Arc<Mutex<Vec<String>>>,
    faults: Arc<AtomicU64>,
}

impl Health {
    /// Runs a projection that only `stop` may end. Whatever else ends it, a panic included, is logged and kept here.
    pub(crate) async fn watch(
        &self,
        projection: &'static str,
        stop: &CancellationToken,
        running: impl Future<Output = Result<Infallible, ProjectionError>>,
    ) {
        watch(&self.stopped, projection, stop, running).await;
    }

    /// The same for what selling does not need: when it stops, somebody must look, but requests are served on.
    pub(crate) async fn watch_beside(
        &self,
        projection: &'static str,
        stop: &CancellationToken,
        running: impl Future<Output = Result<Infallible, ProjectionError>>,
    ) {
        watch(&self.stopped_beside, projection, stop, running).await;
    }

    /// Notes a fault that a projection gets over by itself.
    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// How many faults projections have got over, or are about to.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// What has stopped for good; nothing when all is well.
    pub fn stopped(&self) -> Vec<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has stopped for good that selling does not need.
    pub fn stopped_beside(&self) -> Vec<String> {
        self.stopped_beside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn watch(
    told: &Mutex<Vec<String>>,
    projection: &'static str,
    stop: &CancellationToken,
    running: impl Future<Output = Result<Infallible, ProjectionError>>,
) {
    // Begun anew, it is not what it was when it stopped.
    told.lock().unwrap_or_else(PoisonError::into_inner).retain(|told| !told.starts_with(projection));
    let running = AssertUnwindSafe(running).catch_unwind();
    let Some(ended) = stop.run_until_cancelled(running).await else { return };
    let why = match ended {
        Ok(Err(error)) => with_cause(&error),
        Err(_panicked) => "it has panicked".to_owned(),
    };
    tracing::error!(projection, "a projection has stopped: {why}");
    told.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{projection} has stopped: {why}"));
}
