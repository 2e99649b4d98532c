//! Sharing work among projectors: everything is done, by one of them at a time, and by another one soon after a death.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fullhouse_projector::duties::{self, Duty};
use fullhouse_projector::health::Health;
use fullhouse_test_servers::Database;
use sqlx::Connection;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::eventually;

const DUTIES: std::ops::Range<u16> = 0..7;
/// How soon the duties of a dead one must be done by another (the design's figure).
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(2);

type Doing = Arc<Mutex<HashSet<u16>>>;

/// A projector that notes what it does.
struct Projector {
    doing: Doing,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Projector {
    fn start(database: &Database) -> Self {
        let (doing, stop, url) = (Doing::default(), CancellationToken::new(), database.url());
        let (noted, stopping) = (doing.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let begin = |duty: u16, stop: CancellationToken| {
                noted.lock().unwrap().insert(duty);
                let noted = noted.clone();
                tokio::spawn(async move {
                    stop.cancelled().await;
                    noted.lock().unwrap().remove(&duty);
                })
            };
            let all: Vec<Duty> = DUTIES.map(|number| Duty { number, name: number.to_string() }).collect();
            duties::share(&url, &all, &Health::default(), &stopping, begin).await;
        });
        Self { doing, stop, task }
    }

    fn doing(&self) -> HashSet<u16> {
        self.doing.lock().unwrap().clone()
    }
}

async fn all_done_by(projectors: &[&Projector]) {
    let share = DUTIES.len().div_ceil(projectors.len());
    eventually("everything is done by one of them", async || {
        let each: Vec<HashSet<u16>> = projectors.iter().map(|projector| projector.doing()).collect();
        let all: HashSet<u16> = each.iter().flatten().copied().collect();
        let count: usize = each.iter().map(HashSet::len).sum();
        all.len() == DUTIES.len() && count == DUTIES.len() && each.iter().all(|doing| doing.len() <= share)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projectors_share_evenly_and_take_over_from_one_that_is_gone() {
    let database = fullhouse_test_servers::database();
    let one = Projector::start(&database);
    all_done_by(&[&one]).await;
    let other = Projector::start(&database);
    all_done_by(&[&one, &other]).await;
    let third = Projector::start(&database);
    all_done_by(&[&one, &other, &third]).await;
    // Killed: its session ends with it.
    other.task.abort();
    let died = Instant::now();
    all_done_by(&[&one, &third]).await;
    assert!(died.elapsed() < HANDED_OVER_WITHIN, "{:?}", died.elapsed());
    third.stop.cancel();
    let doing = third.doing.clone();
    third.task.await.unwrap();
    assert_eq!(doing.lock().unwrap().len(), 0, "one that stops has handed everything over");
    all_done_by(&[&one]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_freezes_loses_its_duties() {
    let database = fullhouse_test_servers::database();
    // It has locked everything, and then says no more: all that is left of a stopped process.
    let mut frozen = sqlx::PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("SET idle_session_timeout = '1500ms'; SELECT pg_advisory_lock_shared(7003, 7); SELECT pg_advisory_lock(7002, duty) FROM generate_series(0, 6) AS duty")
        .execute(&mut frozen)
        .await
        .unwrap();
    let froze = Instant::now();
    let one = Projector::start(&database);
    all_done_by(&[&one]).await;
    assert!(froze.elapsed() < HANDED_OVER_WITHIN + Duration::from_secs(1), "{:?}", froze.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn duties_are_given_up_when_the_session_is_lost_and_taken_up_again() {
    let database = fullhouse_test_servers::database();
    let one = Projector::start(&database);
    all_done_by(&[&one]).await;
    for _ in 0..3 {
        database.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7003");
        all_done_by(&[&one]).await;
    }
}
