//! The views in a SQLite file of their own.

pub(crate) mod file;
mod write;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use fullhouse_domain::Timestamp;
use fullhouse_eventstore::{Following, Log};
use tokio_util::sync::CancellationToken;

use super::{FACTS_PER_TRANSACTION_MAX, FAILURES, LOG_POSITION, PAUSE, RETRY_PAUSE, WRITE_SECONDS};
use crate::background::{Background, in_background};
use crate::health::Health;
use crate::{ProjectionError, next_facts, read_more, whatever_happens};
use write::SqlViews;

/// Keeps the SQL views of a folder near the head of the log until `stop`.
///
/// Nobody decides by these views, so a fault of their file stops nothing else: they go on from where they are as soon as
/// they can.
pub async fn run(log: Log, folder: PathBuf, health: Health, stop: CancellationToken) {
    let following = whatever_happens("writing the SQL views", FAILURES, RETRY_PAUSE, &health, || follow(&log, &folder, &health));
    health.watch("the SQL views", &stop, following).await;
}

/// What arrives while the server shuts down is folded when it starts again.
async fn follow(log: &Log, folder: &Path, health: &Health) -> Result<Infallible, ProjectionError> {
    let mut views = SqlViews::open(folder, log.head())?;
    let mut follower = log.follow(views.log_position());
    loop {
        let first = next_facts(&mut follower, health).await?;
        let batches = read_more(first, &mut follower, FACTS_PER_TRANSACTION_MAX)?;
        views = write(views, batches, log.head(), log.now()).await?;
        metrics::gauge!(LOG_POSITION).set(views.log_position() as f64);
        if log.head() - views.log_position() < FACTS_PER_TRANSACTION_MAX as u64 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn write(mut views: SqlViews, batches: Vec<Following>, log_head: u64, now: Timestamp) -> Result<SqlViews, ProjectionError> {
    let writing = in_background(Background::SqlViews, move || {
        let began = std::time::Instant::now();
        views.apply(&batches, log_head, now)?;
        metrics::histogram!(WRITE_SECONDS).record(began.elapsed().as_secs_f64());
        Ok(views)
    });
    writing.await
}

/// Makes the views of a folder anew from the whole log; returns the log position that they reach. No server may use the folder
/// meanwhile. `tell` hears of each log position that is reached.
pub async fn rebuild(log: &Log, folder: &Path, mut tell: impl FnMut(u64)) -> Result<u64, ProjectionError> {
    file::remove(folder);
    let head = log.head();
    let mut views = SqlViews::open(folder, head)?;
    let mut follower = log.follow(0);
    while views.log_position() < head {
        let first = follower.next().await?;
        views = write(views, read_more(first, &mut follower, FACTS_PER_TRANSACTION_MAX)?, head, log.now()).await?;
        tell(views.log_position());
    }
    Ok(head)
}
