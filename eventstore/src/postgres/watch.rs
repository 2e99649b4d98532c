//! Noticing what others append.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Notify, watch};

use super::connect::{connect, failed, timely};
use super::{Shared, read};
use crate::error::LogError;

/// Counter: looks at the end of the log that failed.
const FAILURES: &str = "fullhouse_log_watch_failures_total";
/// Gauge: the last log position that this process knows.
const HEAD: &str = "fullhouse_log_head";

/// How long the log is left alone when nobody says that it has grown.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The pause between two looks, however often the log grows.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause after a look that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
/// How long a look may take before its connection is given up.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// How many facts are taken in at a time.
const FACTS_MAX: usize = 2_000;

/// Requests to look at the end of the log. Those that come while a look is under way share the next one.
#[derive(Debug)]
pub(crate) struct Watching {
    asked: AtomicU64,
    answered: watch::Sender<u64>,
    nudged: Notify,
    /// What the last look that failed said, until one goes well.
    trouble: Mutex<Option<String>>,
}

impl Default for Watching {
    fn default() -> Self {
        Self { asked: AtomicU64::new(0), answered: watch::channel(0).0, nudged: Notify::new(), trouble: Mutex::default() }
    }
}

impl Watching {
    /// Waits until a look that began after this call has ended well.
    pub async fn look(&self) {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.nudge();
        // The sender lives as long as this does.
        let _ = self.answered.subscribe().wait_for(|&answered| answered >= ticket).await;
    }

    /// Why nobody is answered.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub fn nudge(&self) {
        self.nudged.notify_one();
    }
}

/// Looks at the end of the log now and then, and whenever somebody asks, until it is dropped.
pub(crate) async fn run(options: PgConnectOptions, shared: Arc<Shared>, watching: Arc<Watching>) {
    let mut connection = None;
    let mut failing_since: Option<Instant> = None;
    loop {
        let asked = watching.asked.load(Ordering::SeqCst);
        match timely(LOOK_MAX, look(&options, &mut connection, &shared), failed("looking at the end of the log")).await {
            Ok(()) => {
                watching.note(None);
                if let Some(since) = failing_since.take() {
                    tracing::info!(seconds = since.elapsed().as_secs_f64(), "the end of the log can be seen again");
                }
                watching.answered.send_replace(asked);
                metrics::gauge!(HEAD).set(*shared.head.borrow() as f64);
                tokio::time::sleep(PAUSE).await;
                let _ = tokio::time::timeout(LOOK_EVERY, watching.nudged.notified()).await;
            }
            Err(error) => {
                connection = None;
                metrics::counter!(FAILURES).increment(1);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                watching.note(Some(cause.as_ref().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))));
                if failing_since.is_none() {
                    failing_since = Some(Instant::now());
                    tracing::warn!(cause, "the end of the log can't be seen: {error}; it is tried again");
                }
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

/// Reads on to the end.
async fn look(options: &PgConnectOptions, kept: &mut Option<PgConnection>, shared: &Shared) -> Result<(), LogError> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => connect(options).await?,
    };
    loop {
        let end = shared.end();
        let news = read::news(&mut connection, end.log_position, FACTS_MAX).await?;
        end.check(news.head, news.row_hash_there.as_deref())?;
        let is_all = news.facts.len() < FACTS_MAX;
        let newest = news.facts.last().map_or_else(Default::default, |fact| fact.recorded_at);
        shared.clock.set(news.now, newest);
        shared.saw(news.facts);
        if is_all {
            *kept = Some(connection);
            return Ok(());
        }
    }
}
