//! Where people are kept: in a file beside the log, or in a schema of its database.

mod postgres;
mod sqlite;

use fullhouse_domain::{ShowId, Subject, Timestamp};

pub use postgres::{PostgresPeople, SCHEMA, migrate};
pub use sqlite::SqlitePeople;

use crate::error::PeopleError;

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their name.
    pub name: String,
    /// What reaches them.
    pub contact: String,
    /// When this was noted.
    pub noted_at: Timestamp,
}

/// A subject whose person was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Which.
    pub subject: Subject,
    /// When.
    pub forgotten_at: Timestamp,
    /// Where the log says so.
    pub log_position: u64,
}

/// What is known of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nobody,
    /// Who it is.
    Person(Person),
    /// That nobody may know any more.
    Forgotten(Forgotten),
}

/// The store of people. Cheap to clone; the set of stores is closed, so it is an enum.
#[derive(Debug, Clone)]
pub enum PeopleStore {
    /// In a file.
    Sqlite(SqlitePeople),
    /// In a database.
    Postgres(PostgresPeople),
}

impl PeopleStore {
    /// What is known of a subject.
    pub async fn find(&self, subject: &Subject) -> Result<Known, PeopleError> {
        match self {
            PeopleStore::Sqlite(store) => store.find(subject).await,
            PeopleStore::Postgres(store) => store.find(subject).await,
        }
    }

    /// Notes who a subject is, in place of what was noted before, unless they are forgotten; returns what is known now.
    pub(crate) async fn note(&self, subject: &Subject, person: Person) -> Result<Known, PeopleError> {
        match self {
            PeopleStore::Sqlite(store) => store.note(subject, person).await,
            PeopleStore::Postgres(store) => store.note(subject, person).await,
        }
    }

    /// The position up to which a register was carried out.
    pub(crate) async fn carried_out(&self, register: &ShowId) -> Result<u64, PeopleError> {
        match self {
            PeopleStore::Sqlite(store) => store.carried_out(register).await,
            PeopleStore::Postgres(store) => store.carried_out(register).await,
        }
    }

    /// Erases people for good, and notes that a register is carried out up to a position. Doing it twice does no harm.
    pub(crate) async fn erase(&self, forgotten: Vec<Forgotten>, register: &ShowId, position: u64) -> Result<(), PeopleError> {
        match self {
            PeopleStore::Sqlite(store) => store.erase(forgotten, register, position).await,
            PeopleStore::Postgres(store) => store.erase(forgotten, register, position).await,
        }
    }
}
