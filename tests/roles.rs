//! Who may do what: every operation for every role, with nobody's and with forged tokens.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::shopper::hall_with_room;
use support::{Person, Server, hall};

/// An operation, and which roles may do it; none means anyone.
struct Operation {
    method: Method,
    path: String,
    body: Option<Value>,
    roles: &'static [&'static str],
}

const ROLES: [&str; 5] = ["customer", "organizer", "auditor", "analyst", "operator"];

/// All of them, for a show without a waiting room and one with.
fn operations(event: &str, with_room: &str) -> Vec<Operation> {
    let operation = |method, path: &str, body, roles| Operation { method, path: path.replace("{event_id}", event), body, roles };
    let reservation = format!("/reserve/{event}.absent");
    vec![
        operation(Method::POST, "/events", Some(hall(1, 1)), &["organizer"]),
        operation(Method::GET, "/events", None, &[]),
        operation(Method::GET, "/events/{event_id}", None, &[]),
        operation(Method::GET, "/events/{event_id}/chart", None, &[]),
        operation(Method::GET, "/events/{event_id}/seats", None, &[]),
        operation(Method::GET, "/events/{event_id}/stream", None, &[]),
        operation(Method::GET, "/events/{event_id}/history", None, &["auditor"]),
        operation(Method::GET, "/events/{event_id}/seats/S-A-1/biography", None, &["auditor"]),
        operation(Method::GET, "/log", None, &["auditor"]),
        operation(Method::POST, &format!("/events/{with_room}/queue"), Some(json!({})), &["customer"]),
        operation(Method::GET, &format!("/events/{with_room}/queue"), None, &[]),
        operation(Method::DELETE, &format!("/events/{with_room}/queue"), None, &["customer"]),
        operation(Method::GET, &format!("/events/{with_room}/waiting-room"), None, &[]),
        operation(Method::PUT, &format!("/events/{with_room}/waiting-room"), Some(json!({})), &["organizer", "operator"]),
        operation(Method::GET, &format!("/events/{with_room}/draw"), None, &[]),
        operation(Method::PUT, "/people/somebody", Some(json!({ "name": "Somebody" })), &["operator"]),
        operation(Method::GET, "/people/somebody", None, &["operator"]),
        operation(Method::DELETE, "/people/somebody", None, &["operator"]),
        operation(Method::POST, "/session", Some(json!({})), &[]),
        operation(Method::POST, "/reserve", Some(json!({ "event_id": event, "best_available": { "count": 1 } })), &["customer"]),
        operation(Method::GET, &reservation, None, &["customer"]),
        operation(Method::GET, &format!("{reservation}/proof"), None, &["customer", "auditor"]),
        operation(Method::GET, "/checkpoint", None, &[]),
        operation(Method::GET, "/checkpoint/key", None, &[]),
        operation(Method::GET, "/checkpoints", None, &[]),
        operation(Method::GET, "/checkpoints/consistency", None, &[]),
        operation(Method::DELETE, &reservation, None, &["customer"]),
        operation(Method::POST, &format!("{reservation}/checkout"), Some(json!({ "payment_reference": "p" })), &["customer"]),
        operation(Method::GET, "/livez", None, &[]),
        operation(Method::GET, "/readyz", None, &[]),
        operation(Method::GET, "/metrics", None, &[]),
    ]
}

async fn status(person: &Person, operation: &Operation) -> u16 {
    let mut request = person.request(operation.method.clone(), &operation.path);
    if let Some(body) = &operation.body {
        request = request.json(body);
    }
    // Only the head: a stream never ends.
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_operation_is_for_the_role_that_it_names_and_for_nobody_else() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let with_room = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 1 }))).await;
    for operation in operations(&event, &with_room) {
        let what = format!("{} {}", operation.method, operation.path);
        let anonymous = status(&Person::anonymous(&server.url), &operation).await;
        // What he may do may still need something else, or find nothing to be done to.
        let may = |status: u16| status < 400 || status == 404 || status == 400;
        match operation.roles {
            [] => assert!(may(anonymous), "{what} by anyone: {anonymous}"),
            _ => assert_eq!(anonymous, 401, "{what} by nobody"),
        }
        for role in ROLES {
            let status = status(&server.person(role, "somebody"), &operation).await;
            match operation.roles {
                [_, ..] if !operation.roles.contains(&role) => assert_eq!(status, 403, "{what} by {role}"),
                _ => assert!(may(status), "{what} by {role}: {status}"),
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_operations_is_complete() {
    let server = Server::start(&[]);
    let description = Person::anonymous(&server.url).get("/openapi.json").await.body;
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert(format!(
                "{} {}",
                method.to_uppercase(),
                path.replace("{reservation_id}", "E.absent")
                    .replace("{event_id}", "E")
                    .replace("{seat}", "S-A-1")
                    .replace("{subject}", "somebody")
            ));
        }
    }
    let listed: BTreeSet<String> =
        operations("E", "E").iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(listed, described);
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_even_where_none_is_needed() {
    let (server, other) = (Server::start(&[]), Server::start(&[]));
    let event = server.schedule(&hall(1, 10)).await;
    let good = server.person("customer", "ann").token.unwrap();
    let foreign = other.person("customer", "ann").token.unwrap();
    let cut = good[..good.len() - 4].to_owned();
    for header in
        [format!("Bearer {foreign}"), format!("Bearer {cut}"), "Bearer".into(), "Bearer x".into(), format!("Basic {good}"), good.clone()]
    {
        for path in ["/reserve/E.x".replace('E', &event), format!("/events/{event}/stream")] {
            let request = Person::anonymous(&server.url).request(Method::GET, &path).header("authorization", &header);
            let answer = answered(request).await.unwrap();
            answer.is_problem(401, "unauthorized");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_guest_is_a_customer_whom_nobody_knows() {
    let server = Server::start(&[]);
    let sessions =
        futures::future::join_all((0..2).map(|_| async { Person::anonymous(&server.url).post("/session", &json!({})).await })).await;
    assert_ne!(sessions[0].body["subject"], sessions[1].body["subject"]);
    let members: BTreeSet<&String> = sessions[0].body.as_object().unwrap().keys().collect();
    assert_eq!(members, BTreeSet::from([&"token".to_owned(), &"subject".to_owned(), &"expires_at".to_owned()]));
    assert_eq!(sessions[0].header("cache-control"), "no-store");
    let anyone = Person::anonymous(&server.url);
    for media_type in [None, Some("application/json"), Some("text/plain")] {
        let request = anyone.request(Method::POST, "/session");
        let request = media_type.into_iter().fold(request, |request, media_type| request.header("content-type", media_type));
        assert_eq!(answered(request).await.unwrap().status, 201, "no body is needed, whatever is announced: {media_type:?}");
    }
    anyone.post("/session", &json!({ "role": "organizer" })).await.is_problem(422, "unprocessable-content");
}
