//! The seat views in Redis against the fold of the log.

use std::cell::Cell;

use anyhow::Context;
use fullhouse_domain::ShowId;
use fullhouse_projector::redis_view::Connection;
use fullhouse_schemas::http::statuses_text;
use fullhouse_schemas::names::{PartitionKeys, partition_of};

use super::replay::{Replay, Replayed};
use super::report::{Breach, OfRedis, Promise, Report};
use super::views::last_changes;
use crate::address;

/// The views in Redis as they were when verifying began.
pub struct RedisViews {
    /// By show: the position that the view names, its statuses, and the positions that its seats last changed at.
    views: Vec<(ShowId, u64, String, Vec<u64>)>,
    compared: Cell<usize>,
}

impl RedisViews {
    /// Reads the views of these shows. One that is not there can't be wrong.
    pub async fn read(url: &str, cluster: &str, shows: Vec<ShowId>) -> anyhow::Result<Self> {
        let redis = Connection::open(url)
            .await
            .with_context(|| format!("the Redis server at {} (--redis-url, FULLHOUSE_REDIS_URL) can't be read", address::of_url(url)))?;
        let mut views = Vec::new();
        for show in shows {
            let keys = PartitionKeys::new(cluster, partition_of(&show));
            // All three of one moment.
            let script = ::redis::Script::new(
                "return {redis.call('HGET', KEYS[1], 'position'), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}",
            );
            let mut invocation = script.prepare_invoke();
            invocation.key(keys.view(&show)).key(keys.statuses(&show)).key(keys.changed_at(&show));
            let found: (Option<u64>, Option<String>, Option<Vec<u8>>) =
                redis.invoke(&invocation).await.context("a view in Redis can't be read")?;
            if let (Some(position), Some(statuses), Some(changed_at)) = found {
                let changed_at = changed_at.as_chunks::<8>().0.iter().map(|at| u64::from_be_bytes(*at)).collect();
                views.push((show, position, statuses, changed_at));
            }
        }
        Ok(Self { views, compared: Cell::new(0) })
    }

    /// Counts how many views there are, and how many are at the end of their show's history.
    pub fn count(&self, replay: &Replay, report: &mut Report) {
        let is_behind = |id: &ShowId, position: u64| match replay.shows.get(id) {
            Some(Replayed::Sound(show)) => position < show.position(),
            Some(Replayed::Broken) | None => false,
        };
        let behind = self.views.iter().filter(|(id, position, ..)| is_behind(id, *position)).count();
        for (id, position, ..) in &self.views {
            if let Some(Replayed::Sound(show)) = replay.shows.get(id)
                && *position > show.position()
            {
                let what = format!("the view in Redis is at position {position}, but the history ends at {}", show.position());
                report.breaches.push(Breach { promise: Promise::Views, log_position: None, event_id: Some(id.to_string()), what });
            }
        }
        let (shows, found) = (replay.shows.len(), self.views.len());
        report.redis = Some(OfRedis { shows, compared: self.compared.get(), missing: shows - found, behind });
    }

    /// Compares the views of a show when its fold has reached their position.
    pub fn compare(&self, show: &ShowId, position: u64, replay: &Replay, report: &mut Report) {
        let Some((_, _, statuses, changed_at)) = self.views.iter().find(|(id, at, ..)| id == show && *at == position) else { return };
        let Some(Replayed::Sound(folded)) = replay.shows.get(show) else { return };
        self.compared.set(self.compared.get() + 1);
        let expected: Vec<_> = (0..folded.chart().seats()).map(|seat| folded.seat_status(seat)).collect();
        if *statuses != statuses_text(&expected) || *changed_at != last_changes(folded) {
            let what = format!("the view in Redis at position {position} is not the fold of the log");
            report.breaches.push(Breach { promise: Promise::Views, log_position: None, event_id: Some(show.to_string()), what });
        }
    }
}
