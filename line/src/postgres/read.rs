//! Reading, on a connection of its own: no reader waits for the writer or for the lock. The line is read when an order is drawn, and
//! else hardly ever.

use fullhouse_domain::{ShowId, Subject};
use sqlx::PgConnection;

use crate::error::{LineError, failed};
use crate::place;

/// Up to `limit` people after a number, in the order of numbers.
pub(crate) async fn members(
    connection: &mut PgConnection,
    show: ShowId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Subject)>, LineError> {
    let sql = "SELECT number, subject FROM places WHERE show_id = $1 AND number > $2 AND subject IS NOT NULL ORDER BY number LIMIT $3";
    let query = sqlx::query_as(sql).bind(show.as_str()).bind(after as i64).bind(limit as i64);
    let rows: Vec<(i64, String)> = query.fetch_all(connection).await.map_err(failed("reading the line"))?;
    rows.iter().map(|(number, subject)| place(&show, *number as u64, subject)).collect()
}

/// The last number that was given.
pub(crate) async fn last_number(connection: &mut PgConnection, show: ShowId) -> Result<u64, LineError> {
    let sql = "SELECT coalesce(max(number), 0) FROM places WHERE show_id = $1";
    let last: i64 =
        sqlx::query_scalar(sql).bind(show.as_str()).fetch_one(connection).await.map_err(failed("reading the end of the line"))?;
    Ok(last as u64)
}
