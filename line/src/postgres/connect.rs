//! Connections, and what the schema must be like to be used.

use fullhouse_eventstore::postgres::{check_right, connect_to};
use sqlx::{PgConnection, Row};

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
    let mut connection = connect_to(url, SCHEMA.name).await?;
    check_settings(&mut connection).await?;
    check_tables(&mut connection).await?;
    check_right(&mut connection, PLACES, "INSERT", "fullhouse_command").await?;
    check_version(&mut connection).await?;
    sqlx::raw_sql(WRITERS_SETTINGS).execute(&mut connection).await.map_err(failed("setting a connection up"))?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) async fn to_read(url: &str) -> Result<PgConnection, LineError> {
    let mut connection = connect_to(url, SCHEMA.name).await?;
    check_tables(&mut connection).await?;
    check_right(&mut connection, PLACES, "SELECT", "fullhouse_command").await?;
    check_version(&mut connection).await?;
    Ok(connection)
}

/// Checks that what is committed stays, on whichever server this is.
async fn check_settings(connection: &mut PgConnection) -> Result<(), LineError> {
    let sql = "SELECT name, setting FROM pg_settings
               WHERE (name, setting) IN (('fsync', 'off'), ('full_page_writes', 'off'), ('synchronous_commit', 'off'), ('synchronous_commit', 'local'))";
    let bad: Option<(String, String)> =
        sqlx::query_as(sql).fetch_optional(connection).await.map_err(failed("reading the database's settings"))?;
    bad.map_or(Ok(()), |(name, value)| {
        let what = format!("its database's setting {name} is {value}, so it could lose what was acknowledged; switch it on");
        Err(LineError::Unusable { what })
    })
}

/// Checks that there is something to have rights on.
async fn check_tables(connection: &mut PgConnection) -> Result<(), LineError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'places')";
    let exist: bool =
        sqlx::query_scalar(sql).bind(SCHEMA.name).fetch_one(connection).await.map_err(failed("reading which tables the database has"))?;
    if exist { Ok(()) } else { Err(to_migrate("it has no tables in the database")) }
}

async fn check_version(connection: &mut PgConnection) -> Result<(), LineError> {
    let reading = failed("reading which tables the database has");
    let sql = "SELECT coalesce(max(version), 0) AS version, coalesce(bool_and(success), false) AS success FROM _sqlx_migrations";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(reading)?;
    let (found, is_whole): (i64, bool) = (row.try_get("version").map_err(reading)?, row.try_get("success").map_err(reading)?);
    let supported = SCHEMA.steps.iter().map(|step| step.version).max().unwrap_or(0);
    if found > supported {
        let what = format!("it was made by a newer release (version {found}; this release knows up to {supported}): run that release");
        return Err(LineError::Unusable { what });
    }
    if found < supported || !is_whole {
        return Err(to_migrate(&format!("its tables are of version {found}, and this release needs {supported}")));
    }
    Ok(())
}

fn to_migrate(why: &str) -> LineError {
    LineError::Unusable { what: format!("{why}: run `fullhouse migrate` as the owner of the database first") }
}
