//! The SQL views against the fold of the log.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use fullhouse_domain::{Reservation, ReservationStatus, Show, Timestamp};
use fullhouse_projector::sql;
use fullhouse_schemas::http::reservation_status;
use fullhouse_schemas::time::Instant;
use rusqlite::{Connection, params};

use super::replay::{Replay, Replayed};
use super::report::{Breach, Promise, Report};

/// Microseconds in a minute.
const MINUTE_MICROS: i64 = 60_000_000;

/// The views as they were when verifying began, whatever a server writes meanwhile.
pub struct SqlViews {
    connection: Connection,
    /// The log position that they are the fold up to.
    pub log_position: u64,
}

impl SqlViews {
    /// The views of a data folder; nothing, when there are none.
    pub fn open(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(connection) = sql::open_to_read(folder)? else { return Ok(None) };
        // The first read fixes what the transaction sees.
        connection.execute_batch("BEGIN").context("the SQL views can't be read")?;
        let log_position =
            connection.query_row("SELECT log_position FROM view_position", [], |row| row.get(0)).context("the SQL views can't be read")?;
        Ok(Some(Self { connection, log_position }))
    }

    /// Compares seats, reservations and sales with the fold of the log up to the views' position.
    pub fn compare(&self, replay: &Replay, report: &mut Report) -> anyhow::Result<()> {
        report.views_compared_at = Some(self.log_position);
        for (id, replayed) in &replay.shows {
            let Replayed::Sound(show) = replayed else { continue };
            let differences = [
                ("seats", seats(&self.connection, id.as_str())?, seats_of(show)),
                ("reservations", reservations(&self.connection, id.as_str())?, reservations_of(show)),
                ("sales_by_minute", sales(&self.connection, id.as_str())?, sales_of(show)),
            ];
            for (table, in_view, in_log) in differences {
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
    read().context("the SQL views can't be read")
}

fn seats(connection: &Connection, event_id: &str) -> anyhow::Result<Rows> {
    rows(connection, "SELECT seat, concat_ws(' ', status, reservation_id, position) FROM seats WHERE event_id = ?1", event_id)
}

fn seats_of(show: &Show) -> Rows {
    let mut changed_at = vec![1; show.chart().seats() as usize];
    for reservation in show.reservations() {
        for &seat in &reservation.seats {
            let changed = &mut changed_at[seat as usize];
            *changed = reservation.position.max(*changed);
        }
    }
    (0..show.chart().seats())
        .map(|seat| {
            let owner = show.owner(seat).map(|owner| format!(" {}", owner.id)).unwrap_or_default();
            (show.chart().label(seat), format!("{}{owner} {}", show.seat_status(seat).as_str(), changed_at[seat as usize]))
        })
        .collect()
}

fn reservations(connection: &Connection, event_id: &str) -> anyhow::Result<Rows> {
    let sql =
        "SELECT reservation_id, concat_ws(' ', subject, status, seats, total, currency, expires_at, ended_at, payment_reference, position)
               FROM reservations WHERE event_id = ?1";
    rows(connection, sql, event_id)
}

fn reservations_of(show: &Show) -> Rows {
    show.reservations().iter().map(|reservation| (reservation.id.to_string(), reservation_row(show, reservation))).collect()
}

fn reservation_row(show: &Show, reservation: &Reservation) -> String {
    let total = show.chart().total(&reservation.seats);
    let mut columns = vec![
        reservation.subject.to_string(),
        reservation_status(reservation.status).to_owned(),
        reservation.seats.len().to_string(),
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

fn sales(connection: &Connection, event_id: &str) -> anyhow::Result<Rows> {
    rows(
        connection,
        "SELECT minute, concat_ws(' ', reservations, seats, amount, position) FROM sales_by_minute WHERE event_id = ?1",
        event_id,
    )
}

fn sales_of(show: &Show) -> Rows {
    let mut minutes: BTreeMap<i64, (u64, usize, i64, u64)> = BTreeMap::new();
    for sold in show.reservations().iter().filter(|reservation| reservation.status == ReservationStatus::Reserved) {
        let minute = sold.changed_at.as_micros().div_euclid(MINUTE_MICROS);
        let (reservations, seats, amount, position) = minutes.entry(minute).or_default();
        *reservations += 1;
        *seats += sold.seats.len();
        *amount += show.chart().total(&sold.seats).amount;
        *position = sold.position.max(*position);
    }
    let minutes = minutes.into_iter();
    minutes
        .map(|(minute, (reservations, seats, amount, position))| {
            (Instant(Timestamp::from_micros(minute * MINUTE_MICROS)).to_string(), format!("{reservations} {seats} {amount} {position}"))
        })
        .collect()
}
