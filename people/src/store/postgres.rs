//! People in a schema of the log's database.

use std::sync::Arc;

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_eventstore::LogError;
use fullhouse_eventstore::postgres::{Access, Schema, SingleConnection, column, connect_to_tables, migrate_schema};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use super::{Forgotten, Known, Person};
use crate::error::{PeopleError, failed};

/// The steps that lead from an empty schema to the tables of this release.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where they are. Only command servers know people.
pub const SCHEMA: Schema = Schema {
    name: "fullhouse_people",
    steps: &MIGRATIONS,
    grants: "GRANT USAGE ON SCHEMA fullhouse_people TO fullhouse_command;
             GRANT SELECT ON ALL TABLES IN SCHEMA fullhouse_people TO fullhouse_command;
             GRANT INSERT, UPDATE, DELETE ON fullhouse_people.people TO fullhouse_command;
             GRANT INSERT ON fullhouse_people.forgotten TO fullhouse_command;
             GRANT INSERT, UPDATE ON fullhouse_people.carried_out TO fullhouse_command",
};

/// Makes the tables of this release, or brings those of an earlier one up to it. The connection must be the owner's, and the log
/// must have been migrated before: it makes the groups.
pub async fn migrate(url: &str) -> Result<(), LogError> {
    migrate_schema(url, &SCHEMA).await
}

/// People in a database. Clones share one connection.
#[derive(Debug, Clone)]
pub struct PostgresPeople {
    connection: SingleConnection,
}

impl PostgresPeople {
    /// Checks that the tables are there and that the login may read them or, to note people, add to them.
    pub async fn open(url: &str, access: Access) -> Result<Self, PeopleError> {
        let right = match access {
            Access::Read => "SELECT",
            Access::Append => "INSERT",
        };
        connect_to_tables(url, &SCHEMA, "fullhouse_people.people", right, "fullhouse_command").await?;
        Ok(Self { connection: SingleConnection::new(url, SCHEMA.name) })
    }

    pub(super) async fn find(&self, subject: &Subject) -> Result<Known, PeopleError> {
        let (doing, subject) = ("finding a person", subject.clone());
        let finding = self.connection.with(doing, move |connection| {
            let subject = subject.clone();
            Box::pin(async move { find(connection, &subject).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        finding.await
    }

    pub(super) async fn note(&self, subject: &Subject, person: Person) -> Result<Known, PeopleError> {
        let (doing, what) = ("noting a person", Arc::new((subject.clone(), person)));
        let noting = self.connection.with(doing, move |connection| {
            let what = what.clone();
            Box::pin(async move { note(connection, &what.0, &what.1).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        noting.await
    }

    pub(super) async fn carried_out(&self, register: &ShowId) -> Result<u64, PeopleError> {
        let (doing, register) = ("reading how far people are forgotten", register.clone());
        let reading = self.connection.with(doing, move |connection| {
            let register = register.clone();
            Box::pin(async move {
                let read = sqlx::query_scalar::<_, i64>("SELECT position FROM carried_out WHERE register = $1").bind(register.as_str());
                read.fetch_optional(connection).await.map_err(failed::<sqlx::Error>(doing))
            })
        });
        reading.await.map(|position| position.unwrap_or(0) as u64)
    }

    pub(super) async fn erase(&self, forgotten: Vec<Forgotten>, register: &ShowId, position: u64) -> Result<(), PeopleError> {
        let (doing, what) = ("forgetting a person", Arc::new((forgotten, register.clone())));
        let erasing = self.connection.with(doing, move |connection| {
            let what = what.clone();
            Box::pin(async move { erase(connection, &what.0, &what.1, position).await.map_err(failed::<sqlx::Error>(doing)) })
        });
        erasing.await
    }
}

async fn find(connection: &mut PgConnection, subject: &Subject) -> Result<Known, sqlx::Error> {
    let sql = "SELECT (extract(epoch FROM forgotten_at) * 1000000)::bigint, log_position FROM forgotten WHERE subject = $1";
    let forgotten: Option<(i64, i64)> = sqlx::query_as(sql).bind(subject.as_str()).fetch_optional(&mut *connection).await?;
    if let Some((at, log_position)) = forgotten {
        let (forgotten_at, log_position) = (Timestamp::from_micros(at), log_position as u64);
        return Ok(Known::Forgotten(Forgotten { subject: subject.clone(), forgotten_at, log_position }));
    }
    let sql = "SELECT name, contact, (extract(epoch FROM noted_at) * 1000000)::bigint FROM people WHERE subject = $1";
    let person: Option<(String, String, i64)> = sqlx::query_as(sql).bind(subject.as_str()).fetch_optional(connection).await?;
    let known = |(name, contact, at)| Known::Person(Person { name, contact, noted_at: Timestamp::from_micros(at) });
    Ok(person.map_or(Known::Nobody, known))
}

async fn note(connection: &mut PgConnection, subject: &Subject, person: &Person) -> Result<Known, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    let known = find(&mut transaction, subject).await?;
    if matches!(known, Known::Forgotten(_)) {
        // Dropped, it would go on, and keep its lock, until the connection is used again.
        transaction.rollback().await?;
        return Ok(known);
    }
    sqlx::query(
        "INSERT INTO people VALUES ($1, $2, $3, 'epoch'::timestamptz + $4 * interval '1 microsecond')
         ON CONFLICT (subject) DO UPDATE SET name = excluded.name, contact = excluded.contact, noted_at = excluded.noted_at",
    )
    .bind(subject.as_str())
    .bind(&person.name)
    .bind(&person.contact)
    .bind(person.noted_at.as_micros())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Known::Person(person.clone()))
}

/// Whoever notes and whoever erases take turns, or a name noted at the same moment would outlive the erasing.
async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("LOCK TABLE people IN SHARE ROW EXCLUSIVE MODE").execute(connection).await.map(|_| ())
}

async fn erase(connection: &mut PgConnection, forgotten: &[Forgotten], register: &ShowId, position: u64) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    lock(&mut transaction).await?;
    let subjects = column(forgotten, |forgotten| forgotten.subject.as_str());
    sqlx::query("DELETE FROM people WHERE subject = ANY ($1)").bind(subjects.clone()).execute(&mut *transaction).await?;
    sqlx::query(
        "INSERT INTO forgotten
         SELECT subject, 'epoch'::timestamptz + forgotten_at * interval '1 microsecond', log_position
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS one (subject, forgotten_at, log_position)
         ON CONFLICT DO NOTHING",
    )
    .bind(subjects)
    .bind(column(forgotten, |forgotten| forgotten.forgotten_at.as_micros()))
    .bind(column(forgotten, |forgotten| forgotten.log_position as i64))
    .execute(&mut *transaction)
    .await?;
    let sql = "INSERT INTO carried_out VALUES ($1, $2) ON CONFLICT (register) DO UPDATE SET position = excluded.position";
    sqlx::query(sql).bind(register.as_str()).bind(position as i64).execute(&mut *transaction).await?;
    transaction.commit().await
}
