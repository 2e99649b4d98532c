//! The contract, line by line, as a consumer sees it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::io::{Read, Write};

use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::shopper::hall_with_room;
use support::{Person, Server, hall};

#[tokio::test]
async fn a_show_is_scheduled_found_and_listed() {
    let server = Server::start(&[]);
    let scheduled = server.person("organizer", "olga").post("/events", &hall(2, 10)).await;
    assert_eq!(scheduled.status, 201);
    let id = scheduled.body["event_id"].as_str().unwrap();
    assert!(id.starts_with("local-"), "{id} begins with its cluster");
    assert_eq!(scheduled.header("location"), format!("/events/{id}"));
    let anyone = Person::anonymous(&server.url);
    let expected = json!({
        "event_id": id, "title": "Hamlet", "description": "", "starts_at": "2030-01-31T19:30:00Z", "on_sale_at": null,
        "hold_seconds": 600, "max_seats_per_reservation": 10, "waiting_room": null,
        "sections": [{ "name": "S", "price": { "amount": 4500, "currency": "EUR" },
                       "rows": [{ "name": "A", "seats": 10 }, { "name": "B", "seats": 10 }] }],
        "position": 1, "counts": { "available": 20, "pending": 0, "reserved": 0 },
    });
    assert_eq!(scheduled.body, expected);
    assert_eq!(anyone.get(&format!("/events/{id}")).await.body, expected);
    assert_eq!(anyone.get("/events").await.body, json!({ "events": [expected], "next": null }));
}

#[tokio::test]
async fn shows_come_in_pages() {
    let server = Server::start(&[]);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.schedule(&hall(1, 1)).await);
    }
    let anyone = Person::anonymous(&server.url);
    let mut found = Vec::new();
    let mut path = "/events?limit=2".to_owned();
    loop {
        let page = anyone.get(&path).await.body;
        found.extend(page["events"].as_array().unwrap().iter().map(|show| show["event_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/events?limit=2&after={next}");
    }
    assert_eq!(found, ids);
    for wrong in ["/events?limit=0", "/events?limit=201", "/events?after=x", "/events?limit=x", "/events?page=2"] {
        anyone.get(wrong).await.is_problem(400, "bad-request");
    }
}

#[tokio::test]
async fn a_plan_with_faults_is_refused_with_each_of_them() {
    let server = Server::start(&[]);
    let organizer = server.person("organizer", "olga");
    let mut plan = hall(1, 10);
    plan["hold_seconds"] = 0.into();
    plan["sections"][0]["rows"][0]["seats"] = 0.into();
    let answer = organizer.post("/events", &plan).await;
    let paths: Vec<&Value> =
        answer.is_problem(422, "faulty-plan").body["faults"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
    assert_eq!(paths, ["hold_seconds", "sections[0].rows[0].seats"]);
    let mut plan = hall(1, 10);
    plan["waiting_room"] = json!({ "max_active": 0, "idle_seconds": 0 });
    let refused = organizer.post("/events", &plan).await;
    assert_eq!(refused.is_problem(422, "faulty-plan").body["faults"].as_array().unwrap().len(), 2, "{refused:?}");
    let mut plan = hall(1, 10);
    plan["colour"] = "red".into();
    let answer = organizer.post("/events", &plan).await;
    assert!(answer.is_problem(422, "unprocessable-content").body["detail"].as_str().unwrap().contains("colour"), "{answer:?}");
}

#[tokio::test]
async fn the_chart_has_every_seat_and_can_be_kept() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(2, 3)).await;
    let anyone = Person::anonymous(&server.url);
    let chart = anyone.get(&format!("/events/{event}/chart")).await;
    let labels: Vec<&str> = chart.body["seats"].as_array().unwrap().iter().map(|seat| seat["seat"].as_str().unwrap()).collect();
    assert_eq!(labels, ["S-A-1", "S-A-2", "S-A-3", "S-B-1", "S-B-2", "S-B-3"]);
    let (first, tag) = (&chart.body["seats"][0], chart.header("etag"));
    assert_eq!((&first["section"], &first["row"], &first["number"]), (&json!("S"), &json!("A"), &json!(1)));
    assert!(first["x"].is_i64() && first["y"].is_i64() && first["price"] == json!({ "amount": 4500, "currency": "EUR" }));
    assert!(tag.starts_with('"') && chart.header("cache-control").contains("immutable"), "a strong tag, and for good");
    let path = format!("/events/{event}/chart");
    let again = answered(anyone.request(Method::GET, &path).header("if-none-match", tag)).await.unwrap();
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    // Other bytes have another tag (RFC 9110, section 8.8.3), and that is known again too.
    let zipped = anyone.request(Method::GET, &path).header("accept-encoding", "gzip").send().await.unwrap();
    let zipped_tag = zipped.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!((zipped.headers()["content-encoding"].to_str().unwrap(), zipped_tag == tag), ("gzip", false), "{zipped_tag}");
    let again = answered(anyone.request(Method::GET, &path).header("if-none-match", &zipped_tag)).await.unwrap();
    assert_eq!((again.status, again.header("vary")), (304, "accept-encoding"));
}

#[tokio::test]
async fn a_hold_a_checkout_and_a_release_are_answered_as_promised() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let ann = server.guest().await;
    let held = ann.hold(&event, &["S-A-1", "S-A-2"]).await;
    assert_eq!(held.status, 201);
    let id = held.body["reservation_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with(&format!("{event}.")), "{id} begins with its event");
    assert_eq!(held.header("location"), format!("/reserve/{id}"));
    let price = json!({ "amount": 4500, "currency": "EUR" });
    let mut expected = json!({
        "reservation_id": id, "event_id": event, "status": "pending",
        "seats": [{ "seat": "S-A-1", "price": price }, { "seat": "S-A-2", "price": price }],
        "total": { "amount": 9000, "currency": "EUR" },
        "expires_at": held.body["expires_at"], "expires_in_seconds": 600, "position": 2,
    });
    assert_eq!(held.body, expected);
    let read = ann.get(&format!("/reserve/{id}")).await;
    assert!((590..600).contains(&read.body["expires_in_seconds"].as_u64().unwrap()), "{read:?}");

    let sold = ann.checkout(&id).await;
    assert_eq!(sold.status, 200);
    expected["status"] = "reserved".into();
    expected["expires_in_seconds"] = 0.into();
    expected["position"] = 3.into();
    expected["payment_reference"] = "pay-1".into();
    assert_eq!(sold.body, expected);
    assert_eq!(ann.checkout(&id).await.text, sold.text, "asked again, the same answer");
    assert_eq!(ann.get(&format!("/reserve/{id}")).await.body, expected);
    ann.release(&id).await.is_problem(409, "already-reserved");

    let other = ann.hold_best(&event, 3).await.body["reservation_id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let released = ann.release(&other).await;
        assert_eq!((released.status, released.text.as_str()), (204, ""));
    }
    ann.checkout(&other).await.is_problem(410, "hold-released");
    assert_eq!(ann.get(&format!("/reserve/{other}")).await.body["status"], "released");
    assert_eq!(ann.statuses(&event).await, "rraaaaaaaaaaaaaaaaaa");
}

#[tokio::test]
async fn refusals_say_what_to_do_better() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let (ann, bob) = (server.guest().await, server.guest().await);
    let id = ann.hold(&event, &["S-A-1"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    ann.checkout(&id).await;
    ann.hold(&event, &["S-A-2"]).await;
    let taken = bob.hold(&event, &["S-A-3", "S-A-2", "S-A-1"]).await;
    taken.is_problem(409, "seats-taken");
    assert_eq!(taken.body["conflicts"], json!([{ "seat": "S-A-2", "reason": "pending" }, { "seat": "S-A-1", "reason": "reserved" }]));
    assert_eq!(bob.hold(&event, &["S-A-3"]).await.status, 201, "all of the seats or none: the free one stayed free");

    bob.hold(&event, &["S-A-11", "S-C-1"]).await.is_problem(422, "unknown-seats");
    bob.hold(&event, &["S-A-4", "S-A-4"]).await.is_problem(422, "duplicate-seats");
    bob.hold(&event, &[]).await.is_problem(422, "no-seats");
    bob.post("/reserve", &json!({ "event_id": event })).await.is_problem(422, "no-seats");
    let many: Vec<String> = (1..=10).map(|number| format!("S-B-{number}")).chain(["S-A-9".into()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(bob.hold(&event, &many).await.is_problem(422, "too-many-seats").body["max"], 10);
    bob.post("/reserve", &json!({ "event_id": event, "best_available": { "count": 2, "section": "Moon" } }))
        .await
        .is_problem(422, "unknown-section");
    let both = json!({ "event_id": event, "seats": ["S-A-4"], "best_available": { "count": 2 } });
    bob.post("/reserve", &both).await.is_problem(422, "unprocessable-content");
    bob.hold("local-nothing", &["S-A-1"]).await.is_problem(404, "not-found");
    bob.hold("no id", &["S-A-1"]).await.is_problem(404, "not-found");
    bob.checkout(&id).await.is_problem(404, "not-found");
    bob.release(&id).await.is_problem(404, "not-found");
    bob.get(&format!("/reserve/{id}")).await.is_problem(404, "not-found");
    bob.get(&format!("/reserve/{event}.nothing")).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn the_best_seats_are_side_by_side_near_the_middle_of_the_front() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let ann = server.guest().await;
    let seats = |answer: &support::Answered| -> Vec<String> {
        answer.body["seats"].as_array().unwrap().iter().map(|seat| seat["seat"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seats(&ann.hold_best(&event, 2).await), ["S-A-5", "S-A-6"]);
    assert_eq!(seats(&ann.hold_best(&event, 4).await), ["S-B-4", "S-B-5", "S-B-6", "S-B-7"], "one row back is nearer than the side");
    ann.hold_best(&event, 5).await.is_problem(409, "no-adjacent-seats");
}

#[tokio::test]
async fn the_map_can_be_had_whole_compact_conditional_and_as_it_was() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let ann = server.guest().await;
    ann.hold(&event, &["S-A-2"]).await;
    let id = ann.hold(&event, &["S-A-3"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    ann.checkout(&id).await;
    let path = format!("/events/{event}/seats");
    let map = ann.get(&path).await;
    assert_eq!((&map.body["event_id"], &map.body["position"]), (&json!(event), &json!(4)));
    assert_eq!(map.body["counts"], json!({ "available": 2, "pending": 1, "reserved": 1 }));
    let price = json!({ "amount": 4500, "currency": "EUR" });
    assert_eq!(
        map.body["seats"][1],
        json!({ "seat": "S-A-2", "section": "S", "row": "A", "number": 2, "price": price, "status": "pending" })
    );
    let compact = ann.get(&format!("{path}?format=compact")).await;
    assert_eq!(compact.body, json!({ "position": 4, "counts": { "available": 2, "pending": 1, "reserved": 1 }, "statuses": "apra" }));

    let again = answered(ann.request(Method::GET, &path).header("if-none-match", map.header("etag"))).await.unwrap();
    assert_eq!(again.status, 304);

    for (position, statuses) in [(1, "aaaa"), (2, "apaa"), (3, "appa"), (4, "apra")] {
        let then = ann.get(&format!("{path}?format=compact&position={position}")).await;
        assert_eq!((&then.body["statuses"], &then.body["position"]), (&json!(statuses), &json!(position)));
    }
    ann.get(&format!("{path}?position=0")).await.is_problem(404, "not-found");
    ann.get(&format!("{path}?position=5")).await.is_problem(404, "not-found");
    ann.get(&format!("{path}?position=1&at=2030-01-01T00:00:00Z")).await.is_problem(400, "bad-request");
    ann.get(&format!("{path}?format=loud")).await.is_problem(400, "bad-request");
    assert_eq!(ann.get(&format!("{path}?format=compact&at=2999-01-01T00:00:00Z")).await.body["statuses"], "apra");
    ann.get(&format!("{path}?at=2001-01-01T00:00:00Z")).await.is_problem(404, "not-found");
    let auditor = server.person("auditor", "aud");
    let facts = auditor.get(&format!("/events/{event}/history")).await.body["facts"].clone();
    let at = facts[2]["recorded_at"].as_str().unwrap();
    assert_eq!(ann.get(&format!("{path}?format=compact&at={at}")).await.body["statuses"], "appa");

    assert_eq!(ann.get(&format!("{path}?min_position=4")).await.status, 200);
    let early = ann.get(&format!("{path}?min_position=5")).await;
    assert_eq!(early.is_problem(503, "not-reached").body["position"], 4);
    assert!(!early.header("retry-after").is_empty());
}

#[tokio::test]
async fn history_tells_every_fact_once_in_order() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let ann = server.guest().await;
    let first = ann.hold(&event, &["S-A-2"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    ann.checkout(&first).await;
    let second = ann.hold(&event, &["S-A-3"]).await.body["reservation_id"].as_str().unwrap().to_owned();
    ann.release(&second).await;
    server.schedule(&hall(1, 1)).await;
    let auditor = server.person("auditor", "aud");
    let path = format!("/events/{event}/history");
    let history = auditor.get(&path).await.body;
    let kinds: Vec<&str> = history["facts"].as_array().unwrap().iter().map(|fact| fact["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["show_scheduled", "seats_held", "seats_reserved", "seats_held", "hold_released"]);
    assert_eq!(history["next"], Value::Null);
    let fact = &history["facts"][1];
    let members: Vec<&String> = fact.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 9, "{members:?}");
    assert_eq!(
        (&fact["log_position"], &fact["position"], &fact["event_id"], &fact["version"]),
        (&json!(2), &json!(2), &json!(event), &json!(1))
    );
    assert_eq!(fact["data"]["seats"], json!(["S-A-2"]));

    let positions =
        |body: &Value| -> Vec<u64> { body["facts"].as_array().unwrap().iter().map(|fact| fact["position"].as_u64().unwrap()).collect() };
    let page = auditor.get(&format!("{path}?limit=2&after=1")).await.body;
    assert_eq!((positions(&page), &page["next"]), (vec![2, 3], &json!(3)));
    assert_eq!(positions(&auditor.get(&format!("{path}?seat=S-A-3")).await.body), [4, 5]);
    assert_eq!(positions(&auditor.get(&format!("{path}?reservation={first}")).await.body), [2, 3]);
    auditor.get(&format!("{path}?seat=S-A-9")).await.is_problem(404, "not-found");
    auditor.get(&format!("{path}?limit=0")).await.is_problem(400, "bad-request");
    auditor.get(&format!("{path}?limit=1001")).await.is_problem(400, "bad-request");

    for beyond in ["6", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        for path in [&path, "/log"] {
            assert_eq!(
                auditor.get(&format!("{path}?after={beyond}")).await.body,
                json!({ "facts": [], "next": null }),
                "{path} after {beyond}"
            );
        }
    }

    let whole = auditor.get("/log").await.body;
    assert_eq!(whole["facts"].as_array().unwrap().len(), 6);
    let lines = answered(auditor.request(Method::GET, "/log").header("accept", "application/x-ndjson")).await.unwrap();
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, whole["facts"].as_array().unwrap());
    for (accept, media_type) in [
        ("application/x-ndjson;q=0", "application/json"),
        ("text/html, APPLICATION/X-NDJSON; q=0.5", "application/x-ndjson"),
        ("*/*", "application/json"),
    ] {
        let answer = answered(auditor.request(Method::GET, "/log").header("accept", accept)).await.unwrap();
        assert_eq!((answer.header("content-type"), answer.header("vary")), (media_type, "accept"), "{accept}");
    }
    let limited = answered(auditor.request(Method::GET, "/log?after=1&limit=3").header("accept", "application/x-ndjson")).await.unwrap();
    assert_eq!(limited.text.lines().count(), 3);
}

#[tokio::test]
async fn errors_are_problems_also_when_the_framework_itself_refuses() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let ann = server.guest().await;
    ann.get("/nowhere").await.is_problem(404, "not-found");
    ann.get("/events/a%20b").await.is_problem(404, "not-found");
    ann.get("/events/%ff").await.is_problem(404, "not-found");
    let method = answered(ann.request(Method::PUT, "/reserve")).await.unwrap();
    method.is_problem(405, "method-not-allowed");
    assert_eq!(method.header("allow"), "POST");
    let send = |text: &'static str, media_type: &'static str| {
        let request = ann.request(Method::POST, "/reserve").header("content-type", media_type).body(text);
        async move { answered(request).await.unwrap() }
    };
    send("{}", "text/plain").await.is_problem(415, "unsupported-media-type");
    send("{", "application/json").await.is_problem(400, "bad-request");
    send("{} {}", "application/json").await.is_problem(422, "unprocessable-content");
    send("[]", "application/json; charset=utf-8").await.is_problem(422, "unprocessable-content");
    ann.post("/reserve", &json!([event, ["S-A-1"], null])).await.is_problem(422, "unprocessable-content");
    let wrong = ann.post("/reserve", &json!({ "event_id": event, "seats": "S-A-1" })).await;
    assert!(wrong.is_problem(422, "unprocessable-content").body["detail"].as_str().unwrap().starts_with("seats: "), "{wrong:?}");
    let large = json!({ "event_id": event, "seats": ["x".repeat(17_000)] });
    ann.post("/reserve", &large).await.is_problem(413, "payload-too-large");
    let organizer = server.person("organizer", "olga");
    let mut plan = hall(1, 1);
    plan["description"] = "x".repeat(1_100_000).into();
    organizer.post("/events", &plan).await.is_problem(413, "payload-too-large");
    let problem_page = ann.get("/problems/seats-taken").await;
    assert!(problem_page.status == 200 && problem_page.header("content-type").starts_with("text/html"));
    ann.get("/problems/nothing").await.is_problem(404, "not-found");
}

#[tokio::test]
async fn what_is_no_object_or_too_long_or_not_asked_for_is_refused() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(1, 10, json!({ "max_active": 5 }))).await;
    let ann = server.guest().await;
    let organizer = server.person("organizer", "olga");
    let mut plan = hall(1, 1);
    plan["waiting_room"] = json!([5, 60, 60, 60]);
    organizer.post("/events", &plan).await.is_problem(422, "unprocessable-content");
    let mut plan = hall(1, 1);
    plan["sections"] = json!([["S", null, [1, "EUR"], [["A", 2]]]]);
    organizer.post("/events", &plan).await.is_problem(422, "unprocessable-content");
    let refused = ann.post("/reserve", &json!({ "event_id": event, "best_available": [1, "S"] })).await;
    let detail = refused.is_problem(422, "unprocessable-content").body["detail"].as_str().unwrap();
    assert!(detail.contains("best_available") && detail.contains("an object"), "{detail}");

    for length in [100, 111, 120, 126, 127, 200] {
        let id = format!("a-{}", "x".repeat(length));
        ann.post("/reserve", &json!({ "event_id": id, "seats": ["S-A-1"] })).await.is_problem(404, "not-found");
    }
    ann.hold(&event, &["S-A-1", &"x".repeat(300)]).await.is_problem(422, "unprocessable-content");
    let wanted = json!({ "count": 1, "section": "x".repeat(300) });
    ann.post("/reserve", &json!({ "event_id": event, "best_available": wanted })).await.is_problem(422, "unprocessable-content");

    let queue = format!("/events/{event}/queue");
    ann.post(&queue, &json!({ "a": 1 })).await.is_problem(422, "unprocessable-content");
    for (media_type, body, status, code) in [
        ("application/json", "junk".to_owned(), 400, "bad-request"),
        ("text/plain", "x".to_owned(), 415, "unsupported-media-type"),
        ("application/json", " ".repeat(20_000), 413, "payload-too-large"),
    ] {
        let request = ann.request(Method::POST, &queue).header("content-type", media_type).body(body);
        answered(request).await.unwrap().is_problem(status, code);
    }
    assert_eq!(ann.post(&queue, &json!({})).await.status, 200);
    assert_eq!(answered(server.guest().await.request(Method::POST, &queue)).await.unwrap().status, 200, "no body is needed");
}

#[tokio::test]
async fn whoever_sends_too_much_is_told_so_when_he_has_sent_it() {
    let server = Server::start(&[]);
    let token = server.guest().await.token.unwrap();
    for (bytes, framing) in [(17_000, "content-length"), (5_000_000, "content-length"), (5_000_000, "transfer-encoding")] {
        let body = "x".repeat(bytes);
        let (length, body) = match framing {
            "content-length" => (bytes.to_string(), body),
            _ => ("chunked".into(), format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n")),
        };
        let head = format!(
            "POST /reserve HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{framing}: {length}\r\n\r\n"
        );
        let address = server.url.trim_start_matches("http://").to_owned();
        let answer = tokio::task::spawn_blocking(move || {
            let mut connection = std::net::TcpStream::connect(address).unwrap();
            connection.write_all((head + &body).as_bytes()).expect("all of it is read");
            let mut answer = [0; 12];
            connection.read_exact(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        });
        assert_eq!(answer.await.unwrap(), "HTTP/1.1 413", "{bytes} {framing}");
    }
}

#[tokio::test]
async fn whoever_takes_no_encoding_that_there_is_gets_plain_bytes_and_errors_stay_what_they_are() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let anyone = Person::anonymous(&server.url);
    for accepted in [
        "identity;q=0",
        "*;q=0",
        "br, identity;q=0",
        "gzip;q=0, identity;q=0.0",
        "gzip;q=0, *, identity;q=0",
        "gzip;Q=0, identity;q=0",
        "br",
    ] {
        let ask = |path: String| answered(anyone.request(Method::GET, &path).header("accept-encoding", accepted));
        let seats = ask(format!("/events/{event}/seats")).await.unwrap();
        assert_eq!((seats.status, seats.header("vary")), (200, "accept-encoding"), "{accepted}");
        ask("/events/local-absent".into()).await.unwrap().is_problem(404, "not-found");
        ask("/log".into()).await.unwrap().is_problem(401, "unauthorized");
    }
    for accepted in ["gzip", "x-gzip, br", "br, *", "gzip;q=0.5, identity;q=0", "GZIP; q=0.001, *;q=0"] {
        let request = anyone.request(Method::GET, &format!("/events/{event}/chart")).header("accept-encoding", accepted);
        let zipped = request.send().await.unwrap();
        assert_eq!(zipped.headers().get("content-encoding").map(|value| value.as_bytes()), Some(&b"gzip"[..]), "{accepted}");
    }
}

#[tokio::test]
async fn requests_have_names() {
    let server = Server::start(&[]);
    let anyone = Person::anonymous(&server.url);
    let named = answered(anyone.request(Method::GET, "/nowhere").header("x-request-id", "order-17")).await.unwrap();
    assert_eq!((named.header("x-request-id"), &named.body["request_id"]), ("order-17", &json!("order-17")));
    let unnamed = anyone.get("/nowhere").await;
    assert_eq!(unnamed.header("x-request-id"), unnamed.body["request_id"]);
    assert_eq!(unnamed.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn health_metrics_and_documentation_are_there() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(1, 4)).await;
    let ann = server.guest().await;
    ann.hold(&event, &["S-A-1"]).await;
    assert_eq!(ann.get("/livez").await.status, 200);
    assert_eq!(ann.get("/readyz").await.body, json!({ "status": "ready", "missing": [], "troubles": [] }));
    let metrics = ann.get("/metrics").await;
    for line in [
        "fullhouse_http_request_seconds_bucket{method=\"POST\",route=\"/reserve\",status=\"201\",le=",
        "fullhouse_append_batch_commands_bucket{le=\"1\"}",
        "fullhouse_append_seconds_count",
        "fullhouse_live_views_log_position 2",
    ] {
        assert!(metrics.text.contains(line), "{line} is missing in {}", metrics.text);
    }
    let description = ann.get("/openapi.json").await.body;
    assert_eq!(description["openapi"], "3.1.0");
    for path in ["/events", "/events/{event_id}/stream", "/reserve", "/reserve/{reservation_id}/checkout", "/session", "/log"] {
        assert!(description["paths"][path].is_object(), "{path} is not described");
    }
    let docs = ann.get("/docs/").await;
    assert!(docs.status == 200 && !docs.text.contains("https://"), "the documentation needs nobody else");
    let page = ann.get("/").await;
    assert!(page.status == 200 && page.header("content-security-policy").contains("script-src 'self'"));
}
