//! The SQL views against the fold of the log.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use fullhouse_domain::{Reservation, ReservationStatus, Show, Timestamp};
use fullhouse_eventstore::postgres::connect_to;
use fullhouse_projector::sql;
use fullhouse_schemas::http::reservation_status;
use fullhouse_schemas::time::Instant;
use rusqlite::{Connection, params};
use sqlx::PgConnection;

use super::replay::{Replay, Replayed};
use super::report::{Breach, Promise, Report};

/// The views as they were when verifying began, whatever a server writes meanwhile.
pub struct SqlViews {
    database: Database,
    /// The log position that they are the fold up to.
    pub log_position: u64,
}

enum Database {
    Sqlite(Connection),
    Postgres(Box<PgConnection>),
}

impl SqlViews {
    /// The views of a data folder, or of a database; nothing, when there are none.
    pub async fn open(folder: &Path, database_url: Option<&str>) -> anyhow::Result<Option<Self>> {
        match database_url {
            None => Self::open_folder(folder),
            Some(url) => Self::open_database(url).await,
        }
    }

    fn open_folder(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(connection) = sql::open_to_read(folder)? else { return Ok(None) };
        // The first read fixes what the transaction sees.
        connection.execute_batch("BEGIN").context(UNREADABLE)?;
        let log_position = connection.query_row(POSITION, [], |row| row.get(0)).context(UNREADABLE)?;
        Ok(Some(Self { database: Database::Sqlite(connection), log_position }))
    }

    async fn open_database(url: &str) -> anyhow::Result<Option<Self>> {
        let mut connection = connect_to(url, sql::postgres::SCHEMA.name).await?;
        let exists: bool =
            sqlx::query_scalar("SELECT to_regclass('view_position') IS NOT NULL").fetch_one(&mut connection).await.context(UNREADABLE)?;
        if !exists {
            return Ok(None);
        }
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await.context(UNREADABLE)?;
        let log_position: i64 = sqlx::query_scalar(POSITION).fetch_one(&mut connection).await.context(UNREADABLE)?;
        Ok(Some(Self { database: Database::Postgres(Box::new(connection)), log_position: log_position as u64 }))
    }

    /// Compares seats, reservations and sales with the fold of the log up to the views' position.
    pub async fn compare(&mut self, replay: &Replay, report: &mut Report) -> anyhow::Result<()> {
        report.views_compared_at = Some(self.log_position);
        for (id, replayed) in &replay.shows {
            let Replayed::Sound(show) = replayed else { continue };
            let in_log = [seats_of(show), reservations_of(show), sales_of(show)];
            for ((table, sqlite, postgres), in_log) in QUERIES.into_iter().zip(in_log) {
                let in_view = match &mut self.database {
                    Database::Sqlite(connection) => rows(connection, sqlite, id.as_str())?,
                    Database::Postgres(connection) => rows_of_database(connection, postgres, id.as_str()).await?,
                };
                for what in differing_rows(table, &in_view, &in_log) {
                    let breach =
                        Breach { promise: Promise::Views, log_position: Some(self.log_position), event_id: Some(id.to_string()), what };
                    report.breaches.push(breach);
                }
            }
        }
        Ok(())
    }
}

const UNREADABLE: &str = "the SQL views can't be read";
const POSITION: &str = "SELECT log_position FROM view_position";

/// Each table, and how its rows are read as text from either database. Instants are written alike: RFC 3339, without zeros
/// at the end.
const QUERIES: [(&str, &str, &str); 3] = [
    (
        "seats",
        "SELECT seat, concat_ws(' ', status, reservation_id, position) FROM seats WHERE event_id = ?1",
        "SELECT seat, concat_ws(' ', status, reservation_id, position) FROM seats WHERE event_id = $1",
    ),
    (
        "reservations",
        "SELECT reservation_id, concat_ws(' ', subject, status, seat_numbers, total, currency, expires_at, ended_at, payment_reference, position)
         FROM reservations WHERE event_id = ?1",
        "SELECT reservation_id, concat_ws(' ', subject, status, translate(seat_numbers::text, '{}', '[]'), total, currency, regexp_replace(to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '\\.?0+$', '') || 'Z',
                                          regexp_replace(to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '\\.?0+$', '') || 'Z', payment_reference, position)
         FROM reservations WHERE event_id = $1",
    ),
    (
        "sales_by_minute",
        "SELECT minute, concat_ws(' ', reservations, seats, amount, position) FROM sales_by_minute WHERE event_id = ?1",
        "SELECT regexp_replace(to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '\\.?0+$', '') || 'Z', concat_ws(' ', reservations, seats, amount, position)
         FROM sales_by_minute WHERE event_id = $1",
    ),
];

/// Rows as text, by key.
type Rows = BTreeMap<String, String>;

fn differing_rows(table: &str, in_view: &Rows, in_log: &Rows) -> Vec<String> {
    let missing = "nothing".to_owned();
    let keys = in_view.keys().chain(in_log.keys().filter(|key| !in_view.contains_key(*key)));
    keys.filter(|key| in_view.get(*key) != in_log.get(*key))
        .map(|key| {
            let (view, log) = (in_view.get(key).unwrap_or(&missing), in_log.get(key).unwrap_or(&missing));
            format!("{table} has {view} for {key}; by the log it is {log}")
        })
        .collect()
}

fn rows(connection: &Connection, sql: &str, event_id: &str) -> anyhow::Result<Rows> {
    let read = || -> rusqlite::Result<Rows> {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map(params![event_id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    read().context(UNREADABLE)
}

async fn rows_of_database(connection: &mut PgConnection, sql: &'static str, event_id: &str) -> anyhow::Result<Rows> {
    let rows: Vec<(String, String)> = sqlx::query_as(sql).bind(event_id).fetch_all(connection).await.context(UNREADABLE)?;
    Ok(rows.into_iter().collect())
}

fn seats_of(show: &Show) -> Rows {
    let changed_at = last_changes(show);
    (0..show.chart().seats())
        .map(|seat| {
            let owner = show.owner(seat).map(|owner| format!(" {}", owner.id)).unwrap_or_default();
            (show.chart().label(seat), format!("{}{owner} {}", show.seat_status(seat).as_str(), changed_at[seat as usize]))
        })
        .collect()
}

fn reservations_of(show: &Show) -> Rows {
    show.reservations().iter().map(|reservation| (reservation.id.to_string(), reservation_row(show, reservation))).collect()
}

fn reservation_row(show: &Show, reservation: &Reservation) -> String {
    let total = show.chart().total(&reservation.seats);
    let mut columns = vec![
        reservation.subject.to_string(),
        reservation_status(reservation.status).to_owned(),
        format!("{:?}", reservation.seats).replace(' ', ""),
        total.amount.to_string(),
        total.currency.as_str().to_owned(),
        Instant(reservation.expires_at).to_string(),
    ];
    if reservation.status != ReservationStatus::Pending {
        columns.push(Instant(reservation.changed_at).to_string());
    }
    columns.extend(reservation.payment_reference.as_deref().map(str::to_owned));
    columns.push(reservation.position.to_string());
    columns.join(" ")
}

fn sales_of(show: &Show) -> Rows {
    let mut minutes: BTreeMap<Timestamp, (u64, usize, i64, u64)> = BTreeMap::new();
    for sold in show.reservations().iter().filter(|reservation| reservation.status == ReservationStatus::Reserved) {
        let (reservations, seats, amount, position) = minutes.entry(sold.changed_at.minute()).or_default();
        *reservations += 1;
        *seats += sold.seats.len();
        *amount += show.chart().total(&sold.seats).amount;
        *position = sold.position.max(*position);
    }
    let minutes = minutes.into_iter();
    minutes
        .map(|(minute, (reservations, seats, amount, position))| {
            (Instant(minute).to_string(), format!("{reservations} {seats} {amount} {position}"))
        })
        .collect()
}

/// The position that each seat last changed at: that of the newest reservation that had it.
pub fn last_changes(show: &Show) -> Vec<u64> {
    let mut changed_at = vec![1; show.chart().seats() as usize];
    for reservation in show.reservations() {
        for &seat in &reservation.seats {
            let changed = &mut changed_at[seat as usize];
            *changed = reservation.position.max(*changed);
        }
    }
    changed_at
}
