//! What every store of people must do, on a real log of the same kind.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use fullhouse_domain::Subject;
use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::{Access, PostgresLog};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_people::store::{PostgresPeople, SqlitePeople, migrate};
use fullhouse_people::{Known, People, PeopleStore};
use fullhouse_schemas::facts::people::{forgotten_by, register};
use fullhouse_test_servers::Database;
use tempfile::TempDir;

/// A log and the people beside it.
struct Place {
    log: Log,
    people: People,
    /// The same, as another process has them.
    beside: People,
    /// Those of another cluster whose people stand in the same table.
    elsewhere: People,
    folder: TempDir,
    _database: Option<Database>,
}

async fn in_files() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let store = || PeopleStore::Sqlite(SqlitePeople::open(folder.path()).unwrap());
    let (people, beside) = (People::new(log.clone(), store(), "local").unwrap(), People::new(log.clone(), store(), "local").unwrap());
    let elsewhere = People::new(log.clone(), store(), "eu1").unwrap();
    Place { log, people, beside, elsewhere, folder, _database: None }
}

async fn in_a_database() -> Place {
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.unwrap();
    migrate(&database.url()).await.unwrap();
    migrate(&database.url()).await.unwrap();
    let log = Log::Postgres(PostgresLog::open(&database.url(), Access::Append).await.unwrap());
    let mut stores = Vec::new();
    for cluster in ["local", "local", "eu1"] {
        let store = PeopleStore::Postgres(PostgresPeople::open(&database.url(), Access::Append).await.unwrap());
        stores.push(People::new(log.clone(), store, cluster).unwrap());
    }
    let [people, beside, elsewhere] = stores.try_into().unwrap();
    Place { log, people, beside, elsewhere, folder: tempfile::tempdir().unwrap(), _database: Some(database) }
}

fn beside(log: &Log, store: SqlitePeople) -> People {
    People::new(log.clone(), PeopleStore::Sqlite(store), "local").unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn name_of(known: &Known) -> Option<&str> {
    match known {
        Known::Person(person) => Some(&person.name),
        Known::Nobody | Known::Forgotten(_) => None,
    }
}

async fn a_person_is_noted_and_forgotten_for_good(place: Place) {
    let (people, ann, bob) = (&place.people, subject("ann"), subject("bob"));
    assert_eq!(people.find(&ann).await.unwrap(), Known::Nobody);
    assert_eq!(people.forget(&ann, None).await.unwrap(), None, "there is nobody to forget");
    for name in ["Ann", "Ann B."] {
        people.note(&ann, name.into(), "a@example.org".into()).await.unwrap();
        assert_eq!(name_of(&people.find(&ann).await.unwrap()), Some(name));
    }
    people.note(&bob, "Bob".into(), String::new()).await.unwrap();
    let forgotten = people.forget(&ann, Some(&subject("otto"))).await.unwrap().unwrap();
    assert_eq!(people.forget(&ann, None).await.unwrap().as_ref(), Some(&forgotten), "twice is the same as once");
    assert_eq!(people.find(&ann).await.unwrap(), Known::Forgotten(forgotten.clone()));
    assert_eq!(people.note(&ann, "Ann".into(), String::new()).await.unwrap(), Known::Forgotten(forgotten.clone()));
    assert_eq!(name_of(&people.find(&bob).await.unwrap()), Some("Bob"));
    let facts = place.log.read_show(&register("local").unwrap(), 0, 10).await.unwrap();
    let told: Vec<_> = facts.iter().map(|fact| (fact.log_position, forgotten_by(fact).unwrap(), fact.subject.clone())).collect();
    assert_eq!(told, [(forgotten.log_position, ann, Some(subject("otto")))]);
}

/// Whoever appends the fact and stops there leaves the rest to the next one who looks.
async fn what_the_log_says_is_carried_out(place: Place) {
    let elsewhere = tempfile::tempdir().unwrap();
    let other = beside(&place.log, SqlitePeople::open(elsewhere.path()).unwrap());
    for people in [&place.people, &other] {
        people.note(&subject("ann"), "Ann".into(), String::new()).await.unwrap();
    }
    other.forget(&subject("ann"), None).await.unwrap().unwrap();
    place.people.carry_out().await.unwrap();
    assert!(matches!(place.people.find(&subject("ann")).await.unwrap(), Known::Forgotten(_)));
}

async fn whoever_asks_for_the_forgotten_holds_nobody_up(place: Place) {
    place.people.note(&subject("ann"), "Ann".into(), String::new()).await.unwrap();
    place.people.forget(&subject("ann"), None).await.unwrap().unwrap();
    assert!(matches!(place.people.note(&subject("ann"), "Ann".into(), String::new()).await.unwrap(), Known::Forgotten(_)));
    place.beside.note(&subject("bob"), "Bob".into(), String::new()).await.unwrap();
    place.beside.forget(&subject("bob"), None).await.unwrap().unwrap();
    assert!(matches!(place.people.find(&subject("bob")).await.unwrap(), Known::Forgotten(_)));
}

async fn each_cluster_has_a_register_of_its_own(place: Place) {
    for (people, somebody) in [(&place.people, "ann"), (&place.people, "bob"), (&place.elsewhere, "eve"), (&place.people, "joe")] {
        people.note(&subject(somebody), somebody.into(), String::new()).await.unwrap();
        people.forget(&subject(somebody), None).await.unwrap().unwrap();
        for other in [&place.people, &place.elsewhere, &place.beside] {
            assert!(matches!(other.find(&subject(somebody)).await.unwrap(), Known::Forgotten(_)), "{somebody}");
        }
    }
}

/// The table has carried out more than an older copy of the log has.
async fn a_log_that_was_restored_is_carried_out_again(place: Place) {
    let newer = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(newer.path()).unwrap());
    let table = tempfile::tempdir().unwrap();
    let before = beside(&log, SqlitePeople::open(table.path()).unwrap());
    for somebody in ["ann", "bob", "eve"] {
        before.note(&subject(somebody), somebody.into(), String::new()).await.unwrap();
        before.forget(&subject(somebody), None).await.unwrap().unwrap();
    }
    let after = beside(&place.log, SqlitePeople::open(table.path()).unwrap());
    for somebody in ["joe", "kim"] {
        after.note(&subject(somebody), somebody.into(), String::new()).await.unwrap();
        after.forget(&subject(somebody), None).await.unwrap().unwrap();
    }
}

async fn whoever_is_noted_while_being_forgotten_is_forgotten(place: Place) {
    for round in 0..20 {
        let somebody = subject(&format!("s{round}"));
        place.people.note(&somebody, "Somebody".into(), String::new()).await.unwrap();
        let noting = async {
            for _ in 0..10 {
                place.people.note(&somebody, "Somebody".into(), String::new()).await.unwrap();
            }
        };
        let (forgotten, again, ()) = tokio::join!(place.people.forget(&somebody, None), place.people.forget(&somebody, None), noting);
        assert_eq!(forgotten.unwrap().unwrap(), again.unwrap().unwrap());
        assert!(matches!(place.people.find(&somebody).await.unwrap(), Known::Forgotten(_)));
    }
    let facts = place.log.read_show(&register("local").unwrap(), 0, 100).await.unwrap();
    assert_eq!(facts.len(), 20, "one fact for each of them");
}

fullhouse_test_servers::on_every_store! {
    in_files in_a_database: {
        a_person_is_noted_and_forgotten_for_good
        what_the_log_says_is_carried_out
        whoever_asks_for_the_forgotten_holds_nobody_up
        each_cluster_has_a_register_of_its_own
        a_log_that_was_restored_is_carried_out_again
        whoever_is_noted_while_being_forgotten_is_forgotten
    }
}

/// Not only out of the table: out of the file, and out of what SQLite keeps beside it.
#[tokio::test]
async fn nothing_of_a_forgotten_person_is_left_in_the_folder() {
    let place = in_files().await;
    let secret = "Zacharias Quill";
    for number in 0..200 {
        place.people.note(&subject(&format!("s{number}")), format!("Person {number}"), "x".repeat(200)).await.unwrap();
    }
    place.people.note(&subject("zq"), secret.into(), "zq@example.org".into()).await.unwrap();
    let is_there = || {
        std::fs::read_dir(place.folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
        })
    };
    assert!(is_there());
    place.people.forget(&subject("zq"), None).await.unwrap().unwrap();
    assert!(!is_there());
}
