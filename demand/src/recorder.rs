//! Where refusals are noted, and the task that writes them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fullhouse_domain::{Refusal, ShowId, Subject};
use fullhouse_eventstore::Log;
use tokio_util::sync::CancellationToken;

use crate::store::DemandStore;
use crate::tally::{Page, Refused, Tally};

/// Counter: how often refusals could not be written. They are kept, and written later.
pub const FAILURES: &str = "fullhouse_demand_failures_total";
/// Counter: refusals that were too many even to be counted.
pub const UNCOUNTED: &str = "fullhouse_demand_uncounted_total";

/// How often refusals are written.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Where refusals are noted. Clones count together. Noting one takes well under a microsecond and never waits for the store.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Whose clock counts.
    log: Log,
    tally: Arc<Mutex<Tally>>,
}

impl Demand {
    /// Refusals by this log's clock.
    pub fn new(log: Log) -> Self {
        Self { log, tally: Arc::default() }
    }

    /// Notes that a hold of so many seats was refused at a position of its show.
    pub fn note(&self, show: ShowId, subject: Subject, seats: usize, refusal: &Refusal, position: u64) {
        let refused = Refused { show, subject, at: self.log.now(), position, seats };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).note(&refused, refusal);
    }

    /// Writes what is noted about once a second until `stop`, and a last time then. What can't be written is tried again, before
    /// anything newer; meanwhile new refusals are counted on.
    pub async fn keep(self, store: DemandStore, stop: CancellationToken) {
        let mut unwritten = None;
        while stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_some() {
            self.write(&store, &mut unwritten).await;
        }
        // What could not be written before, and then the rest.
        self.write(&store, &mut unwritten).await;
        self.write(&store, &mut unwritten).await;
    }

    async fn write(&self, store: &DemandStore, unwritten: &mut Option<Arc<Page>>) {
        if unwritten.is_none() {
            let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
            metrics::counter!(UNCOUNTED).increment(tally.uncounted);
            *unwritten = (!tally.counts.is_empty()).then(|| Arc::new(Page { id: rand::random(), tally }));
        }
        let Some(page) = unwritten.clone() else { return };
        match store.add(page).await {
            Ok(()) => *unwritten = None,
            Err(error) => {
                metrics::counter!(FAILURES).increment(1);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(cause, "refusals can't be written, and are kept for later: {error}");
            }
        }
    }
}
