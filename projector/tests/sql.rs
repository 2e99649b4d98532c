//! Promise P5 for the SQL views: they are the fold of the log up to the position they name, however often their writer was
//! stopped on the way.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::Path;
use std::time::Duration;

use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_projector::health::Health;
use fullhouse_projector::sql;
use tokio_util::sync::CancellationToken;

mod support;

use support::{Author, PATIENCE};

/// Everything in the views, as text.
fn dump(folder: &Path) -> Vec<String> {
    let views = sql::open_to_read(folder).unwrap().unwrap();
    let mut rows = Vec::new();
    // When they were written is not computed from the log.
    for table in ["(SELECT log_position, recorded_at, log_head FROM view_position)", "shows", "seats", "reservations", "sales_by_minute"] {
        let mut statement = views.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let read = statement.query_map([], |row| {
            (0..columns).map(|column| row.get_ref(column).map(|value| format!("{value:?}"))).collect::<Result<Vec<_>, _>>()
        });
        rows.extend(read.unwrap().map(|row| format!("{table}: {}", row.unwrap().join(" | "))));
    }
    rows
}

fn position(folder: &Path) -> u64 {
    let views = sql::open_to_read(folder).unwrap();
    views.map_or(0, |views| views.query_row("SELECT log_position FROM view_position", [], |row| row.get(0)).unwrap_or(0))
}

/// Runs the projection until it has reached a position, or for a moment only.
async fn project(log: &Log, folder: &Path, until: u64) {
    let stop = CancellationToken::new();
    let health = Health::default();
    let running = tokio::spawn(sql::sqlite::run(log.clone(), folder.into(), health.clone(), stop.clone()));
    let reached = async {
        while position(folder) < until {
            assert_eq!(health.stopped(), Vec::<String>::new());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the views get there");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn views_written_with_many_interruptions_equal_views_written_at_once() {
    let (folder, anew) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let mut authors = [Author::schedule(&log, "a").await, Author::schedule(&log, "b").await];
    for number in 0..600 {
        authors[(number % 3 % 2) as usize].go_on(number).await;
        if number % 60 == 59 {
            // Somewhere on the way, not always at the head.
            project(&log, folder.path(), log.head() - number % 7).await;
        }
    }
    let head = log.head();
    assert!(head > 300, "there is a history of {head} facts");
    project(&log, folder.path(), head).await;
    project(&log, anew.path(), head).await;
    assert_eq!(dump(folder.path()), dump(anew.path()));
    for author in &authors {
        views_are_the_fold(folder.path(), author);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_somebody_has_locked_go_on_when_he_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let mut author = Author::schedule(&log, "a").await;
    project(&log, folder.path(), 1).await;
    let lock = rusqlite::Connection::open(folder.path().join(sql::FILE_NAME)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (stop, health) = (CancellationToken::new(), Health::default());
    let running = tokio::spawn(sql::sqlite::run(log.clone(), folder.path().into(), health.clone(), stop.clone()));
    author.go_on(3).await;
    let has_failed = async {
        while health.faults() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, has_failed).await.expect("a writer does not wait for ever");
    lock.execute_batch("COMMIT").unwrap();
    let reached = async {
        while position(folder.path()) < log.head() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the views go on");
    assert_eq!(health.stopped(), Vec::<String>::new());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_out_of_reach_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let mut author = Author::schedule(&log, "a").await;
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.unwrap();
    let (stop, health) = (CancellationToken::new(), Health::default());
    // Its views are not there yet, and nor is the server at first.
    let gone = sql::postgres::start(log.clone(), "postgres://nobody@127.0.0.1:1/none".into(), health.clone(), stop.clone());
    let early = sql::postgres::start(log.clone(), database.url(), health.clone(), stop.clone());
    support::eventually("both have failed", async || health.faults() >= 2).await;
    sql::postgres::migrate(&database.url()).await.unwrap();
    author.go_on(3).await;
    support::eventually("the views are there", async || {
        database.run("SELECT log_position FROM fullhouse_views.view_position") == log.head().to_string()
    })
    .await;
    assert_eq!(health.stopped(), Vec::<String>::new());
    stop.cancel();
    gone.await.unwrap();
    early.await.unwrap();
}

#[test]
fn views_that_are_just_being_made_are_no_views_yet() {
    let folder = tempfile::tempdir().unwrap();
    assert!(sql::open_to_read(folder.path()).unwrap().is_none());
    let unfinished = rusqlite::Connection::open(folder.path().join(sql::FILE_NAME)).unwrap();
    unfinished.pragma_update(None, "journal_mode", "WAL").unwrap();
    assert!(sql::open_to_read(folder.path()).unwrap().is_none());
}

/// Compares with the domain's own fold, which knows nothing of the projection.
fn views_are_the_fold(folder: &Path, author: &Author) {
    let views = sql::open_to_read(folder).unwrap().unwrap();
    let mut statement = views.prepare("SELECT seat, status, reservation_id FROM seats WHERE event_id = ?1 ORDER BY seat_key").unwrap();
    let rows = statement.query_map([author.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, Option<String>)> = rows.unwrap().map(Result::unwrap).collect();
    let show = &author.show;
    let folded: Vec<(String, String, Option<String>)> = (0..show.chart().seats())
        .map(|seat| (show.chart().label(seat), show.seat_status(seat).as_str().into(), show.owner(seat).map(|owner| owner.id.to_string())))
        .collect();
    assert_eq!(rows, folded);
    let sold = show.reservations().iter().filter(|reservation| reservation.payment_reference.is_some());
    let sold: (u64, i64) =
        sold.fold((0, 0), |(count, amount), reservation| (count + 1, amount + show.chart().total(&reservation.seats).amount));
    let sql = "SELECT coalesce(sum(reservations), 0), coalesce(sum(amount), 0) FROM sales_by_minute WHERE event_id = ?1";
    let counted = views.query_row(sql, [author.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(sold, counted);
}
