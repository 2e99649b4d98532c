//! Promise P2 while the standby is away: what only one machine has is told to nobody as done. It has a file of its own, since each file's
//! cluster takes the ports of its process.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use serde_json::json;
use support::schedule::scheduled;
use support::{Cluster, Person, eventually, hall};

/// A commit that is cut short while it waits for the standby is visible, and would be lost with the primary's machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_no_standby_has_is_not_acknowledged_to_whoever_asks_again() {
    let cluster = Cluster::up();
    let event = scheduled(&cluster, &hall(1, 10)).await;
    let ann = Person::guest(cluster.url()).await;
    let held = ann.hold(&event, &["S-A-1"]).await;
    let path = format!("/reserve/{}/checkout", held.body["reservation_id"].as_str().unwrap());
    let body = json!({ "payment_reference": "pay-1" });
    cluster.succeed(&["pause", "postgres-2"]);
    let checkout = async |key: &str| ann.post_keyed(&path, key, &body).await.map_or(0, |answer| answer.status);
    let first = checkout("first").await;
    let ended = cluster.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    assert_ne!(ended, "0", "somebody waits for the standby");
    let sales = "SELECT count(*) FROM fullhouse.facts WHERE kind = 'seats_reserved'";
    eventually("the commit is visible", || async { (cluster.sql(sales) == "1").then_some(()) }).await;
    let asked_again = [checkout("first").await, checkout("another").await];
    cluster.succeed(&["resume", "postgres-2"]);
    assert!([first, asked_again[0], asked_again[1]].iter().all(|status| !(200..300).contains(status)), "{first} {asked_again:?}");
    for key in ["first", "another"] {
        eventually("it is safe", || async { (checkout(key).await == 200).then_some(()) }).await;
    }
    cluster.verify().unwrap();
}
