//! Connections, and what the schema must be like to be used.

use fullhouse_eventstore::postgres::{check_settings, connect_to_tables};
use sqlx::PgConnection;

use super::SCHEMA;
use crate::error::{LineError, failed};

const PLACES: &str = "fullhouse_line.places";

/// What the writer's connection is set to, beside what every connection is.
///
/// A process that freezes between two statements holds the lock that everybody needs, so the database ends such a session. And
/// places are always found by index, whatever the statistics said when a statement was planned: a line grows from nothing to
/// hundreds of thousands within a minute. A large batch may look dear enough to be compiled, which takes far longer than to
/// run it.
const WRITERS_SETTINGS: &str = "SET idle_in_transaction_session_timeout = '2s'; SET plan_cache_mode = force_custom_plan;
                                SET enable_seqscan = off; SET jit = off";

/// A connection that gives numbers.
pub(crate) async fn to_write(url: &str) -> Result<PgConnection, LineError> {
    let mut connection = connect_to_tables(url, &SCHEMA, PLACES, "INSERT", "fullhouse_command").await?;
    check_settings(&mut connection).await?;
    sqlx::raw_sql(WRITERS_SETTINGS).execute(&mut connection).await.map_err(failed("setting a connection up"))?;
    Ok(connection)
}
