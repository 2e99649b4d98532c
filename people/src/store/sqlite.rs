//! People in a file.

use std::path::Path;

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_eventstore::sqlite::beside::{FileBeside, SharedConnection};
use fullhouse_eventstore::sqlite::format::Format;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Forgotten, Known, Person};
use crate::error::{PeopleError, failed};

const FILE: FileBeside = FileBeside {
    name: "people.sqlite",
    kind: "a table of people",
    // `PPLE` in ASCII.
    format: Format { application_id: 0x5050_4c45, version: 1 },
    tables: "
    CREATE TABLE people (
        subject  TEXT    PRIMARY KEY,
        name     TEXT    NOT NULL,
        contact  TEXT    NOT NULL, -- an e-mail address, a telephone number: whatever reaches them
        noted_at INTEGER NOT NULL  -- microseconds since 1970
    ) STRICT, WITHOUT ROWID;
    -- Subjects that no person may be linked to any more.
    CREATE TABLE forgotten (
        subject      TEXT    PRIMARY KEY,
        forgotten_at INTEGER NOT NULL, -- as above
        log_position INTEGER NOT NULL  -- of the fact that says so
    ) STRICT, WITHOUT ROWID;
    -- How far the facts about people have been carried out here. Each cluster has a register of them.
    CREATE TABLE carried_out (register TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    ",
};

/// People in a file. Clones share one connection.
#[derive(Debug, Clone)]
pub struct SqlitePeople {
    connection: SharedConnection,
}

impl SqlitePeople {
    /// Opens those of a folder, and makes the file if there is none.
    pub fn open(folder: &Path) -> Result<Self, PeopleError> {
        let connection = FILE.open_for_writing(folder)?;
        // What is deleted is overwritten with zeros, and not only left out of the table:
        // https://sqlite.org/pragma.html#pragma_secure_delete
        connection.pragma_update(None, "secure_delete", true).map_err(failed("opening the people"))?;
        // Whoever erased somebody may have stopped before this.
        empty_write_ahead_log(&connection).map_err(failed("opening the people"))?;
        Ok(Self { connection: SharedConnection::new(connection) })
    }

    /// Opens those of a folder to read them; nothing, when there is no file.
    pub fn open_to_read(folder: &Path) -> Result<Option<Self>, PeopleError> {
        Ok(FILE.open_to_read(folder)?.map(|connection| Self { connection: SharedConnection::new(connection) }))
    }

    pub(super) async fn find(&self, subject: &Subject) -> Result<Known, PeopleError> {
        let subject = subject.clone();
        self.connection.with(move |connection| find(connection, &subject)).await.map_err(failed("finding a person"))
    }

    pub(super) async fn note(&self, subject: &Subject, person: Person) -> Result<Known, PeopleError> {
        let subject = subject.clone();
        let note = move |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let sql = "INSERT INTO people SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM forgotten WHERE subject = ?1)
                       ON CONFLICT DO UPDATE SET name = excluded.name, contact = excluded.contact, noted_at = excluded.noted_at";
            transaction.execute(sql, params![subject.as_str(), person.name, person.contact, person.noted_at.as_micros()])?;
            let known = find(&transaction, &subject)?;
            transaction.commit()?;
            Ok(known)
        };
        self.connection.with(note).await.map_err(failed("noting a person"))
    }

    pub(super) async fn carried_out(&self, register: &ShowId) -> Result<u64, PeopleError> {
        let register = register.clone();
        let read = move |connection: &mut Connection| {
            let sql = "SELECT coalesce(max(position), 0) FROM carried_out WHERE register = ?1";
            connection.query_row(sql, [register.as_str()], |row| row.get(0))
        };
        self.connection.with(read).await.map_err(failed("reading how far people are forgotten"))
    }

    pub(super) async fn erase(&self, forgotten: Vec<Forgotten>, register: &ShowId, position: u64) -> Result<(), PeopleError> {
        let register = register.clone();
        let erasing = self.connection.with(move |connection| erase(connection, &forgotten, &register, position));
        erasing.await.map_err(failed("forgetting a person"))
    }
}

fn find(connection: &Connection, subject: &Subject) -> rusqlite::Result<Known> {
    let sql = "SELECT forgotten_at, log_position FROM forgotten WHERE subject = ?1";
    let forgotten = connection.query_row(sql, [subject.as_str()], |row| {
        let forgotten_at = Timestamp::from_micros(row.get(0)?);
        Ok(Known::Forgotten(Forgotten { subject: subject.clone(), forgotten_at, log_position: row.get(1)? }))
    });
    if let Some(forgotten) = forgotten.optional()? {
        return Ok(forgotten);
    }
    let sql = "SELECT name, contact, noted_at FROM people WHERE subject = ?1";
    let person = connection.query_row(sql, [subject.as_str()], |row| {
        Ok(Known::Person(Person { name: row.get(0)?, contact: row.get(1)?, noted_at: Timestamp::from_micros(row.get(2)?) }))
    });
    Ok(person.optional()?.unwrap_or(Known::Nobody))
}

fn erase(connection: &mut Connection, forgotten: &[Forgotten], register: &ShowId, position: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for Forgotten { subject, forgotten_at, log_position } in forgotten {
        transaction.execute("DELETE FROM people WHERE subject = ?1", [subject.as_str()])?;
        let sql = "INSERT INTO forgotten VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        transaction.execute(sql, params![subject.as_str(), forgotten_at.as_micros(), log_position])?;
    }
    let sql = "INSERT INTO carried_out VALUES (?1, ?2) ON CONFLICT DO UPDATE SET position = excluded.position";
    transaction.execute(sql, params![register.as_str(), position])?;
    transaction.commit()?;
    // The name may still stand in the write-ahead log.
    empty_write_ahead_log(connection)
}

/// Writes everything to the file, and leaves nothing beside it. Fails when somebody reads the file for too long.
fn empty_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let is_kept: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_kept {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, Some("the write-ahead log is being read and can't be emptied".into())));
    }
    Ok(())
}
