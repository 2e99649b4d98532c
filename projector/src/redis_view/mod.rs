//! The seat views and the expiry timers in Redis, for a cluster.
//!
//! For each show there is one letter for each seat, the position that each seat last changed at, and the position of the
//! whole; for each partition of shows, its open holds by their end. A script moves a view from exactly one position to the
//! next, so two writers, or one that repeats itself, do no harm. Nothing here is needed: what was flushed, lost, or restored
//! from an old snapshot is noticed by the cursor or by the positions, and built again from the log.
//!
//! * [`connection`]: one server, sentinels, or a cluster
//! * `scripts`: everything that is written
//! * `changes`: from facts to the arguments of the scripts

mod changes;
pub mod connection;
mod scripts;

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use fullhouse_domain::{ReservationId, ShowId};
use fullhouse_eventstore::{Follower, Log};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::names::{PartitionKeys, partition_of};
use futures::FutureExt;
use redis::RedisError;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::{ProjectionError, next_facts, whatever_happens};
use changes::{Advance, Whole};
pub use connection::Connection;

/// Gauge, by partition: the log position that the views in Redis have reached.
pub const LOG_POSITION: &str = "fullhouse_redis_views_log_position";
/// Counter: shows whose view in Redis was built anew from the log.
pub const REBUILT: &str = "fullhouse_redis_views_rebuilt_total";
/// Counter: how often Redis could not be written.
pub const FAILURES: &str = "fullhouse_redis_views_failures_total";

/// The pause between two batches. What happens meanwhile falls together.
const PAUSE: Duration = Duration::from_millis(20);
/// The pause before Redis is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// How often it is checked that Redis still has what was written, and that no hold is due.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// When a due hold that was reported is reported again, if nothing has come of it.
const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// How many due holds are taken at a time.
const DUE_MAX: usize = 1_000;
/// How many facts are taken at a time.
const FACTS_MAX: usize = 5_000;
/// How long the log may take to tell its head.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Where due holds are reported to.
#[derive(Debug, Clone)]
pub enum DueHolds {
    /// To the command servers, over NATS.
    To(async_nats::Client, String),
    /// To nobody: timers elsewhere do that.
    Nobody,
}

/// One partition of the shows.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Its number.
    pub number: u16,
    /// The short name of the cluster.
    pub cluster: String,
    /// Where it is kept.
    pub redis: Connection,
    /// Where its due holds are reported to.
    pub due: DueHolds,
}

/// Keeps the views and the timers of a partition near the head of the log until `stop`.
pub async fn run(log: Log, partition: Partition, health: Health, stop: CancellationToken) {
    let following =
        whatever_happens("writing the views in Redis", FAILURES, RETRY_PAUSE, &health, || Views::follow(&log, &partition, &health));
    health.watch("the views in Redis", &stop, following).await;
}

struct Views<'a> {
    log: &'a Log,
    partition: &'a Partition,
    keys: PartitionKeys,
    /// What the cursor is; nothing, when there is none.
    cursor: Option<u64>,
    /// The positions of views, as far as they are known here.
    positions: HashMap<ShowId, u64>,
    /// Whether what Redis has belongs to another history, and is overwritten.
    is_foreign: bool,
}

impl<'a> Views<'a> {
    async fn follow(log: &'a Log, partition: &'a Partition, health: &Health) -> Result<Infallible, ProjectionError> {
        let keys = PartitionKeys::new(&partition.cluster, partition.number);
        let mut views = Self { log, partition, keys, cursor: None, positions: HashMap::new(), is_foreign: false };
        views.cursor = views.read_cursor().await?;
        views.is_foreign =
            views.cursor.is_some_and(|cursor| cursor > log.head()) && views.cursor > Some(log.newest_head(LOG_PATIENCE).await?);
        let mut follower = log.follow(if views.is_foreign { 0 } else { views.cursor.unwrap_or(0) });
        loop {
            match tokio::time::timeout(CHECK_EVERY, next_facts(&mut follower, health)).await {
                Ok(facts) => {
                    let mut facts = facts?.to_vec();
                    while facts.len() < FACTS_MAX
                        && let Some(Ok(more)) = follower.next().now_or_never()
                    {
                        facts.extend_from_slice(&more);
                    }
                    views.apply(&facts).await?;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_nothing_new) => {
                    if let Some(anew) = views.check().await? {
                        follower = anew;
                    }
                }
            }
            views.report_due_holds().await?;
        }
    }

    /// Applies consecutive facts, then moves the cursor.
    async fn apply(&mut self, facts: &[StoredFact]) -> Result<(), ProjectionError> {
        let mut by_show: HashMap<&ShowId, Vec<&StoredFact>> = HashMap::new();
        for fact in facts.iter().filter(|fact| partition_of(&fact.show) == self.partition.number) {
            by_show.entry(&fact.show).or_default().push(fact);
        }
        for (show, facts) in by_show {
            self.apply_to(show, &facts).await?;
        }
        let Some(last) = facts.last() else { return Ok(()) };
        self.move_cursor(last.log_position).await
    }

    async fn apply_to(&mut self, show: &ShowId, facts: &[&StoredFact]) -> Result<(), ProjectionError> {
        let is_first_meeting = !self.positions.contains_key(show);
        if self.is_foreign && is_first_meeting {
            return self.rebuild(show, true).await;
        }
        loop {
            let known = self.positions.get(show).copied().unwrap_or(0);
            let new: Vec<&StoredFact> = facts.iter().copied().filter(|fact| fact.position > known).collect();
            let Some(first) = new.first().map(|fact| fact.position) else { return Ok(()) };
            if first == 1 {
                return self.rebuild(show, false).await;
            }
            let position: i64 = self.invoke("writing a view in Redis", &Advance::new(&new)?.invocation(&self.keys, show)).await?;
            if position < first as i64 {
                return self.rebuild(show, false).await;
            }
            // It may be ahead of the cursor, after a crash between the two; then some of the facts are left to apply.
            self.positions.insert(show.clone(), position as u64);
        }
    }

    /// Folds a show's whole history and writes its view.
    async fn rebuild(&mut self, show: &ShowId, force: bool) -> Result<(), ProjectionError> {
        let whole = Whole::fold(self.log, show).await?;
        let position: i64 = self.invoke("writing a view in Redis", &whole.invocation(&self.keys, show, force)).await?;
        metrics::counter!(REBUILT).increment(1);
        self.positions.insert(show.clone(), position as u64);
        Ok(())
    }

    async fn move_cursor(&mut self, to: u64) -> Result<(), ProjectionError> {
        let from = self.cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
        let mut script = scripts::MOVE_CURSOR.prepare_invoke();
        script.key(self.keys.cursor()).arg(from).arg(to);
        let has_moved: bool = self.invoke("moving a cursor in Redis", &script).await?;
        if !has_moved {
            let elsewhere =
                RedisError::from((redis::ErrorKind::Client, "Redis has lost what was written, or another projector writes too"));
            return Err(failed("moving a cursor in Redis")(elsewhere));
        }
        self.cursor = Some(to);
        metrics::gauge!(LOG_POSITION, "partition" => self.partition.number.to_string()).set(to as f64);
        Ok(())
    }

    /// Whether Redis still has what was written; if not, from where to read on.
    async fn check(&mut self) -> Result<Option<Follower>, ProjectionError> {
        let found = self.read_cursor().await?;
        if found == self.cursor {
            return Ok(None);
        }
        tracing::warn!(partition = self.partition.number, ?found, expected = ?self.cursor, "Redis has another state than was written; it is built again");
        (self.cursor, self.is_foreign) = (found, false);
        self.positions.clear();
        Ok(Some(self.log.follow(found.unwrap_or(0))))
    }

    async fn read_cursor(&self) -> Result<Option<u64>, ProjectionError> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys.cursor());
        self.partition.redis.query(&command).await.map_err(failed("reading a cursor in Redis"))
    }

    async fn report_due_holds(&self) -> Result<(), ProjectionError> {
        let DueHolds::To(nats, subject) = &self.partition.due else { return Ok(()) };
        let now = self.log.now();
        let mut script = scripts::TAKE_DUE.prepare_invoke();
        script.key(self.keys.holds()).arg(now.as_micros() / 1_000).arg((now + REPEAT_AFTER).as_micros() / 1_000).arg(DUE_MAX);
        let due: Vec<String> = self.invoke("reading due holds in Redis", &script).await?;
        for id in due.iter().filter_map(|id| ReservationId::parse(id)) {
            let sent = nats.publish(subject.clone(), id.to_string().into()).await;
            sent.map_err(|source| ProjectionError::Broker { doing: "reporting a due hold", source: Box::new(source) })?;
        }
        Ok(())
    }

    async fn invoke<T: redis::FromRedisValue>(
        &self,
        doing: &'static str,
        script: &redis::ScriptInvocation<'_>,
    ) -> Result<T, ProjectionError> {
        self.partition.redis.invoke(script).await.map_err(failed(doing))
    }
}

fn failed(doing: &'static str) -> impl Fn(RedisError) -> ProjectionError {
    move |source| ProjectionError::Redis { doing, source }
}
