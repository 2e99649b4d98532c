//! `fullhouse verify`: replays the whole log and checks what is promised.
//!
//! * [`replay`]: the log against itself and against the rules
//! * [`registers`]: facts about people, and whether they were carried out
//! * [`source`]: where the facts come from
//! * [`seals`]: the log against what was signed about it
//! * [`snapshots`]: snapshots of shows against the fold of the log
//! * [`views`]: the SQL views against the fold of the log
//! * [`redis`]: the views in Redis, the same
//! * [`repair`]: making views anew
//! * [`report`]: what was found

mod redis;
mod registers;
mod repair;
mod replay;
mod report;
mod seals;
mod snapshots;
mod source;
mod views;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::Access;
use fullhouse_schemas::StoredFact;
use fullhouse_transparency::tree::Hash;

use self::redis::RedisViews;
use crate::cli::VerifySettings;
use crate::progress::Progress;
use crate::promise::Promise;
use crate::store;
use replay::Replay;
use report::{Breach, Report};
use seals::Seals;
use snapshots::Snapshots;
use source::{Read, Source};
use views::SqlViews;

/// How long the log may take to tell its head.
const PATIENCE: Duration = Duration::from_secs(10);
/// A log with more breaches than this is not worth listing further.
const BREACHES_MAX: usize = 100;
/// The exit code of a log in which something is broken.
const EXIT_BROKEN: u8 = 1;

/// Verifies a data folder, whether a server uses it or not; prints the report.
pub fn main(settings: &VerifySettings) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no thread can be started")?;
    let report = runtime.block_on(verify_and_repair(settings));
    // Whatever is still being examined is of no interest any more.
    runtime.shutdown_background();
    let report = report?;
    let text = if settings.json {
        serde_json::to_string_pretty(&report).context("the report can't be written")? + "\n"
    } else {
        report.to_string()
    };
    crate::print_result(&text)?;
    Ok(if report.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

async fn verify_and_repair(settings: &VerifySettings) -> anyhow::Result<Report> {
    let report = verify(settings).await?;
    let repaired = if settings.repair { repair::repair(settings, &report).await? } else { Vec::new() };
    if repaired.is_empty() {
        return Ok(report);
    }
    Ok(Report { repaired, ..verify(settings).await? })
}

async fn verify(settings: &VerifySettings) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut verifier = Verifier::open(settings).await?;
    let mut report = Report::default();
    report.breaches.append(&mut verifier.unreadable);
    let progress = Progress::new(verifier.head, "verified");
    // The tables are examined while the facts are replayed.
    let examining = verifier.source.log().map(|log| tokio::spawn(async move { log.contradictions_of_store().await }));
    let after = verifier.replay(&mut report, &progress).await?;
    progress.finish();
    if !report.is_cut_off
        && let (Some(log), Some(examining)) = (verifier.source.log(), examining)
    {
        views_that_are_ahead(verifier.views.sql.as_ref(), after, &mut report);
        check_people(settings, &verifier.replay, &mut report).await;
        tell(&mut report, Promise::Once, log.contradictions_of_commands().await)?;
        tell(&mut report, Promise::History, examining.await.context("examining the tables has panicked")?)?;
    }
    verifier.finish(after, &mut report);
    report.facts = after;
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Notes contradictions. Tables so broken that they can't even be looked through are one too.
fn tell(report: &mut Report, promise: Promise, found: Result<Vec<String>, LogError>) -> anyhow::Result<()> {
    let found = match found {
        Err(LogError::Damaged { what, .. }) => vec![format!("the log's tables are damaged: {what}")],
        other => other.context("the log's tables can't be examined")?,
    };
    report.breaches.extend(found.into_iter().map(|what| Breach { promise, log_position: None, event_id: None, what }));
    Ok(())
}

/// Whether whoever is forgotten is known no more. A table that can't be read is as bad: nobody knows what is in it.
async fn check_people(settings: &VerifySettings, replay: &Replay, report: &mut Report) {
    let looking = async {
        match store::open_people(&settings.data, settings.database_url.as_deref(), Access::Read).await? {
            Some(people) => replay.registers.still_known(&people).await.context("the people can't be read"),
            None => Ok(Vec::new()),
        }
    };
    let found = looking.await.unwrap_or_else(|error| vec![format!("{error:#}")]);
    let breach = |what| Breach { promise: Promise::Forgetting, log_position: None, event_id: None, what };
    report.breaches.extend(found.into_iter().map(breach));
}

/// What is verified, and what it is compared with on the way.
struct Verifier {
    source: Source,
    head: u64,
    replay: Replay,
    seals: Seals,
    views: Views,
    /// Why there is nothing to compare where there should be.
    unreadable: Vec<Breach>,
}

/// Views that should be the fold of the log.
struct Views {
    sql: Option<SqlViews>,
    redis: Option<RedisViews>,
    snapshots: Option<Snapshots>,
}

impl Verifier {
    async fn open(settings: &VerifySettings) -> anyhow::Result<Self> {
        let (key, trusted) = (settings.verifier_key.as_deref(), settings.checkpoint.as_deref());
        if let Some(path) = &settings.export {
            let views = Views { sql: None, redis: None, snapshots: None };
            let seals = Seals::open(None, key, trusted).await?;
            return Ok(Self { source: Source::export(path)?, head: 0, replay: Replay::default(), seals, views, unreadable: Vec::new() });
        }
        let url = settings.database_url.as_deref();
        let log = store::open_to_read(&settings.data, url).await?;
        let mut unreadable = Vec::new();
        let sql = SqlViews::open(&settings.data, url).await.unwrap_or_else(|error| {
            unreadable.push(unreadable_views(Promise::Views, &error));
            None
        });
        let snapshots = match Snapshots::open(store::snapshots(&settings.data, url)).await {
            Ok(snapshots) => Some(snapshots),
            Err(error) => {
                unreadable.push(unreadable_views(Promise::Snapshots, &error));
                None
            }
        };
        let redis = match &settings.redis_url {
            Some(url) => Some(RedisViews::read(url, &settings.cluster).await?),
            None => None,
        };
        let seals = Seals::open(Some(store::open_checkpoints(&settings.data, url, Access::Read).await?), key, trusted).await?;
        // Views and checkpoints are read first, so that the log has everything that they tell of.
        let head = log.newest_head(PATIENCE).await.context("the log can't be read")?;
        Ok(Self { source: Source::of_log(log), head, replay: Replay::default(), seals, views: Views { sql, redis, snapshots }, unreadable })
    }

    /// Replays all facts; returns the last log position.
    async fn replay(&mut self, report: &mut Report, progress: &Progress) -> anyhow::Result<u64> {
        let mut after = 0;
        loop {
            let read = self.source.read(after, &self.replay).await?;
            if read.is_empty() {
                return Ok(after);
            }
            for read in read {
                if report.breaches.len() > BREACHES_MAX {
                    report.is_cut_off = true;
                    return Ok(after);
                }
                after += 1;
                match read {
                    Read::Fact(fact, leaf) => self.fold(&fact, leaf, report).await?,
                    Read::Damaged { log_position, what } => {
                        self.seals.cut();
                        self.replay.lose_one();
                        report.breaches.push(Breach { promise: Promise::History, log_position: Some(log_position), event_id: None, what });
                        after = log_position;
                    }
                }
            }
            progress.tell(after);
        }
    }

    /// Replays a fact, and compares the views when their position is reached.
    async fn fold(&mut self, fact: &StoredFact, leaf: Hash, report: &mut Report) -> anyhow::Result<()> {
        self.replay.fold(fact, &mut report.breaches);
        self.seals.push(leaf, report).await?;
        if let Some(sql) = self.views.sql.as_mut().filter(|sql| sql.log_position == fact.log_position)
            && let Err(error) = sql.compare(&self.replay, report).await
        {
            report.breaches.push(unreadable_views(Promise::Views, &error));
            self.views.sql = None;
        }
        if let Some(snapshots) = &mut self.views.snapshots
            && let Err(error) = snapshots.compare(fact, &self.replay, report).await
        {
            report.breaches.push(unreadable_views(Promise::Snapshots, &error));
            self.views.snapshots = None;
        }
        if let Some(redis) = &mut self.views.redis {
            redis.compare(&fact.show, fact.position, &self.replay, report);
        }
        Ok(())
    }

    fn finish(self, after: u64, report: &mut Report) {
        if let Some(redis) = &self.views.redis {
            redis.count(&self.replay, report);
        }
        self.replay.check_draws(&mut report.breaches);
        self.replay.summarize(report);
        if !report.is_cut_off {
            if let Some(snapshots) = &self.views.snapshots {
                snapshots.finish(&self.replay, report);
            }
            self.seals.finish(after, report);
        }
    }
}

/// Views that can't even be read are as wrong as those with wrong rows; the log is verified all the same.
fn unreadable_views(promise: Promise, error: &anyhow::Error) -> Breach {
    Breach { promise, log_position: None, event_id: None, what: format!("{error:#}") }
}

fn views_that_are_ahead(views: Option<&SqlViews>, head: u64, report: &mut Report) {
    if let Some(views) = views.filter(|views| views.log_position > head) {
        let what = format!("the SQL views are at log position {}, but the log ends at {head}", views.log_position);
        report.breaches.push(Breach { promise: Promise::Views, log_position: None, event_id: None, what });
    }
}
