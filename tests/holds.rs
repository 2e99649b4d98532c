//! Promise P4: a hold never ends early, is never checked out after its end, and its seats are free again within a second.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::time::{Duration, Instant};

use support::{LiveMap, Person, Server, eventually, hall_with_hold_seconds};

#[tokio::test]
async fn a_hold_of_two_seconds_is_available_again_in_the_stream_between_two_and_three_seconds_later() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_hold_seconds(1, 4, 2)).await;
    let (watcher, ann) = (Person::anonymous(&server.url), server.guest().await);
    let mut map = LiveMap::open(&watcher, &event).await;
    let asked = Instant::now();
    let held = ann.hold(&event, &["S-A-1", "S-A-2"]).await;
    let answered = Instant::now();
    assert_eq!(held.body["expires_in_seconds"], 2);
    map.reach(2).await;
    assert_eq!(map.statuses(), "ppaa");
    map.reach(3).await;
    let (least, most) = (answered.elapsed(), asked.elapsed());
    assert_eq!(map.statuses(), "aaaa");
    // The hold began somewhere between asking and the answer.
    assert!(most >= Duration::from_secs(2) && least <= Duration::from_secs(3), "{least:?} to {most:?}");
    let id = held.body["reservation_id"].as_str().unwrap();
    assert_eq!(ann.get(&format!("/reserve/{id}")).await.body["status"], "expired");
    ann.checkout(id).await.is_problem(410, "hold-expired");
    ann.release(id).await.is_problem(410, "hold-expired");
    let report = server.verify();
    assert_eq!((&report["facts"], &report["seats_pending"]), (&3.into(), &0.into()));
}

#[tokio::test]
async fn with_the_timers_off_a_hold_still_ends_on_time() {
    let server = Server::start(&["--timers", "false"]);
    let event = server.schedule(&hall_with_hold_seconds(1, 4, 2)).await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let in_time = ann.hold(&event, &["S-A-3"]).await;
    let held = ann.hold(&event, &["S-A-1", "S-A-2"]).await;
    let began = Instant::now();
    let id = held.body["reservation_id"].as_str().unwrap();
    assert_eq!(ann.checkout(in_time.body["reservation_id"].as_str().unwrap()).await.status, 200);
    bob.hold(&event, &["S-A-2"]).await.is_problem(409, "seats-taken");
    tokio::time::sleep_until((began + Duration::from_millis(2_100)).into()).await;
    ann.checkout(id).await.is_problem(410, "hold-expired");
    // Nothing has told so yet, but whoever asks for the seats gets them.
    assert_eq!(ann.statuses(&event).await, "ppra");
    assert_eq!(bob.hold(&event, &["S-A-2"]).await.status, 201);
    assert_eq!(ann.statuses(&event).await, "apra");
    let report = server.verify();
    assert_eq!(report["facts"], 6, "the end of the first hold was recorded before the second one");
}

#[tokio::test]
async fn holds_that_end_while_the_server_is_down_are_over_when_it_comes_back() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall_with_hold_seconds(1, 4, 1)).await;
    let ann = server.guest().await;
    let held = ann.hold(&event, &["S-A-1"]).await;
    server.kill();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    server.restart();
    let ann = ann.reconnected();
    ann.checkout(held.body["reservation_id"].as_str().unwrap()).await.is_problem(410, "hold-expired");
    eventually("the seat is free", || async { (ann.statuses(&event).await == "aaaa").then_some(()) }).await;
}

#[tokio::test]
async fn a_thousand_holds_that_end_at_once_are_all_free_within_a_second() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_hold_seconds(20, 50, 3)).await;
    let ann = server.guest().await;
    let holds = futures::future::join_all((0..1_000).map(|_| ann.hold_best(&event, 1))).await;
    let held = holds.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(held, 1_000);
    let last = Instant::now();
    eventually("all are free", || async { (!ann.statuses(&event).await.contains('p')).then_some(()) }).await;
    assert!(last.elapsed() <= Duration::from_secs(4), "the last hold was over after 3 s, its seat free only after {:?}", last.elapsed());
    server.verify();
}
