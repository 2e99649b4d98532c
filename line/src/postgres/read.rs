//! Reading, on a connection of its own: no reader waits for the writer or for the lock.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::postgres::timely;
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::connect;
use crate::error::{LineError, failed};
use crate::place;

/// How long a read may take before its connection is given up.
const READ_MAX: Duration = Duration::from_secs(10);

/// A read that is under way.
type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, LineError>> + Send + 'a>>;

/// Reads one after another. The line is read when an order is drawn, and else hardly ever.
#[derive(Debug)]
pub(crate) struct Reader {
    url: String,
    connection: Arc<Mutex<Option<PgConnection>>>,
}

impl Reader {
    pub fn new(url: String) -> Self {
        Self { url, connection: Arc::default() }
    }

    /// Reads in a task of its own: whoever stops waiting must not leave a half-read answer on a connection.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl for<'a> Fn(&'a mut PgConnection) -> Reading<'a, T> + Send + Sync + 'static,
    ) -> Result<T, LineError> {
        let (url, kept) = (self.url.clone(), self.connection.clone());
        let reading = tokio::spawn(async move {
            let mut kept = kept.lock().await;
            // A connection that was idle may have been lost long ago. That is no reason to fail.
            if let Some(connection) = kept.take()
                && let Ok(answer) = read_on(connection, &read, &mut kept).await
            {
                return Ok(answer);
            }
            read_on(connect::to_read(&url).await?, &read, &mut kept).await
        });
        reading.await.map_err(|_panicked| LineError::Closed)?
    }
}

/// Reads, and keeps the connection if it answers.
async fn read_on<T>(
    mut connection: PgConnection,
    read: impl for<'a> Fn(&'a mut PgConnection) -> Reading<'a, T>,
    kept: &mut Option<PgConnection>,
) -> Result<T, LineError> {
    let answer = timely(READ_MAX, read(&mut connection), failed("reading the line")).await?;
    *kept = Some(connection);
    Ok(answer)
}

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
