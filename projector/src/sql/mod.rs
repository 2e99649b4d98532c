//! Tables for people who query with SQL, in a SQLite file of their own.
//!
//! The log is in another file, so that an analyst's long read never holds back the log's checkpoint. Facts are folded
//! into `changes`, which are written in one transaction together with the log position that they lead to.
//! What the file says is therefore always the fold of the log up to the position that it names.

mod changes;
mod file;
mod write;

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use fullhouse_eventstore::{Follower, Log};
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::health::{Health, with_cause};
use crate::{ProjectionError, next_facts};
use write::SqlViews;

pub use file::{FILE_NAME, open_to_read};

/// Gauge: the log position that the SQL views have reached.
pub const LOG_POSITION: &str = "fullhouse_sql_views_log_position";
/// Histogram: how long writing a batch of changes took, in seconds.
pub const WRITE_SECONDS: &str = "fullhouse_sql_views_write_seconds";

/// Counter: how often the SQL views could not be written.
pub const FAILURES: &str = "fullhouse_sql_views_failures_total";

/// The pause before the views' file is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How many facts are folded into one transaction when the views are far behind.
const FACTS_PER_TRANSACTION_MAX: usize = 20_000;
/// The views pause so long between two transactions. Many changes of a busy moment then fall together, and the lag stays
/// well below the second that is promised.
const PAUSE: Duration = Duration::from_millis(100);

/// Keeps the SQL views of a folder near the head of the log until `stop`.
///
/// Nobody decides by these views, so a fault of their file stops nothing else: they go on from where they are as soon as
/// they can.
pub async fn run(log: Log, folder: std::path::PathBuf, health: Health, stop: CancellationToken) {
    health.watch("the SQL views", &stop, follow_whatever_happens(&log, &folder, &health)).await;
}

async fn follow_whatever_happens(log: &Log, folder: &Path, health: &Health) -> Result<Infallible, ProjectionError> {
    loop {
        match follow(log, folder, health).await {
            Err(error @ ProjectionError::Sql { .. }) => {
                metrics::counter!(FAILURES).increment(1);
                health.fault();
                tracing::error!("the SQL views could not be written: {}", with_cause(&error));
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            ended => return ended,
        }
    }
}

/// What arrives while the server shuts down is folded when it starts again.
async fn follow(log: &Log, folder: &Path, health: &Health) -> Result<Infallible, ProjectionError> {
    let mut views = SqlViews::open(folder, log.head())?;
    let mut follower = log.follow(views.log_position());
    loop {
        let first = next_facts(&mut follower, health).await?;
        views = write(views, first, &mut follower).await?;
        metrics::gauge!(LOG_POSITION).set(views.log_position() as f64);
        if log.head() - views.log_position() < FACTS_PER_TRANSACTION_MAX as u64 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Writes what has been read, and whatever else can be had without waiting.
async fn write(mut views: SqlViews, first: fullhouse_eventstore::Following, follower: &mut Follower) -> Result<SqlViews, ProjectionError> {
    let mut count = first.len();
    let mut batches = vec![first];
    while count < FACTS_PER_TRANSACTION_MAX
        && let Some(next) = follower.next().now_or_never()
    {
        let next = next?;
        count += next.len();
        batches.push(next);
    }
    let writing = tokio::task::spawn_blocking(move || {
        let began = std::time::Instant::now();
        views.apply(batches.iter().flat_map(|batch| batch.iter()))?;
        metrics::histogram!(WRITE_SECONDS).record(began.elapsed().as_secs_f64());
        Ok(views)
    });
    match writing.await {
        Ok(written) => written,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
