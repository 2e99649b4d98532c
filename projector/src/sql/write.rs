//! Writing changes, one transaction for each batch of facts.

use std::collections::HashMap;
use std::path::Path;

use fullhouse_domain::{Chart, Currency, Event, Money, Plan, ReservationId, ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::http::reservation_status;
use fullhouse_schemas::time::Instant;
use rusqlite::{Connection, Transaction, params};

use super::changes::{Changes, Ended, Held, Sales, SeatChange};
use super::file;
use crate::{Decoded, ProjectionError};

/// The views' file, and what is needed to write it.
pub(crate) struct SqlViews {
    connection: Connection,
    log_position: u64,
    /// Prices are not in the facts about seats. They come from the show's first fact or, after a restart, from `seats`.
    prices: HashMap<ShowId, Prices>,
    /// Where each open reservation was held: the fact that ends it names only its id.
    open: HashMap<ReservationId, u64>,
}

struct Prices {
    of_seats: Vec<i64>,
    currency: Currency,
}

impl Prices {
    fn total(&self, seats: &[u32]) -> Option<Money> {
        let amounts = seats.iter().map(|&seat| self.of_seats.get(seat as usize).copied());
        amounts.sum::<Option<i64>>().map(|amount| Money { amount, currency: self.currency })
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
        Ok(Self { connection, log_position, prices: HashMap::new(), open })
    }

    /// The log position that the views have reached.
    pub fn log_position(&self) -> u64 {
        self.log_position
    }

    /// Writes what consecutive facts change, all or nothing.
    pub fn apply<'a>(&mut self, facts: impl Iterator<Item = &'a StoredFact>) -> Result<(), ProjectionError> {
        let mut changes = Changes::default();
        let mut scheduled: Vec<(StoredFact, Box<Plan>)> = Vec::new();
        let mut last = None;
        for fact in facts {
            let Decoded { event, .. } = Decoded::new(fact)?;
            if let Event::ShowScheduled(plan) = &event {
                self.prices.insert(fact.show.clone(), prices(&Chart::new(plan)));
                scheduled.push((fact.clone(), plan.clone()));
            }
            let total = self.total(fact, &event)?;
            let held_position = self.held_position(fact, &event)?;
            changes.fold(fact, &event, total, held_position);
            last = Some((fact.log_position, fact.recorded_at));
        }
        let Some((log_position, recorded_at)) = last else { return Ok(()) };
        let transaction = self.connection.transaction().map_err(failed("beginning to write the SQL views"))?;
        write(&transaction, &scheduled, &changes, log_position, recorded_at).map_err(failed("writing the SQL views"))?;
        transaction.commit().map_err(failed("committing the SQL views"))?;
        self.log_position = log_position;
        Ok(())
    }

    /// Where the reservation was held that this event is about.
    fn held_position(&mut self, fact: &StoredFact, event: &Event) -> Result<u64, ProjectionError> {
        let found = match event {
            Event::ShowScheduled(_) => Some(0),
            Event::SeatsHeld { reservation, .. } => {
                self.open.insert(reservation.clone(), fact.position);
                Some(fact.position)
            }
            Event::SeatsReserved { reservation, .. } | Event::HoldReleased { reservation, .. } | Event::HoldExpired { reservation, .. } => {
                self.open.remove(reservation)
            }
        };
        found.ok_or_else(|| ProjectionError::Contradiction {
            show: fact.show.to_string(),
            what: format!("position {} ends a reservation that is not open", fact.position),
        })
    }

    fn total(&mut self, fact: &StoredFact, event: &Event) -> Result<Money, ProjectionError> {
        if !self.prices.contains_key(&fact.show) {
            let prices = read_prices(&self.connection, &fact.show).map_err(failed("reading prices from the SQL views"))?;
            self.prices.insert(fact.show.clone(), prices);
        }
        self.prices[&fact.show].total(event.seats()).ok_or_else(|| ProjectionError::Contradiction {
            show: fact.show.to_string(),
            what: format!("position {} names a seat that the show has not", fact.position),
        })
    }
}

fn prices(chart: &Chart) -> Prices {
    Prices { of_seats: (0..chart.seats()).map(|seat| chart.price(seat).amount).collect(), currency: chart.total(&[]).currency }
}

fn read_prices(connection: &Connection, show: &ShowId) -> rusqlite::Result<Prices> {
    let currency: String = connection.query_row("SELECT currency FROM shows WHERE event_id = ?1", [show.as_str()], |row| row.get(0))?;
    let currency = Currency::parse(&currency).ok_or(rusqlite::Error::InvalidQuery)?;
    let mut statement = connection.prepare_cached("SELECT price FROM seats WHERE event_id = ?1 ORDER BY seat_number")?;
    let of_seats = statement.query_map([show.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Prices { of_seats, currency })
}

fn read_open(connection: &Connection) -> rusqlite::Result<HashMap<ReservationId, u64>> {
    let mut statement = connection.prepare("SELECT reservation_id, held_position FROM reservations WHERE status = 'pending'")?;
    let rows = statement.query_map([], |row| {
        let id: String = row.get(0)?;
        Ok((ReservationId::parse(&id).ok_or(rusqlite::Error::InvalidQuery)?, row.get(1)?))
    })?;
    rows.collect()
}

fn text(at: Timestamp) -> String {
    Instant(at).to_string()
}

fn write(
    transaction: &Transaction<'_>,
    scheduled: &[(StoredFact, Box<Plan>)],
    changes: &Changes,
    log_position: u64,
    recorded_at: Timestamp,
) -> rusqlite::Result<()> {
    for (fact, plan) in scheduled {
        insert_show(transaction, fact, plan)?;
    }
    for ((show, seat), change) in &changes.seats {
        update_seat(transaction, show, *seat, change)?;
    }
    for ((show, position), held) in &changes.held {
        insert_reservation(transaction, show, *position, held)?;
    }
    for ((show, held_position), ended) in &changes.ended {
        end_reservation(transaction, show, *held_position, ended)?;
    }
    for ((show, minute), sales) in &changes.sales {
        add_sales(transaction, show, *minute, sales)?;
    }
    for (show, position) in &changes.shows {
        transaction.prepare_cached("UPDATE shows SET position = ?2 WHERE event_id = ?1")?.execute(params![show.as_str(), position])?;
    }
    transaction
        .prepare_cached("UPDATE view_position SET log_position = ?1, recorded_at = ?2")?
        .execute(params![log_position, text(recorded_at)])?;
    Ok(())
}

fn insert_show(transaction: &Transaction<'_>, fact: &StoredFact, plan: &Plan) -> rusqlite::Result<()> {
    let chart = Chart::new(plan);
    let scheduled_at = text(fact.recorded_at);
    transaction
        .prepare_cached("INSERT INTO shows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            fact.show.as_str(),
            plan.title,
            text(plan.starts_at),
            plan.on_sale_at.map(text),
            plan.hold_seconds,
            chart.seats(),
            chart.total(&[]).currency.as_str(),
            scheduled_at,
            fact.position,
        ])?;
    let mut insert = transaction.prepare_cached("INSERT INTO seats VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'available', NULL, ?9, ?10)")?;
    for seat in 0..chart.seats() {
        let (row, number) = chart.row_and_number(seat);
        let section = chart.section_of(seat);
        insert.execute(params![
            fact.show.as_str(),
            seat,
            chart.label(seat),
            section.name,
            row,
            number,
            section.price.amount,
            section.price.currency.as_str(),
            fact.position,
            scheduled_at,
        ])?;
    }
    Ok(())
}

fn update_seat(transaction: &Transaction<'_>, show: &ShowId, seat: u32, change: &SeatChange) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE seats SET status = ?3, reservation_id = ?4, position = ?5, changed_at = ?6 WHERE event_id = ?1 AND seat_number = ?2",
        )?
        .execute(params![show.as_str(), seat, change.status.as_str(), change.reservation, change.position, text(change.changed_at)])?;
    Ok(())
}

fn insert_reservation(transaction: &Transaction<'_>, show: &ShowId, position: u64, held: &Held) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO reservations VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6, ?7, ?8, ?9, NULL, NULL, ?2)")?
        .execute(params![
            show.as_str(),
            position,
            held.reservation,
            held.subject,
            held.seats as u64,
            held.total.amount,
            held.total.currency.as_str(),
            text(held.held_at),
            text(held.expires_at),
        ])?;
    Ok(())
}

fn end_reservation(transaction: &Transaction<'_>, show: &ShowId, held_position: u64, ended: &Ended) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE reservations SET status = ?3, ended_at = ?4, payment_reference = ?5, position = ?6 WHERE event_id = ?1 AND held_position = ?2",
        )?
        .execute(params![
            show.as_str(),
            held_position,
            reservation_status(ended.status),
            text(ended.ended_at),
            ended.payment_reference,
            ended.position,
        ])?;
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
