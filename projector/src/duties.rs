//! Sharing work among projectors.
//!
//! Each piece of work is a duty, and whoever holds its advisory lock in the log's database does it. The locks belong to one
//! session: when its process dies they are free at once, and when it freezes, the database ends the session after a
//! moment of silence. Two that do the same duty for a while do no harm, since every write is guarded by position.

use std::collections::HashMap;
use std::time::Duration;

use fullhouse_eventstore::postgres::{connect_to, timely};
use fullhouse_eventstore::with_cause;
use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ProjectionError;
use crate::health::Health;
use crate::sql::postgres::failed;

/// A piece of work that one projector at a time does.
#[derive(Debug, Clone)]
pub struct Duty {
    /// Which one, the same in every process.
    pub number: u16,
    /// What it is, for people.
    pub name: String,
}

/// Gauge: how many duties this process has.
pub const DUTIES: &str = "fullhouse_projector_duties";

/// How often a sign of life is given, and free duties are looked for.
const BEAT: Duration = Duration::from_millis(200);
/// A session that is silent for longer has lost its duties.
const SILENCE_MAX: &str = "SET idle_session_timeout = '1500ms'";
/// How long the database may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// The pause before a session is begun anew.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// The class of the advisory locks on duties.
const DUTY_LOCKS: i32 = 7002;
/// The class of those by which projectors are counted: each shares the lock whose number is how many duties it may do.
const PRESENCE_LOCKS: i32 = 7003;

/// Does its share of these duties until `stop`. `start` begins the work of a duty, which ends when its token says so.
pub async fn share(
    url: &str,
    duties: &[Duty],
    health: &Health,
    stop: &CancellationToken,
    start: impl Fn(u16, CancellationToken) -> JoinHandle<()>,
) {
    let mut held = Held { running: HashMap::new() };
    while !stop.is_cancelled() {
        let ended = stop.run_until_cancelled(hold_session(url, duties, &mut held, &start)).await;
        held.drop_all().await;
        if let Some(Err(error)) = ended {
            health.fault();
            tracing::warn!("duties are given up for a moment: {}", with_cause(&error));
            let _ = stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await;
        }
    }
}

struct Held {
    running: HashMap<u16, (CancellationToken, JoinHandle<()>)>,
}

impl Held {
    fn begin(&mut self, duty: u16, start: &impl Fn(u16, CancellationToken) -> JoinHandle<()>) {
        let stop = CancellationToken::new();
        self.running.insert(duty, (stop.clone(), start(duty, stop)));
        metrics::gauge!(DUTIES).set(self.running.len() as f64);
    }

    async fn end(&mut self, duty: u16) {
        if let Some((stop, task)) = self.running.remove(&duty) {
            stop.cancel();
            // One that panicked has ended too; its projection has told so.
            let _ = task.await;
        }
        metrics::gauge!(DUTIES).set(self.running.len() as f64);
    }

    async fn drop_all(&mut self) {
        for duty in self.running.keys().copied().collect::<Vec<_>>() {
            self.end(duty).await;
        }
    }
}

/// Holds duties for as long as the session lasts.
async fn hold_session(
    url: &str,
    duties: &[Duty],
    held: &mut Held,
    start: &impl Fn(u16, CancellationToken) -> JoinHandle<()>,
) -> Result<(), ProjectionError> {
    let mut session = connect_to(url, "public").await?;
    soon(sqlx::raw_sql(SILENCE_MAX).execute(&mut session)).await?;
    soon(sqlx::query("SELECT pg_advisory_lock_shared($1, $2)").bind(PRESENCE_LOCKS).bind(duties.len() as i32).execute(&mut session))
        .await?;
    loop {
        let share = duties.len().div_ceil(count_projectors(&mut session, duties.len()).await?.max(1));
        if held.running.len() > share
            && let Some(duty) = held.running.keys().next().copied()
        {
            tracing::info!(duty = name(duties, duty), "a duty is handed over");
            held.end(duty).await;
            let unlocking = sqlx::query("SELECT pg_advisory_unlock($1, $2)").bind(DUTY_LOCKS).bind(i32::from(duty));
            soon(unlocking.execute(&mut session)).await?;
        } else {
            for number in take_free(&mut session, duties, held, share - held.running.len()).await? {
                tracing::info!(duty = name(duties, number), "a duty is taken up");
                held.begin(number, start);
            }
        }
        tokio::time::sleep(BEAT).await;
    }
}

fn name(duties: &[Duty], number: u16) -> &str {
    duties.iter().find(|duty| duty.number == number).map_or("unknown", |duty| &duty.name)
}

/// Those who may do as many duties as this one: who may do fewer can't take its share.
async fn count_projectors(session: &mut PgConnection, duties: usize) -> Result<usize, ProjectionError> {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = $2 AND granted
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let count: i64 = soon(sqlx::query_scalar(sql).bind(i64::from(PRESENCE_LOCKS)).bind(duties as i64).fetch_one(session)).await?;
    Ok(count as usize)
}

/// Tries to lock up to `wanted` duties that this process does not have.
async fn take_free(session: &mut PgConnection, duties: &[Duty], held: &Held, wanted: usize) -> Result<Vec<u16>, ProjectionError> {
    let others: Vec<i32> =
        duties.iter().map(|duty| duty.number).filter(|number| !held.running.contains_key(number)).map(i32::from).collect();
    if wanted == 0 || others.is_empty() {
        return Ok(Vec::new());
    }
    // Rows are tried one after the other until there are enough.
    let sql = "SELECT duty FROM unnest($2::integer[]) AS duty WHERE pg_try_advisory_lock($1, duty) LIMIT $3";
    let query = sqlx::query_scalar(sql).bind(DUTY_LOCKS).bind(others).bind(wanted as i64);
    let taken: Vec<i32> = soon(query.fetch_all(session)).await?;
    Ok(taken.into_iter().map(|duty| duty as u16).collect())
}

/// A statement of the session, which counts as lost when it is not answered soon.
async fn soon<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, ProjectionError> {
    let failed = failed("sharing duties");
    timely(ANSWER_MAX, async { statement.await.map_err(&failed) }, &failed).await
}
