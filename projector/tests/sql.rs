//! Promise P5 for the SQL views: they are the fold of the log up to the position they name, however often their writer was
//! stopped on the way.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::Path;
use std::time::Duration;

use fullhouse_domain::{Command, Event, Plan, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide, decide_schedule, testing};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal};
use fullhouse_projector::health::Health;
use fullhouse_projector::sql;
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::encode;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// A show whose history is written straight into the log.
struct Author {
    log: Log,
    id: ShowId,
    show: Show,
    now: Timestamp,
    commands: u64,
}

impl Author {
    async fn schedule(log: &Log, name: &str) -> Self {
        let sections = vec![testing::section("S", 4_500, &[15]), testing::section("T", 2_500, &[15])];
        let plan = Plan { title: name.into(), sections, ..testing::plan(&[]) };
        let now = log.now();
        let events = decide_schedule(None, &plan).unwrap();
        let show = Show::schedule(&events[0], now).unwrap();
        let mut author = Self { log: log.clone(), id: ShowId::parse(&format!("local-{name}")).unwrap(), show, now, commands: 0 };
        author.append(&events).await;
        author
    }

    async fn append(&mut self, events: &[Event]) {
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        id[8] = self.id.as_str().as_bytes()[6];
        let chart = self.show.chart().clone();
        let facts = events.iter().map(|event| encode(event, Some(&chart))).collect();
        let entry = Entry {
            command_id: CommandId(id),
            is_keyed: false,
            fingerprint: Fingerprint([0; 16]),
            show: self.id.clone(),
            subject: Subject::parse("ann"),
            valid_before: None,
            proposal: Proposal::Append(facts),
        };
        self.log.append(Batch { known: self.log.head(), decided_at: self.now, entries: vec![entry] }).await.unwrap();
    }

    /// One command out of many kinds; some minutes pass now and then.
    async fn go_on(&mut self, number: u64) {
        self.now = self.now + Duration::from_secs(number * number % 97);
        let subject = Subject::parse("ann").unwrap();
        let open: Vec<ReservationId> = self.show.reservations().iter().map(|reservation| reservation.id.clone()).collect();
        let reservation = open.get((number * 31) as usize % open.len().max(1)).cloned();
        let command = match (number % 5, reservation) {
            (0, Some(reservation)) => Command::Checkout { reservation, subject, payment_reference: format!("p{number}") },
            (1, Some(reservation)) => Command::ReleaseHold { reservation, subject },
            (2, Some(reservation)) => Command::ExpireHold { reservation },
            _ => {
                let reservation = ReservationId::of_show(&self.id, &format!("r{number}")).unwrap();
                Command::HoldSeats { reservation, subject, wanted: Wanted::BestAvailable { count: (number % 3) as u32 + 1, section: None } }
            }
        };
        if let Ok(events) = decide(&self.show, &command, self.now) {
            events.iter().for_each(|event| self.show.evolve(event, self.now).unwrap());
            self.append(&events).await;
        }
    }
}

/// Everything in the views, as text.
fn dump(folder: &Path) -> Vec<String> {
    let views = sql::open_to_read(folder).unwrap().unwrap();
    let mut rows = Vec::new();
    for table in ["view_position", "shows", "seats", "reservations", "sales_by_minute"] {
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
