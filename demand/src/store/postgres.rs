//! Refusals in a schema of the log's database.

use std::sync::Arc;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::{Access, Schema, SingleConnection, column, connect_to_tables, migrate_schema};
use futures::TryFutureExt;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use super::{RefusedInMinute, RefusedOnce};
use crate::error::{DemandError, failed};
use crate::tally::{Counted, Page, Single};

/// The steps that lead from an empty schema to the tables of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where they are. Command servers count; analysts and whoever answers read.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_demand",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_demand TO fullhouse_analyst, fullhouse_query, fullhouse_command;
             GRANT SELECT ON ALL TABLES IN SCHEMA fullhouse_demand TO fullhouse_analyst, fullhouse_query, fullhouse_command;
             GRANT INSERT ON fullhouse_demand.refused_by_minute, fullhouse_demand.refusals, fullhouse_demand.pages TO fullhouse_command;
             GRANT UPDATE (refusals) ON fullhouse_demand.refused_by_minute TO fullhouse_command",
};

const DOING: &str = "reading refusals";

/// Makes the tables of this release, or brings those of an earlier one up to it. The connection must be the owner's, and the log
/// must have been migrated before: it makes the groups.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// Refusals in a database. Clones share one connection.
#[derive(Debug, Clone)]
pub struct PostgresDemand {
    connection: SingleConnection,
}

impl PostgresDemand {
    /// Checks that the tables are there and that the login may read them or, to count, add to them.
    pub async fn open(url: &str, access: Access) -> Result<Self, DemandError> {
        let (right, group) = match access {
            Access::Read => ("SELECT", "fullhouse_query"),
            Access::Append => ("INSERT", "fullhouse_command"),
        };
        connect_to_tables(url, &SCHEMA, "fullhouse_demand.refusals", right, group).await?;
        Ok(Self { connection: SingleConnection::new(url, SCHEMA.name) })
    }

    pub(super) async fn add(&self, page: Arc<Page>) -> Result<(), DemandError> {
        let doing = "writing refusals";
        let writing = self.connection.with(doing, move |connection| {
            let page = page.clone();
            Box::pin(async move { add(connection, &page).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        writing.await
    }

    pub(super) async fn of_seat(&self, show: &ShowId, seat: &str, limit: usize) -> Result<(u64, Vec<RefusedOnce>), DemandError> {
        let of_seat: Arc<(String, String)> = Arc::new((show.to_string(), seat.to_owned()));
        let reading = self.connection.with(DOING, move |connection| {
            let of_seat = of_seat.clone();
            Box::pin(async move { read(connection, &of_seat.0, &of_seat.1, limit).await.map_err(failed::<sqlx::Error>(DOING)) })
        });
        reading.await
    }

    pub(super) async fn counts(&self) -> Result<Vec<RefusedInMinute>, DemandError> {
        let sql = "SELECT event_id, (extract(epoch FROM minute) * 1000000)::bigint, seat, reason, refusals
                   FROM refused_by_minute ORDER BY event_id, minute, seat, reason";
        let reading = self.connection.with(DOING, move |connection| {
            Box::pin(
                sqlx::query_as::<_, (String, i64, String, String, i64)>(sql).fetch_all(connection).map_err(failed::<sqlx::Error>(DOING)),
            )
        });
        let counted = |(event_id, minute, seat, reason, refusals)| {
            let refusals: i64 = refusals;
            RefusedInMinute { event_id, minute: Timestamp::from_micros(minute), seat, reason, refusals: refusals as u64 }
        };
        Ok(reading.await?.into_iter().map(counted).collect())
    }
}

async fn read(connection: &mut PgConnection, show: &str, seat: &str, limit: usize) -> Result<(u64, Vec<RefusedOnce>), sqlx::Error> {
    let sql = "SELECT coalesce(sum(refusals), 0)::bigint FROM refused_by_minute WHERE event_id = $1 AND seat = $2";
    let total: i64 = sqlx::query_scalar(sql).bind(show).bind(seat).fetch_one(&mut *connection).await?;
    let sql = "SELECT (extract(epoch FROM refused_at) * 1000000)::bigint, position, subject, reason FROM refusals
               WHERE event_id = $1 AND seat = $2 ORDER BY refused_at DESC, position DESC LIMIT $3";
    let rows: Vec<(i64, i64, String, String)> = sqlx::query_as(sql).bind(show).bind(seat).bind(limit as i64).fetch_all(connection).await?;
    let once = |(at, position, subject, reason)| {
        let position: i64 = position;
        RefusedOnce { refused_at: Timestamp::from_micros(at), position: position as u64, subject, reason }
    };
    Ok((total as u64, rows.into_iter().map(once).collect()))
}

async fn add(connection: &mut PgConnection, page: &Page) -> Result<(), sqlx::Error> {
    let tally = &page.tally;
    let mut transaction = connection.begin().await?;
    // The answer to an earlier attempt may have been lost.
    let sql = "INSERT INTO pages (id) VALUES ($1) ON CONFLICT DO NOTHING";
    let is_new = sqlx::query(sql).bind(page.id.to_be_bytes().as_slice()).execute(&mut *transaction).await?.rows_affected() == 1;
    if !is_new {
        // Dropped, it would go on until the connection is used again.
        return transaction.rollback().await;
    }
    let mut counts: Vec<(&Counted, &u64)> = tally.counts.iter().collect();
    // Two servers that write the same rows lock them in the same order.
    counts.sort_unstable_by_key(|(of, _)| (&of.show, of.minute, &of.seat, of.reason));
    sqlx::query(
        "INSERT INTO refused_by_minute AS known
         SELECT event_id, 'epoch'::timestamptz + minute * interval '1 microsecond', seat, reason, refusals
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]) AS more (event_id, minute, seat, reason, refusals)
         ON CONFLICT (event_id, seat, reason, minute) DO UPDATE SET refusals = known.refusals + excluded.refusals",
    )
    .bind(column(&counts, |(of, _)| of.show.as_str()))
    .bind(column(&counts, |(of, _)| of.minute.as_micros()))
    .bind(column(&counts, |(of, _)| of.seat.as_str()))
    .bind(column(&counts, |(of, _)| of.reason))
    .bind(column(&counts, |(_, count)| **count as i64))
    .execute(&mut *transaction)
    .await?;
    let singles: Vec<&Single> = tally.singles.iter().collect();
    sqlx::query(
        "INSERT INTO refusals
         SELECT event_id, 'epoch'::timestamptz + refused_at * interval '1 microsecond', position, subject, seats, seat, reason
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[], $6::text[], $7::text[])
              AS single (event_id, refused_at, position, subject, seats, seat, reason)",
    )
    .bind(column(&singles, |single| single.refused.show.as_str()))
    .bind(column(&singles, |single| single.refused.at.as_micros()))
    .bind(column(&singles, |single| single.refused.position as i64))
    .bind(column(&singles, |single| single.refused.subject.as_str()))
    .bind(column(&singles, |single| single.refused.seats as i32))
    .bind(column(&singles, |single| single.seat.as_str()))
    .bind(column(&singles, |single| single.reason))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}
