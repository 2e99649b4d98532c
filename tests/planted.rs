//! Whether the fault tests would notice: each bug that is planted must make them fail.
//!
//! The program with the bugs is built apart; see `./test`.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use serde_json::Value;
use support::planted::program_with_bugs;
use support::schedule::{Fault, Schedule, run_in_hall};
use support::server::fullhouse;
use support::{Cluster, Server, hall};

/// A small hall, in which everybody wants the same seats.
const HALL: (u8, u32) = (2, 30);

/// One at a time: each is a whole cluster.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs a schedule on a cluster in which a bug is planted; returns what it found.
async fn found_with(bug: &str) -> String {
    let _alone = ONE_AT_A_TIME.lock().await;
    // What can't be started is no find.
    let cluster = Cluster::up_with(&program_with_bugs(), &[("FULLHOUSE_PLANTED_BUG", bug)]);
    let running = tokio::spawn(async move {
        let schedule = Schedule::of(vec![Fault::Kill("command-1"), Fault::Kill("command-2")]);
        run_in_hall(&cluster, 1, &schedule, HALL).await
    });
    match running.await {
        Ok(ran) => format!("nothing: {ran:?}"),
        Err(error) => {
            let panic = error.into_panic();
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap()
        }
    }
}

macro_rules! is_found {
    ($($test:ident $bug:literal by $($words:literal)|+)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let found = found_with($bug).await;
            println!("{}: {found}", $bug);
            assert!([$($words),+].iter().any(|words| found.contains(words)), "{} is not what was found: {found}", $bug);
        })*
    };
}

// Several promises may break first.
is_found! {
    answering_before_the_commit_is_found "AnswerBeforeCommit" by "was acknowledged and is" | "There is no such event" | "There is no such reservation"
    forgetting_command_ids_is_found "ForgetCommandIds" by "was acknowledged and is" | "POST /reserve" | "a promise is broken" | "hold-released"
    skipping_the_window_check_is_found "SkipWindowCheck" by "had an owner already" | "There is no such reservation"
    expiring_early_is_found "ExpireEarly" by "expired before its end"
    leaving_facts_out_of_the_view_is_found "SkipFacts" by "left == right"
    leaving_redis_behind_is_found "LeaveRedisBehind" by "is not the fold of the log"
}

/// Which promises a rehearsal finds broken on a server in which a bug is planted.
async fn promises_broken_with(bug: &str) -> Vec<Value> {
    let server = Server::start_with_bug(bug);
    server.schedule(&hall(10, 50)).await;
    let url = server.url.clone();
    let options = ["--users", "400", "--seconds", "3", "--dither-seconds", "0.5", "--watchers", "5", "--json"];
    let rehearsing = tokio::task::spawn_blocking(move || fullhouse(&[&["rehearse", "--url", &url], &options[..]].concat()));
    let output = rehearsing.await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{bug} is not found: {report:#}");
    report["breaches"].as_array().unwrap().iter().map(|breach| breach["promise"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_finds_forgotten_command_ids() {
    let broken = promises_broken_with("ForgetCommandIds").await;
    assert!(broken.contains(&"P2".into()), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_finds_facts_left_out_of_the_view() {
    let broken = promises_broken_with("SkipFacts").await;
    // The map lacks a seat, or a reservation is read again with fewer seats: whichever is hit.
    assert!(broken.contains(&"P5".into()) || broken.contains(&"P2".into()), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bug_the_same_schedule_passes() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let cluster = Cluster::up_with(&program_with_bugs(), &[]);
    let schedule = Schedule::of(vec![Fault::Kill("command-1"), Fault::Kill("command-2")]);
    run_in_hall(&cluster, 1, &schedule, HALL).await;
}
