//! Writing changes, one transaction for each batch of facts, and one statement for each table.

use std::collections::BTreeMap;

use foldhash::HashMap;
use fullhouse_domain::{Chart, Currency, ReservationId, ShowId, Timestamp};
use fullhouse_eventstore::Following;
use fullhouse_eventstore::postgres::{column, connect_to};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::http::reservation_status;
use sqlx::{Connection, PgConnection};

use super::failed;
use crate::ProjectionError;
use crate::sql::changes::{Changes, Ended, Held, Sales, SeatChange};
use crate::sql::fold::{Fold, Folded, Prices, Scheduled};

/// The views of one schema, and what is needed to write them.
pub(crate) struct PostgresViews {
    connection: PgConnection,
    log_position: u64,
    fold: Fold,
}

impl PostgresViews {
    /// Connects, and reads how far the views are.
    pub async fn open(url: &str, schema: &'static str) -> Result<Self, ProjectionError> {
        let mut connection = connect_to(url, schema).await?;
        let reading = failed("reading how far the SQL views are");
        let log_position: i64 =
            sqlx::query_scalar("SELECT log_position FROM view_position").fetch_one(&mut connection).await.map_err(&reading)?;
        let open: Vec<(String, i64)> =
            sqlx::query_as("SELECT reservation_id, held_log_position FROM reservations WHERE status = 'pending'")
                .fetch_all(&mut connection)
                .await
                .map_err(&reading)?;
        let open: HashMap<ReservationId, u64> =
            open.into_iter().filter_map(|(id, position)| Some((ReservationId::parse(&id)?, position as u64))).collect();
        Ok(Self { connection, log_position: log_position as u64, fold: Fold::new(open) })
    }

    /// The log position that the views have reached.
    pub fn log_position(&self) -> u64 {
        self.log_position
    }

    /// The connection, for whoever has more to do with it.
    pub fn into_connection(self) -> PgConnection {
        self.connection
    }

    /// Writes what consecutive facts up to a log position change, all or nothing, and how far the log was. After an error the views must
    /// be opened anew.
    pub async fn apply(&mut self, batches: &[Following], until: u64, log_head: u64) -> Result<(), ProjectionError> {
        let facts = || batches.iter().flat_map(|batch| batch.iter()).take_while(|fact| fact.log_position <= until);
        for show in self.fold.without_prices(facts()) {
            let prices = read_prices(&mut self.connection, &show).await?;
            self.fold.know(show, prices);
        }
        let Some(folded) = self.fold.fold(facts())? else { return Ok(()) };
        self.check_next(facts().next())?;
        write(&mut self.connection, self.log_position, &folded, log_head).await?;
        self.log_position = folded.log_position;
        Ok(())
    }

    fn check_next(&self, first: Option<&StoredFact>) -> Result<(), ProjectionError> {
        match first.filter(|fact| fact.log_position != self.log_position + 1) {
            Some(fact) => Err(ProjectionError::Contradiction {
                show: fact.show.to_string(),
                what: format!("log position {} came after {}", fact.log_position, self.log_position),
            }),
            None => Ok(()),
        }
    }
}

async fn read_prices(connection: &mut PgConnection, show: &ShowId) -> Result<Prices, ProjectionError> {
    let reading = failed("reading prices from the SQL views");
    let rows: Vec<(i64, String)> = sqlx::query_as("SELECT price, currency FROM seats WHERE event_id = $1 ORDER BY seat_number")
        .bind(show.as_str())
        .fetch_all(connection)
        .await
        .map_err(&reading)?;
    let currency = rows.first().and_then(|(_, currency)| Currency::parse(currency)).ok_or(sqlx::Error::RowNotFound).map_err(&reading)?;
    Ok(Prices { of_seats: rows.into_iter().map(|(price, _)| price).collect(), currency })
}

async fn write(connection: &mut PgConnection, from: u64, folded: &Folded, log_head: u64) -> Result<(), ProjectionError> {
    let writing = failed("writing the SQL views");
    let mut transaction = connection.begin().await.map_err(&writing)?;
    // Whoever else writes these views waits here, and then finds that this batch is there.
    let sql =
        "UPDATE view_position SET log_position = $1, recorded_at = 'epoch'::timestamptz + $2 * interval '1 microsecond', log_head = $4,
                      updated_at = clock_timestamp()
               WHERE log_position = $3";
    let moved = sqlx::query(sql)
        .bind(folded.log_position as i64)
        .bind(folded.recorded_at.as_micros())
        .bind(from as i64)
        .bind(log_head as i64)
        .execute(&mut *transaction)
        .await
        .map_err(&writing)?;
    if moved.rows_affected() != 1 {
        let elsewhere = sqlx::Error::Protocol("somebody else has written these views meanwhile".into());
        return Err(failed("writing the SQL views")(elsewhere));
    }
    for scheduled in &folded.scheduled {
        insert_show(&mut transaction, scheduled).await.map_err(&writing)?;
    }
    let changes = &folded.changes;
    update_seats(&mut transaction, changes).await.map_err(&writing)?;
    insert_reservations(&mut transaction, &changes.held).await.map_err(&writing)?;
    end_reservations(&mut transaction, &changes.ended).await.map_err(&writing)?;
    add_sales(&mut transaction, &changes.sales).await.map_err(&writing)?;
    move_shows(&mut transaction, &changes.shows).await.map_err(&writing)?;
    transaction.commit().await.map_err(&writing)
}

async fn insert_show(
    connection: &mut PgConnection,
    Scheduled { show, position, scheduled_at, plan }: &Scheduled,
) -> Result<(), sqlx::Error> {
    let chart = Chart::new(plan);
    let sql = "INSERT INTO shows (event_id, title, starts_at, on_sale_at, hold_seconds, seats, currency, scheduled_at, position)
               SELECT $1, $2, 'epoch'::timestamptz + $3 * micro, 'epoch'::timestamptz + $4 * micro, $5, $6, $7, 'epoch'::timestamptz + $8 * micro, $9
               FROM (SELECT interval '1 microsecond' AS micro) AS one";
    sqlx::query(sql)
        .bind(show.as_str())
        .bind(&plan.title)
        .bind(plan.starts_at.as_micros())
        .bind(plan.on_sale_at.map(Timestamp::as_micros))
        .bind(plan.hold_seconds as i32)
        .bind(chart.seats() as i32)
        .bind(chart.total(&[]).currency.as_str())
        .bind(scheduled_at.as_micros())
        .bind(*position as i64)
        .execute(&mut *connection)
        .await?;
    let sql = "INSERT INTO seats (event_id, seat_number, seat, section, \"row\", number, price, currency, status, position, changed_at)
               SELECT $1, seat_number, seat, section, \"row\", number, price, currency, 'available', $2, 'epoch'::timestamptz + $3 * interval '1 microsecond'
               FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::bigint[], $10::text[])
                    AS seat (seat_number, seat, section, \"row\", number, price, currency)";
    let seats = || 0..chart.seats();
    sqlx::query(sql)
        .bind(show.as_str())
        .bind(*position as i64)
        .bind(scheduled_at.as_micros())
        .bind(seats().map(|seat| seat as i32).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.label(seat)).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.section_of(seat).name.as_str()).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.row_and_number(seat).0).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.row_and_number(seat).1 as i32).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.price(seat).amount).collect::<Vec<_>>())
        .bind(seats().map(|seat| chart.price(seat).currency.as_str().to_owned()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn update_seats(connection: &mut PgConnection, changes: &Changes) -> Result<(), sqlx::Error> {
    if changes.seats.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE seats SET status = change.status, reservation_id = change.reservation_id, position = change.position,
                      changed_at = 'epoch'::timestamptz + change.changed_at * interval '1 microsecond'
               FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
                    AS change (event_id, seat_number, status, reservation_id, position, changed_at)
               WHERE seats.event_id = change.event_id COLLATE \"C\" AND seats.seat_number = change.seat_number";
    let rows: Vec<(&(ShowId, u32), &SeatChange)> = changes.seats.iter().collect();
    sqlx::query(sql)
        .bind(column(&rows, |((show, _), _)| show.as_str()))
        .bind(column(&rows, |((_, seat), _)| *seat as i32))
        .bind(column(&rows, |(_, change)| change.status.as_str()))
        .bind(column(&rows, |(_, change)| change.reservation.as_ref().map(ReservationId::as_str)))
        .bind(column(&rows, |(_, change)| change.position as i64))
        .bind(column(&rows, |(_, change)| change.changed_at.as_micros()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_reservations(connection: &mut PgConnection, held: &BTreeMap<u64, Held>) -> Result<(), sqlx::Error> {
    if held.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO reservations (held_log_position, reservation_id, event_id, subject, status, seats, seat_numbers, total, currency, held_at, expires_at, position)
               SELECT held_log_position, reservation_id, event_id, subject, 'pending', cardinality(seat_numbers::integer[]), seat_numbers::integer[], total, currency,
                      'epoch'::timestamptz + held_at * interval '1 microsecond', 'epoch'::timestamptz + expires_at * interval '1 microsecond', position
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[])
                    AS held (held_log_position, reservation_id, event_id, subject, seat_numbers, total, currency, held_at, expires_at, position)";
    let rows: Vec<(&u64, &Held)> = held.iter().collect();
    sqlx::query(sql)
        .bind(column(&rows, |(log_position, _)| **log_position as i64))
        .bind(column(&rows, |(_, held)| held.reservation.as_str()))
        .bind(column(&rows, |(_, held)| held.show.as_str()))
        .bind(column(&rows, |(_, held)| held.subject.as_str()))
        .bind(column(&rows, |(_, held)| array_text(&held.seat_numbers)))
        .bind(column(&rows, |(_, held)| held.total.amount))
        .bind(column(&rows, |(_, held)| held.total.currency.as_str()))
        .bind(column(&rows, |(_, held)| held.held_at.as_micros()))
        .bind(column(&rows, |(_, held)| held.expires_at.as_micros()))
        .bind(column(&rows, |(_, held)| held.position as i64))
        .execute(connection)
        .await?;
    Ok(())
}

/// An array as text: arrays of different lengths can't be the rows of one.
fn array_text(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

async fn end_reservations(connection: &mut PgConnection, ended: &BTreeMap<u64, Ended>) -> Result<(), sqlx::Error> {
    if ended.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE reservations SET status = ended.status, ended_at = 'epoch'::timestamptz + ended.ended_at * interval '1 microsecond',
                      payment_reference = ended.payment_reference, position = ended.position
               FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])
                    AS ended (held_log_position, status, ended_at, payment_reference, position)
               WHERE reservations.held_log_position = ended.held_log_position";
    let rows: Vec<(&u64, &Ended)> = ended.iter().collect();
    sqlx::query(sql)
        .bind(column(&rows, |(held_at, _)| **held_at as i64))
        .bind(column(&rows, |(_, ended)| reservation_status(ended.status)))
        .bind(column(&rows, |(_, ended)| ended.ended_at.as_micros()))
        .bind(column(&rows, |(_, ended)| ended.payment_reference.as_deref()))
        .bind(column(&rows, |(_, ended)| ended.position as i64))
        .execute(connection)
        .await?;
    Ok(())
}

async fn add_sales(connection: &mut PgConnection, sales: &BTreeMap<(ShowId, Timestamp), Sales>) -> Result<(), sqlx::Error> {
    if sales.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO sales_by_minute AS known (event_id, minute, reservations, seats, amount, currency, position)
               SELECT event_id, 'epoch'::timestamptz + minute * interval '1 microsecond', reservations, seats, amount, currency, position
               FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])
                    AS sale (event_id, minute, reservations, seats, amount, currency, position)
               ON CONFLICT (event_id, minute) DO UPDATE
               SET reservations = known.reservations + excluded.reservations, seats = known.seats + excluded.seats,
                   amount = known.amount + excluded.amount, position = excluded.position";
    let rows: Vec<(&(ShowId, Timestamp), &Sales)> = sales.iter().collect();
    sqlx::query(sql)
        .bind(column(&rows, |((show, _), _)| show.as_str()))
        .bind(column(&rows, |((_, minute), _)| minute.as_micros()))
        .bind(column(&rows, |(_, sales)| sales.reservations as i64))
        .bind(column(&rows, |(_, sales)| sales.seats as i64))
        .bind(column(&rows, |(_, sales)| sales.amount.amount))
        .bind(column(&rows, |(_, sales)| sales.amount.currency.as_str()))
        .bind(column(&rows, |(_, sales)| sales.position as i64))
        .execute(connection)
        .await?;
    Ok(())
}

async fn move_shows(connection: &mut PgConnection, shows: &BTreeMap<ShowId, u64>) -> Result<(), sqlx::Error> {
    let sql = "UPDATE shows SET position = moved.position FROM unnest($1::text[], $2::bigint[]) AS moved (event_id, position)
               WHERE shows.event_id = moved.event_id COLLATE \"C\"";
    let rows: Vec<(&ShowId, &u64)> = shows.iter().collect();
    sqlx::query(sql)
        .bind(column(&rows, |(show, _)| show.as_str()))
        .bind(column(&rows, |(_, position)| **position as i64))
        .execute(connection)
        .await?;
    Ok(())
}
