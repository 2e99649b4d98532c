//! Writing changes, one transaction for each batch of facts.

use std::path::Path;

use foldhash::HashMap;
use fullhouse_domain::{Chart, Currency, ReservationId, SeatIndex, ShowId, Timestamp};
use fullhouse_eventstore::Following;
use fullhouse_schemas::http::reservation_status;
use fullhouse_schemas::time::Instant;
use rusqlite::{Connection, Transaction, params};

use super::file;
use crate::ProjectionError;
use crate::sql::changes::{Changes, Ended, Held, Sales, SeatChange};
use crate::sql::fold::{Fold, Folded, Prices, Scheduled};

/// The views' file, and what is needed to write it.
pub(crate) struct SqlViews {
    connection: Connection,
    log_position: u64,
    fold: Fold,
}

/// An instant as text. Neighbouring facts were mostly recorded at the same one.
#[derive(Default)]
struct InstantText {
    at: Option<Timestamp>,
    text: String,
}

impl InstantText {
    fn of(&mut self, at: Timestamp) -> &str {
        if self.at.replace(at) != Some(at) {
            self.text = text(at);
        }
        &self.text
    }
}

fn failed(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> ProjectionError {
    move |source| ProjectionError::Sql { doing, source }
}

impl SqlViews {
    pub fn open(folder: &Path, log_head: u64) -> Result<Self, ProjectionError> {
        let connection = file::open(folder, log_head)?;
        let log_position = connection
            .query_row("SELECT log_position FROM view_position", [], |row| row.get(0))
            .map_err(failed("reading how far the SQL views are"))?;
        let open = read_open(&connection).map_err(failed("reading open reservations from the SQL views"))?;
        Ok(Self { connection, log_position, fold: Fold::new(open) })
    }

    /// The log position that the views have reached.
    pub fn log_position(&self) -> u64 {
        self.log_position
    }

    /// Writes what consecutive facts change, all or nothing, and how far the log was.
    pub fn apply(&mut self, batches: &[Following], log_head: u64, now: Timestamp) -> Result<(), ProjectionError> {
        let facts = || batches.iter().flat_map(|batch| batch.iter());
        for show in self.fold.without_prices(facts()) {
            let prices = read_prices(&self.connection, &show).map_err(failed("reading prices from the SQL views"))?;
            self.fold.know(show, prices);
        }
        let Some(folded) = self.fold.fold(facts())? else { return Ok(()) };
        let transaction = self.connection.transaction().map_err(failed("beginning to write the SQL views"))?;
        write(&transaction, &folded, log_head, now).map_err(failed("writing the SQL views"))?;
        transaction.commit().map_err(failed("committing the SQL views"))?;
        self.log_position = folded.log_position;
        Ok(())
    }
}

fn read_prices(connection: &Connection, show: &ShowId) -> rusqlite::Result<Prices> {
    let currency: String = connection.query_row("SELECT currency FROM shows WHERE event_id = ?1", [show.as_str()], |row| row.get(0))?;
    let currency = Currency::parse(&currency).ok_or(rusqlite::Error::InvalidQuery)?;
    let mut statement = connection.prepare_cached("SELECT price FROM seats WHERE event_id = ?1 ORDER BY seat_key")?;
    let of_seats = statement.query_map([show.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Prices { of_seats, currency })
}

fn read_open(connection: &Connection) -> rusqlite::Result<HashMap<ReservationId, u64>> {
    let mut statement = connection.prepare("SELECT reservation_id, held_log_position FROM reservations WHERE status = 'pending'")?;
    let rows = statement.query_map([], |row| {
        let id: String = row.get(0)?;
        Ok((ReservationId::parse(&id).ok_or(rusqlite::Error::InvalidQuery)?, row.get(1)?))
    })?;
    rows.collect()
}

fn text(at: Timestamp) -> String {
    Instant(at).to_string()
}

fn write(transaction: &Transaction<'_>, folded: &Folded, log_head: u64, now: Timestamp) -> rusqlite::Result<()> {
    let changes = &folded.changes;
    for scheduled in &folded.scheduled {
        insert_show(transaction, scheduled)?;
    }
    update_seats(transaction, changes)?;
    insert_reservations(transaction, changes)?;
    end_reservations(transaction, changes)?;
    for ((show, minute), sales) in &changes.sales {
        add_sales(transaction, show, *minute, sales)?;
    }
    for (show, position) in &changes.shows {
        transaction.prepare_cached("UPDATE shows SET position = ?2 WHERE event_id = ?1")?.execute(params![show.as_str(), position])?;
    }
    transaction
        .prepare_cached("UPDATE view_position SET log_position = ?1, recorded_at = ?2, log_head = ?3, updated_at = ?4")?
        .execute(params![folded.log_position, text(folded.recorded_at), log_head, text(now)])?;
    Ok(())
}

fn insert_show(transaction: &Transaction<'_>, Scheduled { show, position, scheduled_at, plan }: &Scheduled) -> rusqlite::Result<()> {
    let chart = Chart::new(plan);
    let scheduled_at = text(*scheduled_at);
    let first_seat: u64 = transaction.query_row("SELECT coalesce(max(seat_key), 0) + 1 FROM seats", [], |row| row.get(0))?;
    transaction.prepare_cached("INSERT INTO shows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(params![
        show.as_str(),
        plan.title,
        text(plan.starts_at),
        plan.on_sale_at.map(text),
        plan.hold_seconds,
        chart.seats(),
        chart.total(&[]).currency.as_str(),
        scheduled_at,
        position,
        first_seat,
    ])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO seats VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'available', NULL, ?10, ?11)")?;
    for seat in 0..chart.seats() {
        let (row, number) = chart.row_and_number(seat);
        let section = chart.section_of(seat);
        insert.execute(params![
            first_seat + u64::from(seat),
            show.as_str(),
            seat,
            chart.label(seat),
            section.name,
            row,
            number,
            section.price.amount,
            section.price.currency.as_str(),
            position,
            scheduled_at,
        ])?;
    }
    Ok(())
}

fn update_seats(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut first_seat = transaction.prepare_cached("SELECT first_seat FROM shows WHERE event_id = ?1")?;
    let mut update = transaction.prepare_cached(
        "UPDATE seats SET status = ?3, reservation_id = ?4, position = ?5, changed_at = ?6 WHERE seat_key BETWEEN ?1 AND ?2",
    )?;
    let mut changed_at = InstantText::default();
    let mut of_show: Option<(&ShowId, u64)> = None;
    let seats: Vec<(&(ShowId, SeatIndex), &SeatChange)> = changes.seats.iter().collect();
    // Mostly neighbours are held and sold together; a statement for each would be most of the work.
    for neighbours in seats.chunk_by(|(key, change), (next, next_change)| key.0 == next.0 && key.1 + 1 == next.1 && change == next_change) {
        let ((show, seat), SeatChange { status, reservation, position, changed_at: at }) = neighbours[0];
        let first = match of_show {
            Some((known, first)) if known == show => first,
            _ => first_seat.query_row([show.as_str()], |row| row.get(0))?,
        };
        of_show = Some((show, first));
        let from = first + u64::from(*seat);
        let until = from + neighbours.len() as u64 - 1;
        let reservation = reservation.as_ref().map(ReservationId::as_str);
        update.execute(params![from, until, status.as_str(), reservation, position, changed_at.of(*at)])?;
    }
    Ok(())
}

fn insert_reservations(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = transaction
        .prepare_cached("INSERT INTO reservations VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL, ?11)")?;
    let (mut held_at, mut expires_at) = (InstantText::default(), InstantText::default());
    for (log_position, held) in &changes.held {
        let Held { reservation, show, subject, seat_numbers, total, held_at: since, expires_at: until, position } = held;
        insert.execute(params![
            log_position,
            reservation.as_str(),
            show.as_str(),
            subject.as_str(),
            seat_numbers.len() as u64,
            json_array(seat_numbers),
            total.amount,
            total.currency.as_str(),
            held_at.of(*since),
            expires_at.of(*until),
            position,
        ])?;
    }
    Ok(())
}

fn json_array(numbers: &[u32]) -> String {
    let mut text = String::from("[");
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&number.to_string());
    }
    text.push(']');
    text
}

fn end_reservations(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE reservations SET status = ?2, ended_at = ?3, payment_reference = ?4, position = ?5 WHERE held_log_position = ?1",
    )?;
    let mut ended_at = InstantText::default();
    for (held_at, Ended { status, ended_at: at, payment_reference, position }) in &changes.ended {
        update.execute(params![held_at, reservation_status(*status), ended_at.of(*at), payment_reference, position])?;
    }
    Ok(())
}

fn add_sales(transaction: &Transaction<'_>, show: &ShowId, minute: Timestamp, sales: &Sales) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sales_by_minute VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET reservations = reservations + excluded.reservations, seats = seats + excluded.seats,
                                       amount = amount + excluded.amount, position = excluded.position",
        )?
        .execute(params![
            show.as_str(),
            text(minute),
            sales.reservations,
            sales.seats as u64,
            sales.amount.amount,
            sales.amount.currency.as_str(),
            sales.position,
        ])?;
    Ok(())
}
