//! What only a log in a database can show: many processes, rights, clocks, and what a database can have wrong with it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_eventstore::postgres::{self, Access, PostgresLog};
use fullhouse_eventstore::{Appended, Batch, Entry, Fingerprint, Log, LogError, Proposal, Verdict};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, NewFact, StoredFact};
use fullhouse_test_servers::Database;
use sqlx::{Connection, PgConnection};

const PATIENCE: Duration = Duration::from_secs(60);

async fn prepared() -> Database {
    let database = fullhouse_test_servers::database();
    postgres::migrate(&database.url()).await.expect("an empty database");
    database
}

async fn open(url: &str) -> Log {
    Log::Postgres(PostgresLog::open(url, Access::Read).await.expect("the tables are there"))
}

fn show(name: &str) -> ShowId {
    ShowId::parse(&format!("local-{name}")).expect("plain")
}

fn holding(id: u64, show_name: &str, seat: u32) -> Entry {
    let mut command_id = [0; 16];
    command_id[..8].copy_from_slice(&id.to_be_bytes());
    let data = format!("{{\"reservation_id\":\"local-a.r\",\"seats\":[\"S-A-{}\"]}}", seat + 1);
    let fact = NewFact { kind: FactKind::HoldReleased, version: 1, data, touches: vec![seat] };
    Entry {
        command_id: CommandId(command_id),
        is_keyed: true,
        fingerprint: Fingerprint([7; 16]),
        show: show(show_name),
        subject: None,
        relies_on_room: false,
        valid_before: None,
        proposal: Proposal::Append([fact].into()),
    }
}

async fn append(log: &Log, known: u64, entries: Vec<Entry>) -> Vec<Verdict> {
    log.append(Batch { known, decided_at: log.now(), entries }).await.expect("the log works").verdicts
}

/// Facts that no reader may see in another order, or with a gap.
async fn follow(log: Log, count: usize) -> Vec<StoredFact> {
    let mut follower = log.follow(0);
    let mut seen = Vec::new();
    while seen.len() < count {
        let facts = tokio::time::timeout(PATIENCE, follower.next()).await.expect("facts arrive").expect("the log can be followed");
        seen.extend_from_slice(&facts);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_append_to_one_log_and_no_seat_is_taken_twice() {
    const WRITERS: u64 = 8;
    const SEATS: u32 = 400;
    let database = prepared().await;
    let login = database.login("fullhouse_command");
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let log = open(&login).await;
        writers.push(tokio::spawn(async move {
            let mut won = 0_usize;
            let (mut known, mut taken) = (0, HashSet::new());
            // Each tries for all seats, from another one on, with what it knows: nobody waits for news of the others.
            for step in 0..SEATS {
                let (seat, id) = ((step * 7 + writer as u32 * 50) % SEATS, writer * 1_000_000 + u64::from(step));
                let mut entries = vec![holding(id + 500_000, &format!("own{writer}"), seat)];
                if !taken.contains(&seat) {
                    entries.push(holding(id, "shared", seat));
                }
                let verdicts = append(&log, known, entries).await;
                assert!(matches!(verdicts[0], Verdict::Accepted { .. }), "nobody else wants it: {verdicts:?}");
                won += usize::from(matches!(verdicts.get(1), Some(Verdict::Accepted { .. })));
                for fact in log.read_log(known, usize::MAX >> 1).await.expect("readable") {
                    known = fact.log_position;
                    taken.extend(fact.touches.iter().filter(|_| fact.show == show("shared")).copied());
                }
            }
            won
        }));
    }
    let reader = open(&database.login("fullhouse_query")).await;
    let expected = SEATS as usize * (1 + WRITERS as usize);
    let following = tokio::spawn(follow(reader.clone(), expected));
    let mut won = 0;
    for writer in writers {
        won += writer.await.expect("no writer panics");
    }
    assert_eq!(won, SEATS as usize, "each seat has one winner");
    let seen = following.await.expect("the follower reaches the head");
    let whole = reader.read_log(0, expected + 1).await.expect("readable");
    assert_eq!(whole.len(), expected);
    assert!(seen == whole, "a follower saw something else than the log");
    let taken: HashSet<_> = whole.iter().filter(|fact| fact.show == show("shared")).flat_map(|fact| &fact.touches).collect();
    assert_eq!(taken.len(), SEATS as usize);
    let mut positions: HashMap<&ShowId, u64> = HashMap::new();
    for fact in &whole {
        let last = positions.entry(&fact.show).or_default();
        assert_eq!(fact.position, *last + 1, "positions of {} have a gap", fact.show);
        *last = fact.position;
    }
    assert_eq!(database.run("SELECT count(*) FROM fullhouse.commands"), expected.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_head_is_never_older_than_the_question() {
    let database = prepared().await;
    let (writer, reader) = (open(&database.url()).await, open(&database.url()).await);
    for id in 1..=100 {
        append(&writer, id - 1, vec![holding(id, "a", id as u32)]).await;
        assert!(reader.newest_head(PATIENCE).await.expect("it answers") >= id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_of_another_time_is_made_again() {
    let database = prepared().await;
    let log = open(&database.url()).await;
    let offer = async |by: i64| {
        let decided_at = Timestamp::from_micros(log.now().as_micros() + by * 1_000_000);
        let appended = log.append(Batch { known: 0, decided_at, entries: vec![holding(1, "a", 1)] }).await;
        appended.expect("the log works").verdicts.remove(0)
    };
    assert_eq!(offer(3_600).await, Verdict::Conflict, "from the future: its holds would end late, and others' early");
    assert_eq!(offer(-3_600).await, Verdict::Conflict, "from the past: what it checks out may have ended since");
    assert!(matches!(offer(0).await, Verdict::Accepted { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_role_may_insert_and_read_and_nothing_else() {
    let database = prepared().await;
    append(&open(&database.url()).await, 0, vec![holding(1, "a", 1)]).await;
    let refused = async |login: String, sql: &'static str| {
        let mut connection = PgConnection::connect(&login).await.expect("it may log in");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect_err(sql).to_string()
    };
    let changes = [
        "UPDATE fullhouse.facts SET position = 9",
        "DELETE FROM fullhouse.facts",
        "TRUNCATE fullhouse.facts",
        "DELETE FROM fullhouse.commands",
        "UPDATE fullhouse.commands SET facts = 0",
        "ALTER TABLE fullhouse.facts DISABLE TRIGGER ALL",
        "DROP TABLE fullhouse.facts",
        "CREATE TABLE fullhouse.other (id int)",
    ];
    for change in changes {
        for group in ["fullhouse_command", "fullhouse_query", "fullhouse_projector", "fullhouse_analyst"] {
            let error = refused(database.login(group), change).await;
            assert!(error.contains("permission denied") || error.contains("must be owner"), "{group}: {change}: {error}");
        }
    }
    for group in ["fullhouse_query", "fullhouse_projector", "fullhouse_analyst"] {
        let insert = "INSERT INTO fullhouse.commands VALUES ('a', 'b', 1, 0, NULL)";
        assert!(refused(database.login(group), insert).await.contains("permission denied"), "{group}");
    }
    // The owner is stopped by triggers, unless he takes them away on purpose.
    for change in &changes[..5] {
        assert!(refused(database.url(), change).await.contains("facts are never changed"), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_fact_is_noticed_by_whoever_reads_it() {
    let database = prepared().await;
    let log = open(&database.url()).await;
    append(&log, 0, (1..=3).map(|id| holding(id, "a", id as u32)).collect()).await;
    database.run("ALTER TABLE fullhouse.facts DISABLE TRIGGER ALL; CREATE TABLE sound AS SELECT * FROM fullhouse.facts");
    let changes =
        ["subject = 'bob'", "touches = '\\x09000000'", "kind = 'hold_expired'", "recorded_at = recorded_at + 1", "command_id = '\\x00'"];
    for change in changes {
        database.run(&format!("UPDATE fullhouse.facts SET {change} WHERE log_position = 2"));
        let error = log.read_log(0, 10).await.expect_err(change).to_string();
        assert!(error.contains("damaged at log position 2"), "{change}: {error}");
        database.run(
            "DELETE FROM fullhouse.facts WHERE log_position = 2; INSERT INTO fullhouse.facts SELECT * FROM sound WHERE log_position = 2",
        );
    }
    database.run("DELETE FROM fullhouse.facts WHERE log_position = 2");
    let error = log.read_log(0, 10).await.expect_err("a fact is missing").to_string();
    assert!(error.contains("damaged at log position 2: the next fact is at 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_facts_takes_no_more() {
    let database = prepared().await;
    let (writer, other) = (open(&database.url()).await, open(&database.url()).await);
    append(&writer, 0, vec![holding(1, "a", 1), holding(2, "a", 2)]).await;
    assert_eq!(other.newest_head(PATIENCE).await.expect("it answers"), 2);
    database
        .run("ALTER TABLE fullhouse.facts DISABLE TRIGGER ALL; CREATE TABLE lost AS SELECT * FROM fullhouse.facts WHERE log_position = 2");
    database.run("DELETE FROM fullhouse.facts WHERE log_position = 2");
    // Neither the one who wrote the lost fact nor one who only saw it, whatever their batches know.
    let all_refuse = async |head| {
        for (log, known) in [(&writer, 2), (&writer, 1), (&other, 1), (&other, 0)] {
            let batch = Batch { known, decided_at: log.now(), entries: vec![holding(3, "a", 3)] };
            let refused = log.append(batch).await;
            assert!(matches!(refused, Err(LogError::WentBack { head: found, known: 2 }) if found == head), "{refused:?}");
            assert!(log.newest_head(Duration::from_millis(300)).await.is_err(), "nobody is told that this is the log");
        }
    };
    all_refuse(1).await;
    // A server that starts now takes it for the log, and goes on. For the others it stays another history, however long.
    let late = open(&database.url()).await;
    append(&late, 1, vec![holding(4, "a", 4), holding(5, "a", 5)]).await;
    all_refuse(3).await;
    // Back is what was lost.
    database.run("DELETE FROM fullhouse.facts WHERE log_position > 1; INSERT INTO fullhouse.facts SELECT * FROM lost");
    assert_eq!(writer.newest_head(PATIENCE).await.expect("it answers"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_far_behind_gets_over_reads_that_fail() {
    let database = prepared().await;
    append(&open(&database.url()).await, 0, (1..=9_000).map(|id| holding(id, "a", id as u32)).collect()).await;
    // Its facts have to be read; the one that wrote them has them in memory.
    let log = open(&database.url()).await;
    let mut follower = log.follow(0);
    let mut seen = follower.next().await.expect("readable").len();
    database.run("ALTER TABLE fullhouse.facts RENAME TO away");
    let mut failures = 0;
    while failures < 3 {
        match follower.next().await {
            Ok(facts) => seen += facts.len(),
            Err(error) => {
                assert!(matches!(error, LogError::Store { .. }), "{error}");
                failures += 1;
            }
        }
    }
    database.run("ALTER TABLE fullhouse.away RENAME TO facts");
    while seen < 9_000 {
        seen += follower.next().await.expect("readable again").len();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_freezes_while_it_holds_the_lock_holds_up_nobody_for_long() {
    let database = prepared().await;
    let mut frozen = fullhouse_eventstore::postgres::connect_to(&database.url(), "fullhouse").await.expect("it connects");
    // As the appending connection of a server does, which then says no more.
    sqlx::raw_sql("SET idle_in_transaction_session_timeout = '2000'; BEGIN; SELECT pg_advisory_xact_lock(7001, 1)")
        .execute(&mut frozen)
        .await
        .expect("it locks");
    let log = open(&database.url()).await;
    let appended = async {
        // What waited for the lock for too long was decided too long ago, and is decided again.
        let is_accepted =
            |appended: Result<Appended, LogError>| appended.is_ok_and(|appended| matches!(appended.verdicts[0], Verdict::Accepted { .. }));
        while !is_accepted(log.append(Batch { known: 0, decided_at: log.now(), entries: vec![holding(1, "a", 1)] }).await) {}
        log.newest_head(PATIENCE).await
    };
    assert_eq!(tokio::time::timeout(PATIENCE, appended).await.expect("the lock is free again").expect("it answers"), 1);
    let timeout = database.run("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%advisory_xact_lock%' AND state = 'idle in transaction' AND datname = current_database()");
    assert_eq!(timeout, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_can_not_be_used_says_what_to_do() {
    let refused = async |url: String| PostgresLog::open(&url, Access::Append).await.expect_err("it can't be used").to_string();
    let empty = fullhouse_test_servers::database();
    assert!(refused(empty.url()).await.contains("run `fullhouse migrate`"));
    let newer = prepared().await;
    postgres::migrate(&newer.url()).await.expect("a second time changes nothing");
    newer.run("INSERT INTO fullhouse._sqlx_migrations SELECT 99, description, installed_on, success, checksum, execution_time FROM fullhouse._sqlx_migrations");
    assert!(refused(newer.url()).await.contains("newer release (version 99; this release knows up to 1)"));
    let error = refused(prepared().await.login("fullhouse_query")).await;
    assert!(error.contains("may not INSERT fullhouse.facts; make it a member of fullhouse_command"), "{error}");
    let lossy = prepared().await;
    let name = lossy.run("SELECT current_database()");
    lossy.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    assert!(refused(lossy.url()).await.contains("synchronous_commit is off"));
}
