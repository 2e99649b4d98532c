//! The waiting room in a cluster: several servers, and the process that lets people in killed in the middle of a sale.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use support::person::answered;
use support::shopper::{PlaceMessages, hall_with_room, present_at};
use support::{Cluster, PATIENCE, Person, Shopper, eventually};

const PEOPLE: usize = 60;
const MAX_ACTIVE: usize = 3;
/// Servers say five times a second who is there.
const REPORTED_IN: Duration = Duration::from_millis(600);

/// Somebody who comes in through the gateway, whatever happens to it meanwhile.
async fn join(cluster: &Cluster, event: &str) -> Shopper {
    let person = eventually("there is a guest", || async {
        let answer = answered(Person::anonymous(cluster.url()).request(Method::POST, "/session").json(&json!({}))).await?;
        Some(Person::with_token(cluster.url(), answer.body["token"].as_str()?))
    })
    .await;
    let ask = |person: Person| async move {
        let answer = answered(person.request(Method::POST, &format!("/events/{event}/queue")).json(&json!({}))).await?;
        (answer.status == 200).then_some(answer.body)
    };
    let told = eventually("he is in the line", || ask(person.clone())).await;
    let again = eventually("he is in the line", || ask(person.clone())).await;
    assert_eq!(told["number"], again["number"], "one person, one number");
    Shopper {
        ticket: told["ticket"].as_str().unwrap().into(),
        pass: told["pass"].as_str().map(str::to_owned),
        person,
        event: event.into(),
        told,
    }
}

/// Waits at a stream until he is let in, however often it breaks, buys a seat, and says when that was.
async fn wait_and_buy(mut shopper: Shopper) -> (u64, Instant) {
    let number = shopper.number();
    while shopper.pass.is_none() {
        shopper.person = shopper.person.reconnected();
        let Some(mut messages) = shopper.try_messages().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Some(pass) = pass_of(&mut messages, number).await {
            shopper.pass = Some(pass);
        }
    }
    let admitted = Instant::now();
    let held = eventually("he holds a seat", || async {
        let held = shopper.hold_best(1).await;
        assert!(held.status == 201 || held.status >= 500, "{held:?}");
        (held.status == 201).then(|| held.body["reservation_id"].as_str().unwrap().to_owned())
    })
    .await;
    eventually("he has bought it", || async { (shopper.person.checkout(&held).await.status == 200).then_some(()) }).await;
    (number, admitted)
}

async fn pass_of(messages: &mut PlaceMessages, number: u64) -> Option<String> {
    use futures::StreamExt;
    loop {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.ok()??;
        assert_eq!(message["number"], number, "nobody loses his place: {message}");
        assert_ne!(message["state"], "over", "nobody who is there loses his turn: {message}");
        if let Some(pass) = message["pass"].as_str() {
            return Some(pass.into());
        }
    }
}

/// The numbers in the order in which they were let in, as the log tells.
async fn admitted(cluster: &Cluster, event: &str) -> Vec<u64> {
    let auditor = cluster.person("auditor", "audrey");
    let (mut after, mut numbers) = (0, Vec::new());
    loop {
        let page = auditor.get(&format!("/events/{event}/history?after={after}&limit=500")).await.body;
        let facts = page["facts"].as_array().unwrap();
        let moved = facts.iter().filter(|fact| fact["type"] == "room_moved").flat_map(|fact| fact["data"]["admitted"].as_array().unwrap());
        numbers.extend(moved.map(|one| one["number"].as_u64().unwrap()));
        match facts.last() {
            Some(last) => after = last["position"].as_u64().unwrap(),
            None => return numbers,
        }
    }
}

/// How many people are there, at both query servers.
async fn present(cluster: &Cluster) -> usize {
    present_at(cluster.setting("QUERY_1_URL")).await + present_at(cluster.setting("QUERY_2_URL")).await
}

/// Which projector looks after the waiting rooms.
fn admitter(cluster: &Cluster) -> String {
    let log = |name: &str| std::fs::read_to_string(format!("{}/../log/{name}.log", cluster.setting("DATA"))).unwrap();
    let lines =
        |name: &'static str| log(name).lines().filter(|line| line.contains("the waiting rooms")).map(str::to_owned).collect::<Vec<_>>();
    let has_it = |name: &&'static str| lines(name).last().is_some_and(|line| line.contains("taken up"));
    ["projector-1", "projector-2"].into_iter().find(has_it).expect("somebody looks after them").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_loses_his_place_and_nobody_is_let_in_out_of_order_when_the_admitter_and_nats_are_killed() {
    let cluster = Cluster::up();
    let organizer = cluster.person("organizer", "olga");
    let plan = hall_with_room(2, 100, json!({ "max_active": MAX_ACTIVE }));
    let event = organizer.post("/events", &plan).await.body["event_id"].as_str().unwrap().to_owned();
    // Nobody is let in until all are there, so that the order in which the others open their streams does not matter.
    let pause = |is_paused: bool| {
        answered(organizer.request(Method::PUT, &format!("/events/{event}/waiting-room")).json(&json!({ "is_paused": is_paused })))
    };
    assert_eq!(pause(true).await.unwrap().status, 200);
    let mut shoppers = Vec::new();
    for _ in 0..PEOPLE {
        shoppers.push(join(&cluster, &event).await);
    }
    let numbers: BTreeSet<u64> = shoppers.iter().map(Shopper::number).collect();
    assert_eq!(numbers, (1..=PEOPLE as u64).collect(), "every person has exactly one number");
    let mut waiting: Vec<_> = shoppers.into_iter().map(|shopper| tokio::spawn(wait_and_buy(shopper))).collect();
    // Until every stream is open, and every server has said who is there.
    eventually("all are there", || async { (present(&cluster).await >= PEOPLE).then_some(()) }).await;
    tokio::time::sleep(REPORTED_IN).await;
    assert_eq!(pause(false).await.unwrap().status, 200);

    // In the middle of the sale.
    eventually("some were let in", || async { (admitted(&cluster, &event).await.len() >= 6).then_some(()) }).await;
    let admitting = admitter(&cluster);
    cluster.succeed(&["kill", &admitting]);
    let (killed, before) = (Instant::now(), admitted(&cluster, &event).await.len());
    eventually("another one lets people in", || async { (admitted(&cluster, &event).await.len() > before + MAX_ACTIVE).then_some(()) })
        .await;
    eprintln!("{admitting} was killed; others were let in {:?} later", killed.elapsed());
    cluster.succeed(&["kill", "nats"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.succeed(&["start", "nats"]);
    cluster.succeed(&["start", &admitting]);

    let mut bought = Vec::new();
    for task in waiting.drain(..) {
        bought.push(tokio::time::timeout(Duration::from_secs(120), task).await.expect("the line moves").unwrap());
    }
    let order = admitted(&cluster, &event).await;
    assert_eq!(order, (1..=PEOPLE as u64).collect::<Vec<_>>(), "all were there all the time, so they were let in by number");
    assert_eq!(cluster.verify().unwrap()["seats_reserved"], PEOPLE as u64);
}
