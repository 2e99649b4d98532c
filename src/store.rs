//! Which log and which line there are: in a folder, or in a database.

use std::path::Path;

use anyhow::Context;
use fullhouse_demand::DemandStore;
use fullhouse_demand::store as demand;
use fullhouse_demand::store::{PostgresDemand, SqliteDemand};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::{self, Access, PostgresLog};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_line::Line;
use fullhouse_line::postgres::PostgresLine;
use fullhouse_line::sqlite::SqliteLine;
use fullhouse_people::PeopleStore;
use fullhouse_people::store as people;
use fullhouse_people::store::{PostgresPeople, SqlitePeople};
use fullhouse_projector::sql;
use fullhouse_snapshots::SnapshotStore;
use fullhouse_snapshots::store as snapshots;
use fullhouse_snapshots::store::{PostgresSnapshots, SqliteSnapshots};
use fullhouse_transparency::Checkpoints;
use fullhouse_transparency::store as transparency;
use fullhouse_transparency::store::{PostgresCheckpoints, SqliteCheckpoints};

use crate::cli::DatabaseSettings;

/// What is said of something in the database that can't be used.
fn in_database(what: &str) -> String {
    format!("the {what} in the database (--database-url, FULLHOUSE_DATABASE_URL) can't be used")
}

/// The same of something in the data folder.
fn in_folder(what: &str, data: &Path) -> String {
    format!("the {what} in {} (--data, FULLHOUSE_DATA) can't be used", data.display())
}

/// Opens the log to write it: in the database if there is one, else in the folder.
pub async fn open(data: &Path, database_url: Option<&str>, access: Access) -> anyhow::Result<Log> {
    if let Some(url) = database_url {
        return open_database(url, access).await;
    }
    SqliteLog::open(data).map(Log::Sqlite).with_context(|| in_folder("log", data))
}

/// Opens an existing log to read it, whether servers use it or not.
pub async fn open_to_read(data: &Path, database_url: Option<&str>) -> anyhow::Result<Log> {
    if let Some(url) = database_url {
        return open_database(url, Access::Read).await;
    }
    SqliteLog::open_to_read(data)
        .map(Log::Sqlite)
        .with_context(|| format!("the log in {} (--data, FULLHOUSE_DATA) can't be read", data.display()))
}

/// Opens the log in a database.
pub async fn open_database(url: &str, access: Access) -> anyhow::Result<Log> {
    PostgresLog::open(url, access).await.map(Log::Postgres).with_context(|| in_database("log"))
}

/// Opens the line of those who wait: where the log is.
pub async fn open_line(data: &Path, database_url: Option<&str>) -> anyhow::Result<Line> {
    if let Some(url) = database_url {
        return PostgresLine::open(url).await.map(Line::Postgres).with_context(|| in_database("line of waiting rooms"));
    }
    SqliteLine::open(data).map(Line::Sqlite).with_context(|| in_folder("line", data))
}

/// Opens the checkpoints of the log: where the log is.
pub async fn open_checkpoints(data: &Path, database_url: Option<&str>, access: Access) -> anyhow::Result<Checkpoints> {
    if let Some(url) = database_url {
        return PostgresCheckpoints::open(url, access).await.map(Checkpoints::Postgres).with_context(|| in_database("checkpoints"));
    }
    let opened = match access {
        Access::Append => SqliteCheckpoints::open(data),
        Access::Read => SqliteCheckpoints::open_to_read(data),
    };
    opened.map(Checkpoints::Sqlite).with_context(|| in_folder("checkpoints", data))
}

/// Opens the refused demand: where the log is. To read, there may be none in a folder.
pub async fn open_demand(data: &Path, database_url: Option<&str>, access: Access) -> anyhow::Result<Option<DemandStore>> {
    if let Some(url) = database_url {
        return PostgresDemand::open(url, access)
            .await
            .map(|store| Some(DemandStore::Postgres(store)))
            .with_context(|| in_database("refused demand"));
    }
    let opened = match access {
        Access::Append => SqliteDemand::open(data).map(Some),
        Access::Read => SqliteDemand::open_to_read(data),
    };
    let opened = opened.with_context(|| in_folder("refused demand", data))?;
    Ok(opened.map(DemandStore::Sqlite))
}

/// Opens the table of who the subjects are: where the log is. To read, there may be none in a folder.
pub async fn open_people(data: &Path, database_url: Option<&str>, access: Access) -> anyhow::Result<Option<PeopleStore>> {
    if let Some(url) = database_url {
        return PostgresPeople::open(url, access)
            .await
            .map(|store| Some(PeopleStore::Postgres(store)))
            .with_context(|| in_database("people"));
    }
    let opened = match access {
        Access::Append => SqlitePeople::open(data).map(Some),
        Access::Read => SqlitePeople::open_to_read(data),
    };
    let opened = opened.with_context(|| in_folder("people", data))?;
    Ok(opened.map(PeopleStore::Sqlite))
}

/// The snapshots of shows: where the log is. Nobody needs them, so whether they can be used is found out by whoever tries.
pub fn snapshots(data: &Path, database_url: Option<&str>) -> SnapshotStore {
    match database_url {
        Some(url) => SnapshotStore::Postgres(PostgresSnapshots::new(url)),
        None => SnapshotStore::Sqlite(SqliteSnapshots::new(data)),
    }
}

/// `fullhouse migrate`
pub fn migrate(settings: &DatabaseSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    let url = &settings.database_url;
    let migrating = async {
        postgres::migrate(url).await?;
        fullhouse_line::postgres::migrate(url).await?;
        sql::postgres::migrate(url).await?;
        transparency::migrate(url).await?;
        demand::migrate(url).await?;
        people::migrate(url).await?;
        snapshots::migrate(url).await?;
        anyhow::Ok(())
    };
    runtime.block_on(migrating).context("the database (--database-url, FULLHOUSE_DATABASE_URL) can't be prepared")?;
    eprintln!("The database is ready for this release.");
    Ok(())
}
