//! Reading. Every fact that leaves here follows right after the one before and has the hash that was stored with it.

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::connect::failed;
use crate::columns::{FactColumns, read_lengths};
use crate::error::{LogError, check_gapless};

/// Up to `limit` facts after a log position.
pub(crate) async fn log(connection: &mut PgConnection, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
    let rows = sqlx::query("SELECT * FROM facts WHERE log_position > $1 ORDER BY log_position LIMIT $2")
        .bind(after as i64)
        .bind(limit as i64)
        .fetch_all(connection)
        .await
        .map_err(failed("reading the log"))?;
    let facts = read_rows(&rows, after)?;
    check_gapless(&facts, after, after + facts.len() as u64)?;
    Ok(facts)
}

/// The facts after one log position and up to another; each must be there.
pub(crate) async fn between(connection: &mut PgConnection, after: u64, until: u64) -> Result<Vec<StoredFact>, LogError> {
    let facts = log(connection, after, (until - after) as usize).await?;
    check_gapless(&facts, after, until)?;
    Ok(facts)
}

/// Up to `limit` facts of a show after a position.
pub(crate) async fn show(connection: &mut PgConnection, show: &ShowId, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
    let rows = sqlx::query("SELECT * FROM facts WHERE show_id = $1 AND position > $2 ORDER BY position LIMIT $3")
        .bind(show.as_str())
        .bind(after as i64)
        .bind(limit as i64)
        .fetch_all(connection)
        .await
        .map_err(failed("reading a show's history"))?;
    let facts = read_rows(&rows, 0)?;
    for (fact, expected) in facts.iter().zip(after + 1..) {
        if fact.position != expected {
            let what = format!("the next fact is at {}", fact.position);
            return Err(LogError::DamagedShow { show: show.clone(), after: expected - 1, what });
        }
    }
    Ok(facts)
}

/// The shows that have at least so many facts. It goes from show to show in the index of positions, without a look at the facts between.
pub(crate) async fn long_histories(connection: &mut PgConnection, facts_min: u64) -> Result<Vec<(ShowId, u64)>, LogError> {
    let sql = "WITH RECURSIVE shows (show_id) AS (
                   (SELECT show_id FROM facts ORDER BY show_id LIMIT 1)
                   UNION ALL
                   SELECT (SELECT show_id FROM facts WHERE show_id > shows.show_id ORDER BY show_id LIMIT 1) FROM shows WHERE show_id IS NOT NULL
               )
               SELECT show_id, last.position FROM shows
               CROSS JOIN LATERAL (SELECT position FROM facts WHERE facts.show_id = shows.show_id ORDER BY position DESC LIMIT 1) AS last
               WHERE last.position >= $1";
    let query = sqlx::query_as(sql).bind(facts_min as i64);
    read_lengths(query.fetch_all(connection).await.map_err(failed("looking for long histories"))?)
}

/// The last log position.
pub(crate) async fn head(connection: &mut PgConnection) -> Result<u64, LogError> {
    let head: i64 = sqlx::query_scalar("SELECT coalesce(max(log_position), 0) FROM facts")
        .fetch_one(connection)
        .await
        .map_err(failed("reading the log's head"))?;
    Ok(head as u64)
}

/// The end of the log, and what stands behind a position.
#[derive(Debug)]
pub(crate) struct News {
    pub head: u64,
    /// By the database's clock.
    pub now: Timestamp,
    pub facts: Vec<StoredFact>,
    /// The hash of the fact at the position itself; nothing, when there is none.
    pub row_hash_there: Option<Vec<u8>>,
}

/// The database's clock, the end of the log, and up to `limit` facts after a log position, all of one moment.
pub(crate) async fn news(connection: &mut PgConnection, after: u64, limit: usize) -> Result<News, LogError> {
    let reading = failed("reading on in the log");
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
                      (SELECT max(log_position) FROM facts) AS head,
                      (SELECT row_hash FROM facts WHERE log_position = $1) AS row_hash_there, later.*
               FROM (SELECT) AS one
               LEFT JOIN LATERAL (SELECT * FROM facts WHERE log_position > $1 ORDER BY log_position LIMIT $2) AS later ON true
               ORDER BY later.log_position";
    let rows = sqlx::query(sql).bind(after as i64).bind(limit as i64).fetch_all(connection).await.map_err(&reading)?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(&reading)?;
    let now = Timestamp::from_micros(first.try_get("now").map_err(&reading)?);
    let head = first.try_get::<Option<i64>, _>("head").map_err(&reading)?.unwrap_or(0) as u64;
    // Without facts there is one row, in which all of their columns are null.
    let is_empty = first.try_get::<Option<i64>, _>("log_position").map_err(&reading)?.is_none();
    let facts = if is_empty { Vec::new() } else { read_rows(&rows, after)? };
    check_gapless(&facts, after, after + facts.len() as u64)?;
    let row_hash_there = first.try_get("row_hash_there").map_err(&reading)?;
    Ok(News { head, now, facts, row_hash_there })
}

fn read_rows(rows: &[PgRow], after: u64) -> Result<Vec<StoredFact>, LogError> {
    rows.iter().map(|row| read_row(row, after + 1)).collect()
}

/// One fact, checked against its hash.
fn read_row(row: &PgRow, log_position: u64) -> Result<StoredFact, LogError> {
    let read = || -> Result<FactColumns, sqlx::Error> {
        Ok(FactColumns {
            log_position: row.try_get::<i64, _>("log_position")? as u64,
            show: row.try_get("show_id")?,
            position: row.try_get::<i64, _>("position")? as u64,
            kind: row.try_get("kind")?,
            version: row.try_get::<i16, _>("version")? as u16,
            recorded_at: row.try_get("recorded_at")?,
            command_id: row.try_get("command_id")?,
            subject: row.try_get("subject")?,
            touches: row.try_get("touches")?,
            data: row.try_get("data")?,
            row_hash: row.try_get("row_hash")?,
        })
    };
    read().map_err(|error| LogError::Damaged { log_position, what: error.to_string() })?.into_fact()
}

/// Compares the commands that are known for good with the facts that they claim: a sentence for each contradiction.
pub(crate) async fn contradictions_of_commands(connection: &mut PgConnection) -> Result<Vec<String>, LogError> {
    let sql = "SELECT encode(command_id, 'hex'), first_log_position FROM commands AS c WHERE facts <> (
        SELECT count(*) FROM facts AS f
        WHERE f.log_position >= c.first_log_position AND f.log_position < c.first_log_position + c.facts AND f.command_id = c.command_id
    ) LIMIT 100";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(connection).await.map_err(failed("comparing commands with facts"))?;
    Ok(rows.into_iter().map(|(id, from)| format!("the facts from log position {from} on are not those of command {id}")).collect())
}

/// Triggers that keep facts from being changed, and are missing or switched off.
pub(crate) async fn contradictions_of_store(connection: &mut PgConnection) -> Result<Vec<String>, LogError> {
    let sql = "SELECT expected.name FROM unnest($1::text[]) AS expected (name)
               WHERE NOT EXISTS (SELECT FROM pg_trigger AS there
                                 WHERE there.tgname = expected.name AND there.tgenabled IN ('O', 'A')
                                       AND there.tgrelid IN ('fullhouse.facts'::regclass, 'fullhouse.commands'::regclass))";
    let expected = ["facts_are_never_changed", "facts_are_never_truncated", "commands_are_never_changed", "commands_are_never_truncated"];
    let missing: Vec<String> =
        sqlx::query_scalar(sql).bind(&expected[..]).fetch_all(connection).await.map_err(failed("examining the log's tables"))?;
    Ok(missing.into_iter().map(|name| format!("the trigger `{name}` of the log is missing or switched off")).collect())
}
