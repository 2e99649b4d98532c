//! Promise P2: what was acknowledged took effect exactly once for its `Idempotency-Key`.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use serde_json::json;
use support::{Server, hall, hall_with_hold_seconds};

#[tokio::test]
async fn the_same_key_and_body_get_the_first_answer_byte_for_byte_also_after_a_crash() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let ann = server.guest().await;
    let hold = json!({ "event_id": event, "best_available": { "count": 2 } });
    let held = ann.post_keyed("/reserve", "k1", &hold).await.unwrap();
    let path = format!("{}/checkout", held.header("location"));
    let pay = json!({ "payment_reference": "pay-1" });
    let sold = ann.post_keyed(&path, "k2", &pay).await.unwrap();
    let organizer = server.person("organizer", "olga");
    let scheduled = organizer.post_keyed("/events", "k1", &hall(1, 1)).await.unwrap();
    assert_eq!((held.status, sold.status, scheduled.status), (201, 200, 201));
    for round in 0..2 {
        let (ann, organizer) = (ann.reconnected(), organizer.reconnected());
        let again = ann.post_keyed("/reserve", "k1", &hold).await.unwrap();
        assert_eq!((again.status, &again.text, again.header("location")), (201, &held.text, held.header("location")), "round {round}");
        assert_eq!(ann.post_keyed(&path, "k2", &pay).await.unwrap().text, sold.text);
        let again = organizer.post_keyed("/events", "k1", &hall(1, 1)).await.unwrap();
        assert_eq!((again.text, again.headers["location"].clone()), (scheduled.text.clone(), scheduled.headers["location"].clone()));
        server.kill();
        server.restart();
    }
    assert_eq!(server.verify()["reservations"], 1);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let ann = server.guest().await;
    let hold = |seat: &str| json!({ "event_id": event, "seats": [seat] });
    let held = ann.post_keyed("/reserve", "k", &hold("S-A-1")).await.unwrap();
    ann.post_keyed("/reserve", "k", &hold("S-A-2")).await.unwrap().is_problem(422, "idempotency-key-reused");
    let path = format!("{}/checkout", held.header("location"));
    ann.post_keyed(&path, "k", &json!({ "payment_reference": "p" })).await.unwrap().is_problem(422, "idempotency-key-reused");
    assert_eq!(ann.statuses(&event).await, "paaaaaaaaa");
}

#[tokio::test]
async fn a_key_belongs_to_its_subject() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let hold = json!({ "event_id": event, "best_available": { "count": 1 } });
    let of = |answer: Option<support::Answered>| answer.unwrap().body["reservation_id"].clone();
    assert_ne!(of(ann.post_keyed("/reserve", "k", &hold).await), of(bob.post_keyed("/reserve", "k", &hold).await));
}

#[tokio::test]
async fn refusals_are_kept_except_those_that_may_change() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_hold_seconds(1, 10, 1)).await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let hold = json!({ "event_id": event, "seats": ["S-A-1"] });
    let held = ann.hold(&event, &["S-A-1"]).await;
    bob.post_keyed("/reserve", "k", &hold).await.unwrap().is_problem(409, "seats-taken");
    ann.release(held.body["reservation_id"].as_str().unwrap()).await;
    let decided_anew = bob.post_keyed("/reserve", "k", &hold).await.unwrap();
    assert_eq!(decided_anew.status, 201, "{decided_anew:?}");

    let unknown = json!({ "event_id": event, "seats": ["S-Z-1"] });
    let first = bob.post_keyed("/reserve", "k2", &unknown).await.unwrap();
    let again = bob.post_keyed("/reserve", "k2", &unknown).await.unwrap();
    first.is_problem(422, "unknown-seats");
    assert_eq!((again.status, again.header("content-type"), &again.text), (422, "application/problem+json", &first.text));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"), "the header names the request, the body the first one");
}

#[tokio::test]
async fn many_at_once_with_one_key_do_it_once() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(4, 10)).await;
    let ann = server.guest().await;
    let hold = json!({ "event_id": event, "best_available": { "count": 1 } });
    let answers = futures::future::join_all((0..50).map(|_| ann.post_keyed("/reserve", "k", &hold))).await;
    let first = answers[0].clone().unwrap();
    for answer in answers.into_iter().flatten() {
        assert_eq!((answer.status, &answer.text), (201, &first.text));
    }
    assert_eq!(ann.statuses(&event).await.matches('p').count(), 1);
}

#[tokio::test]
async fn a_malformed_key_is_refused() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let ann = server.guest().await;
    let hold = json!({ "event_id": event, "seats": ["S-A-1"] });
    for key in ["", "a b", &"x".repeat(256)] {
        ann.post_keyed("/reserve", key, &hold).await.unwrap().is_problem(400, "bad-request");
    }
    assert_eq!(ann.post_keyed("/reserve", &"x".repeat(255), &hold).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_client_that_hangs_up_at_any_moment_harms_no_command() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(20, 50)).await;
    let ann = server.guest().await;
    let mut cut_off = 0;
    for number in 0..300_u64 {
        let hold = json!({ "event_id": event, "best_available": { "count": 1 } });
        let key = format!("k{number}");
        // From before the request has left to after the answer has come.
        let patience = std::time::Duration::from_micros(number * 10);
        let impatient = ann.reconnected();
        if tokio::time::timeout(patience, impatient.post_keyed("/reserve", &key, &hold)).await.is_err() {
            cut_off += 1;
        }
    }
    assert!(cut_off > 50, "only {cut_off} were cut off");
    for number in 0..300 {
        let hold = json!({ "event_id": event, "best_available": { "count": 1 } });
        assert_eq!(ann.post_keyed("/reserve", &format!("k{number}"), &hold).await.unwrap().status, 201);
    }
    assert_eq!(ann.statuses(&event).await.matches('p').count(), 300, "each took effect exactly once");
    server.verify();
}
