//! Projections: from the log to everything that is computed from it.
//!
//! # Layout
//!
//! * [`live`]: the relay to the seat views in memory and to the timers
//! * [`timers`]: holds by their end; the due ones are reported, to be expired by a command
//! * [`redis_view`]: seat views and timers in Redis, for a cluster
//! * [`relay`]: to JetStream
//! * [`sealing`]: signed checkpoints of the log
//! * [`snapshots`]: states of shows with long histories
//! * `background`: threads for work that yields to commands
//! * [`duties`]: who does what, when there are several projectors
//! * [`sql`]: tables for people who query with SQL
//! * [`health`]: how far each projection is, and what stopped it
//!
//! Nothing here decides anything: the command side does, and this crate knows nothing of it.

pub mod admission;
mod background;
pub mod duties;
pub mod health;
pub mod live;
pub mod redis_view;
pub mod relay;
pub mod sealing;
pub mod snapshots;
pub mod sql;
pub mod timers;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use fullhouse_domain::{Event, Timestamp};
use fullhouse_eventstore::{Follower, Following, LogError, with_cause};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::{UnreadableFact, decode};
use fullhouse_snapshots::{LoadError, SnapshotsError};
use fullhouse_transparency::TransparencyError;
use futures::FutureExt;

use health::Health;

/// Why a projection stopped. Nothing is ever skipped, so it needs somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log can't be read on.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The message broker failed.
    #[error("{doing} failed")]
    Broker {
        /// What was attempted.
        doing: &'static str,
        /// What the broker said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Redis failed.
    #[error("{doing} failed")]
    Redis {
        /// What was attempted.
        doing: &'static str,
        /// What it said.
        #[source]
        source: redis::RedisError,
    },
    /// A fact can't be read.
    #[error(transparent)]
    Fact(#[from] UnreadableFact),
    /// The facts contradict one another.
    #[error("the facts of {show} contradict one another: {what}; examine the log with `fullhouse verify`")]
    Contradiction {
        /// Whose facts.
        show: String,
        /// In what way.
        what: String,
    },
    /// The file of the SQL views can't be written.
    #[error("{doing} failed; the SQL views can be rebuilt by deleting their file")]
    Sql {
        /// What was attempted.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// Nothing can be signed.
    #[error(transparent)]
    Transparency(#[from] TransparencyError),
    /// A show's history can't be folded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Snapshots can't be read or kept.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// The database can't be used.
    #[error("{doing} failed")]
    Postgres {
        /// What was attempted.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

impl ProjectionError {
    /// Whether something was out of reach, and may be back soon. Nothing else is got over by trying again.
    fn is_passing(&self) -> bool {
        matches!(
            self,
            ProjectionError::Log(LogError::Store { .. })
                | ProjectionError::Load(LoadError::Log(LogError::Store { .. }))
                // Whoever deletes a file that is none of ours need not start the server again.
                | ProjectionError::Snapshots(_)
                | ProjectionError::Sql { .. }
                | ProjectionError::Postgres { .. }
                | ProjectionError::Redis { .. }
                | ProjectionError::Broker { .. }
                | ProjectionError::Transparency(TransparencyError::Store { .. })
        )
    }
}

/// Begins a projection anew, after a pause, whenever what it needs was out of reach.
pub(crate) async fn whatever_happens<Follow>(
    projection: &'static str,
    failures: &'static str,
    pause: Duration,
    health: &Health,
    mut follow: impl FnMut() -> Follow,
) -> Result<Infallible, ProjectionError>
where
    Follow: Future<Output = Result<Infallible, ProjectionError>>,
{
    let mut told_at: Option<Instant> = None;
    loop {
        let error = match follow().await {
            Err(error) if error.is_passing() => error,
            ended => return ended,
        };
        metrics::counter!(failures).increment(1);
        health.fault();
        if told_at.is_none_or(|at| at.elapsed() > TELL_AGAIN_AFTER) {
            told_at = Some(Instant::now());
            tracing::warn!("{projection} can't go on for the moment: {}", with_cause(&error));
        }
        tokio::time::sleep(pause).await;
    }
}

/// What goes wrong again and again is told so often.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The pause before a store that failed is read again.
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// The next facts. A store that can't be reached is waited for.
pub(crate) async fn next_facts(follower: &mut Follower, health: &Health) -> Result<Following, LogError> {
    loop {
        match follower.next().await {
            Err(error @ LogError::Store { .. }) => {
                health.fault();
                tracing::warn!(cause = std::error::Error::source(&error).map(ToString::to_string), "{error}; it is tried again");
                tokio::time::sleep(STORE_PAUSE).await;
            }
            read_or_broken => return read_or_broken,
        }
    }
}

/// What has been read, and whatever else can be had without waiting, up to about so many facts.
pub(crate) fn read_more(first: Following, follower: &mut Follower, facts_max: usize) -> Result<Vec<Following>, LogError> {
    let mut count = first.len();
    let mut batches = vec![first];
    while count < facts_max
        && let Some(next) = follower.next().now_or_never()
    {
        match next {
            Ok(next) => {
                count += next.len();
                batches.push(next);
            }
            // It is met again by the next read, which knows what to do about it.
            Err(LogError::Store { .. }) => break,
            Err(broken) => return Err(broken),
        }
    }
    Ok(batches)
}

/// A fact and the event that it tells of.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub fact: &'a StoredFact,
    pub event: Event,
}

impl<'a> Decoded<'a> {
    fn new(fact: &'a StoredFact) -> Result<Self, UnreadableFact> {
        Ok(Self { event: decode(fact)?, fact })
    }

    fn recorded_at(&self) -> Timestamp {
        self.fact.recorded_at
    }
}
