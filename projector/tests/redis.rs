//! Promise P5 for the views in Redis: they are the fold of the log, whatever Redis loses, and however many write them.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::time::Duration;

use fullhouse_domain::{Event, ReservationStatus};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_projector::health::Health;
use fullhouse_projector::redis_view::{self, Connection, DueHolds, Partition};
use fullhouse_schemas::http::statuses_text;
use fullhouse_schemas::names::{PARTITIONS, PartitionKeys, partition_of, subject_of_due_holds};
use fullhouse_test_servers::{Nats, Redis};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use support::{Author, PATIENCE, eventually};

struct Stage {
    _folder: tempfile::TempDir,
    log: Log,
    redis: Redis,
    connection: Connection,
    health: Health,
}

/// Projections that run until they are stopped.
struct Running {
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
        let redis = Redis::new();
        let connection = Connection::open(&redis.url()).await.unwrap();
        Self { _folder: folder, log, redis, connection, health: Health::default() }
    }

    fn project(&self, due: &DueHolds) -> Running {
        let stop = CancellationToken::new();
        let tasks = (0..PARTITIONS).map(|number| {
            let partition = Partition { number, cluster: "local".into(), redis: self.connection.clone(), due: due.clone() };
            tokio::spawn(redis_view::run(self.log.clone(), partition, self.health.clone(), stop.clone()))
        });
        Running { tasks: tasks.collect(), stop }
    }

    async fn query<T: redis::FromRedisValue>(&self, name: &str, arguments: &[&str]) -> Option<T> {
        let mut command = redis::cmd(name);
        command.arg(arguments);
        self.connection.query(&command).await.ok()
    }

    /// Whether the view of a show is the fold of the log, which the author has at hand.
    async fn is_the_fold(&self, author: &Author) -> bool {
        let keys = PartitionKeys::new("local", partition_of(&author.id));
        let show = &author.show;
        let statuses: Vec<_> = (0..show.chart().seats()).map(|seat| show.seat_status(seat)).collect();
        let found: Option<(u64, String)> =
            self.query("HGET", &[&keys.view(&author.id), "position"]).await.zip(self.query("GET", &[&keys.statuses(&author.id)]).await);
        let mut held: Vec<String> = self.query("ZRANGE", &[&keys.holds(), "0", "-1"]).await.unwrap_or_default();
        held.retain(|id| id.starts_with(&keys.holds_of(&author.id)));
        held.sort();
        let open = show.reservations().iter().filter(|reservation| reservation.status == ReservationStatus::Pending);
        let mut open: Vec<String> = open.map(|reservation| reservation.id.to_string()).collect();
        open.sort();
        found == Some((show.position(), statuses_text(&statuses)))
            && held == open
            && self.changed_at(author).await == expected_changes(author)
    }

    async fn changed_at(&self, author: &Author) -> Vec<u64> {
        let keys = PartitionKeys::new("local", partition_of(&author.id));
        let bytes: Vec<u8> = self.query("GET", &[&keys.changed_at(&author.id)]).await.unwrap_or_default();
        bytes.as_chunks::<8>().0.iter().map(|position| u64::from_be_bytes(*position)).collect()
    }

    async fn all_are_the_fold(&self, authors: &[Author]) {
        for author in authors {
            eventually("the view in Redis is the fold of the log", async || self.is_the_fold(author).await).await;
        }
        assert_eq!(self.health.stopped(), Vec::<String>::new());
    }
}

/// By the positions of the reservations that have had each seat.
fn expected_changes(author: &Author) -> Vec<u64> {
    let mut changed_at = vec![1; author.show.chart().seats() as usize];
    for reservation in author.show.reservations() {
        for &seat in &reservation.seats {
            let changed = &mut changed_at[seat as usize];
            *changed = reservation.position.max(*changed);
        }
    }
    changed_at
}

async fn authors(log: &Log) -> Vec<Author> {
    let mut authors = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        authors.push(Author::schedule(log, name).await);
    }
    authors
}

async fn go_on(authors: &mut [Author], numbers: std::ops::Range<u64>) {
    for number in numbers {
        let count = authors.len() as u64;
        authors[(number * 7 % count) as usize].go_on(number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_the_fold_however_often_their_writers_stop_and_however_many_there_are() {
    let stage = Stage::new().await;
    let mut authors = authors(&stage.log).await;
    for round in 0..6 {
        let (one, other) = (stage.project(&DueHolds::Nobody), (round % 2 == 0).then(|| stage.project(&DueHolds::Nobody)));
        go_on(&mut authors, round * 60..round * 60 + 60).await;
        if round % 3 == 0 {
            stage.all_are_the_fold(&authors).await;
        }
        one.stop().await;
        if let Some(other) = other {
            other.stop().await;
        }
    }
    let last = stage.project(&DueHolds::Nobody);
    stage.all_are_the_fold(&authors).await;
    last.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_loses_is_built_again_though_nothing_new_happens() {
    let mut stage = Stage::new().await;
    let mut authors = authors(&stage.log).await;
    go_on(&mut authors, 0..200).await;
    let running = stage.project(&DueHolds::Nobody);
    stage.all_are_the_fold(&authors).await;
    let _: Option<String> = stage.query("FLUSHALL", &[]).await;
    stage.all_are_the_fold(&authors).await;
    stage.redis.kill();
    go_on(&mut authors, 200..220).await;
    stage.redis.restart();
    stage.all_are_the_fold(&authors).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_is_brought_up_to_date() {
    let stage = Stage::new().await;
    let mut authors = authors(&stage.log).await;
    go_on(&mut authors, 0..100).await;
    let running = stage.project(&DueHolds::Nobody);
    stage.all_are_the_fold(&authors).await;
    let copy = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do all[#all + 1] = key all[#all + 1] = redis.call('DUMP', key) end return all";
    let snapshot: Vec<Vec<u8>> = stage.query("EVAL", &[copy, "0"]).await.unwrap();
    go_on(&mut authors, 100..200).await;
    stage.all_are_the_fold(&authors).await;
    // At once, as a server that is restarted with an old file.
    let mut restore = redis::cmd("EVAL");
    restore.arg("redis.call('FLUSHALL') for at = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[at], 0, ARGV[at + 1]) end").arg(0).arg(snapshot);
    let () = stage.connection.query(&restore).await.unwrap();
    stage.all_are_the_fold(&authors).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_history_is_thrown_away() {
    // One that ended later, and one that was as long at that time, but went another way.
    for cursor in ["1000000:0123456789abcdef", "7:0123456789abcdef", "nonsense"] {
        what_belongs_to_another_history_is_thrown_away_with(cursor).await;
    }
}

async fn what_belongs_to_another_history_is_thrown_away_with(cursor: &str) {
    let stage = Stage::new().await;
    let mut authors = authors(&stage.log).await;
    go_on(&mut authors, 0..50).await;
    let foreign = PartitionKeys::new("local", 0);
    let of_no_show = foreign.view_prefix() + "local-gone";
    let _: Option<u64> = stage.query("SADD", &[&foreign.shows(), "local-gone"]).await;
    let _: Option<u64> = stage.query("HSET", &[&of_no_show, "position", "1"]).await;
    let _: Option<u64> = stage.query("ZADD", &[&foreign.holds(), "1", "local-gone.r"]).await;
    for author in &authors {
        let keys = PartitionKeys::new("local", partition_of(&author.id));
        let _: Option<String> = stage.query("SET", &[&keys.cursor(), cursor]).await;
        let _: Option<u64> = stage.query("SADD", &[&keys.shows(), author.id.as_str()]).await;
        let _: Option<u64> = stage.query("HSET", &[&keys.view(&author.id), "position", "1000000"]).await;
        let _: Option<String> = stage.query("SET", &[&keys.statuses(&author.id), &"r".repeat(30)]).await;
        let _: Option<String> = stage.query("SET", &[&keys.changed_at(&author.id), "x"]).await;
    }
    let _: Option<String> = stage.query("SET", &[&foreign.cursor(), cursor]).await;
    let running = stage.project(&DueHolds::Nobody);
    stage.all_are_the_fold(&authors).await;
    assert_eq!(stage.query::<u64>("EXISTS", &[&of_no_show]).await, Some(0), "what the log does not know is gone");
    let holds: Vec<String> = stage.query("ZRANGE", &[&foreign.holds(), "0", "-1"]).await.unwrap();
    assert!(!holds.contains(&"local-gone.r".to_owned()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_evicted_is_built_again_with_the_next_change() {
    let stage = Stage::new().await;
    let mut author = Author::schedule(&stage.log, "a").await;
    let running = stage.project(&DueHolds::Nobody);
    let keys = PartitionKeys::new("local", partition_of(&author.id));
    for (number, key) in (0..).step_by(5).zip([keys.statuses(&author.id), keys.changed_at(&author.id), keys.view(&author.id)]) {
        author.go_on(number + 3).await;
        eventually("the view is there", async || stage.is_the_fold(&author).await).await;
        let _: Option<u64> = stage.query("DEL", &[&key]).await;
        author.go_on(number + 4).await;
        eventually("the view is whole again", async || stage.is_the_fold(&author).await).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_hold_is_reported_until_it_ends_and_no_other() {
    let (stage, nats) = (Stage::new().await, Nats::new());
    let mut author = Author::schedule(&stage.log, "a").await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let subject = subject_of_due_holds("local");
    let mut reports = client.subscribe(subject.clone()).await.unwrap();
    // Its hold lies years ahead of the other one, which has ended long ago.
    author.go_on(3).await;
    let late = author.show.reservations()[0].clone();
    author.backdate(Duration::from_secs(86_400));
    author.go_on(4).await;
    let due = author.show.reservations()[1].clone();
    let running = stage.project(&DueHolds::To(client, subject));
    for _ in 0..2 {
        let report = tokio::time::timeout(PATIENCE, reports.next()).await.unwrap().unwrap();
        assert_eq!(report.payload, due.id.to_string());
    }
    author.append(&[Event::HoldExpired { reservation: due.id.clone(), seats: due.seats.to_vec() }]).await;
    eventually("the hold is out of the timers", async || {
        let keys = PartitionKeys::new("local", partition_of(&author.id));
        stage.query::<Vec<String>>("ZRANGE", &[&keys.holds(), "0", "-1"]).await == Some(vec![late.id.to_string()])
    })
    .await;
    running.stop().await;
}
