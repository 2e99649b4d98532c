//! The line in a schema of the log's database: many processes, one advisory lock.
//!
//! * `connect`: connections, and what the schema must be like
//! * `write`: the writer, which gives numbers
//! * `read`: the reads, which never wait for a writer

mod connect;
mod read;
mod write;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::{Schema, SingleConnection, migrate_schema};
use sqlx::migrate::Migrator;

use crate::error::LineError;
use crate::queue::Queue;
use write::Writer;

/// The steps that lead from an empty schema to the line of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where the line is. Command servers give numbers, take them back and read who waits; nobody else is told.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_line",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_line TO fullhouse_command;
             GRANT SELECT ON fullhouse_line.places, fullhouse_line._sqlx_migrations TO fullhouse_command;
             GRANT INSERT, UPDATE (subject) ON fullhouse_line.places TO fullhouse_command",
};

/// Makes the line's tables of this release, or brings those of an earlier one up to it. The connection must be the owner's, and
/// the log must have been migrated before: it makes the groups.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// A line in PostgreSQL. Clones share it; its connections are closed when the last one is gone.
#[derive(Debug, Clone)]
pub struct PostgresLine {
    queue: Queue,
    reader: SingleConnection,
}

impl PostgresLine {
    /// Opens the line to join and leave, as a member of `fullhouse_command`. Must be called within a tokio runtime.
    pub async fn open(url: &str) -> Result<Self, LineError> {
        let connection = connect::to_write(url).await?;
        let (queue, waiting) = Queue::new();
        tokio::spawn(Writer::new(url.into(), connection).run(waiting));
        Ok(Self { queue, reader: SingleConnection::new(url, SCHEMA.name) })
    }

    pub(crate) async fn join(&self, show: &ShowId, subject: &Subject, instead_of: Option<u64>) -> Result<u64, LineError> {
        self.queue.join(show, subject, instead_of).await
    }

    pub(crate) async fn leave(&self, show: &ShowId, subject: &Subject, number: u64) -> Result<(), LineError> {
        self.queue.leave(show, subject, number).await
    }

    pub(crate) async fn members(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<(u64, Subject)>, LineError> {
        let show = show.clone();
        self.reader.with("reading the line", move |connection| Box::pin(read::members(connection, show.clone(), after, limit))).await
    }

    pub(crate) async fn last_number(&self, show: &ShowId) -> Result<u64, LineError> {
        let show = show.clone();
        self.reader.with("reading the line", move |connection| Box::pin(read::last_number(connection, show.clone()))).await
    }
}
