//! The views in a schema of the log's database.

mod rebuild;
mod write;

use std::convert::Infallible;
use std::time::Duration;

use fullhouse_eventstore::own_thread::run_on_own_thread;
use fullhouse_eventstore::postgres::{self as log_database, Schema, timely};
use fullhouse_eventstore::{Log, LogError};
use sqlx::migrate::Migrator;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{FACTS_PER_TRANSACTION_MAX, FAILURES, LOG_POSITION, PAUSE, RETRY_PAUSE, WRITE_SECONDS};
use crate::background::yield_to_commands;
use crate::health::Health;
use crate::{ProjectionError, next_facts, read_more, whatever_happens};
use write::PostgresViews;

pub use rebuild::{Rebuilt, rebuild};

/// The steps that lead from an empty schema to the views of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where the views are. Analysts may read, and projectors write them.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_views",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_views TO fullhouse_analyst, fullhouse_query, fullhouse_projector;
             GRANT SELECT ON ALL TABLES IN SCHEMA fullhouse_views TO fullhouse_analyst, fullhouse_query, fullhouse_projector;
             GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA fullhouse_views TO fullhouse_projector",
};

/// How long one transaction may take before its connection is given up.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// Makes the views of this release, or brings those of an earlier one up to it. The connection must be the owner's.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    log_database::migrate_schema(url, &SCHEMA).await
}

/// Checks that the login may write the views.
pub async fn check_rights(url: &str) -> Result<(), LogError> {
    let mut connection = log_database::connect_to(url, "public").await?;
    log_database::check_right(&mut connection, "fullhouse_views.seats", "UPDATE", "fullhouse_projector").await
}

/// Keeps the views near the head of the log until `stop`. Two that do so at once do no harm: each writes only what follows
/// right after what is there.
///
/// The work is done on a thread of its own that yields to commands, like the one that writes a file.
pub fn start(log: Log, url: String, health: Health, stop: CancellationToken) -> JoinHandle<()> {
    let yielding = async move {
        yield_to_commands();
        run(log, url, health, stop).await;
    };
    run_on_own_thread("sql-views", yielding).expect("a thread can be started")
}

async fn run(log: Log, url: String, health: Health, stop: CancellationToken) {
    let following = whatever_happens("writing the SQL views", FAILURES, RETRY_PAUSE, &health, || follow(&log, &url, &health));
    health.watch("the SQL views", &stop, following).await;
}

async fn follow(log: &Log, url: &str, health: &Health) -> Result<Infallible, ProjectionError> {
    let mut views = timely(WRITE_MAX, PostgresViews::open(url, SCHEMA.name), failed("opening the SQL views")).await?;
    let mut follower = log.follow(views.log_position());
    loop {
        let first = next_facts(&mut follower, health).await?;
        let batches = read_more(first, &mut follower, FACTS_PER_TRANSACTION_MAX)?;
        let began = std::time::Instant::now();
        timely(WRITE_MAX, views.apply(&batches, u64::MAX, log.head()), failed("writing the SQL views")).await?;
        metrics::histogram!(WRITE_SECONDS).record(began.elapsed().as_secs_f64());
        metrics::gauge!(LOG_POSITION).set(views.log_position() as f64);
        if log.head().saturating_sub(views.log_position()) < FACTS_PER_TRANSACTION_MAX as u64 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What a failure of the database means here.
pub(crate) fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> ProjectionError {
    move |source| ProjectionError::Postgres { doing, source }
}
