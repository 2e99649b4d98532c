//! What every line must do. Each store runs the whole suite: `suites!` names it once, at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_line::postgres::{self, PostgresLine};
use fullhouse_line::sqlite::SqliteLine;
use fullhouse_line::{Line, LineError};
use fullhouse_test_servers::Database;

/// A store that can be closed and opened again.
trait Store: Send + Sync {
    fn open(&self) -> impl Future<Output = Result<Line, LineError>> + Send;
}

struct Sqlite(tempfile::TempDir);

impl Store for Sqlite {
    async fn open(&self) -> Result<Line, LineError> {
        SqliteLine::open(self.0.path()).map(Line::Sqlite)
    }
}

/// A database that has the line's tables.
struct Postgres(Database);

impl Store for Postgres {
    async fn open(&self) -> Result<Line, LineError> {
        PostgresLine::open(&self.0.login("fullhouse_command")).await.map(Line::Postgres)
    }
}

/// How long a test waits for something that should take milliseconds. Raise it while debugging.
const PATIENCE: Duration = Duration::from_secs(60);

fn show(name: &str) -> ShowId {
    ShowId::parse(&format!("local-{name}")).expect("plain")
}

fn person(number: usize) -> Subject {
    Subject::parse(&format!("person{number}")).expect("visible")
}

async fn open(store: &impl Store) -> Line {
    store.open().await.expect("the line can be opened")
}

async fn join(line: &Line, who: usize) -> u64 {
    line.join(&show("a"), &person(who), None).await.expect("the line works")
}

async fn join_instead_of(line: &Line, who: usize, number: u64) -> u64 {
    line.join(&show("a"), &person(who), Some(number)).await.expect("the line works")
}

async fn leave(line: &Line, who: usize, number: u64) {
    line.leave(&show("a"), &person(who), number).await.expect("the line works");
}

/// Who stands in the line of a show, as pairs of number and person.
async fn everyone(line: &Line, show_name: &str) -> Vec<(u64, Subject)> {
    line.members(&show(show_name), 0, usize::MAX).await.expect("it can be read")
}

async fn last_number(line: &Line) -> u64 {
    line.last_number(&show("a")).await.expect("it can be read")
}

fn places(pairs: &[(u64, usize)]) -> Vec<(u64, Subject)> {
    pairs.iter().map(|(number, who)| (*number, person(*who))).collect()
}

async fn numbers_count_from_one_in_each_show(store: impl Store) {
    let line = open(&store).await;
    assert_eq!(last_number(&line).await, 0);
    for who in 1..=5 {
        assert_eq!(join(&line, who).await, who as u64);
    }
    assert_eq!(line.join(&show("b"), &person(5), None).await.expect("the line works"), 1);
    assert_eq!(last_number(&line).await, 5);
    assert_eq!(everyone(&line, "a").await, places(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]));
    assert_eq!(everyone(&line, "b").await, places(&[(1, 5)]));
}

async fn whoever_joins_again_keeps_his_number(store: impl Store) {
    let line = open(&store).await;
    for who in [1, 2, 1, 1, 2] {
        assert_eq!(join(&line, who).await, who as u64);
    }
    drop(line);
    let line = open(&store).await;
    assert_eq!((join(&line, 2).await, join(&line, 3).await, join(&line, 1).await), (2, 3, 1));
    assert_eq!(last_number(&line).await, 3);
}

async fn one_person_in_fifty_tasks_gets_one_number(store: impl Store) {
    let line = open(&store).await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let line = line.clone();
            tokio::spawn(async move { join(&line, 7).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("it answers"), 1);
    }
    assert_eq!(everyone(&line, "a").await, places(&[(1, 7)]));
}

async fn many_at_once_get_numbers_without_a_gap(store: impl Store) {
    const PEOPLE: usize = 500;
    let line = open(&store).await;
    let tasks: Vec<_> = (0..PEOPLE)
        .map(|who| {
            let line = line.clone();
            tokio::spawn(async move { (join(&line, who).await, person(who)) })
        })
        .collect();
    let mut given = BTreeMap::new();
    for task in tasks {
        let (number, who) = task.await.expect("it answers");
        assert_eq!(given.insert(number, who), None, "{number} was given twice");
    }
    assert!(given.keys().copied().eq(1..=PEOPLE as u64), "{given:?}");
    assert_eq!(everyone(&line, "a").await, given.into_iter().collect::<Vec<_>>());
}

async fn whoever_left_stands_at_the_end_when_he_is_back(store: impl Store) {
    let line = open(&store).await;
    for who in 1..=3 {
        join(&line, who).await;
    }
    leave(&line, 2, 2).await;
    assert_eq!(everyone(&line, "a").await, places(&[(1, 1), (3, 3)]));
    assert_eq!(join(&line, 2).await, 4);
    leave(&line, 2, 2).await;
    assert_eq!(everyone(&line, "a").await, places(&[(1, 1), (3, 3), (4, 2)]), "a repeated leave is about the old number");
}

async fn no_number_is_given_twice_even_if_the_last_one_left(store: impl Store) {
    let line = open(&store).await;
    assert_eq!(join(&line, 1).await, 1);
    leave(&line, 1, 1).await;
    assert_eq!((last_number(&line).await, everyone(&line, "a").await), (1, Vec::new()));
    drop(line);
    let line = open(&store).await;
    assert_eq!((join(&line, 2).await, join(&line, 1).await), (2, 3));
}

async fn a_number_that_is_used_up_is_exchanged_once(store: impl Store) {
    let line = open(&store).await;
    assert_eq!((join(&line, 1).await, join(&line, 2).await), (1, 2));
    for _ in 0..3 {
        assert_eq!(join_instead_of(&line, 1, 1).await, 3);
    }
    assert_eq!(join(&line, 1).await, 3);
    assert_eq!(join_instead_of(&line, 1, 2).await, 3, "that number is another's");
    assert_eq!(join_instead_of(&line, 3, 9).await, 4, "he never had one");
    assert_eq!(join_instead_of(&line, 4, u64::MAX).await, 5, "nobody ever will");
    assert_eq!(everyone(&line, "a").await, places(&[(2, 2), (3, 1), (4, 3), (5, 4)]));
}

async fn a_number_exchanged_in_fifty_tasks_becomes_one_other(store: impl Store) {
    let line = open(&store).await;
    assert_eq!(join(&line, 1).await, 1);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let line = line.clone();
            tokio::spawn(async move { join_instead_of(&line, 1, 1).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("it answers"), 2);
    }
    assert_eq!(everyone(&line, "a").await, places(&[(2, 1)]));
}

async fn leaving_with_the_number_of_another_changes_nothing(store: impl Store) {
    let line = open(&store).await;
    assert_eq!((join(&line, 1).await, join(&line, 2).await), (1, 2));
    for (who, number) in [(1, 2), (2, 1), (3, 1), (1, 0), (1, 99), (1, u64::MAX)] {
        leave(&line, who, number).await;
    }
    line.leave(&show("b"), &person(1), 1).await.expect("the line works");
    assert_eq!(everyone(&line, "a").await, places(&[(1, 1), (2, 2)]));
}

async fn members_are_read_in_pages(store: impl Store) {
    let line = open(&store).await;
    for who in 1..=10 {
        join(&line, who).await;
    }
    for who in [3, 4, 10] {
        leave(&line, who, who as u64).await;
    }
    let page = async |after, limit| {
        let members = line.members(&show("a"), after, limit).await.expect("it can be read");
        members.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 3).await, [1, 2, 5]);
    assert_eq!(page(5, 3).await, [6, 7, 8]);
    assert_eq!(page(8, 3).await, [9]);
    for (after, limit) in [(9, 3), (0, 0), (u64::MAX, 3)] {
        assert_eq!(page(after, limit).await, [0; 0], "after {after}, up to {limit}");
    }
    assert_eq!(last_number(&line).await, 10, "whoever left had a number");
}

async fn a_caller_that_stops_waiting_loses_nothing(store: impl Store) {
    const PEOPLE: usize = 200;
    let line = open(&store).await;
    for who in 0..PEOPLE {
        // Long enough for the call to be on its way, and for some of them to be under way.
        let _ = tokio::time::timeout(Duration::from_micros(who as u64 * 10), join(&line, who)).await;
    }
    let mut given = BTreeSet::new();
    for who in 0..PEOPLE {
        given.insert(tokio::time::timeout(PATIENCE, join(&line, who)).await.expect("the line goes on"));
    }
    assert!(given.iter().copied().eq(1..=PEOPLE as u64), "{given:?}");
    assert_eq!(last_number(&line).await, PEOPLE as u64);
}

async fn what_was_taken_is_done_when_the_line_is_closed(store: impl Store) {
    let line = open(&store).await;
    let calls: Vec<_> = (0..100)
        .map(|who| {
            let line = line.clone();
            tokio::spawn(async move { join(&line, who).await })
        })
        .collect();
    drop(line);
    let mut given = BTreeSet::new();
    for call in calls {
        given.insert(call.await.expect("it answers"));
    }
    assert_eq!(given.len(), 100);
    assert_eq!(everyone(&open(&store).await, "a").await.len(), 100);
}

async fn sqlite() -> impl Store {
    Sqlite(tempfile::tempdir().expect("a temporary folder"))
}

async fn in_postgres() -> impl Store {
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.expect("an empty database");
    postgres::migrate(&database.url()).await.expect("the groups are there");
    Postgres(database)
}

fullhouse_test_servers::on_every_store! {
    sqlite in_postgres: {
        numbers_count_from_one_in_each_show
        whoever_joins_again_keeps_his_number
        one_person_in_fifty_tasks_gets_one_number
        many_at_once_get_numbers_without_a_gap
        whoever_left_stands_at_the_end_when_he_is_back
        no_number_is_given_twice_even_if_the_last_one_left
        a_number_that_is_used_up_is_exchanged_once
        a_number_exchanged_in_fifty_tasks_becomes_one_other
        leaving_with_the_number_of_another_changes_nothing
        members_are_read_in_pages
        a_caller_that_stops_waiting_loses_nothing
        what_was_taken_is_done_when_the_line_is_closed
    }
}
