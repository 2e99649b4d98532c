//! The SQL views against the fold of the log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::path::Path;

use anyhow::Context;
use fullhouse_domain::{Money, Reservation, ReservationId, ReservationStatus, SeatIndex, Show, Timestamp};
use fullhouse_eventstore::postgres::connect_to;
use fullhouse_projector::sql;
use fullhouse_schemas::http::reservation_status;
use fullhouse_schemas::time::Instant;
use futures::TryStreamExt;
use rusqlite::{Connection, params};
use sqlx::PgConnection;

use super::replay::{Replay, Replayed};
use super::report::{Breach, Report};
use crate::promise::Promise;

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
            let in_log: [Box<dyn Table + '_>; 3] = [Box::new(Seats::of(show)), Box::new(Reservations(show)), Box::new(Sales::of(show))];
            for ((table, sqlite, postgres), in_log) in QUERIES.into_iter().zip(in_log) {
                let mut comparison = Comparison::with(table, &*in_log);
                match &mut self.database {
                    Database::Sqlite(connection) => each_row(connection, sqlite, id.as_str(), &mut comparison)?,
                    Database::Postgres(connection) => each_row_of_database(connection, postgres, id.as_str(), &mut comparison).await?,
                }
                let breaches = comparison.finish().into_iter().map(|what| Breach {
                    promise: Promise::Views,
                    log_position: Some(self.log_position),
                    event_id: Some(id.to_string()),
                    what,
                });
                report.breaches.extend(breaches);
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

fn each_row(connection: &Connection, sql: &str, event_id: &str, comparison: &mut Comparison<'_>) -> anyhow::Result<()> {
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![event_id])?;
        while let Some(row) = rows.next()? {
            comparison.row(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        }
        Ok(())
    };
    read().context(UNREADABLE)
}

async fn each_row_of_database(
    connection: &mut PgConnection,
    sql: &'static str,
    event_id: &str,
    comparison: &mut Comparison<'_>,
) -> anyhow::Result<()> {
    let mut rows = sqlx::query_as::<_, (String, String)>(sql).bind(event_id).fetch(connection);
    while let Some((key, text)) = rows.try_next().await.context(UNREADABLE)? {
        comparison.row(&key, &text);
    }
    Ok(())
}

/// What a table should have, by the log. Rows are numbered from 0.
trait Table {
    fn rows(&self) -> usize;
    /// The number and the text of the row with this key.
    fn row(&self, key: &str) -> Option<(usize, String)>;
    /// The key of a row.
    fn key(&self, number: usize) -> String;
}

/// A table that is compared row by row, in whatever order its rows come.
struct Comparison<'a> {
    table: &'static str,
    in_log: &'a dyn Table,
    is_there: Vec<bool>,
    differing: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn with(table: &'static str, in_log: &'a dyn Table) -> Self {
        Self { table, in_log, is_there: vec![false; in_log.rows()], differing: Vec::new() }
    }

    /// Takes the next row of the view.
    fn row(&mut self, key: &str, text: &str) {
        let expected = match self.in_log.row(key) {
            Some((number, expected)) => {
                self.is_there[number] = true;
                if expected == text {
                    return;
                }
                expected
            }
            None => "nothing".into(),
        };
        self.differing.push(format!("{} has {text} for {key}; by the log it is {expected}", self.table));
    }

    /// A sentence for each row that differs or is missing.
    fn finish(self) -> Vec<String> {
        let Self { table, in_log, is_there, mut differing } = self;
        let missing = (0..is_there.len()).filter(|&number| !is_there[number]).map(|number| {
            let key = in_log.key(number);
            let expected = in_log.row(&key).map(|(_, text)| text).unwrap_or_default();
            format!("{table} has nothing for {key}; by the log it is {expected}")
        });
        differing.extend(missing);
        differing
    }
}

struct Seats<'a> {
    show: &'a Show,
    changed_at: Vec<u64>,
}

impl<'a> Seats<'a> {
    fn of(show: &'a Show) -> Self {
        Self { show, changed_at: last_changes(show) }
    }
}

impl Table for Seats<'_> {
    fn rows(&self) -> usize {
        self.changed_at.len()
    }

    fn row(&self, key: &str) -> Option<(usize, String)> {
        let seat = self.show.chart().seat(key)?;
        let owner = self.show.owner(seat).map(|owner| format!(" {}", owner.id)).unwrap_or_default();
        let text = format!("{}{owner} {}", self.show.seat_status(seat).as_str(), self.changed_at[seat as usize]);
        Some((seat as usize, text))
    }

    fn key(&self, number: usize) -> String {
        self.show.chart().label(number as SeatIndex)
    }
}

struct Reservations<'a>(&'a Show);

impl Table for Reservations<'_> {
    fn rows(&self) -> usize {
        self.0.reservations().len()
    }

    fn row(&self, key: &str) -> Option<(usize, String)> {
        let (number, reservation) = self.0.numbered_reservation(&ReservationId::parse(key)?)?;
        Some((number, reservation_row(self.0, reservation)))
    }

    fn key(&self, number: usize) -> String {
        self.0.reservations()[number].id.to_string()
    }
}

struct Sales(BTreeMap<String, String>);

impl Table for Sales {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn row(&self, key: &str) -> Option<(usize, String)> {
        let number = self.0.range::<str, _>((Bound::Unbounded, Bound::Excluded(key))).count();
        self.0.get(key).map(|text| (number, text.clone()))
    }

    fn key(&self, number: usize) -> String {
        self.0.keys().nth(number).cloned().unwrap_or_default()
    }
}

fn reservation_row(show: &Show, reservation: &Reservation) -> String {
    let Reservation { subject, status, seats, expires_at, changed_at, position, payment_reference, .. } = reservation;
    let Money { amount, currency } = show.chart().total(seats);
    let mut row = format!("{subject} {} [", reservation_status(*status));
    for (number, seat) in seats.iter().enumerate() {
        let _ = write!(row, "{}{seat}", if number == 0 { "" } else { "," });
    }
    let _ = write!(row, "] {amount} {} {}", currency.as_str(), Instant(*expires_at));
    if *status != ReservationStatus::Pending {
        let _ = write!(row, " {}", Instant(*changed_at));
    }
    if let Some(reference) = payment_reference {
        let _ = write!(row, " {reference}");
    }
    let _ = write!(row, " {position}");
    row
}

impl Sales {
    fn of(show: &Show) -> Self {
        let mut minutes: BTreeMap<Timestamp, (u64, usize, i64, u64)> = BTreeMap::new();
        for sold in show.reservations().iter().filter(|reservation| reservation.status == ReservationStatus::Reserved) {
            let (reservations, seats, amount, position) = minutes.entry(sold.changed_at.minute()).or_default();
            *reservations += 1;
            *seats += sold.seats.len();
            *amount += show.chart().total(&sold.seats).amount;
            *position = sold.position.max(*position);
        }
        let text = |(minute, (reservations, seats, amount, position))| {
            (Instant(minute).to_string(), format!("{reservations} {seats} {amount} {position}"))
        };
        Self(minutes.into_iter().map(text).collect())
    }
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
