//! Writing: one task, one connection, one transaction for each batch.
//!
//! A transaction takes an advisory lock first, in a statement of its own. So the order of commits is the order of numbers, and
//! what the next statements read can't change before the commit. A batch whose outcome is unknown is settled again: who has
//! got his number then keeps it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::postgres::{column, make_commit_wait, timely};
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::connect;
use crate::error::{LineError, failed};
use crate::queue::{BATCH_MAX, Call, answer};
use crate::settle::{Known, Person, Settled, settle};

/// How long one attempt at a batch may take. Afterwards its outcome is unknown, and the connection is given up.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);
/// How long after the arrival of its oldest call a batch is tried again. Counted from there, the calls that have waited for
/// a batch that failed are not kept waiting for as long again.
const RETRY_FOR: Duration = Duration::from_secs(3);
/// The pause before another attempt.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The transaction, and the lock that all writers share. Locks are counted apart for each database.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7005, 1)";

/// Owns the connection that writes. It runs in a task of its own, which nobody who stops waiting can interrupt.
pub(crate) struct Writer {
    url: String,
    connection: Option<PgConnection>,
}

impl Writer {
    pub fn new(url: String, connection: PgConnection) -> Self {
        Self { url, connection: Some(connection) }
    }

    /// Serves calls until nobody can make one any more.
    pub async fn run(mut self, mut waiting: mpsc::Receiver<Call>) {
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let outcome = self.commit_in_time(&batch).await;
            answer(&mut batch, outcome);
        }
    }

    /// Tries for as long as it makes sense to the one who has waited longest.
    async fn commit_in_time(&mut self, batch: &[Call]) -> Result<Vec<u64>, LineError> {
        let arrived = batch.iter().map(|call| call.arrived).min().unwrap_or_else(Instant::now);
        loop {
            // A failed attempt has dropped its connection: what that would answer next belongs to what was given up.
            let outcome = timely(ATTEMPT_MAX, self.commit(batch), failed("changing the line")).await;
            match outcome {
                Err(error @ LineError::Store { .. }) if arrived.elapsed() < RETRY_FOR => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::debug!(cause, "{error}; it is tried again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Commits a batch, all or nothing; the answers to its calls.
    async fn commit(&mut self, batch: &[Call]) -> Result<Vec<u64>, LineError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::to_write(&self.url).await?,
        };
        sqlx::raw_sql(BEGIN).execute(&mut connection).await.map_err(failed("beginning a change of the line"))?;
        let settled = settle(batch.iter().map(|call| &call.request), known(&mut connection, batch).await?);
        give_up(&mut connection, &settled).await?;
        give(&mut connection, &settled).await?;
        if settled.new.is_empty() && settled.given_up.is_empty() {
            make_commit_wait(&mut connection).await.map_err(failed("waiting for the standby"))?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut connection).await.map_err(failed("committing a change of the line"))?;
        self.connection = Some(connection);
        Ok(settled.answers)
    }
}

/// Reads what a batch is settled by, with one statement.
async fn known<'a>(connection: &mut PgConnection, batch: &'a [Call]) -> Result<Known<'a>, LineError> {
    let people: HashSet<Person<'a>> = batch.iter().map(|call| call.request.person()).collect();
    let people: Vec<Person<'a>> = people.into_iter().collect();
    let shows: HashSet<&ShowId> = people.iter().map(|(show, _)| *show).collect();
    let shows: Vec<&ShowId> = shows.into_iter().collect();
    // Places in the arrays count from 1. The order of rows that a statement without ORDER BY gives is nobody's promise.
    let sql = "SELECT asked.at, (SELECT number FROM places WHERE show_id = asked.show_id AND subject = asked.subject)
               FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (show_id, subject, at)
               UNION ALL
               SELECT -asked.at, (SELECT max(number) FROM places WHERE show_id = asked.show_id)
               FROM unnest($3::text[]) WITH ORDINALITY AS asked (show_id, at)";
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(sql)
        .bind(column(&people, |(show, _)| show.as_str()))
        .bind(column(&people, |(_, subject)| subject.as_str()))
        .bind(column(&shows, |show| show.as_str()))
        .fetch_all(connection)
        .await
        .map_err(failed("looking people up in the line"))?;
    let mut known = Known::default();
    for (at, number) in rows {
        let Some(number) = number else { continue };
        let index = at.unsigned_abs() as usize - 1;
        if at > 0 {
            known.numbers.insert(people[index], number as u64);
        } else {
            known.last.insert(shows[index], number as u64);
        }
    }
    Ok(known)
}

/// Empties the places that are nobody's any more.
async fn give_up(connection: &mut PgConnection, settled: &Settled<'_>) -> Result<(), LineError> {
    if settled.given_up.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE places SET subject = NULL FROM unnest($1::text[], $2::bigint[]) AS gone (show_id, number)
               WHERE places.show_id = gone.show_id AND places.number = gone.number";
    sqlx::query(sql)
        .bind(column(&settled.given_up, |(show, _)| show.as_str()))
        .bind(column(&settled.given_up, |(_, number)| *number as i64))
        .execute(connection)
        .await
        .map_err(failed("giving places up"))?;
    Ok(())
}

/// Writes all new places with one statement.
async fn give(connection: &mut PgConnection, settled: &Settled<'_>) -> Result<(), LineError> {
    if settled.new.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO places (show_id, number, subject) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])";
    sqlx::query(sql)
        .bind(column(&settled.new, |place| place.show.as_str()))
        .bind(column(&settled.new, |place| place.number as i64))
        .bind(column(&settled.new, |place| place.subject.map(Subject::as_str)))
        .execute(connection)
        .await
        .map_err(failed("giving numbers"))?;
    Ok(())
}
