//! `fullhouse verify`: replays the whole log and checks what is promised.
//!
//! * [`replay`]: the log against itself and against the rules
//! * [`views`]: the SQL views against the fold of the log
//! * [`redis`]: the views in Redis, the same
//! * [`report`]: what was found

mod redis;
mod replay;
mod report;
mod views;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use fullhouse_eventstore::LogError;
use fullhouse_schemas::StoredFact;

use self::redis::RedisViews;
use crate::cli::VerifySettings;
use crate::progress::Progress;
use crate::store;
use replay::Replay;
use report::{Breach, Promise, Report};
use views::SqlViews;

/// How long the log may take to tell its head.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many facts are read at a time.
const READ_FACTS: usize = 10_000;
/// A log with more breaches than this is not worth listing further.
const BREACHES_MAX: usize = 100;
/// The exit code of a log in which something is broken.
const EXIT_BROKEN: u8 = 1;

/// Verifies a data folder, whether a server uses it or not; prints the report.
pub fn main(settings: &VerifySettings) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    let report = runtime.block_on(verify(settings))?;
    let text = if settings.json {
        serde_json::to_string_pretty(&report).context("the report can't be written")? + "\n"
    } else {
        report.to_string()
    };
    crate::print_result(&text)?;
    Ok(if report.breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

async fn verify(settings: &VerifySettings) -> anyhow::Result<Report> {
    let began = Instant::now();
    let log = store::open_to_read(&settings.data, settings.database_url.as_deref()).await?;
    let views = SqlViews::open(&settings.data, settings.database_url.as_deref()).await?;
    let redis = match &settings.redis_url {
        Some(url) => Some(RedisViews::read(url, &settings.cluster).await?),
        None => None,
    };
    // Views are read first, so that the log has everything that they tell of.
    let head = log.newest_head(PATIENCE).await.context("the log can't be read")?;
    let mut views = Views { sql: views, redis };
    let mut replay = Replay::default();
    let mut report = Report::default();
    let progress = Progress::new(head, "verified");
    let mut after = 0;
    loop {
        match log.read_log(after, READ_FACTS).await {
            Ok(facts) if facts.is_empty() => break,
            Ok(facts) => {
                fold(&facts, &mut replay, &mut views, &mut report).await?;
                after += facts.len() as u64;
            }
            // What is damaged can't be replayed. What stands after it still can.
            Err(LogError::Damaged { log_position, what }) => {
                let sound = log_position.saturating_sub(after + 1) as usize;
                let before = if sound > 0 { log.read_log(after, sound).await.context("the log can't be read")? } else { Vec::new() };
                fold(&before, &mut replay, &mut views, &mut report).await?;
                report.breaches.push(Breach { promise: Promise::History, log_position: Some(log_position), event_id: None, what });
                after = log_position;
            }
            Err(error) => return Err(error).context("the log can't be read"),
        }
        if report.breaches.len() > BREACHES_MAX {
            report.is_cut_off = true;
            break;
        }
        progress.tell(after);
    }
    progress.finish();
    if !report.is_cut_off {
        views_that_are_ahead(views.sql.as_ref(), after, &mut report);
        for what in log.contradictions_of_commands().await.context("the commands of the log can't be read")? {
            report.breaches.push(Breach { promise: Promise::Once, log_position: None, event_id: None, what });
        }
    }
    if let Some(redis) = &views.redis {
        redis.count(&replay, &mut report);
    }
    replay.check_draws(&mut report.breaches);
    replay.summarize(&mut report);
    report.facts = after;
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// What is compared with the log on the way.
struct Views {
    sql: Option<SqlViews>,
    redis: Option<RedisViews>,
}

/// Replays consecutive facts, and compares the views when their position is reached.
async fn fold(facts: &[StoredFact], replay: &mut Replay, views: &mut Views, report: &mut Report) -> anyhow::Result<()> {
    for fact in facts {
        replay.fold(fact, &mut report.breaches);
        if let Some(sql) = views.sql.as_mut().filter(|sql| sql.log_position == fact.log_position) {
            sql.compare(replay, report).await?;
        }
        if let Some(redis) = &mut views.redis {
            redis.compare(&fact.show, fact.position, replay, report);
        }
    }
    Ok(())
}

fn views_that_are_ahead(views: Option<&SqlViews>, head: u64, report: &mut Report) {
    if let Some(views) = views.filter(|views| views.log_position > head) {
        let what = format!("the SQL views are at log position {}, but the log ends at {head}", views.log_position);
        report.breaches.push(Breach { promise: Promise::Views, log_position: None, event_id: None, what });
    }
}
