//! `fullhouse verify --repair`: views that are not the fold of the log are made anew from it. The log itself is never repaired.

use anyhow::Context;
use fullhouse_domain::ShowId;
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_projector::{redis_view, sql};
use fullhouse_schemas::snapshot;

use super::report::Report;
use crate::cli::VerifySettings;
use crate::progress::Progress;
use crate::promise::Promise;
use crate::{address, store};

/// Makes the views anew that a report found wrong; returns what was done. Nothing, when there is nothing to repair, or the log is broken too:
/// no view can be made from that.
pub async fn repair(settings: &VerifySettings, report: &Report) -> anyhow::Result<Vec<String>> {
    let is_view = |promise: Promise| matches!(promise, Promise::Views | Promise::RedisViews | Promise::Snapshots);
    if report.breaches.is_empty() || !report.breaches.iter().all(|breach| is_view(breach.promise)) {
        return Ok(Vec::new());
    }
    let is_wrong = |promise| report.breaches.iter().any(|breach| breach.promise == promise);
    let mut done = snapshots(settings, report).await?;
    if is_wrong(Promise::Views) {
        done.push(sql_views(settings).await?);
    }
    if let Some(url) = settings.redis_url.as_deref().filter(|_| is_wrong(Promise::RedisViews)) {
        let unusable = || format!("the Redis server at {} (--redis-url, FULLHOUSE_REDIS_URL) can't be used", address::of_url(url));
        let redis = redis_view::Connection::open(url).await.with_context(unusable)?;
        redis_view::forget(&redis, &settings.cluster).await.with_context(unusable)?;
        done.push("The views in Redis are built anew by the projectors that run; verify again in a moment.".into());
    }
    Ok(done)
}

/// Throws wrong snapshots away: whoever needs one folds the facts. Servers may be running.
async fn snapshots(settings: &VerifySettings, report: &Report) -> anyhow::Result<Vec<String>> {
    let store = store::snapshots(&settings.data, settings.database_url.as_deref());
    let wrong = report.breaches.iter().filter(|breach| breach.promise == Promise::Snapshots);
    let mut done = Vec::new();
    for show in wrong.filter_map(|breach| ShowId::parse(breach.event_id.as_deref()?)) {
        store.forget(&show, snapshot::VERSION).await.context("a snapshot can't be thrown away")?;
        done.push(format!("The snapshot of {show} was thrown away."));
    }
    Ok(done)
}

async fn sql_views(settings: &VerifySettings) -> anyhow::Result<String> {
    let failed = "the SQL views can't be built anew";
    let position = match settings.database_url.as_deref() {
        Some(url) => {
            let log = store::open_to_read(&settings.data, Some(url)).await?;
            let progress = Progress::new(log.head(), "folded");
            let rebuilt = sql::postgres::rebuild(&log, url, |position| progress.tell(position)).await;
            progress.finish();
            rebuilt.context(failed)?.log_position
        }
        None => {
            // Whoever writes a log has its lock: this is how a running server is noticed.
            let log = SqliteLog::open(&settings.data).map(Log::Sqlite).context("stop the server before its views are repaired")?;
            let progress = Progress::new(log.head(), "folded");
            let rebuilt = sql::sqlite::rebuild(&log, &settings.data, |position| progress.tell(position)).await;
            progress.finish();
            rebuilt.context(failed)?
        }
    };
    Ok(format!("The SQL views were built anew up to log position {position}."))
}
