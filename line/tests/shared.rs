//! What only a line in a database can show: many processes, rights, lost connections, and what a database can have wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fullhouse_domain::{ShowId, Subject};
use fullhouse_line::postgres::{self, PostgresLine};
use fullhouse_line::{Line, LineError};
use fullhouse_test_servers::Database;
use sqlx::{Connection, PgConnection};

const PATIENCE: Duration = Duration::from_secs(60);

async fn prepared() -> Database {
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.expect("an empty database");
    postgres::migrate(&database.url()).await.expect("the groups are there");
    database
}

async fn open(database: &Database) -> Line {
    Line::Postgres(PostgresLine::open(&database.login("fullhouse_command")).await.expect("the tables are there"))
}

fn show() -> ShowId {
    ShowId::parse("local-a").expect("plain")
}

fn person(number: u64) -> Subject {
    Subject::parse(&format!("person{number}")).expect("visible")
}

async fn join(line: &Line, who: u64) -> u64 {
    line.join(&show(), &person(who), None).await.expect("the line works")
}

/// Ends the sessions of all logins but the owner's, as a failover does; how many there were.
fn end_sessions(database: &Database) -> usize {
    let sql =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user";
    database.run(sql).parse().expect("a number")
}

async fn open_all(database: &Database, count: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for _ in 0..count {
        lines.push(open(database).await);
    }
    lines
}

/// Joins of `count` people from the first one on, 25 at a time; what each was told.
async fn join_all(line: Line, from: u64, count: u64) -> Vec<(u64, u64)> {
    let mut told = Vec::new();
    for begin in (from..from + count).step_by(25) {
        let calls: Vec<_> = (begin..(begin + 25).min(from + count))
            .map(|who| {
                let line = line.clone();
                tokio::spawn(async move { (who, join(&line, who).await) })
            })
            .collect();
        for call in calls {
            told.push(call.await.expect("it answers"));
        }
    }
    told
}

/// Checks that each person was told one number only, and that those are the numbers in the line, from 1 on without a gap.
async fn check(reader: &Line, told: impl IntoIterator<Item = (u64, u64)>) {
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for (who, number) in told {
        assert_eq!(*numbers.entry(who).or_insert(number), number, "person {who} was told two numbers");
    }
    let given: BTreeSet<u64> = numbers.values().copied().collect();
    assert!(given.iter().copied().eq(1..=numbers.len() as u64), "{given:?}");
    let members: BTreeSet<(u64, Subject)> = reader.members(&show(), 0, usize::MAX).await.expect("readable").into_iter().collect();
    assert_eq!(members, numbers.iter().map(|(who, number)| (*number, person(*who))).collect());
    assert_eq!(reader.last_number(&show()).await.expect("readable"), numbers.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_give_each_person_one_number() {
    const WRITERS: u64 = 8;
    const JOINS: u64 = 250;
    let database = prepared().await;
    let lines = open_all(&database, WRITERS as usize).await;
    // Every person is a customer of two or three servers.
    let writers: Vec<_> = lines.into_iter().zip(0..).map(|(line, writer)| tokio::spawn(join_all(line, writer * 100, JOINS))).collect();
    let mut told = Vec::new();
    for writer in writers {
        told.push(writer.await.expect("no writer panics"));
    }
    let first_end = told.iter().filter_map(|told| told.iter().map(|(_, number)| *number).max()).min();
    let last_begin = told.iter().filter_map(|told| told.iter().map(|(_, number)| *number).min()).max();
    assert!(last_begin < first_end, "they were at it at the same time: {last_begin:?}, {first_end:?}");
    let told: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(told.len() as u64, WRITERS * JOINS);
    check(&open(&database).await, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_cost_nobody_his_number() {
    const WRITERS: u64 = 4;
    const LOST_MIN: usize = 20;
    let database = prepared().await;
    let (lines, reader) = (open_all(&database, WRITERS as usize).await, open(&database).await);
    let writers: Vec<_> = lines.into_iter().zip(0..).map(|(line, writer)| tokio::spawn(join_all(line, writer * 1_000, 2_000))).collect();
    let mut lost = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        lost += end_sessions(&database);
        // At another moment of a transaction each time, and seldom enough for work to be done in between.
        tokio::time::sleep(Duration::from_millis(100 + lost as u64 % 7)).await;
        reader.last_number(&show()).await.expect("it connects again");
    }
    assert!(lost >= LOST_MIN, "only {lost} connections were lost");
    let mut told = Vec::new();
    for writer in writers {
        told.extend(writer.await.expect("no writer panics"));
    }
    check(&reader, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_away_is_an_error_and_joining_works_when_it_is_back() {
    let database = prepared().await;
    let line = open(&database).await;
    assert_eq!(join(&line, 1).await, 1);
    let login = database.login("fullhouse_command").split(['/', '@']).nth(2).expect("a user").to_owned();
    database.run(&format!("ALTER ROLE {login} NOLOGIN"));
    end_sessions(&database);
    let began = Instant::now();
    let error = line.join(&show(), &person(2), None).await.expect_err("nobody can log in");
    assert!(matches!(error, LineError::Store { .. }), "{error}");
    assert!((2..20).contains(&began.elapsed().as_secs()), "it was tried for {:?}", began.elapsed());
    database.run(&format!("ALTER ROLE {login} LOGIN"));
    assert_eq!((join(&line, 2).await, join(&line, 1).await), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_freezes_while_it_holds_the_lock_holds_up_nobody_for_long() {
    let database = prepared().await;
    let mut frozen = PgConnection::connect(&database.url()).await.expect("it connects");
    // As the writing connection of a server does, which then says no more.
    sqlx::raw_sql("SET idle_in_transaction_session_timeout = '2000'; BEGIN; SELECT pg_advisory_xact_lock(7005, 1)")
        .execute(&mut frozen)
        .await
        .expect("it locks");
    let line = open(&database).await;
    assert_eq!(tokio::time::timeout(PATIENCE, join(&line, 1)).await.expect("the lock is free again"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_are_turned_away_and_nobody_else() {
    const PEOPLE: u64 = 72_000;
    let database = prepared().await;
    let line = open(&database).await;
    let mut holder = PgConnection::connect(&database.url()).await.expect("it connects");
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(7005, 1)").execute(&mut holder).await.expect("it locks");
    let calls: Vec<_> = (0..PEOPLE)
        .map(|who| {
            let line = line.clone();
            // One look at it puts a call into the queue, or finds that full.
            tokio::spawn(async move { tokio::time::timeout(Duration::ZERO, line.join(&show(), &person(who), None)).await })
        })
        .collect();
    let mut turned_away = 0;
    for call in calls {
        if let Ok(answer) = call.await.expect("it ends") {
            assert!(matches!(answer, Err(LineError::Overloaded)), "{answer:?}");
            turned_away += 1;
        }
    }
    sqlx::raw_sql("COMMIT").execute(&mut holder).await.expect("it commits");
    // One batch was under way, and the queue was full behind it. Whoever stopped waiting has his number all the same.
    let taken = PEOPLE - turned_away;
    assert!((65_536..=65_536 + 4_096).contains(&taken), "{taken} were taken");
    let last = loop {
        match line.join(&show(), &person(PEOPLE), None).await {
            Err(LineError::Overloaded) => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => break answer.expect("the line works"),
        }
    };
    assert_eq!(last, taken + 1);
    assert_eq!(open(&database).await.members(&show(), 0, usize::MAX).await.expect("readable").len() as u64, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_does_not_wait_for_writers() {
    let database = prepared().await;
    let (line, reader) = (open(&database).await, open(&database).await);
    assert_eq!(join(&line, 1).await, 1);
    let mut holder = PgConnection::connect(&database.url()).await.expect("it connects");
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(7005, 1)").execute(&mut holder).await.expect("it locks");
    let waiting = {
        let line = line.clone();
        tokio::spawn(async move { join(&line, 2).await })
    };
    for line in [&line, &reader] {
        assert_eq!(line.last_number(&show()).await.expect("readable"), 1);
        assert_eq!(line.members(&show(), 0, 10).await.expect("readable"), [(1, person(1))]);
    }
    assert!(!waiting.is_finished());
    sqlx::raw_sql("COMMIT").execute(&mut holder).await.expect("it commits");
    assert_eq!(waiting.await.expect("it answers"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_group_may_do_what_it_needs_and_nothing_else() {
    let database = prepared().await;
    assert_eq!(join(&open(&database).await, 1).await, 1);
    let refused = async |group: &str, sql: &'static str| {
        let mut connection = PgConnection::connect(&database.login(group)).await.expect("it may log in");
        let error = sqlx::raw_sql(sql).execute(&mut connection).await.expect_err(sql).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{group}: {sql}: {error}");
    };
    for group in ["fullhouse_command", "fullhouse_projector", "fullhouse_query", "fullhouse_analyst"] {
        for sql in [
            "DELETE FROM fullhouse_line.places",
            "TRUNCATE fullhouse_line.places",
            "UPDATE fullhouse_line.places SET number = 9",
            "UPDATE fullhouse_line.places SET show_id = 'local-b'",
            "DROP TABLE fullhouse_line.places",
            "CREATE TABLE fullhouse_line.other (id int)",
        ] {
            refused(group, sql).await;
        }
    }
    for group in ["fullhouse_projector", "fullhouse_query", "fullhouse_analyst"] {
        refused(group, "INSERT INTO fullhouse_line.places VALUES ('local-a', 2, 'person2')").await;
        refused(group, "UPDATE fullhouse_line.places SET subject = NULL").await;
        refused(group, "SELECT * FROM fullhouse_line.places").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_can_not_be_used_says_what_to_do() {
    let refused = async |url: String| PostgresLine::open(&url).await.expect_err("it can't be used").to_string();
    let empty = fullhouse_test_servers::database();
    assert!(refused(empty.url()).await.contains("run `fullhouse migrate`"));
    let newer = prepared().await;
    postgres::migrate(&newer.url()).await.expect("a second time changes nothing");
    newer.run("INSERT INTO fullhouse_line._sqlx_migrations SELECT 99, description, installed_on, success, checksum, execution_time FROM fullhouse_line._sqlx_migrations");
    assert!(refused(newer.url()).await.contains("newer release (version 99; this release knows up to 1)"));
    let database = prepared().await;
    let error = refused(database.login("fullhouse_projector")).await;
    assert!(error.contains("may not INSERT fullhouse_line.places; make it a member of fullhouse_command"), "{error}");
    let lossy = prepared().await;
    let name = lossy.run("SELECT current_database()");
    lossy.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    assert!(refused(lossy.url()).await.contains("synchronous_commit is off"));
}
