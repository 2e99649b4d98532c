//! What every log must do. Each store runs the whole suite: `suite!` names it once, at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fullhouse_domain::{ROOM, SeatIndex, ShowId, Subject, Timestamp};
use fullhouse_eventstore::postgres::{self, Access, PostgresLog};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Appended, Batch, Entry, Fingerprint, Log, LogError, Proposal, Recorded, RecordedOutcome, Verdict};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, NewFact, StoredFact};
use fullhouse_test_servers::Database;

/// A store that can be closed and opened again.
trait Store: Send + Sync {
    fn open(&self) -> impl Future<Output = Result<Log, LogError>> + Send;
}

struct Sqlite(tempfile::TempDir);

impl Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

impl Store for Sqlite {
    async fn open(&self) -> Result<Log, LogError> {
        SqliteLog::open(self.0.path()).map(Log::Sqlite)
    }
}

/// A database that has the log's tables.
struct Postgres(Database);

impl Postgres {
    async fn new() -> Self {
        let database = fullhouse_test_servers::database();
        postgres::migrate(&database.url()).await.expect("an empty database");
        Self(database)
    }
}

impl Store for Postgres {
    async fn open(&self) -> Result<Log, LogError> {
        PostgresLog::open(&self.0.login("fullhouse_command"), Access::Append).await.map(Log::Postgres)
    }
}

/// How long a test waits for something that should take milliseconds. Raise it while debugging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A refusal that anything in the show may outdate.
const REFUSE: Proposal = Proposal::Refuse { because_of: None };

fn show(name: &str) -> ShowId {
    ShowId::parse(&format!("local-{name}")).expect("plain")
}

fn fact(touches: &[SeatIndex]) -> NewFact {
    let labels: Vec<String> = touches.iter().map(|seat| format!("\"S-A-{}\"", seat.wrapping_add(1))).collect();
    let data = format!("{{\"reservation_id\":\"local-a.r\",\"seats\":[{}]}}", labels.join(","));
    NewFact { kind: FactKind::HoldReleased, version: 1, data, touches: touches.to_vec() }
}

fn entry(id: u64, show_name: &str, proposal: Proposal) -> Entry {
    let mut command_id = [0; 16];
    command_id[..8].copy_from_slice(&id.to_be_bytes());
    Entry {
        command_id: CommandId(command_id),
        is_keyed: true,
        fingerprint: Fingerprint([7; 16]),
        show: show(show_name),
        subject: Subject::parse("ann"),
        relies_on_room: false,
        valid_before: None,
        proposal,
    }
}

fn holding(id: u64, show_name: &str, seats: &[SeatIndex]) -> Entry {
    entry(id, show_name, Proposal::Append([fact(seats)].into()))
}

fn batch(log: &Log, known: u64, entries: Vec<Entry>) -> Batch {
    Batch { known, decided_at: log.now(), entries }
}

async fn append(log: &Log, known: u64, entries: Vec<Entry>) -> Appended {
    log.append(batch(log, known, entries)).await.expect("the log works")
}

fn accepted(log_position: u64, position: u64) -> Verdict {
    Verdict::Accepted { log_position, position }
}

async fn whole_log(log: &Log) -> Vec<StoredFact> {
    log.read_log(0, 1_000_000).await.expect("the log can be read")
}

async fn positions_have_no_gap(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let three = |id| entry(id, "a", Proposal::Append([0, 1, 2].map(|next| fact(&[id as u32 * 3 + next])).into()));
    let appended = append(&log, 0, vec![three(1), holding(2, "b", &[1]), three(3)]).await;
    assert_eq!(appended.head_before, 0);
    assert_eq!(appended.verdicts, [accepted(1, 1), accepted(4, 1), accepted(5, 4)]);
    let facts = whole_log(&log).await;
    assert_eq!(facts.iter().map(|fact| fact.log_position).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(
        facts.iter().filter(|fact| fact.show == show("a")).map(|fact| fact.position).collect::<Vec<_>>(),
        (1..=6).collect::<Vec<_>>()
    );
    assert_eq!(log.read_show(&show("a"), 2, 3).await.expect("readable").iter().map(|fact| fact.position).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(log.head(), 7);
}

async fn shows_with_many_facts_are_found(store: impl Store) {
    let log = store.open().await.expect("a new log");
    assert_eq!(log.long_histories(0).await.expect("the log can be read"), []);
    let three = |id, name| entry(id, name, Proposal::Append([0, 1, 2].map(|next| fact(&[id as u32 * 3 + next])).into()));
    append(&log, 0, vec![three(1, "b"), holding(2, "c", &[1]), three(3, "a"), three(4, "b")]).await;
    let mut found = log.long_histories(3).await.expect("the log can be read");
    found.sort();
    assert_eq!(found, [(show("a"), 3), (show("b"), 6)]);
}

async fn a_command_that_a_later_fact_touches_is_named_and_the_others_go_through(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[1, 2])]).await;
    let entries = vec![
        holding(2, "a", &[2, 3]),
        holding(3, "a", &[4]),
        holding(4, "b", &[2]),
        entry(5, "a", REFUSE),
        entry(6, "b", REFUSE),
        entry(7, "a", Proposal::KeepRefusal("no".into())),
    ];
    // All of them were decided before they knew of the first fact.
    let appended = append(&log, 0, entries).await;
    assert_eq!(appended.head_before, 1);
    // The refusals come after facts of the same batch, so those of shows that the batch has changed are outdated.
    assert_eq!(
        appended.verdicts,
        [Verdict::Conflict, accepted(2, 2), accepted(3, 1), Verdict::Conflict, Verdict::Conflict, Verdict::Conflict]
    );
}

async fn a_command_that_relies_on_the_room_is_decided_again_when_the_room_or_its_sender_has_moved(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let relying = |id, who, seats: &[SeatIndex]| Entry { relies_on_room: true, subject: Subject::parse(who), ..holding(id, "a", seats) };
    append(&log, 0, vec![holding(1, "a", &[0])]).await;
    // Two that rely on the same do not disturb one another; what touches it disturbs both.
    let appended = append(&log, 1, vec![relying(2, "bob", &[1]), relying(3, "cat", &[2])]).await;
    assert_eq!(appended.verdicts, [accepted(2, 2), accepted(3, 3)]);
    let appended = append(&log, 3, vec![holding(4, "a", &[ROOM]), relying(5, "bob", &[3]), holding(6, "a", &[4])]).await;
    assert_eq!(appended.verdicts, [accepted(4, 4), Verdict::Conflict, accepted(5, 5)]);
    let elsewhere = Entry { relies_on_room: true, ..holding(8, "b", &[5]) };
    let appended = append(&log, 3, vec![relying(7, "bob", &[5]), elsewhere]).await;
    assert_eq!(appended.verdicts, [Verdict::Conflict, accepted(6, 1)], "another show has a room of its own");
    // Ann has done something since position 4, and does again in this batch; Bob has not.
    let appended = append(&log, 4, vec![relying(9, "ann", &[6]), relying(10, "bob", &[7]), relying(11, "bob", &[8])]).await;
    assert_eq!(appended.verdicts, [Verdict::Conflict, accepted(7, 6), Verdict::Conflict]);
}

async fn commands_of_one_batch_do_not_take_each_others_seats(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let appended = append(&log, 0, vec![holding(1, "a", &[1, 2]), holding(2, "a", &[2, 3]), holding(3, "a", &[3])]).await;
    assert_eq!(appended.verdicts, [accepted(1, 1), Verdict::Conflict, accepted(2, 2)]);
}

async fn a_refusal_on_the_newest_state_stands(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[1])]).await;
    let appended = append(&log, 1, vec![entry(2, "a", REFUSE), entry(3, "a", Proposal::KeepRefusal("no".into()))]).await;
    assert_eq!(appended.verdicts, [Verdict::Refused, Verdict::Refused]);
    assert_eq!(log.head(), 1, "refusals are no facts");
}

async fn a_refusal_because_of_seats_stands_as_long_as_nothing_happens_to_them(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[1])]).await;
    append(&log, 1, vec![holding(2, "a", &[2])]).await;
    let refused = |id, seats: &[SeatIndex]| entry(id, "a", Proposal::Refuse { because_of: Some(seats.to_vec()) });
    let appended = append(&log, 1, vec![refused(3, &[1, 3]), refused(4, &[1, 2]), entry(5, "a", REFUSE), holding(6, "a", &[4])]).await;
    assert_eq!(appended.verdicts, [Verdict::Refused, Verdict::Conflict, Verdict::Conflict, accepted(3, 3)]);
}

async fn the_end_of_somebodys_hold_does_not_name_the_one_who_found_it(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let ended = NewFact { kind: FactKind::HoldExpired, ..fact(&[1]) };
    append(&log, 0, vec![entry(1, "a", Proposal::Append([ended, fact(&[1])].into()))]).await;
    assert_eq!(whole_log(&log).await.iter().map(|fact| fact.subject.clone()).collect::<Vec<_>>(), [None, Subject::parse("ann")]);
}

async fn a_repeated_command_gets_its_first_outcome(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[1]), holding(2, "a", &[2]), entry(3, "a", Proposal::Append([].into()))]).await;
    append(&log, 2, vec![entry(4, "a", Proposal::KeepRefusal("{\"no\":1}".into())), entry(5, "a", REFUSE)]).await;
    drop(log);
    let log = reopened(&store).await;
    let facts = whole_log(&log).await;
    let again = append(&log, 2, (1..=5).map(|id| entry(id, "a", REFUSE)).collect()).await;
    let recorded = |outcome| Verdict::Repeated(Recorded { fingerprint: Fingerprint([7; 16]), outcome });
    assert_eq!(
        again.verdicts,
        [
            recorded(RecordedOutcome::Facts(vec![facts[0].clone()])),
            recorded(RecordedOutcome::Facts(vec![facts[1].clone()])),
            recorded(RecordedOutcome::Facts(vec![])),
            recorded(RecordedOutcome::Refused("{\"no\":1}".into())),
            Verdict::Refused,
        ]
    );
}

async fn a_command_repeated_within_a_batch_takes_effect_once(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let appended = append(&log, 0, vec![holding(1, "a", &[1]), holding(1, "a", &[1])]).await;
    assert_eq!(appended.verdicts[0], accepted(1, 1));
    assert!(
        matches!(&appended.verdicts[1], Verdict::Repeated(Recorded { outcome: RecordedOutcome::Facts(facts), .. }) if facts.len() == 1)
    );
}

async fn a_batch_offered_again_after_an_unknown_outcome_takes_effect_once(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[9])]).await;
    let unkeyed = |id, seats: &[SeatIndex]| Entry { is_keyed: false, ..holding(id, "a", seats) };
    let offered = || vec![unkeyed(2, &[1, 2]), holding(3, "a", &[3]), unkeyed(4, &[4])];
    let first = append(&log, 1, offered()).await;
    assert!(first.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })));
    append(&log, 4, vec![holding(5, "b", &[1])]).await;
    let again = append(&log, 1, offered()).await;
    let facts = whole_log(&log).await;
    for (verdict, fact) in again.verdicts.iter().zip(&facts[1..4]) {
        assert_eq!(
            *verdict,
            Verdict::Repeated(Recorded { fingerprint: Fingerprint([7; 16]), outcome: RecordedOutcome::Facts(vec![fact.clone()]) })
        );
    }
    assert_eq!(facts.len(), 5);
}

async fn time_never_runs_back_in_the_log(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let earlier = log.now();
    let later = Timestamp::from_micros(earlier.as_micros() + 1);
    let offer = |decided_at, entry| log.append(Batch { known: 0, decided_at, entries: vec![entry] });
    offer(later, holding(1, "a", &[1])).await.expect("the log works");
    // Decided before, committed after, about something else.
    let appended = offer(earlier, holding(2, "b", &[1])).await.expect("the log works");
    assert_eq!((appended.verdicts, appended.recorded_at), (vec![accepted(2, 1)], later));
    assert!(whole_log(&log).await.iter().all(|fact| fact.recorded_at == later));
}

async fn what_has_ended_meanwhile_is_decided_again(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let decided_at = log.now();
    let after = |micros| Some(Timestamp::from_micros(decided_at.as_micros() + micros));
    let checking_out = |id, micros| Entry { valid_before: after(micros), ..holding(id, "a", &[id as u32]) };
    let later = Timestamp::from_micros(decided_at.as_micros() + 50);
    log.append(Batch { known: 0, decided_at: later, entries: vec![holding(1, "b", &[1])] }).await.expect("the log works");
    let entries = vec![checking_out(2, 40), checking_out(3, 50), checking_out(4, 60_000_000)];
    let appended = log.append(Batch { known: 0, decided_at, entries }).await.expect("the log works");
    assert_eq!(appended.verdicts, [Verdict::Conflict, Verdict::Conflict, accepted(2, 1)]);
}

async fn everything_is_there_after_reopening(store: impl Store) {
    let log = store.open().await.expect("a new log");
    append(&log, 0, vec![holding(1, "a", &[1, 70_000])]).await;
    let before = whole_log(&log).await;
    let now = log.now();
    drop(log);
    let log = reopened(&store).await;
    assert_eq!(whole_log(&log).await, before);
    assert_eq!(before[0].touches, [1, 70_000]);
    assert!(log.now() >= before[0].recorded_at && now >= before[0].recorded_at, "the clock never runs back");
}

async fn followers_see_every_fact_in_order_under_eight_writers(store: impl Store) {
    const WRITERS: u64 = 8;
    const BATCHES: u64 = 60;
    let log = store.open().await.expect("a new log");
    let mut followers: Vec<_> = (0..3).map(|_| tokio::spawn(follow_until(log.clone(), 0, WRITERS * BATCHES * 3))).collect();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write_batches(log.clone(), writer, BATCHES))).collect();
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    // One that begins late reads from the store what the others saw from memory.
    followers.push(tokio::spawn(follow_until(log.clone(), 0, WRITERS * BATCHES * 3)));
    let whole = whole_log(&log).await;
    assert_eq!(whole.len() as u64, WRITERS * BATCHES * 3);
    for follower in followers {
        let seen = tokio::time::timeout(PATIENCE, follower).await.expect("followers reach the head").expect("no follower panics");
        assert!(seen == whole, "a follower saw something else than the log");
    }
    let mut positions: HashMap<ShowId, u64> = HashMap::new();
    for fact in &whole {
        let last = positions.entry(fact.show.clone()).or_default();
        assert_eq!(fact.position, *last + 1, "positions of {} have a gap", fact.show);
        *last = fact.position;
    }
}

async fn write_batches(log: Log, writer: u64, batches: u64) {
    for number in 0..batches {
        let id = writer * 1_000_000 + number * 10;
        let seats = |at: u64| [(id + at) as u32];
        let entries = vec![
            holding(id, "shared", &seats(0)),
            holding(id + 1, "shared", &seats(1)),
            holding(id + 2, &format!("own{writer}"), &seats(2)),
        ];
        let known = log.head();
        let verdicts = append(&log, known, entries).await.verdicts;
        assert!(
            verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })),
            "seats of their own never conflict: {verdicts:?}"
        );
    }
}

async fn follow_until(log: Log, after: u64, count: u64) -> Vec<StoredFact> {
    let mut follower = log.follow(after);
    let mut seen: Vec<StoredFact> = Vec::new();
    while (seen.len() as u64) < count {
        seen.extend_from_slice(&follower.next().await.expect("the log can be followed"));
    }
    seen
}

async fn of_writers_racing_for_one_seat_one_wins(store: impl Store) {
    let log = store.open().await.expect("a new log");
    let racers: Vec<_> = (1..=8)
        .map(|id| {
            let log = log.clone();
            tokio::spawn(async move { append(&log, 0, vec![holding(id, "a", &[1])]).await.verdicts.remove(0) })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        match racer.await.expect("no racer panics") {
            Verdict::Accepted { .. } => winners += 1,
            other => assert_eq!(other, Verdict::Conflict),
        }
    }
    assert_eq!(winners, 1);
}

async fn a_caller_that_stops_waiting_does_not_harm_an_append(store: impl Store) {
    let log = store.open().await.expect("a new log");
    for id in 1..=50 {
        let appending = log.append(batch(&log, log.head(), vec![holding(id, "a", &[id as u32])]));
        // Polled once, then dropped.
        let _ = tokio::time::timeout(Duration::ZERO, appending).await;
    }
    let id = 51;
    append(&log, log.head(), vec![holding(id, "a", &[id as u32])]).await;
    let facts = whole_log(&log).await;
    let ids: std::collections::BTreeSet<_> = facts.iter().map(|fact| fact.command_id).collect();
    assert_eq!(ids.len(), facts.len(), "a command took effect twice");
    assert!(facts.last().is_some_and(|fact| fact.touches == [51]));
}

/// The writer's thread ends a moment after the last handle is gone; until then the log is in use.
async fn reopened(store: &impl Store) -> Log {
    let opened = async {
        loop {
            match store.open().await {
                Ok(log) => return log,
                Err(LogError::InUse { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.expect("the log is closed soon")
}

async fn sqlite() -> impl Store {
    Sqlite::new()
}

async fn in_postgres() -> impl Store {
    Postgres::new().await
}

fullhouse_test_servers::on_every_store! {
    sqlite in_postgres: {
        positions_have_no_gap
        shows_with_many_facts_are_found
        a_command_that_a_later_fact_touches_is_named_and_the_others_go_through
        commands_of_one_batch_do_not_take_each_others_seats
        a_command_that_relies_on_the_room_is_decided_again_when_the_room_or_its_sender_has_moved
        a_refusal_on_the_newest_state_stands
    a_refusal_because_of_seats_stands_as_long_as_nothing_happens_to_them
    the_end_of_somebodys_hold_does_not_name_the_one_who_found_it
        a_repeated_command_gets_its_first_outcome
        a_command_repeated_within_a_batch_takes_effect_once
        a_batch_offered_again_after_an_unknown_outcome_takes_effect_once
        time_never_runs_back_in_the_log
        what_has_ended_meanwhile_is_decided_again
        everything_is_there_after_reopening
        followers_see_every_fact_in_order_under_eight_writers
        of_writers_racing_for_one_seat_one_wins
        a_caller_that_stops_waiting_does_not_harm_an_append
    }
}

mod files {
    //! What a file can have wrong with it.

    use super::*;
    use rusqlite::Connection;

    async fn filled(store: &Sqlite) {
        let log = store.open().await.expect("a new log");
        let entries = (1..=300).map(|id| holding(id, "a", &[id as u32])).collect();
        append(&log, 0, entries).await;
        drop(log);
        drop(reopened(store).await);
        wait_until_unlocked(store);
    }

    /// The lock is free once the writer's thread has ended; only then may a test write into the file.
    fn wait_until_unlocked(store: &Sqlite) {
        let lock = std::fs::File::open(store.0.path().join("log.lock")).expect("the lock is there");
        lock.lock().expect("it can be had");
    }

    fn tamper(store: &Sqlite, sql: &str) {
        let connection = Connection::open(store.0.path().join("log.sqlite")).expect("it opens");
        connection.execute_batch(sql).expect("tampering works");
    }

    #[tokio::test]
    async fn the_clock_does_not_run_back_behind_recorded_facts() {
        let store = Sqlite::new();
        let log = store.open().await.expect("a new log");
        let future = Timestamp::from_micros(log.now().as_micros() + 3_600_000_000);
        log.append(Batch { known: 0, decided_at: future, entries: vec![holding(1, "a", &[1])] }).await.expect("the log works");
        drop(log);
        assert!(reopened(&store).await.now() >= future);
    }

    #[tokio::test]
    async fn a_second_process_is_kept_out() {
        let store = Sqlite::new();
        let _log = store.open().await.expect("a new log");
        assert!(matches!(store.open().await, Err(LogError::InUse { .. })));
    }

    #[tokio::test]
    async fn a_log_of_a_newer_release_is_refused() {
        let store = Sqlite::new();
        filled(&store).await;
        tamper(&store, "PRAGMA user_version = 99");
        let error = store.open().await.expect_err("it is newer").to_string();
        assert!(error.contains("newer release (format 99; this release knows up to 1)"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_log_is_refused() {
        let store = Sqlite::new();
        std::fs::write(store.0.path().join("log.sqlite"), "Dear diary, ".repeat(1_000)).expect("it can be written");
        let error = store.open().await.expect_err("it is a diary").to_string();
        assert!(error.contains("is not a Fullhouse log: file is not a database"), "{error}");
        let store = Sqlite::new();
        tamper(&store, "CREATE TABLE recipes (name TEXT)");
        let error = store.open().await.expect_err("it is a cookbook").to_string();
        assert!(error.contains("is not a Fullhouse log: it is a database of another program"), "{error}");
    }

    #[tokio::test]
    async fn facts_can_not_be_changed_through_the_database() {
        let store = Sqlite::new();
        filled(&store).await;
        let connection = Connection::open(store.0.path().join("log.sqlite")).expect("it opens");
        for sql in ["UPDATE facts SET position = 9 WHERE log_position = 1", "DELETE FROM facts"] {
            let error = connection.execute(sql, []).expect_err("a trigger refuses it").to_string();
            assert!(error.contains("facts are never changed"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_changed_fact_is_noticed_by_whoever_reads_it() {
        let store = Sqlite::new();
        filled(&store).await;
        tamper(&store, "DROP TRIGGER facts_are_never_updated; CREATE TABLE sound AS SELECT * FROM facts");
        let changes = [
            "subject = 'bob'",
            "subject = NULL",
            "touches = x'09000000'",
            "kind = 'hold_expired'",
            "recorded_at = recorded_at + 1",
            "command_id = zeroblob(16)",
            "data = '{\"reservation_id\":\"local-a.r\",\"seats\":[\"S-A-9\"]}'",
            "version = 2",
        ];
        for change in changes {
            tamper(&store, &format!("UPDATE facts SET {change} WHERE log_position = 150"));
            let log = store.open().await.expect("the end of the log is as it was");
            let error = log.read_log(0, 1_000).await.expect_err(change).to_string();
            assert!(error.contains("damaged at log position 150") && error.contains("its hash differs"), "{change}: {error}");
            assert!(log.read_show(&show("a"), 0, 1_000).await.is_err(), "{change}");
            assert_eq!(log.read_log(150, 1_000).await.expect("the rest is sound").len(), 150, "{change}");
            drop(log);
            drop(reopened(&store).await);
            wait_until_unlocked(&store);
            tamper(&store, "DELETE FROM commands; INSERT OR REPLACE INTO facts SELECT * FROM sound WHERE log_position = 150");
        }
    }

    #[tokio::test]
    async fn a_missing_fact_is_noticed() {
        let store = Sqlite::new();
        filled(&store).await;
        tamper(&store, "DROP TRIGGER facts_are_never_deleted; DELETE FROM facts WHERE log_position = 290");
        let error = store.open().await.expect_err("a fact near the end is missing").to_string();
        assert!(error.contains("damaged at log position 290"), "{error}");
    }

    #[tokio::test]
    async fn a_torn_file_is_noticed() {
        let store = Sqlite::new();
        filled(&store).await;
        let path = store.0.path().join("log.sqlite");
        let bytes = std::fs::read(&path).expect("it can be read");
        std::fs::write(&path, &bytes[..bytes.len() / 3]).expect("it can be written");
        let _ = std::fs::remove_file(store.0.path().join("log.sqlite-wal"));
        let error = match store.open().await {
            Err(error) => error.to_string(),
            Ok(log) => log.read_log(0, 1_000).await.expect_err("two thirds are missing").to_string(),
        };
        assert!(error.contains("damaged") || error.contains("is not a Fullhouse log"), "{error}");
    }

    #[tokio::test]
    async fn a_log_can_be_read_beside_its_writer() {
        let store = Arc::new(Sqlite::new());
        let log = store.open().await.expect("a new log");
        append(&log, 0, vec![holding(1, "a", &[1])]).await;
        let reader = Log::Sqlite(SqliteLog::open_to_read(store.0.path()).expect("it can be read"));
        assert_eq!(reader.read_log(0, 10).await.expect("readable").len(), 1);
        let append = reader.append(batch(&reader, 1, vec![holding(2, "a", &[2])])).await;
        assert!(matches!(append, Err(LogError::Closed)));
    }
}
