//! What a server of a cluster does when it can't know: commits whose answers are lost, a database that is out of reach, and
//! clocks that disagree.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use fullhouse_test_servers::Database;
use futures::FutureExt;
use serde_json::{Value, json};
use support::proxy::Proxy;
use support::server::prepared_database;
use support::{PATIENCE, Person, Server, eventually, hall, hall_with_hold_seconds};

/// A database as it looks through a proxy.
async fn behind_a_proxy(database: &Database) -> (Proxy, String) {
    let proxy = Proxy::start(database.port()).await;
    let url = database.url().replace(&format!(":{}/", database.port()), &format!(":{}/", proxy.port()));
    (proxy, format!("{url}?sslmode=disable"))
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_answers_are_lost_take_effect_once() {
    const HOLDS: usize = 300;
    let database = prepared_database();
    let (proxy, url) = behind_a_proxy(&database).await;
    let server = Server::start_on_database(&url, &[]);
    let event = server.schedule(&hall(20, 40)).await;
    proxy.lose_answers(3);
    let mut working = Vec::new();
    for client in 0..10 {
        let (person, event) = (server.guest().await, event.clone());
        working.push(tokio::spawn(async move {
            let mut held = Vec::new();
            for step in 0..HOLDS / 10 {
                let seat = format!("S-{}-{}", char::from(b'A' + client), step + 1);
                let body = json!({ "event_id": event, "seats": [seat] });
                // Half of them without a key: what the server draws itself must be as good against its own repetitions.
                let (keyed, key) = (step % 2 == 0, format!("{step}"));
                let answer =
                    if keyed { person.post_keyed("/reserve", &key, &body).await.unwrap() } else { person.post("/reserve", &body).await };
                assert_eq!(answer.status, 201, "{answer:?}");
                if keyed {
                    assert_eq!(person.post_keyed("/reserve", &key, &body).await.unwrap().text, answer.text);
                }
                held.push(answer.body["reservation_id"].as_str().unwrap().to_owned());
            }
            held
        }));
    }
    let mut held = HashSet::new();
    for client in working {
        held.extend(client.await.unwrap());
    }
    assert_eq!(held.len(), HOLDS);
    assert!(proxy.lost() > 20, "only {} answers were lost", proxy.lost());
    proxy.lose_answers(0);
    // One fact for each, and the one that scheduled the show.
    assert_eq!(server.verify()["facts"], HOLDS + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_reach_of_the_database_nothing_is_promised_and_nothing_is_lost() {
    let database = prepared_database();
    let (proxy, url) = behind_a_proxy(&database).await;
    let server = Server::start_on_database(&url, &[]);
    let other = Server::start_sharing_keys(&server, &database.url(), &[]);
    let event = server.schedule(&hall(2, 40)).await;
    let ann = server.guest().await;
    assert_eq!(ann.hold(&event, &["S-A-1"]).await.status, 201);
    proxy.cut_off(true);
    let body = json!({ "event_id": event, "seats": ["S-A-2"] });
    let seats = format!("/events/{event}/seats?format=compact");
    let (hold, read, ready) = tokio::join!(ann.post_keyed("/reserve", "k", &body), ann.get(&seats), ann.get("/readyz"));
    let hold = hold.unwrap();
    hold.is_problem(503, "outcome-unknown");
    read.is_problem(503, "log-unreachable");
    ready.is_problem(503, "not-ready");
    assert!([&hold, &read, &ready].iter().all(|answer| answer.header("retry-after") == "1"));
    assert!(ready.body["missing"][0].as_str().unwrap().contains("the log can't be reached or used"), "{ready:?}");
    // Whoever reaches the database goes on; a person's key names the same command there.
    let ann_there = Person::with_token(&other.url, ann.token.as_ref().unwrap());
    let there = ann_there.post_keyed("/reserve", "k", &body).await.unwrap();
    assert_eq!(there.status, 201);
    assert_eq!(ann_there.hold(&event, &["S-B-1"]).await.status, 201);
    proxy.cut_off(false);
    let here =
        eventually("the server is back", || async { ann.post_keyed("/reserve", "k", &body).await.filter(|answer| answer.status != 503) })
            .await;
    assert_eq!((here.status, here.text), (201, there.text), "one outcome, on whichever server");
    ann.hold(&event, &["S-B-1"]).await.is_problem(409, "seats-taken");
    assert_eq!(ann.get("/readyz").await.status, 200);
    assert_eq!(server.verify()["facts"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_whose_clocks_are_hours_apart_agree_on_when_a_hold_ends() {
    agree_on_when_a_hold_ends(None).await;
}

/// The promises about time, on servers that are an hour late and an hour early.
async fn agree_on_when_a_hold_ends(bug: Option<&str>) {
    let database = prepared_database();
    let early = Server::start_faked(&database.url(), "-1h", None, bug);
    let late = Server::start_faked(&database.url(), "+1h", Some(&early), bug);
    let event = early.schedule(&hall_with_hold_seconds(1, 4, 2)).await;
    let ann = early.guest().await;
    for (here, there) in [(early.url.clone(), late.url.clone()), (late.url.clone(), early.url.clone())] {
        let (ann_here, ann_there): (Person, Person) =
            [&here, &there].map(|url| Person::with_token(url, ann.token.as_ref().unwrap())).into();
        let began = std::time::Instant::now();
        let held = ann_here.hold(&event, &["S-A-1", "S-A-2"]).await;
        assert_eq!((held.status, &held.body["expires_in_seconds"]), (201, &json!(2)), "{held:?}");
        let id = held.body["reservation_id"].as_str().unwrap();
        let read = ann_there.get(&format!("/reserve/{id}")).await;
        assert!(read.body["status"] == "pending" && read.body["expires_in_seconds"].as_u64().is_some_and(|left| left <= 2), "{read:?}");
        while began.elapsed() < Duration::from_millis(1_800) {
            Person::guest(&there).await.hold(&event, &["S-A-1"]).await.is_problem(409, "seats-taken");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eventually("the seats are free again", || async { (ann_there.statuses(&event).await == "aaaa").then_some(()) }).await;
        assert!(began.elapsed() >= Duration::from_secs(2), "the hold ended early");
        ann_there.checkout(id).await.is_problem(410, "hold-expired");
        ann_here.checkout(id).await.is_problem(410, "hold-expired");
    }
    early.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_bug_in_the_clock_is_found() {
    let agreeing = AssertUnwindSafe(agree_on_when_a_hold_ends(Some("OwnClock"))).catch_unwind();
    // One that never answers is found, too.
    let found = tokio::time::timeout(PATIENCE, agreeing).await;
    assert!(!matches!(found, Ok(Ok(()))), "the tests did not notice that each server used its own clock");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_stay_open_and_go_on_when_the_database_is_back() {
    let database = prepared_database();
    let (proxy, url) = behind_a_proxy(&database).await;
    let server = Server::start_on_database(&url, &[]);
    let other = Server::start_sharing_keys(&server, &database.url(), &[]);
    let event = server.schedule(&hall(1, 4)).await;
    let mut map = support::LiveMap::open(&Person::anonymous(&server.url), &event).await;
    proxy.cut_off(true);
    assert_eq!(other.guest().await.hold(&event, &["S-A-1"]).await.status, 201);
    proxy.cut_off(false);
    tokio::time::timeout(PATIENCE, map.reach(2)).await.unwrap();
    assert_eq!((map.statuses().as_str(), map.whole_maps), ("paaa", 1));
    let _: Value = server.verify();
}
