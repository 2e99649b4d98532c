//! Refusals in a file.

use std::path::Path;
use std::sync::Arc;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_eventstore::sqlite::beside::{FileBeside, SharedConnection};
use fullhouse_eventstore::sqlite::format::Format;
use fullhouse_schemas::time::Instant;
use rusqlite::{Connection, params};

use super::{RefusedInMinute, RefusedOnce};
use crate::error::{DemandError, failed};
use crate::tally::{Page, Tally};

const FILE: FileBeside = FileBeside {
    name: "demand.sqlite",
    kind: "a store of refused demand",
    // `DMND` in ASCII.
    format: Format { application_id: 0x444d_4e44, version: 1 },
    tables: "
    CREATE TABLE refused_by_minute (
        event_id TEXT    NOT NULL,
        minute   TEXT    NOT NULL, -- its beginning, in UTC
        seat     TEXT    NOT NULL, -- the label of the seat that was in the way; empty, when no seats were side by side
        reason   TEXT    NOT NULL, -- what it was: pending or reserved; or no-adjacent-seats
        refusals INTEGER NOT NULL, -- how many holds were refused because of it in this minute
        PRIMARY KEY (event_id, seat, reason, minute)
    ) STRICT, WITHOUT ROWID;
    -- Single refusals, as many as are kept: at most 1,000 rows a second.
    CREATE TABLE refusals (
        event_id   TEXT    NOT NULL,
        refused_at TEXT    NOT NULL,
        position   INTEGER NOT NULL, -- of the show, when it was refused
        subject    TEXT    NOT NULL, -- whose hold it was
        seats      INTEGER NOT NULL, -- how many seats that hold wanted
        seat       TEXT    NOT NULL, -- as above
        reason     TEXT    NOT NULL -- as above
    ) STRICT;
    CREATE INDEX refusals_of_seats ON refusals (event_id, seat, refused_at);
    ",
};

/// Refusals in a file, written once a second. Clones share one connection.
#[derive(Debug, Clone)]
pub struct SqliteDemand {
    connection: SharedConnection,
}

impl SqliteDemand {
    /// Opens those of a folder, and makes the file if there is none.
    pub fn open(folder: &Path) -> Result<Self, DemandError> {
        Ok(Self { connection: SharedConnection::new(FILE.open_for_writing(folder)?) })
    }

    /// Opens those of a folder to read them; nothing, when there is no file.
    pub fn open_to_read(folder: &Path) -> Result<Option<Self>, DemandError> {
        Ok(FILE.open_to_read(folder)?.map(|connection| Self { connection: SharedConnection::new(connection) }))
    }

    pub(super) async fn add(&self, page: Arc<Page>) -> Result<(), DemandError> {
        self.connection.with(move |connection| add(connection, &page.tally)).await.map_err(failed("writing refusals"))
    }

    pub(super) async fn of_seat(&self, show: &ShowId, seat: &str, limit: usize) -> Result<(u64, Vec<RefusedOnce>), DemandError> {
        let (show, seat) = (show.to_string(), seat.to_owned());
        self.connection.with(move |connection| of_seat(connection, &show, &seat, limit)).await.map_err(failed("reading refusals"))
    }

    pub(super) async fn counts(&self) -> Result<Vec<RefusedInMinute>, DemandError> {
        let sql = "SELECT event_id, minute, seat, reason, refusals FROM refused_by_minute ORDER BY event_id, minute, seat, reason";
        let read = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                let minute = instant(&row.get::<_, String>(1)?);
                Ok(RefusedInMinute { event_id: row.get(0)?, minute, seat: row.get(2)?, reason: row.get(3)?, refusals: row.get(4)? })
            })?;
            rows.collect()
        };
        self.connection.with(read).await.map_err(failed("reading refusals"))
    }
}

fn text(at: Timestamp) -> String {
    Instant(at).to_string()
}

/// An instant that was written here. One that somebody else wrote wrongly is shown as long ago.
fn instant(text: &str) -> Timestamp {
    Instant::parse(text).map_or(Timestamp::default(), |Instant(at)| at)
}

fn add(connection: &mut Connection, tally: &Tally) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (of, count) in &tally.counts {
        transaction
            .prepare_cached(
                "INSERT INTO refused_by_minute VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET refusals = refusals + excluded.refusals",
            )?
            .execute(params![of.show.as_str(), text(of.minute), of.seat, of.reason, count])?;
    }
    for single in &tally.singles {
        let refused = &single.refused;
        transaction.prepare_cached("INSERT INTO refusals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
            refused.show.as_str(),
            text(refused.at),
            refused.position,
            refused.subject.as_str(),
            refused.seats as u64,
            single.seat,
            single.reason,
        ])?;
    }
    transaction.commit()
}

fn of_seat(connection: &Connection, show: &str, seat: &str, limit: usize) -> rusqlite::Result<(u64, Vec<RefusedOnce>)> {
    let sql = "SELECT coalesce(sum(refusals), 0) FROM refused_by_minute WHERE event_id = ?1 AND seat = ?2";
    let total = connection.prepare_cached(sql)?.query_row([show, seat], |row| row.get(0))?;
    let sql = "SELECT refused_at, position, subject, reason FROM refusals WHERE event_id = ?1 AND seat = ?2
               ORDER BY refused_at DESC, position DESC LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![show, seat, limit as i64], |row| {
        let refused_at = instant(&row.get::<_, String>(0)?);
        Ok(RefusedOnce { refused_at, position: row.get(1)?, subject: row.get(2)?, reason: row.get(3)? })
    })?;
    Ok((total, rows.collect::<rusqlite::Result<_>>()?))
}
