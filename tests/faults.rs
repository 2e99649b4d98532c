//! Promises P1 to P6 on a whole cluster, while its parts are killed, frozen, emptied and replaced under load.
//!
//! A schedule of faults is drawn from a seed, which is printed; the same seed draws the same schedule again.
//! `FULLHOUSE_FAULT_SCHEDULES` says how many are run, and `FULLHOUSE_FAULT_SEED` where they begin.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use support::Cluster;
use support::schedule::{self, Schedule};

/// Schedules of an ordinary run. All kinds of faults are among them.
const SCHEDULES: u64 = 4;
const FIRST_SEED: u64 = 1;
/// Each schedule replays the whole log, so a long run begins a new one now and then.
const SCHEDULES_A_CLUSTER: u64 = 10;

fn number(name: &str, or: u64) -> u64 {
    std::env::var(name).map_or(or, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_is_lost_and_no_seat_is_sold_twice() {
    let mut cluster = Cluster::up();
    let (first, count) = (number("FULLHOUSE_FAULT_SEED", FIRST_SEED), number("FULLHOUSE_FAULT_SCHEDULES", SCHEDULES));
    let (mut commands, mut facts_before, mut facts) = (0, 0, 0);
    for seed in first..first + count {
        if seed > first && (seed - first).is_multiple_of(SCHEDULES_A_CLUSTER) {
            facts_before += facts;
            drop(cluster);
            cluster = Cluster::up();
        }
        let schedule = Schedule::draw(seed);
        println!("schedule {seed}: {schedule:?}");
        let ran = schedule::run(&cluster, seed, &schedule).await;
        println!("schedule {seed}: {ran:?}");
        assert!(ran.sold > 0, "nothing was sold, so nothing was tried");
        commands += ran.commands;
        facts = ran.facts;
    }
    println!("{count} schedules from seed {first} on: {commands} commands, {} facts, every promise held", facts_before + facts);
}

#[test]
fn an_ordinary_run_has_every_kind_of_fault() {
    let drawn: std::collections::BTreeSet<String> =
        (FIRST_SEED..FIRST_SEED + SCHEDULES).flat_map(|seed| Schedule::draw(seed).faults).map(|fault| fault.kind().to_owned()).collect();
    let missing: Vec<_> = schedule::KINDS.iter().filter(|kind| !drawn.contains(**kind)).collect();
    assert!(missing.is_empty(), "{missing:?} would not be tried");
}
