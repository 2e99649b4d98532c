//! The waiting room over HTTP: joining, waiting, being let in, and what ends a turn.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::shopper::{hall_with_room, message_of};
use support::{Person, Server, Shopper, eventually};

async fn shopper(server: &Server, event: &str) -> Shopper {
    Shopper::join(server.guest().await, event).await
}

async fn room(server: &Server, event: &str) -> Value {
    Person::anonymous(&server.url).get(&format!("/events/{event}/waiting-room")).await.body
}

#[tokio::test]
async fn as_many_as_may_are_let_in_at_once_and_the_others_wait_for_their_turn() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(2, 10, json!({ "max_active": 2 }))).await;
    let (ann, bob) = (shopper(&server, &event).await, shopper(&server, &event).await);
    let (mut cat, mut dan) = (shopper(&server, &event).await, shopper(&server, &event).await);
    assert!(ann.is_admitted() && bob.is_admitted(), "{} {}", ann.told, bob.told);
    assert_eq!([ann.number(), bob.number(), cat.number(), dan.number()], [1, 2, 3, 4]);
    assert_eq!((&cat.told["state"], &cat.told["ahead"], &cat.told["serving"]), (&json!("waiting"), &json!(0), &json!(2)));
    assert_eq!((&dan.told["ahead"], &dan.told["seats_left"], dan.told.get("pass")), (&json!(1), &json!(20), None));

    let summary = ann.person.get(&format!("/events/{event}/seats")).await.body["queue"].clone();
    assert_eq!(summary, json!({ "is_full": true, "serving": 2, "active": 2, "max_active": 2, "is_paused": false, "state": "open" }));
    cat.hold_best(1).await.is_problem(403, "pass-required");
    ann.buy().await;
    ann.hold_best(1).await.is_problem(403, "pass-required");
    cat.ask_until("admitted").await;
    assert_eq!(dan.ask().await["state"], "waiting");
    assert_eq!(bob.leave().await.status, 204);
    assert_eq!(bob.leave().await.status, 204, "leaving twice is like leaving once");
    bob.hold_best(1).await.is_problem(403, "pass-required");
    dan.ask_until("admitted").await;
    cat.buy().await;
    dan.buy().await;
    server.verify();
}

#[tokio::test]
async fn a_person_has_one_number_whatever_is_repeated_and_a_new_one_after_his_turn() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let mut ann = shopper(&server, &event).await;
    let bob = server.guest().await;
    let joins = futures::future::join_all((0..20).map(|_| Shopper::join(bob.clone(), &event))).await;
    assert!(joins.iter().all(|join| join.number() == 2), "{:?}", joins.iter().map(Shopper::number).collect::<Vec<_>>());
    assert_eq!(ann.join_again().await["number"], 1);
    assert!(ann.is_admitted(), "asked again, he is told again that it is his turn");
    ann.buy().await;
    assert_eq!(ann.ask().await["state"], "over");
    let mut bob = joins.into_iter().next().unwrap();
    bob.ask_until("admitted").await;
    assert_eq!((ann.join_again().await["number"].clone(), ann.told["state"].clone()), (json!(3), json!("waiting")));
    assert_eq!(ann.join_again().await["number"], 3);
    server.verify();
}

#[tokio::test]
async fn who_waits_at_a_stream_is_told_when_it_moves_and_gets_his_pass_there() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let ann = shopper(&server, &event).await;
    let (bob, cat) = (shopper(&server, &event).await, shopper(&server, &event).await);
    let (mut to_bob, mut to_cat) = (bob.messages().await, cat.messages().await);
    let first = message_of(&mut to_bob, "waiting").await;
    assert_eq!((&first["number"], &first["ahead"], first.get("ticket")), (&json!(2), &json!(0), None));
    assert_eq!(message_of(&mut to_cat, "waiting").await["ahead"], 1);
    ann.buy().await;
    let admitted = message_of(&mut to_bob, "admitted").await;
    let bob = Shopper { pass: admitted["pass"].as_str().map(str::to_owned), ..bob };
    assert_eq!(message_of(&mut to_cat, "waiting").await["seats_left"], 9);
    bob.buy().await;
    message_of(&mut to_bob, "over").await;
    message_of(&mut to_cat, "admitted").await;
    server.verify();
}

#[tokio::test]
async fn who_does_not_show_himself_loses_his_turn_to_the_next_one_and_gets_a_new_number() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1, "take_up_seconds": 1 }))).await;
    let ann = shopper(&server, &event).await;
    let mut bob = shopper(&server, &event).await;
    let cat = shopper(&server, &event).await;
    let mut to_cat = cat.messages().await;
    ann.buy().await;
    // Bob joined a moment ago, so he is taken to be there, and let in; he does not show himself and loses his turn.
    let admitted = message_of(&mut to_cat, "admitted").await;
    assert_eq!(bob.ask().await["state"], "over");
    assert_eq!(bob.join_again().await["number"], 4);
    Shopper { pass: admitted["pass"].as_str().map(str::to_owned), ..cat }.buy().await;
    bob.ask_until("admitted").await;
    bob.buy().await;
    server.verify();
}

/// Why turns ended, in the order of the log.
async fn ends_of_turns(auditor: &Person, event: &str) -> Value {
    let facts = auditor.get(&format!("/events/{event}/history")).await.body["facts"].clone();
    let moved = facts.as_array().unwrap().iter().filter(|fact| fact["type"] == "room_moved");
    moved.flat_map(|fact| fact["data"]["ended"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn who_only_holds_has_shown_himself_too() {
    let server = Server::start(&[]);
    let room = json!({ "max_active": 1, "take_up_seconds": 2, "idle_seconds": 30, "session_seconds": 60 });
    let event = server.schedule(&hall_with_room(1, 10, room)).await;
    let ann = shopper(&server, &event).await;
    assert_eq!(ann.hold_best(1).await.status, 201);
    let auditor = server.person("auditor", "audrey");
    let taken_up = || async {
        let facts = auditor.get(&format!("/events/{event}/history")).await.body["facts"].clone();
        facts.as_array().unwrap().iter().any(|fact| fact["data"]["taken_up"] == json!([1])).then_some(())
    };
    eventually("the log tells that she is there", taken_up).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(ann.hold_best(1).await.status, 201, "after the time to show herself");
}

#[tokio::test]
async fn turns_end_by_idling_and_by_the_end_of_the_session() {
    let server = Server::start(&[]);
    let room = json!({ "max_active": 2, "take_up_seconds": 3, "idle_seconds": 1, "session_seconds": 3 });
    let event = server.schedule(&hall_with_room(1, 10, room)).await;
    let (mut ann, mut bob) = (shopper(&server, &event).await, shopper(&server, &event).await);
    let held = bob.hold_best(1).await;
    assert_eq!(held.status, 201);
    ann.ask_until("over").await;
    assert_eq!(bob.ask().await["state"], "admitted", "he holds something");
    bob.ask_until("over").await;
    bob.hold_best(1).await.is_problem(403, "pass-required");
    let auditor = server.person("auditor", "audrey");
    let both = json!([{ "number": 1, "reason": "idle" }, { "number": 2, "reason": "session_over" }]);
    eventually("the log tells why", || async { (ends_of_turns(&auditor, &event).await == both).then_some(()) }).await;
    assert_eq!(bob.person.checkout(held.body["reservation_id"].as_str().unwrap()).await.status, 200, "what he holds he may buy");
    server.verify();
}

#[tokio::test]
async fn the_organizer_and_the_operator_change_the_limit_and_pause_and_resume() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let path = format!("/events/{event}/waiting-room");
    let (organizer, operator) = (server.person("organizer", "olga"), server.person("operator", "otto"));
    let put = |who: &Person, body: Value| answered(who.request(Method::PUT, &path).json(&body));
    let _ann = shopper(&server, &event).await;
    let (mut bob, mut cat) = (shopper(&server, &event).await, shopper(&server, &event).await);
    let paused = put(&operator, json!({ "is_paused": true })).await.unwrap();
    assert_eq!((paused.status, &paused.body["is_paused"], &paused.body["max_active"]), (200, &json!(true), &json!(1)));
    assert_eq!(put(&organizer, json!({ "max_active": 2 })).await.unwrap().body["max_active"], 2);
    let told = bob.ask().await;
    assert_eq!((&told["state"], &told["is_paused"]), (&json!("waiting"), &json!(true)));
    assert_eq!(told["estimated_wait_range"], Value::Null, "nobody knows how long a pause is");
    assert_eq!(put(&organizer, json!({ "is_paused": false })).await.unwrap().body["is_paused"], false);
    bob.ask_until("admitted").await;
    assert_eq!(cat.ask().await["state"], "waiting");
    put(&operator, json!({ "max_active": 0 })).await.unwrap().is_problem(422, "faulty-plan");
    put(&operator, json!({ "limit": 3 })).await.unwrap().is_problem(422, "unprocessable-content");
    put(&server.person("customer", "ann"), json!({})).await.unwrap().is_problem(403, "forbidden");
    let plain = server.schedule(&support::hall(1, 1)).await;
    answered(operator.request(Method::PUT, &format!("/events/{plain}/waiting-room")).json(&json!({ "is_paused": true })))
        .await
        .unwrap()
        .is_problem(404, "no-waiting-room");
    server.verify();
}

#[tokio::test]
async fn when_all_is_sold_everybody_who_waits_is_told_at_once() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 1, json!({ "max_active": 1 }))).await;
    let ann = shopper(&server, &event).await;
    let bob = shopper(&server, &event).await;
    let mut to_bob = bob.messages().await;
    let held = ann.hold_best(1).await;
    let told = message_of(&mut to_bob, "waiting").await;
    assert_eq!(told["state"], "waiting", "what is held may come back");
    ann.person.checkout(held.body["reservation_id"].as_str().unwrap()).await;
    assert_eq!(message_of(&mut to_bob, "sold_out").await["seats_left"], 0);
    assert_eq!(room(&server, &event).await["state"], "sold_out");
    assert_eq!(shopper(&server, &event).await.told["state"], "sold_out");
    server.verify();
}

#[tokio::test]
async fn nobody_is_let_in_before_the_sale_and_then_in_the_drawn_order() {
    let server = Server::start(&[]);
    let mut plan = hall_with_room(1, 10, json!({ "max_active": 1 }));
    let opens = std::time::SystemTime::now() + Duration::from_secs(3);
    let micros = opens.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    let opens = fullhouse_schemas::time::Instant(fullhouse_domain::Timestamp::from_micros(micros)).to_string();
    plan["on_sale_at"] = json!(opens);
    let event = server.schedule(&plan).await;
    let published = room(&server, &event).await;
    assert_eq!((&published["state"], &published["draws_at"]), (&json!("before_sale"), &json!(opens)));
    let mut shoppers = Vec::new();
    for _ in 0..6 {
        shoppers.push(shopper(&server, &event).await);
    }
    for shopper in &mut shoppers {
        let told = &shopper.told;
        assert_eq!((&told["number"], &told["ahead"], &told["draws_at"]), (&Value::Null, &Value::Null, &json!(opens)), "{told}");
        assert_eq!(shopper.join_again().await["number"], Value::Null);
    }
    assert_eq!(shoppers[5].leave().await.status, 204);
    let draw_path = format!("/events/{event}/draw");
    let anyone = Person::anonymous(&server.url);
    anyone.get(&draw_path).await.is_problem(404, "not-drawn");
    let draw = eventually("the order is drawn", || async { Some(anyone.get(&draw_path).await).filter(|draw| draw.status == 200) }).await;
    assert_eq!((&draw.body["members"], &draw.body["seed_sha256"]), (&json!(5), &published["seed_sha256"]));
    let mut late = shopper(&server, &event).await;
    for shopper in &mut shoppers {
        shopper.ask().await;
    }
    let mut numbers: Vec<u64> = shoppers[..5].iter().map(Shopper::number).collect();
    numbers.sort_unstable();
    assert_eq!((numbers, late.number()), (vec![1, 2, 3, 4, 5], 7), "each has one, and who comes later stands behind them");
    assert_eq!((&shoppers[5].told["state"], &shoppers[5].told["number"]), (&json!("over"), &Value::Null));
    assert_eq!(shoppers[5].leave().await.status, 204, "the number that he had once is somebody else's now, and stays his");
    shoppers.truncate(5);
    shoppers.sort_by_key(Shopper::number);
    for shopper in &mut shoppers {
        shopper.ask_until("admitted").await;
        shopper.buy().await;
    }
    late.ask_until("admitted").await;

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &draw.text).unwrap();
    let checked = support::server::fullhouse(&["verify-draw", file.path().to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
    let noted = published["seed_sha256"].as_str().unwrap();
    let with_note =
        |noted: &str| support::server::fullhouse(&["verify-draw", "--seed-sha256", noted, file.path().to_str().unwrap()]).status.code();
    assert_eq!((with_note(noted), with_note(&"0".repeat(64))), (Some(0), Some(1)));
    let mut swapped = draw.body.clone();
    swapped["order"].as_array_mut().unwrap().swap(0, 1);
    std::fs::write(file.path(), swapped.to_string()).unwrap();
    let checked = support::server::fullhouse(&["verify-draw", file.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    server.verify();
}

#[tokio::test]
async fn the_line_and_the_turns_outlive_a_crash() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let mut ann = shopper(&server, &event).await;
    let (mut bob, mut cat) = (shopper(&server, &event).await, shopper(&server, &event).await);
    server.kill();
    server.restart();
    for shopper in [&mut ann, &mut bob, &mut cat] {
        shopper.person = shopper.person.reconnected();
    }
    assert_eq!(ann.ask().await["state"], "admitted");
    assert_eq!((bob.join_again().await["number"].clone(), cat.ask().await["number"].clone()), (json!(2), json!(3)));
    assert_eq!(shopper(&server, &event).await.number(), 4);
    ann.buy().await;
    bob.ask_until("admitted").await;
    server.verify();
}

#[tokio::test]
async fn tickets_are_for_one_person_and_one_show() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let other_event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    let plain = server.schedule(&support::hall(1, 1)).await;
    let (ann, bob) = (shopper(&server, &event).await, shopper(&server, &event).await);
    let get = |person: &Person, event: &str, ticket: &str| {
        answered(person.request(Method::GET, &format!("/events/{event}/queue")).header("queue-ticket", ticket))
    };
    get(&bob.person, &event, &ann.ticket).await.unwrap().is_problem(403, "forbidden");
    get(&ann.person, &other_event, &ann.ticket).await.unwrap().is_problem(400, "ticket-required");
    get(&ann.person, &event, &ann.pass.clone().unwrap()).await.unwrap().is_problem(400, "ticket-required");
    get(&ann.person, &event, "").await.unwrap().is_problem(400, "ticket-required");
    get(&ann.person, &plain, &ann.ticket).await.unwrap().is_problem(404, "no-waiting-room");
    assert_eq!(get(&Person::anonymous(&server.url), &event, &ann.ticket).await.unwrap().status, 200, "a ticket speaks for itself");
    let stolen = Shopper { person: bob.person.clone(), ..ann.clone() };
    stolen.leave().await.is_problem(403, "forbidden");
    ann.person.get(&format!("/events/{event}/stream?ticket=nonsense")).await.is_problem(400, "ticket-required");
    ann.person.post(&format!("/events/{plain}/queue"), &json!({})).await.is_problem(404, "no-waiting-room");
    ann.person.post("/events/local-nothing/queue", &json!({})).await.is_problem(404, "not-found");
    let mut messages = ann.messages().await;
    assert_eq!(messages.next().await.unwrap()["state"], "admitted");
}
