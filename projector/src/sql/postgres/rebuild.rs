//! Building the views anew beside those that are in use, and putting them in their place.

use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::{self as log_database, Schema};
use sqlx::{Connection, PgConnection};

use super::write::PostgresViews;
use super::{MIGRATIONS, SCHEMA, failed};
use crate::ProjectionError;
use crate::read_more;
use crate::sql::FACTS_PER_TRANSACTION_MAX;

/// Where the new views are built.
const BESIDE: Schema = Schema { name: "fullhouse_views_next", steps: &MIGRATIONS, grants: "" };
/// The tables that are compared.
const TABLES: [&str; 4] = ["shows", "seats", "reservations", "sales_by_minute"];

/// What rebuilding has shown.
#[derive(Debug)]
pub struct Rebuilt {
    /// The log position that the new views have reached.
    pub log_position: u64,
    /// Tables of the old views that were not the fold of the log, and in how many rows.
    pub differences: Vec<(String, i64)>,
}

/// Builds the views from the whole log in a schema of its own, compares them with those in use at the same position, and
/// swaps. Servers go on meanwhile. The connection must be the owner's. `tell` hears of each log position that is reached.
pub async fn rebuild(log: &Log, url: &str, mut tell: impl FnMut(u64)) -> Result<Rebuilt, ProjectionError> {
    let mut owner = log_database::connect_to(url, "public").await?;
    let is_alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(7004, 0)")
        .fetch_one(&mut owner)
        .await
        .map_err(failed("locking out other rebuilds"))?;
    if !is_alone {
        return Err(failed("locking out other rebuilds")(sqlx::Error::Protocol("another rebuild is going on".into())));
    }
    let doing = failed("making room for the new SQL views");
    sqlx::raw_sql("DROP SCHEMA IF EXISTS fullhouse_views_next, fullhouse_views_last CASCADE").execute(&mut owner).await.map_err(doing)?;
    log_database::migrate_schema(url, &BESIDE).await?;
    let mut next = PostgresViews::open(url, BESIDE.name).await?;
    let reading = failed("comparing the SQL views");
    const IN_USE: &str = "SELECT log_position FROM fullhouse_views.view_position";
    let in_use: i64 = sqlx::query_scalar(IN_USE).fetch_one(&mut owner).await.map_err(&reading)?;
    fold_until(log, &mut next, in_use as u64, &mut tell).await?;
    // From here on nobody moves the views in use, so the new ones can reach the same position.
    let mut swapping = owner.begin().await.map_err(&reading)?;
    // A lock on the table, not on its row: whoever waits for it looks the table up by its name again, and finds the new one.
    sqlx::raw_sql("LOCK TABLE fullhouse_views.view_position IN EXCLUSIVE MODE").execute(&mut *swapping).await.map_err(&reading)?;
    let in_use: i64 = sqlx::query_scalar(IN_USE).fetch_one(&mut *swapping).await.map_err(&reading)?;
    fold_until(log, &mut next, in_use as u64, &mut tell).await?;
    let log_position = next.log_position();
    next.into_connection().close().await.map_err(failed("closing a connection"))?;
    let differences = differences(&mut swapping).await?;
    let sql = "ALTER SCHEMA fullhouse_views RENAME TO fullhouse_views_last;
               ALTER SCHEMA fullhouse_views_next RENAME TO fullhouse_views";
    sqlx::raw_sql(sql).execute(&mut *swapping).await.map_err(failed("swapping the SQL views"))?;
    sqlx::raw_sql(SCHEMA.grants).execute(&mut *swapping).await.map_err(failed("granting rights"))?;
    swapping.commit().await.map_err(failed("swapping the SQL views"))?;
    // Not in the same transaction: a projector that waits for the old views would be waited for in turn.
    sqlx::raw_sql("DROP SCHEMA fullhouse_views_last CASCADE").execute(&mut owner).await.map_err(failed("dropping the old SQL views"))?;
    Ok(Rebuilt { log_position, differences })
}

async fn fold_until(log: &Log, views: &mut PostgresViews, until: u64, tell: &mut impl FnMut(u64)) -> Result<(), ProjectionError> {
    let mut follower = log.follow(views.log_position());
    while views.log_position() < until {
        let first = follower.next().await?;
        views.apply(&read_more(first, &mut follower, FACTS_PER_TRANSACTION_MAX)?, until, log.head()).await?;
        tell(views.log_position());
    }
    Ok(())
}

async fn differences(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, ProjectionError> {
    let mut found = Vec::new();
    for table in TABLES {
        let sql = format!(
            "SELECT greatest(
                 (SELECT count(*) FROM (TABLE fullhouse_views.{table} EXCEPT TABLE fullhouse_views_next.{table}) AS wrong),
                 (SELECT count(*) FROM (TABLE fullhouse_views_next.{table} EXCEPT TABLE fullhouse_views.{table}) AS missing))"
        );
        // The names are those above.
        let count: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(failed("comparing the SQL views"))?;
        if count > 0 {
            found.push((table.to_owned(), count));
        }
    }
    Ok(found)
}
