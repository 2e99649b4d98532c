//! The seat views in Redis against the fold of the log.

use std::collections::HashMap;

use anyhow::Context;
use fullhouse_domain::ShowId;
use fullhouse_projector::redis_view::Connection;
use fullhouse_schemas::http::statuses_text;
use fullhouse_schemas::names::{PARTITIONS, PartitionKeys};

use super::replay::{Replay, Replayed};
use super::report::{Breach, OfRedis, Report};
use super::views::last_changes;
use crate::address;
use crate::promise::Promise;

const UNREADABLE: &str = "a view in Redis can't be read";

/// The views in Redis as they were when verifying began.
pub struct RedisViews {
    views: HashMap<ShowId, View>,
    compared: usize,
}

/// The view of one show.
struct View {
    /// The position that it names.
    position: u64,
    statuses: String,
    /// The positions that its seats last changed at.
    changed_at: Vec<u64>,
}

impl RedisViews {
    /// Reads the views that each partition says it has.
    pub async fn read(url: &str, cluster: &str) -> anyhow::Result<Self> {
        let redis = Connection::open(url)
            .await
            .with_context(|| format!("the Redis server at {} (--redis-url, FULLHOUSE_REDIS_URL) can't be read", address::of_url(url)))?;
        let mut views = HashMap::new();
        for partition in 0..PARTITIONS {
            let keys = PartitionKeys::new(cluster, partition);
            let mut members = ::redis::cmd("SMEMBERS");
            members.arg(keys.shows());
            let shows: Vec<String> = redis.query(&members).await.context(UNREADABLE)?;
            for show in shows.iter().filter_map(|show| ShowId::parse(show)) {
                if let Some(view) = View::read(&redis, &keys, &show).await? {
                    views.insert(show, view);
                }
            }
        }
        Ok(Self { views, compared: 0 })
    }

    /// Counts how many views there are of shows that the log has, and how many are at the end of their show's history.
    pub fn count(&self, replay: &Replay, report: &mut Report) {
        let (mut missing, mut behind) = (0, 0);
        for (id, replayed) in &replay.shows {
            let Some(view) = self.views.get(id) else {
                missing += 1;
                continue;
            };
            let Replayed::Sound(show) = replayed else { continue };
            behind += usize::from(view.position < show.position());
            if view.position > show.position() {
                let what = format!("the view in Redis is at position {}, but the history ends at {}", view.position, show.position());
                report.breaches.push(Breach { promise: Promise::RedisViews, log_position: None, event_id: Some(id.to_string()), what });
            }
        }
        report.redis = Some(OfRedis { shows: replay.shows.len(), compared: self.compared, missing, behind });
    }

    /// Compares the views of a show when its fold has reached their position.
    pub fn compare(&mut self, show: &ShowId, position: u64, replay: &Replay, report: &mut Report) {
        let Some(view) = self.views.get(show).filter(|view| view.position == position) else { return };
        let Some(Replayed::Sound(folded)) = replay.shows.get(show) else { return };
        self.compared += 1;
        let expected: Vec<_> = (0..folded.chart().seats()).map(|seat| folded.seat_status(seat)).collect();
        if view.statuses != statuses_text(&expected) || view.changed_at != last_changes(folded) {
            let what = format!("the view in Redis at position {position} is not the fold of the log");
            report.breaches.push(Breach { promise: Promise::RedisViews, log_position: None, event_id: Some(show.to_string()), what });
        }
    }
}

impl View {
    /// Reads all of it at one moment; nothing, when a part is missing.
    async fn read(redis: &Connection, keys: &PartitionKeys, show: &ShowId) -> anyhow::Result<Option<Self>> {
        let script = ::redis::Script::new(
            "return {redis.call('HGET', KEYS[1], 'position'), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}",
        );
        let mut invocation = script.prepare_invoke();
        invocation.key(keys.view(show)).key(keys.statuses(show)).key(keys.changed_at(show));
        let found: (Option<u64>, Option<String>, Option<Vec<u8>>) = redis.invoke(&invocation).await.context(UNREADABLE)?;
        let (Some(position), Some(statuses), Some(changed_at)) = found else { return Ok(None) };
        let changed_at = changed_at.as_chunks::<8>().0.iter().map(|at| u64::from_be_bytes(*at)).collect();
        Ok(Some(Self { position, statuses, changed_at }))
    }
}
