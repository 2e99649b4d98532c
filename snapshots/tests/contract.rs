//! What every store of snapshots must do, and what is gone on from, on a real log of the same kind.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use fullhouse_domain::{Command, Event, ReservationStatus, SeatStatus, Show, ShowId, ShowSnapshot, Subject, Wanted, decide, testing};
use fullhouse_eventstore::postgres::{Access, PostgresLog};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal, Verdict};
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::encode;
use fullhouse_schemas::snapshot::{self, VERSION};
use fullhouse_snapshots::store::{PostgresSnapshots, SqliteSnapshots, migrate};
use fullhouse_snapshots::{Histories, Kept, SnapshotStore};
use fullhouse_test_servers::Database;
use tempfile::TempDir;

/// A log and the snapshots beside it.
struct Place {
    log: Log,
    store: SnapshotStore,
    folder: TempDir,
    _database: Option<Database>,
}

async fn in_files() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    Place { log, store: SnapshotStore::Sqlite(SqliteSnapshots::new(folder.path())), folder, _database: None }
}

async fn in_a_database() -> Place {
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.unwrap();
    migrate(&database.url()).await.unwrap();
    migrate(&database.url()).await.unwrap();
    let log = Log::Postgres(PostgresLog::open(&database.url(), Access::Append).await.unwrap());
    let store = SnapshotStore::Postgres(PostgresSnapshots::new(&database.login("fullhouse_projector")));
    Place { log, store, folder: tempfile::tempdir().unwrap(), _database: Some(database) }
}

fn show(name: &str) -> ShowId {
    ShowId::parse(&format!("local-{name}")).unwrap()
}

fn kept(position: u64, version: u16) -> Kept {
    Kept { version, position, row_hash: [position as u8; 32], bytes: vec![version as u8; 100_000] }
}

async fn the_newest_of_each_show_and_version_is_kept(place: Place) {
    let store = &place.store;
    assert_eq!(store.newest(&show("a"), 1).await.unwrap(), None);
    assert!(store.positions(1).await.unwrap().is_empty());
    for position in [20, 10, 30, 30, 29] {
        store.keep(&show("a"), kept(position, 1)).await.unwrap();
    }
    store.keep(&show("b"), kept(7, 1)).await.unwrap();
    assert_eq!(store.newest(&show("a"), 1).await.unwrap(), Some(kept(30, 1)));
    assert_eq!(store.newest(&show("a"), 2).await.unwrap(), None);
    assert_eq!(store.positions(1).await.unwrap(), [(show("a"), 30), (show("b"), 7)].into());
    // The next release goes its own way, beside the one before.
    store.keep(&show("a"), kept(5, 2)).await.unwrap();
    assert_eq!(store.newest(&show("a"), 2).await.unwrap(), Some(kept(5, 2)));
    store.keep(&show("a"), kept(40, 1)).await.unwrap();
    assert_eq!(store.positions(1).await.unwrap(), [(show("a"), 40), (show("b"), 7)].into());
    assert_eq!(store.positions(2).await.unwrap(), [(show("a"), 5)].into());
    // The one after that takes along what nobody reads any more.
    store.keep(&show("a"), kept(6, 3)).await.unwrap();
    assert_eq!(store.positions(1).await.unwrap(), [(show("b"), 7)].into());
    assert_eq!(store.positions(2).await.unwrap(), [(show("a"), 5)].into());
}

async fn what_is_forgotten_may_be_kept_again_even_if_it_is_older(place: Place) {
    let store = &place.store;
    store.forget(&show("a"), 1).await.unwrap();
    for name in ["a", "b"] {
        store.keep(&show(name), kept(30, 1)).await.unwrap();
    }
    store.forget(&show("a"), 1).await.unwrap();
    assert_eq!(store.positions(1).await.unwrap(), [(show("b"), 30)].into());
    store.keep(&show("a"), kept(10, 1)).await.unwrap();
    assert_eq!(store.newest(&show("a"), 1).await.unwrap(), Some(kept(10, 1)));
}

/// Appends what came of a command.
async fn append(log: &Log, id: &ShowId, show: Option<&Show>, events: &[Event]) {
    let facts = events.iter().map(|event| encode(event, show.map(|show| &**show.chart()))).collect();
    let entry = Entry {
        command_id: CommandId(u128::from(log.head()).to_be_bytes()),
        is_keyed: false,
        fingerprint: Fingerprint([0; 16]),
        show: id.clone(),
        subject: Subject::parse("ann"),
        relies_on_room: false,
        valid_before: None,
        proposal: Proposal::Append(facts),
    };
    let appended = log.append(Batch { known: log.head(), decided_at: log.now(), entries: vec![entry] }).await.unwrap();
    assert!(matches!(appended.verdicts.as_slice(), [Verdict::Accepted { .. }]));
}

/// Holds and releases, so many facts.
async fn sell(place: &Place, id: &ShowId, facts: u64) -> Box<Show> {
    let histories = Histories::new(place.log.clone(), place.store.clone());
    for _ in 0..facts {
        let show = match histories.load(id).await.unwrap() {
            Some(show) => show,
            None => {
                append(&place.log, id, None, &[Event::ShowScheduled(Box::new(testing::plan(&[10, 10])))]).await;
                continue;
            }
        };
        let subject = Subject::parse("ann").unwrap();
        let open = show.reservations().iter().find(|held| held.status == ReservationStatus::Pending).filter(|_| show.pending() > 6);
        let command = match open {
            Some(open) => Command::ReleaseHold { reservation: open.id.clone(), subject },
            None => {
                let reservation = fullhouse_domain::ReservationId::of_show(id, &format!("r{}", show.position())).unwrap();
                Command::HoldSeats { reservation, subject, wanted: Wanted::BestAvailable { count: 2, section: None }, pass: None }
            }
        };
        append(&place.log, id, Some(&show), &decide(&show, &command, place.log.now()).unwrap()).await;
    }
    histories.load(id).await.unwrap().unwrap()
}

/// A snapshot of a show as it is, bound to its last fact.
async fn snapshot_of(place: &Place, id: &ShowId, show: &Show) -> Kept {
    let last = place.log.read_show(id, show.position() - 1, 1).await.unwrap().remove(0);
    Kept { version: VERSION, position: show.position(), row_hash: last.row_hash(), bytes: snapshot::encode(&show.snapshot()) }
}

/// Whether a history is gone on from its snapshot; either way it comes to the same.
async fn is_used(place: &Place, id: &ShowId, expected: &ShowSnapshot) -> bool {
    let histories = Histories::new(place.log.clone(), place.store.clone());
    assert_eq!(&histories.load(id).await.unwrap().unwrap().snapshot(), expected);
    histories.resume(id).await.unwrap().is_some()
}

async fn a_history_goes_on_from_its_snapshot_and_from_nothing_that_is_not_its_own(place: Place) {
    let id = show("a");
    let early = sell(&place, &id, 12).await;
    let sound = snapshot_of(&place, &id, &early).await;
    let whole = sell(&place, &id, 9).await.snapshot();
    assert_eq!(whole.position, 21);
    assert!(!is_used(&place, &id, &whole).await, "there is none yet");
    place.store.keep(&id, sound.clone()).await.unwrap();
    assert!(is_used(&place, &id, &whole).await);

    let mut cut_off = sound.clone();
    cut_off.bytes.pop();
    let another = Kept { row_hash: [1; 32], ..sound.clone() };
    let beyond = Kept { position: 22, ..sound.clone() };
    let earlier = Kept { position: 11, ..sound.clone() };
    let newer = Kept { version: VERSION + 1, ..sound.clone() };
    let mut twice = early.snapshot();
    twice.reservations.iter_mut().for_each(|reservation| reservation.status = ReservationStatus::Pending);
    let twice = Kept { bytes: snapshot::encode(&twice), ..sound.clone() };
    for (kept, what) in [
        (cut_off, "cut off"),
        (another, "of another history"),
        (beyond, "beyond the end"),
        (earlier, "elsewhere"),
        (newer, "of a newer release"),
        (twice, "impossible"),
    ] {
        place.store.forget(&id, VERSION).await.unwrap();
        place.store.keep(&id, kept).await.unwrap();
        assert!(!is_used(&place, &id, &whole).await, "{what}");
    }
}

/// A snapshot that could be, and is not: a hold is said to have other seats, which later facts give to somebody else.
async fn a_snapshot_that_the_facts_after_it_contradict_is_gone_on_without(place: Place) {
    let id = show("a");
    let early = sell(&place, &id, 12).await;
    let seats: Box<[_]> = (0..20).filter(|&seat| early.seat_status(seat) == SeatStatus::Available).take(2).collect();
    let mut wrong = early.snapshot();
    let held = wrong.reservations.iter_mut().find(|held| held.status == ReservationStatus::Pending).unwrap();
    held.seats = seats.clone();
    let wrong = Kept { bytes: snapshot::encode(&wrong), ..snapshot_of(&place, &id, &early).await };
    let reservation = fullhouse_domain::ReservationId::of_show(&id, "again").unwrap();
    let labels = seats.iter().map(|&seat| early.chart().label(seat)).collect();
    let subject = Subject::parse("ann").unwrap();
    let command = Command::HoldSeats { reservation, subject, wanted: Wanted::Seats(labels), pass: None };
    append(&place.log, &id, Some(&early), &decide(&early, &command, place.log.now()).unwrap()).await;
    let histories = Histories::new(place.log.clone(), place.store.clone());
    let whole = histories.load(&id).await.unwrap().unwrap().snapshot();
    place.store.keep(&id, wrong).await.unwrap();
    assert!(histories.resume(&id).await.unwrap().is_some(), "by itself it could be");
    assert_eq!(histories.load(&id).await.unwrap().unwrap().snapshot(), whole);
}

fullhouse_test_servers::on_every_store! {
    in_files in_a_database: {
        the_newest_of_each_show_and_version_is_kept
        what_is_forgotten_may_be_kept_again_even_if_it_is_older
        a_history_goes_on_from_its_snapshot_and_from_nothing_that_is_not_its_own
        a_snapshot_that_the_facts_after_it_contradict_is_gone_on_without
    }
}

#[tokio::test]
async fn the_file_may_be_deleted_at_any_time_and_one_that_is_no_file_of_ours_only_costs_time() {
    let place = in_files().await;
    let (id, path) = (show("a"), place.folder.path().join("snapshots.sqlite"));
    let early = sell(&place, &id, 12).await;
    let sound = snapshot_of(&place, &id, &early).await;
    let whole = early.snapshot();
    for _ in 0..2 {
        place.store.keep(&id, sound.clone()).await.unwrap();
        assert!(is_used(&place, &id, &whole).await);
        std::fs::remove_file(&path).unwrap();
        assert!(!is_used(&place, &id, &whole).await);
    }
    std::fs::write(&path, "no database at all").unwrap();
    assert!(!is_used(&place, &id, &whole).await);
    let told = place.store.keep(&id, sound).await.unwrap_err().to_string();
    assert!(told.contains("snapshots.sqlite") && told.contains("may be deleted"), "{told}");
}

#[tokio::test]
async fn command_servers_may_only_read_them_and_a_database_without_them_only_costs_time() {
    let place = in_a_database().await;
    let database = place._database.as_ref().unwrap();
    place.store.keep(&show("a"), kept(7, 1)).await.unwrap();
    let command = SnapshotStore::Postgres(PostgresSnapshots::new(&database.login("fullhouse_command")));
    assert_eq!(command.newest(&show("a"), 1).await.unwrap(), Some(kept(7, 1)));
    command.keep(&show("a"), kept(8, 1)).await.unwrap_err();
    command.forget(&show("a"), 1).await.unwrap_err();
    let query = SnapshotStore::Postgres(PostgresSnapshots::new(&database.login("fullhouse_query")));
    query.newest(&show("a"), 1).await.unwrap_err();

    let without = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&without.url()).await.unwrap();
    let log = Log::Postgres(PostgresLog::open(&without.url(), Access::Append).await.unwrap());
    let store = SnapshotStore::Postgres(PostgresSnapshots::new(&without.url()));
    let place = Place { log, store, folder: tempfile::tempdir().unwrap(), _database: Some(without) };
    let whole = sell(&place, &show("a"), 4).await.snapshot();
    assert!(!is_used(&place, &show("a"), &whole).await);
}
