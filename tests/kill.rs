//! Promise P2: the server is killed at random moments under load, 50 times. Nothing that was acknowledged is lost, and what
//! was not takes effect exactly once when it is sent again.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::client::{ROW_SEATS, ROWS, nothing_was_lost};
use support::{Client, LiveMap, Person, Server, hall};
use tokio_util::sync::CancellationToken;

const ROUNDS: u64 = 50;
const CLIENTS: u64 = 12;
/// The server lives at least and at most so long, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 20..400;

#[tokio::test(flavor = "multi_thread")]
async fn killed_50_times_under_load_it_loses_nothing_and_sells_nothing_twice() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(ROWS, ROW_SEATS)).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let person = server.guest().await;
        clients.push(Client::new(vec![person.clone()], person, &event, number));
    }
    let watcher = Person::anonymous(&server.url);
    let mut map = LiveMap::open(&watcher, &event).await;
    for round in 0..ROUNDS {
        let stop = CancellationToken::new();
        let working: Vec<_> = clients.drain(..).map(|client| tokio::spawn(client.work(stop.clone()))).collect();
        let life = Duration::from_millis(random.random_range(LIFE_MS));
        let mut alive = true;
        let _ = tokio::time::timeout(life, async {
            while alive {
                alive = map.next().await;
            }
        })
        .await;
        server.kill();
        stop.cancel();
        map.cut();
        for client in working {
            clients.push(client.await.unwrap());
        }
        server.restart();
        map.connect().await;
        if round % 10 == 9 {
            server.verify();
        }
    }
    for client in &mut clients {
        client.finish().await;
    }
    let sold = nothing_was_lost(&mut clients).await;
    assert!(sold > 20, "only {sold} seats were sold");
    // P6 holds across crashes too.
    let end = watcher.reconnected().get(&format!("/events/{event}/seats?format=compact")).await.body;
    map.reach(end["position"].as_u64().unwrap()).await;
    assert_eq!((map.statuses().as_str(), map.whole_maps), (end["statuses"].as_str().unwrap(), 1));
    let report = server.verify();
    println!("{} commands, {report}", clients.iter().map(|client| client.commands).sum::<u64>());
    assert!(report["facts"].as_u64().unwrap() > 500, "there was load");
}
