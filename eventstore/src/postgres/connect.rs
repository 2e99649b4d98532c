//! Connections: their settings, and what a server must be like to be used.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::error::LogError;

/// The steps that lead from an empty database to the log of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// Where the log is. Whoever serves may read which version it has.
const SCHEMA: Schema = Schema {
    name: "fullhouse",
    steps: &MIGRATIONS,
    grants: "GRANT SELECT ON fullhouse._sqlx_migrations TO fullhouse_command, fullhouse_query, fullhouse_projector",
};

/// What a log is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read it.
    Read,
    /// To append to it too.
    Append,
}

/// Tables that are made and changed together.
#[derive(Debug)]
pub struct Schema {
    /// Its name in the database.
    pub name: &'static str,
    /// The steps that lead to its tables, the same names in any schema.
    pub steps: &'static Migrator,
    /// SQL that gives the groups their rights, run after the steps.
    pub grants: &'static str,
}

/// How long a connection may take to be there. A failover takes longer, and is waited for by trying again.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Connections of one process that read. Reads are short, or one of a few long ones.
const READERS_MAX: u32 = 8;

/// Reads a URL such as `postgres://user:password@host:5432/database`.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions, LogError> {
    options_for(url, SCHEMA.name)
}

fn options_for(url: &str, schema: &'static str) -> Result<PgConnectOptions, LogError> {
    let options = PgConnectOptions::from_str(url).map_err(failed("reading the database's URL"))?;
    Ok(options
        .application_name("fullhouse")
        // A commit that waits for its standby must not be cut short: PostgreSQL would report success for what is safe on
        // one machine only. What is abandoned must go, though, or it would keep the lock.
        .options([("search_path", schema), ("statement_timeout", "0"), ("client_connection_check_interval", "1000")])
        // A machine that is gone says nothing. Its sessions must end soon, and with them what they have locked.
        .options([
            ("tcp_keepalives_idle", "2"),
            ("tcp_keepalives_interval", "1"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "5000"),
        ])
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1)))
}

/// A connection to the server that takes writes.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, LogError> {
    let connecting = async {
        let mut connection = options.connect().await.map_err(failed("connecting to the database"))?;
        must_be_primary(&mut connection).await.map_err(failed("connecting to the database"))?;
        Ok(connection)
    };
    timely(CONNECT_MAX, connecting, failed("connecting to the database")).await
}

/// The connection that appends. A server that freezes between two statements of an append holds the lock that everybody
/// needs; the database ends such a session.
pub(crate) async fn connect_checked(options: &PgConnectOptions) -> Result<PgConnection, LogError> {
    let mut connection = connect(&options.clone().options([("idle_in_transaction_session_timeout", "2000")])).await?;
    check_settings(&mut connection).await?;
    Ok(connection)
}

/// Connections for reads.
pub(crate) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(CONNECT_MAX)
        .after_connect(|connection, _| Box::pin(must_be_primary(connection)))
        .connect_lazy_with(options)
}

/// A standby may be behind, so nothing is decided or told by what it says.
async fn must_be_primary(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(connection).await?;
    if is_standby { Err(sqlx::Error::Configuration("this server is a standby: it takes no writes".into())) } else { Ok(()) }
}

/// Checks that what is committed stays, and that the tables are those of this release.
pub(crate) async fn check(connection: &mut PgConnection, access: Access) -> Result<(), LogError> {
    check_settings(connection).await?;
    let standbys: String = sqlx::query_scalar("SELECT current_setting('synchronous_standby_names')")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed("reading the database's settings"))?;
    if standbys.is_empty() {
        tracing::warn!("the database has no synchronous standby: whoever loses its machine loses what was acknowledged");
    }
    check_tables(connection, &SCHEMA).await?;
    check_version(connection, &SCHEMA).await?;
    let (right, group) = match access {
        Access::Read => ("SELECT", "fullhouse_query"),
        Access::Append => ("INSERT", "fullhouse_command"),
    };
    check_right(connection, "fullhouse.facts", right, group).await
}

/// Checks that what is committed stays, on whichever server this is.
pub async fn check_settings(connection: &mut PgConnection) -> Result<(), LogError> {
    for (setting, bad) in [("fsync", "off"), ("synchronous_commit", "off"), ("synchronous_commit", "local"), ("full_page_writes", "off")] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed("reading the database's settings"))?;
        if value == bad {
            let what = format!("its setting {setting} is {bad}, so it could lose what was acknowledged; switch it on");
            return Err(LogError::Unusable { what });
        }
    }
    Ok(())
}

/// Checks that the login has a right, and says which group has it when not.
pub async fn check_right(connection: &mut PgConnection, table: &str, right: &str, group: &str) -> Result<(), LogError> {
    let sql = "SELECT current_user::text, has_schema_privilege(split_part($1, '.', 1), 'USAGE') AND has_table_privilege($1, $2)";
    let query = sqlx::query_as(sql).bind(table).bind(right);
    let (user, has_it): (String, bool) = query.fetch_one(connection).await.map_err(failed("reading the login's rights"))?;
    if has_it {
        return Ok(());
    }
    Err(LogError::Unusable { what: format!("{user} may not {right} {table}; make it a member of {group}") })
}

/// Checks that a schema has tables, whatever the login may do with them.
pub(crate) async fn check_tables(connection: &mut PgConnection, schema: &Schema) -> Result<(), LogError> {
    let reading = failed("reading which tables the database has");
    let sql = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = '_sqlx_migrations')";
    let exist: bool = sqlx::query_scalar(sql).bind(schema.name).fetch_one(connection).await.map_err(reading)?;
    if exist { Ok(()) } else { Err(to_migrate("it has no tables of Fullhouse")) }
}

/// Checks that the tables of a schema are those of this release. The login must be allowed to read which they are.
pub(crate) async fn check_version(connection: &mut PgConnection, schema: &Schema) -> Result<(), LogError> {
    // The name is a constant of ours.
    let sql = format!("SELECT coalesce(max(version), 0), coalesce(bool_and(success), false) FROM {}._sqlx_migrations", schema.name);
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
    let (found, is_whole): (i64, bool) = query.fetch_one(connection).await.map_err(failed("reading which tables the database has"))?;
    let supported = schema.steps.iter().map(|step| step.version).max().unwrap_or(0);
    if found > supported {
        let what = format!("it was made by a newer release (version {found}; this release knows up to {supported}): run that release");
        return Err(LogError::Unusable { what });
    }
    if found < supported || !is_whole {
        return Err(to_migrate(&format!("its tables are of version {found}, and this release needs {supported}")));
    }
    Ok(())
}

fn to_migrate(why: &str) -> LogError {
    LogError::Unusable { what: format!("{why}: run `fullhouse migrate` as the owner of the database first") }
}

/// A connection to the server that takes writes, in which names without a schema mean this one.
pub async fn connect_to(url: &str, schema: &'static str) -> Result<PgConnection, LogError> {
    connect(&options_for(url, schema)?).await
}

/// The same, once it is checked that the schema has the tables of this release and that the login has a right in one of them.
pub async fn connect_to_tables(url: &str, schema: &Schema, table: &str, right: &str, group: &str) -> Result<PgConnection, LogError> {
    let mut connection = connect_to(url, schema.name).await?;
    check_tables(&mut connection, schema).await?;
    check_right(&mut connection, table, right, group).await?;
    check_version(&mut connection, schema).await?;
    Ok(connection)
}

/// Makes the log's tables of this release, or brings those of an earlier one up to it. The connection must be the owner's.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// The same for the tables of any schema. Two that do so at once do it one after the other.
pub async fn migrate_schema(url: &str, schema: &Schema) -> Result<(), LogError> {
    let mut connection = connect_to(url, schema.name).await?;
    // The name is a constant of ours.
    let make = sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", schema.name));
    sqlx::raw_sql(make).execute(&mut connection).await.map_err(failed("making the schema"))?;
    schema.steps.run_direct(None, &mut connection, false).await.map_err(|error| match error {
        MigrateError::Execute(error) => LogError::Store { doing: "changing the database's tables", source: error.into() },
        other => LogError::Unusable { what: format!("its tables can't be changed: {other}") },
    })?;
    sqlx::raw_sql(schema.grants).execute(&mut connection).await.map_err(failed("granting rights"))?;
    connection.close().await.map_err(failed("closing the connection"))
}

pub(crate) fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> LogError {
    move |source| LogError::Store { doing, source: source.into() }
}

/// Gives up after a while; `gave_up` says what that means. The connection must not be used again then, since its answer may
/// still come.
pub async fn timely<T, E>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
    gave_up: impl FnOnce(sqlx::Error) -> E,
) -> Result<T, E> {
    let silent = || sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {limit:?}")));
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(gave_up(silent())))
}

/// One column of many rows, as an array for `unnest`.
pub fn column<'a, Row, Value>(rows: &'a [Row], value: impl FnMut(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}
