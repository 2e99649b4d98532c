//! The file of the SQL views: its tables, and when it is made anew.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::ProjectionError;

/// The name of the file in its folder.
pub const FILE_NAME: &str = "views.sqlite";
/// Raise it with every change to the tables: a file of another format is made anew from the log.
const FORMAT: i64 = 3;

const CREATE: &str = "
    -- How far the views have come: they are the fold of the log up to this position.
    CREATE TABLE view_position (
        log_position INTEGER NOT NULL,
        recorded_at  TEXT,           -- of the last fact; null while the log is empty
        log_head     INTEGER NOT NULL, -- where the log ended when this was written
        updated_at   TEXT            -- when this was written, by the log's clock
    ) STRICT;
    INSERT INTO view_position VALUES (0, NULL, 0, NULL);

    CREATE TABLE shows (
        event_id     TEXT    PRIMARY KEY,
        title        TEXT    NOT NULL,
        starts_at    TEXT    NOT NULL,
        on_sale_at   TEXT,
        hold_seconds INTEGER NOT NULL,
        seats        INTEGER NOT NULL,
        currency     TEXT    NOT NULL, -- ISO 4217
        scheduled_at TEXT    NOT NULL,
        position     INTEGER NOT NULL, -- of the show's last fact
        first_seat   INTEGER NOT NULL  -- the key of its first seat; the others follow
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE seats (
        seat_key       INTEGER PRIMARY KEY, -- seats of one show follow one another in chart order
        event_id       TEXT    NOT NULL,
        seat_number    INTEGER NOT NULL, -- in chart order, from 0
        seat           TEXT    NOT NULL, -- the label
        section        TEXT    NOT NULL,
        row            TEXT    NOT NULL,
        number         INTEGER NOT NULL, -- in the row, from 1
        price          INTEGER NOT NULL, -- minor units
        currency       TEXT    NOT NULL,
        status         TEXT    NOT NULL, -- available, pending or reserved
        reservation_id TEXT,             -- whose it is, unless it is available
        position       INTEGER NOT NULL, -- of the show's fact that gave it this status
        changed_at     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX seats_by_event ON seats (event_id);

    CREATE TABLE reservations (
        held_log_position INTEGER PRIMARY KEY, -- of the fact that held the seats: new rows stand at the end, not all over the file
        reservation_id    TEXT    NOT NULL,
        event_id          TEXT    NOT NULL,
        subject           TEXT    NOT NULL,
        status            TEXT    NOT NULL, -- pending, reserved, released or expired
        seats             INTEGER NOT NULL, -- how many
        seat_numbers      TEXT    NOT NULL, -- which, in chart order from 0: a JSON array
        total             INTEGER NOT NULL, -- minor units
        currency          TEXT    NOT NULL,
        held_at           TEXT    NOT NULL,
        expires_at        TEXT    NOT NULL,
        ended_at          TEXT,             -- when it was reserved, released or expired
        payment_reference TEXT,
        position          INTEGER NOT NULL  -- of the show's fact that gave it this status
    ) STRICT;
    CREATE INDEX reservations_by_event ON reservations (event_id);

    CREATE TABLE sales_by_minute (
        event_id     TEXT    NOT NULL,
        minute       TEXT    NOT NULL, -- its beginning, in UTC
        reservations INTEGER NOT NULL, -- checked out in this minute
        seats        INTEGER NOT NULL,
        amount       INTEGER NOT NULL, -- minor units
        currency     TEXT    NOT NULL,
        position     INTEGER NOT NULL, -- of the show's last fact that is counted here
        PRIMARY KEY (event_id, minute)
    ) STRICT, WITHOUT ROWID;

    -- What is sold, by section and price.
    CREATE VIEW sales_by_section AS
    SELECT event_id, section, price, currency,
           count(*) AS seats,
           count(*) FILTER (WHERE status = 'reserved') AS seats_reserved,
           count(*) FILTER (WHERE status = 'pending') AS seats_pending,
           coalesce(sum(price) FILTER (WHERE status = 'reserved'), 0) AS amount,
           max(position) AS position
    FROM seats GROUP BY event_id, section, price, currency;

    -- From hold to sale: what became of the reservations of each show.
    CREATE VIEW hold_to_sale AS
    SELECT event_id,
           count(*) AS held,
           count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'reserved') AS reserved,
           count(*) FILTER (WHERE status = 'released') AS released,
           count(*) FILTER (WHERE status = 'expired') AS expired,
           avg((julianday(ended_at) - julianday(held_at)) * 86400) FILTER (WHERE status = 'reserved') AS seconds_to_sale,
           max(position) AS position
    FROM reservations GROUP BY event_id;

    -- One row for each seat of each reservation. A show's seats follow one another in chart order, so each is found by its key.
    CREATE VIEW seat_claims AS
    SELECT reservations.event_id, reservations.reservation_id, subject, seats.seat_number, seats.seat, section, row, number, price, seats.currency,
           reservations.status, held_at, expires_at, ended_at, held_log_position
    FROM reservations
    JOIN shows ON shows.event_id = reservations.event_id
    CROSS JOIN json_each(reservations.seat_numbers) AS claimed
    JOIN seats ON seats.seat_key = shows.first_seat + claimed.value;

    -- How far the views are behind the log: facts that were not in them when they were written, and how long the newest fact took.
    CREATE VIEW view_lag AS
    SELECT log_position, log_head, log_head - log_position AS facts_behind,
           round((julianday(updated_at) - julianday(recorded_at)) * 86400, 3) AS seconds_behind
    FROM view_position;
";

/// Opens the views to write them. A file that can't be the fold of a log with this head is made anew.
pub(crate) fn open(folder: &Path, log_head: u64) -> Result<Connection, ProjectionError> {
    let path = folder.join(FILE_NAME);
    match usable(&path, log_head) {
        Ok(Some(connection)) => return Ok(connection),
        Ok(None) => tracing::info!("the SQL views are made anew from the log"),
        // Somebody has it locked; it is as good as it was.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            return Err(ProjectionError::Sql { doing: "opening the SQL views", source: error });
        }
        Err(error) => tracing::warn!(%error, "the SQL views can't be used; they are made anew from the log"),
    }
    remove(folder);
    create(&path).map_err(|source| ProjectionError::Sql { doing: "making the SQL views", source })
}

/// Removes the views of a folder.
pub(crate) fn remove(folder: &Path) {
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal"), format!("{FILE_NAME}-shm")] {
        // What is not there need not be removed; anything else shows when the file is opened.
        let _ = std::fs::remove_file(folder.join(name));
    }
}

fn usable(path: &Path, log_head: u64) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = connect(path)?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format != FORMAT {
        return Ok(None);
    }
    let position: Option<u64> = connection.query_row("SELECT log_position FROM view_position", [], |row| row.get(0)).optional()?;
    Ok(position.is_some_and(|position| position <= log_head).then_some(connection))
}

fn create(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {CREATE} PRAGMA user_version = {FORMAT}; COMMIT;"))?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last transactions, never their consistency; the log has the facts.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // 32 MiB between checkpoints: pages that change often are written back less often.
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that only reads the views of a folder; nothing when there are none, or none of this format yet.
pub fn open_to_read(folder: &Path) -> Result<Option<Connection>, ProjectionError> {
    let path: PathBuf = folder.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let open = || -> rusqlite::Result<Option<Connection>> {
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        connection.pragma_update(None, "query_only", true)?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((format == FORMAT).then_some(connection))
    };
    open().map_err(|source| ProjectionError::Sql { doing: "opening the SQL views", source })
}
