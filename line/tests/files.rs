//! What a file can have wrong with it.

use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_line::Line;
use fullhouse_line::sqlite::SqliteLine;
use rusqlite::Connection;

/// How long a test waits for something that should take milliseconds. Raise it while debugging.
const PATIENCE: Duration = Duration::from_secs(60);

fn show() -> ShowId {
    ShowId::parse("local-a").expect("plain")
}

fn tamper(folder: &tempfile::TempDir, sql: &str) {
    let connection = Connection::open(folder.path().join("line.sqlite")).expect("it opens");
    connection.busy_timeout(PATIENCE).expect("it can be set");
    connection.execute_batch(sql).expect("tampering works");
}

fn refused(folder: &tempfile::TempDir) -> String {
    SqliteLine::open(folder.path()).expect_err("it can't be used").to_string()
}

#[test]
fn a_file_of_another_program_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    tamper(&folder, "CREATE TABLE places (id INTEGER)");
    let path = folder.path().join("line.sqlite");
    let before = std::fs::read(&path).expect("it can be read");
    assert!(refused(&folder).contains("is not a line of Fullhouse: it is a database of another program (id 0x0)"));
    assert!(std::fs::read(&path).expect("it can be read") == before, "nothing in it was changed");
    std::fs::write(&path, "a letter to nobody in particular".repeat(100)).expect("it can be written");
    assert!(refused(&folder).contains("is not a line of Fullhouse"));
}

#[test]
fn a_file_of_a_later_release_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(SqliteLine::open(folder.path()).expect("a new line"));
    tamper(&folder, "PRAGMA user_version = 2");
    assert!(refused(&folder).contains("was written by a newer release (format 2; this release knows up to 1)"));
}

#[tokio::test]
async fn two_processes_on_one_file_give_no_number_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines: Vec<_> = (0..2).map(|_| Line::Sqlite(SqliteLine::open(folder.path()).expect("it opens"))).collect();
    for who in 0..20 {
        let person = Subject::parse(&format!("person{who}")).expect("visible");
        for line in [&lines[who % 2], &lines[(who + 1) % 2]] {
            assert_eq!(line.join(&show(), &person, None).await.expect("the line works"), who as u64 + 1);
        }
    }
}

#[tokio::test]
async fn a_place_of_nobody_that_can_be_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let line = Line::Sqlite(SqliteLine::open(folder.path()).expect("a new line"));
    tamper(&folder, "INSERT INTO places VALUES ('local-a', 1, 'not a subject')");
    let error = line.members(&show(), 0, 10).await.expect_err("it is damaged").to_string();
    assert!(error.contains("number 1 of local-a") && error.contains("not a subject"), "{error}");
}
