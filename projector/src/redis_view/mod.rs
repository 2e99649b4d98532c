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
use fullhouse_eventstore::{Following, Log};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::hex;
use fullhouse_schemas::names::{PARTITIONS, PartitionKeys, partition_of};
use redis::RedisError;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::{ProjectionError, next_facts, read_more, whatever_happens};
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

/// Has all views and timers of a cluster built anew: whoever keeps them finds that the cursors are gone, and begins at the log's beginning.
pub async fn forget(redis: &Connection, cluster: &str) -> Result<(), ProjectionError> {
    for partition in 0..PARTITIONS {
        let mut command = ::redis::cmd("DEL");
        command.arg(PartitionKeys::new(cluster, partition).cursor());
        let _: u64 =
            redis.query(&command).await.map_err(|source| ProjectionError::Redis { doing: "forgetting the views in Redis", source })?;
    }
    Ok(())
}

struct Views<'a> {
    log: &'a Log,
    partition: &'a Partition,
    keys: PartitionKeys,
    /// What the cursor is.
    cursor: String,
    /// The positions of views, as far as they are known here.
    positions: HashMap<ShowId, u64>,
}

impl<'a> Views<'a> {
    async fn follow(log: &'a Log, partition: &'a Partition, health: &Health) -> Result<Infallible, ProjectionError> {
        let keys = PartitionKeys::new(&partition.cluster, partition.number);
        let mut views = Self { log, partition, keys, cursor: String::new(), positions: HashMap::new() };
        let after = views.begin().await?;
        let mut follower = log.follow(after);
        loop {
            // Only the waiting is cut short, never a read: one that takes long would be begun again and again.
            if tokio::time::timeout(CHECK_EVERY, follower.wait()).await.is_ok() {
                let facts = next_facts(&mut follower, health).await?;
                let batches = read_more(facts, &mut follower, FACTS_MAX)?;
                views.apply(&batches).await?;
                tokio::time::sleep(PAUSE).await;
            } else {
                views.check().await?;
            }
            views.report_due_holds().await?;
        }
    }

    /// Finds from where to read on. What belongs to another history, or to none, is thrown away.
    async fn begin(&mut self) -> Result<u64, ProjectionError> {
        let found = self.read_cursor().await?;
        if let Some((cursor, log_position)) = found.and_then(|cursor| Some((cursor.clone(), position_in(&cursor)?)))
            && cursor == self.cursor_at(log_position).await?
        {
            self.cursor = cursor;
            return Ok(log_position);
        }
        tracing::info!(partition = self.partition.number, "the views in Redis are built from the log");
        // The word is random, so that nothing that was there before, or that comes to nothing again, is taken for this.
        let cursor = format!("0:{:016x}", rand::random::<u64>());
        let mut script = scripts::CLEAR.prepare_invoke();
        script.key(self.keys.cursor()).key(self.keys.holds()).key(self.keys.shows()).arg(&cursor).arg(self.keys.view_prefix());
        let _: bool = self.invoke("emptying a partition in Redis", &script).await?;
        self.cursor = cursor;
        Ok(0)
    }

    /// What the cursor says when the log is at this position; nothing that could be in Redis, when it is not.
    async fn cursor_at(&self, log_position: u64) -> Result<String, ProjectionError> {
        if log_position == 0 || log_position > self.log.newest_head(LOG_PATIENCE).await? {
            return Ok(String::new());
        }
        let facts = self.log.read_log(log_position - 1, 1).await?;
        Ok(facts.first().map(cursor_of).unwrap_or_default())
    }

    /// Applies consecutive facts, then moves the cursor.
    async fn apply(&mut self, batches: &[Following]) -> Result<(), ProjectionError> {
        let mut by_show: HashMap<&ShowId, Vec<&StoredFact>> = HashMap::new();
        let facts = batches.iter().flat_map(|batch| batch.iter());
        for fact in facts.filter(|fact| fact.is_of_a_show() && partition_of(&fact.show) == self.partition.number) {
            by_show.entry(&fact.show).or_default().push(fact);
        }
        for (show, facts) in by_show {
            self.apply_to(show, &facts).await?;
        }
        match batches.last().and_then(|batch| batch.last()) {
            Some(last) => self.move_cursor(last).await,
            None => Ok(()),
        }
    }

    async fn apply_to(&mut self, show: &ShowId, facts: &[&StoredFact]) -> Result<(), ProjectionError> {
        loop {
            let known = self.positions.get(show).copied().unwrap_or(0);
            let new: Vec<&StoredFact> = facts.iter().copied().filter(|fact| fact.position > known).collect();
            let Some(first) = new.first().map(|fact| fact.position) else { return Ok(()) };
            if first == 1 {
                return self.rebuild(show).await;
            }
            let position: i64 = self.invoke("writing a view in Redis", &Advance::new(&new)?.invocation(&self.keys, show)).await?;
            if position < first as i64 {
                return self.rebuild(show).await;
            }
            // It may be ahead of the cursor, after a crash between the two; then some of the facts are left to apply.
            self.positions.insert(show.clone(), position as u64);
        }
    }

    /// Folds a show's whole history and writes its view.
    async fn rebuild(&mut self, show: &ShowId) -> Result<(), ProjectionError> {
        let whole = Whole::fold(self.log, show).await?;
        let position: i64 = self.invoke("writing a view in Redis", &whole.invocation(&self.keys, show)).await?;
        metrics::counter!(REBUILT).increment(1);
        self.positions.insert(show.clone(), position as u64);
        Ok(())
    }

    async fn move_cursor(&mut self, last: &StoredFact) -> Result<(), ProjectionError> {
        let to = cursor_of(last);
        let mut script = scripts::MOVE_CURSOR.prepare_invoke();
        script.key(self.keys.cursor()).arg(&self.cursor).arg(&to);
        let has_moved: bool = self.invoke("moving a cursor in Redis", &script).await?;
        if !has_moved {
            return Err(elsewhere());
        }
        self.cursor = to;
        metrics::gauge!(LOG_POSITION, "partition" => self.partition.number.to_string()).set(last.log_position as f64);
        Ok(())
    }

    /// Notices that Redis has another state than was written, though nothing new happens.
    async fn check(&self) -> Result<(), ProjectionError> {
        if self.read_cursor().await?.as_ref() == Some(&self.cursor) { Ok(()) } else { Err(elsewhere()) }
    }

    async fn read_cursor(&self) -> Result<Option<String>, ProjectionError> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys.cursor());
        self.partition.redis.query(&command).await.map_err(failed("reading a cursor in Redis"))
    }

    async fn report_due_holds(&self) -> Result<(), ProjectionError> {
        let DueHolds::To(nats, subject) = &self.partition.due else { return Ok(()) };
        // A client that is not connected keeps what it is given until it is, or has no more room. Holds stay due meanwhile.
        if nats.connection_state() != async_nats::connection::State::Connected {
            return Ok(());
        }
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

/// The cursor when everything up to this fact is in the views.
fn cursor_of(fact: &StoredFact) -> String {
    format!("{}:{}", fact.log_position, hex::encode(&fact.row_hash()[..8]))
}

fn position_in(cursor: &str) -> Option<u64> {
    cursor.split_once(':')?.0.parse().ok()
}

fn elsewhere() -> ProjectionError {
    let what = "Redis has another state than was written: it lost some, or another projector writes too";
    failed("writing the views in Redis")(RedisError::from((redis::ErrorKind::Client, what)))
}

fn failed(doing: &'static str) -> impl Fn(RedisError) -> ProjectionError {
    move |source| ProjectionError::Redis { doing, source }
}
