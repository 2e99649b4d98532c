//! Promise P6: the stream is state. Whoever comes back misses nothing and never goes back.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use support::person::answered;
use support::{LiveMap, Person, Server, eventually, hall};

#[tokio::test]
async fn a_watcher_sees_every_change_of_every_seat() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let (watcher, ann) = (Person::anonymous(&server.url), server.guest().await);
    let mut map = LiveMap::open(&watcher, &event).await;
    assert_eq!((map.position, map.statuses().as_str()), (1, "aaaaaaaaaaaaaaaaaaaa"));
    let held = ann.hold(&event, &["S-A-1", "S-B-10"]).await;
    map.reach(2).await;
    assert_eq!(map.statuses(), "paaaaaaaaaaaaaaaaaap");
    assert_eq!(map.last_event_id.as_deref(), Some("2"));
    ann.checkout(held.body["reservation_id"].as_str().unwrap()).await;
    map.reach(3).await;
    assert_eq!(map.statuses(), "raaaaaaaaaaaaaaaaaar");
    assert_eq!((map.whole_maps, map.reservations.len()), (1, 0), "one whole map, and nothing of somebody else's reservations");
}

#[tokio::test]
async fn a_client_that_comes_back_gets_the_difference_and_else_the_whole_map() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let ann = server.guest().await;
    let mut map = LiveMap::open(&ann, &event).await;
    map.cut();
    ann.hold(&event, &["S-A-1"]).await;
    let second = ann.hold(&event, &["S-A-2"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    ann.release(&second).await;
    map.connect().await;
    map.reach(4).await;
    assert_eq!((map.whole_maps, map.statuses().as_str()), (1, "paaa"));

    for id in ["5", "999999", "0", "-1", "yesterday", ""] {
        let mut map = LiveMap::open(&Person::anonymous(&server.url), &event).await;
        map.cut();
        map.last_event_id = Some(id.into());
        map.connect().await;
        map.next().await;
        assert_eq!((map.whole_maps, map.position), (2, 4), "Last-Event-ID: {id}");
    }
}

#[tokio::test]
async fn a_holder_hears_of_his_own_reservations_also_of_those_that_changed_while_he_was_away() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let mut map = LiveMap::open(&ann, &event).await;
    let first = ann.hold(&event, &["S-A-1"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    bob.hold(&event, &["S-A-2"]).await;
    map.reach(3).await;
    let told = |map: &LiveMap| -> Vec<(String, String)> {
        map.reservations
            .iter()
            .map(|told| (told["reservation_id"].as_str().unwrap().into(), told["status"].as_str().unwrap().into()))
            .collect()
    };
    assert_eq!(told(&map), [(first.clone(), "pending".to_owned())]);
    map.cut();
    ann.checkout(&first).await;
    map.connect().await;
    map.reach(4).await;
    assert_eq!(told(&map)[1..], [(first, "reserved".to_owned())]);
}

#[tokio::test]
async fn the_head_of_a_stream_says_that_it_must_not_be_held_back() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let request =
        Person::anonymous(&server.url).request(Method::GET, &format!("/events/{event}/stream")).header("accept-encoding", "gzip, br");
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(
        (header("cache-control"), header("x-accel-buffering"), header("content-encoding")),
        ("no-store".into(), "no".into(), String::new())
    );
    let mut body = response;
    let first = body.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"retry: "), "{first:?}");
    Person::anonymous(&server.url).get("/events/local-nothing/stream").await.is_problem(404, "not-found");
}

#[tokio::test]
async fn past_its_limits_a_server_refuses_streams_and_takes_them_again_when_there_is_room() {
    let server = Server::start(&["--max-streams", "3", "--max-streams-per-address", "2"]);
    let event = server.schedule(&hall(1, 4)).await;
    let anyone = Person::anonymous(&server.url);
    let path = format!("/events/{event}/stream");
    let first = LiveMap::open(&anyone, &event).await;
    let _second = LiveMap::open(&anyone, &event).await;
    let refused = answered(anyone.request(Method::GET, &path)).await.unwrap();
    refused.is_problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), "5");
    drop(first);
    eventually("there is room", || async { anyone.request(Method::GET, &path).send().await.ok().filter(|answer| answer.status() == 200) })
        .await;
}

/// Holds, buys and releases random seats until told to stop.
async fn shop(person: Person, event: String, seats: u32, stop: Arc<AtomicBool>) {
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let labels: Vec<String> = (0..2).map(|next| format!("S-A-{}", (number / 7 + next) % seats + 1)).collect();
        let held = person.post("/reserve", &json!({ "event_id": event, "seats": labels })).await;
        if let Some(id) = held.body["reservation_id"].as_str() {
            person.release(id).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cut_off_100_times_under_load_ends_with_the_same_map() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 40)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut shoppers = Vec::new();
    for _ in 0..6 {
        shoppers.push(tokio::spawn(shop(server.guest().await, event.clone(), 40, stop.clone())));
    }
    let watcher = server.guest().await;
    let mut map = LiveMap::open(&watcher, &event).await;
    let mut messages = 0;
    for cut in 0..100_u64 {
        // Somewhere between before the first byte and after some frames.
        let until = tokio::time::Instant::now() + Duration::from_micros(cut * cut * 13 % 150_000);
        while let Ok(more) = tokio::time::timeout_at(until, map.next()).await {
            assert!(more, "the server does not end streams");
            messages += 1;
        }
        map.cut();
        map.connect().await;
    }
    stop.store(true, Ordering::Relaxed);
    for shopper in shoppers {
        shopper.await.unwrap();
    }
    let end = watcher.get(&format!("/events/{event}/seats?format=compact")).await.body;
    map.reach(end["position"].as_u64().unwrap()).await;
    assert_eq!(map.statuses(), end["statuses"].as_str().unwrap());
    assert_eq!((map.whole_maps, messages > 100, map.position > 500), (1, true, true), "{messages} messages to position {}", map.position);
    server.verify();
}

#[tokio::test]
async fn a_client_that_reads_slowly_holds_nobody_up_and_gets_a_larger_difference() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start(&[]);
    let event = server.schedule(&hall(50, 200)).await;
    let ann = server.guest().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // A window so small that the server soon can't send.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut slow = socket.connect(address.parse().unwrap()).await.unwrap();
    slow.write_all(format!("GET /events/{event}/stream HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut quick = LiveMap::open(&ann, &event).await;
    let before = server.resident_bytes();
    let mut position = 1;
    for _ in 0..300 {
        let held = ann.hold_best(&event, 10).await;
        ann.release(held.body["reservation_id"].as_str().unwrap()).await;
        position += 2;
    }
    quick.reach(position).await;
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for a slow client");
    // What it reads at last leads to the same end.
    let mut text = String::new();
    let mut chunk = vec![0; 65_536];
    while !text.contains(&format!("id: {position}\n")) {
        let read = tokio::time::timeout(support::PATIENCE, slow.read(&mut chunk)).await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
}
