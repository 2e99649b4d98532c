//! Whether the fault tests would notice: each bug that is planted must make them fail.
//!
//! The program with the bugs is built apart; see `./test`.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use support::Cluster;
use support::planted::program_with_bugs;
use support::schedule::{Fault, Ran, Schedule, run_in_hall};

/// A small hall, in which everybody wants the same seats.
const HALL: (u8, u32) = (2, 30);

/// One at a time: each is a whole cluster.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs a schedule on a cluster in which a bug is planted; nothing, when it found something.
async fn run_with(bug: &str) -> Option<Ran> {
    let _alone = ONE_AT_A_TIME.lock().await;
    let running = {
        let bug = bug.to_owned();
        tokio::spawn(async move {
            let cluster = Cluster::up_with(&program_with_bugs(), &[("FULLHOUSE_PLANTED_BUG", &bug)]);
            let schedule = Schedule::of(vec![Fault::Kill("command-1"), Fault::Kill("command-2")]);
            run_in_hall(&cluster, 1, &schedule, HALL).await
        })
    };
    running.await.ok()
}

macro_rules! is_found {
    ($($test:ident $bug:literal)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let unnoticed = run_with($bug).await;
            assert!(unnoticed.is_none(), "the tests did not notice {}: {unnoticed:?}", $bug);
        })*
    };
}

is_found! {
    answering_before_the_commit_is_found "AnswerBeforeCommit"
    forgetting_command_ids_is_found "ForgetCommandIds"
    skipping_the_window_check_is_found "SkipWindowCheck"
    expiring_early_is_found "ExpireEarly"
    leaving_facts_out_of_the_view_is_found "SkipFacts"
    leaving_redis_behind_is_found "LeaveRedisBehind"
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bug_the_same_schedule_passes() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let cluster = Cluster::up_with(&program_with_bugs(), &[]);
    let schedule = Schedule::of(vec![Fault::Kill("command-1"), Fault::Kill("command-2")]);
    run_in_hall(&cluster, 1, &schedule, HALL).await;
}
