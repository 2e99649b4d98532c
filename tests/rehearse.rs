//! `fullhouse rehearse`, against real servers and against one that sells twice.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use support::schedule::scheduled;
use support::server::fullhouse;
use support::shopper::hall_with_room;
use support::{Cluster, Gateway, Person, Server, eventually, hall};

/// Rehearses to the end; returns the exit code and the report.
async fn rehearse(url: &str, options: &[&str]) -> (Option<i32>, Value) {
    let arguments: Vec<String> = ["rehearse", "--json", "--url", url].iter().chain(options).map(|&word| word.to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || fullhouse(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
    let output = running.await.unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), report)
}

/// Everybody who arrived is counted in one way.
fn assert_everybody_is_counted(report: &Value, users: u64) {
    let buyers = report["buyers"].as_object().unwrap();
    let ended: u64 = buyers.iter().filter(|(name, _)| *name != "arrived").map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!((buyers["arrived"].as_u64(), ended), (Some(users), users), "{report:#}");
}

fn assert_all_is_well(code: Option<i32>, report: &Value) {
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["double_sales"], &report["overlapping_holds"], &report["breaches"]),
        (&0.into(), &0.into(), &json!([])),
        "{report:#}"
    );
    assert_eq!((&report["unchecked"], &report["buyers"]["failed"]), (&json!([]), &0.into()), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_sale_is_rehearsed_and_all_is_as_promised() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(10, 30)).await;
    let options =
        ["--users", "400", "--seconds", "3", "--dither-seconds", "0.5", "--watchers", "20", "--patience-seconds", "60", "--seed", "7"];
    let (code, report) = rehearse(&server.url, &options).await;
    assert_all_is_well(code, &report);
    assert_everybody_is_counted(&report, 400);
    assert_eq!((report["event_id"].as_str(), &report["chosen"]), (Some(&*event), &"the first event listed that is on sale".into()));
    let buyers = &report["buyers"];
    assert_eq!(report["sales_read_again"], buyers["bought"], "{report:#}");
    assert!(buyers["bought"].as_u64() > Some(30) && report["refusals"]["seats-taken"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["latency_ms"]["session"]["count"], 400);
    assert!(report["streams"]["acknowledged_to_client_ms"]["count"].as_u64() > Some(100), "{report:#}");
    assert!(report["latency_ms"]["repetition"]["count"].as_u64() > Some(0), "somebody sends a command again: {report:#}");
    let counts = Person::anonymous(&server.url).get(&format!("/events/{event}")).await.body["counts"].clone();
    assert!(counts["reserved"].as_u64() >= buyers["bought"].as_u64(), "{counts}");
    server.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spike_before_a_waiting_room_is_rehearsed_and_all_is_as_promised() {
    let server = Server::start(&[]);
    server.schedule(&hall(1, 5)).await;
    let mut plan = hall_with_room(10, 30, json!({ "max_active": 30, "idle_seconds": 2 }));
    plan["hold_seconds"] = 4.into();
    let event = server.schedule(&plan).await;
    let options =
        ["--event", &event, "--users", "150", "--seconds", "3", "--arrivals", "spike", "--dither-seconds", "0.3", "--watchers", "60"];
    let (code, report) = rehearse(&server.url, &[&options[..], &["--checkout-percent", "80", "--release-percent", "15"]].concat()).await;
    assert_all_is_well(code, &report);
    assert_everybody_is_counted(&report, 150);
    assert_eq!((&report["has_waiting_room"], &report["event_id"]), (&true.into(), &event.into()));
    assert!(report["buyers"]["bought"].as_u64() > Some(50) && report["latency_ms"]["join"]["count"].as_u64() >= Some(150), "{report:#}");
    server.verify();
}

/// How often buyers were put off with these statuses.
fn put_off(report: &Value, statuses: &[&str]) -> u64 {
    let kinds = report["put_off"].as_object().unwrap().iter();
    kinds.filter(|(kind, _)| statuses.iter().any(|status| kind.starts_with(status))).map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// Somebody has bought.
async fn sale_is_under_way(reader: &Person, event: &str) {
    eventually("people buy", || async {
        let answer = reader.get(&format!("/events/{event}")).await;
        answer.body["counts"]["reserved"].as_u64().filter(|&reserved| reserved > 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_whom_the_gateway_puts_off_come_again_when_it_says_and_all_is_as_promised() {
    let server = Server::start(&[]);
    server.schedule(&hall(10, 30)).await;
    let gateway = Gateway::start(&server).await;
    // A few more requests than it takes from one address in 10 s.
    let options = ["--users", "50", "--seconds", "2", "--dither-seconds", "0.2", "--patience-seconds", "120", "--watchers", "0"];
    let (code, report) = rehearse(&gateway.url, &options).await;
    assert_all_is_well(code, &report);
    assert_everybody_is_counted(&report, 50);
    assert!(put_off(&report, &["429 too-many-requests"]) > 0, "{report:#}");
    assert_eq!(report["sales_read_again"], report["buyers"]["bought"], "{report:#}");
    server.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_that_loses_all_command_servers_for_a_while_all_is_as_promised() {
    let cluster = Cluster::up();
    let event = scheduled(&cluster, &hall(10, 30)).await;
    let (url, id) = (cluster.url().to_owned(), event.clone());
    let options = ["--users", "300", "--seconds", "6", "--dither-seconds", "0.5", "--patience-seconds", "120", "--watchers", "20"];
    let rehearsing = tokio::spawn(async move { rehearse(&url, &[&["--event", &*id], &options[..]].concat()).await });
    sale_is_under_way(&Person::anonymous(cluster.url()), &event).await;
    for name in ["command-1", "command-2"] {
        cluster.succeed(&["kill", name]);
    }
    for name in ["command-1", "command-2"] {
        cluster.succeed(&["start", name]);
    }
    let (code, report) = rehearsing.await.unwrap();
    assert_all_is_well(code, &report);
    assert_everybody_is_counted(&report, 300);
    assert!(put_off(&report, &["502", "503"]) > 0, "{report:#}");
    assert_eq!(report["sales_read_again"], report["buyers"]["bought"], "{report:#}");
    cluster.verify().unwrap();
}

/// A server that says yes to everybody who wants its only seat, and shows it as free for ever.
#[derive(Clone, Default)]
struct SellsTwice(Arc<AtomicU64>);

impl SellsTwice {
    fn reservation(position: u64, id: &str, status: &str) -> Value {
        let price = json!({ "amount": 1, "currency": "EUR" });
        json!({
            "reservation_id": id, "event_id": "local-twice", "status": status, "total": price, "position": position,
            "seats": [{ "seat": "S-A-1", "price": price }], "expires_at": "2100-01-01T00:00:00Z", "expires_in_seconds": 600,
        })
    }

    fn position(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 2
    }

    async fn start() -> String {
        let mut plan = hall(1, 1);
        plan["event_id"] = "local-twice".into();
        for (name, value) in
            [("description", json!("")), ("on_sale_at", Value::Null), ("waiting_room", Value::Null), ("hold_seconds", 600.into())]
        {
            plan[name] = value;
        }
        (plan["max_seats_per_reservation"], plan["position"]) = (1.into(), 1.into());
        plan["counts"] = json!({ "available": 1, "pending": 0, "reserved": 0 });
        let seat = json!({ "seat": "S-A-1", "section": "S", "row": "A", "number": 1, "price": { "amount": 1, "currency": "EUR" }, "x": 0, "y": 0 });
        let chart =
            json!({ "event_id": "local-twice", "unit": "cm", "stage": { "x": 0, "y": 0, "width": 1, "height": 1 }, "seats": [seat] });
        let map = json!({ "position": 1_000_000, "counts": plan["counts"], "statuses": "a" });
        let message = format!("event: seats\nid: 1000000\ndata: {map}\n\n");
        let stream = move || async move {
            let messages = futures::StreamExt::chain(futures::stream::iter([Ok::<_, std::io::Error>(message)]), futures::stream::pending());
            ([("content-type", "text/event-stream")], axum::body::Body::from_stream(messages))
        };
        let hold = async |State(server): State<SellsTwice>| {
            let position = server.position();
            (StatusCode::CREATED, Json(Self::reservation(position, &format!("local-twice-{position}"), "pending"))).into_response()
        };
        let checkout =
            async |State(server): State<SellsTwice>, Path(id): Path<String>| Json(Self::reservation(server.position(), &id, "reserved"));
        let session = json!({ "token": "t", "subject": "s", "expires_at": "2100-01-01T00:00:00Z" });
        let routes = Router::new()
            .route("/events", get(async move || Json(json!({ "events": [plan], "next": null }))))
            .route("/events/local-twice/chart", get(async move || Json(chart)))
            .route("/events/local-twice/seats", get(async move || Json(map)))
            .route("/events/local-twice/stream", get(stream))
            .route("/session", post(async move || (StatusCode::CREATED, Json(session))))
            .route("/reserve", post(hold))
            .route("/reserve/{id}", get(async |Path(id): Path<String>| Json(Self::reservation(1, &id, "reserved"))))
            .route("/reserve/{id}/checkout", post(checkout))
            .with_state(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sells_twice_is_found_out() {
    let url = SellsTwice::start().await;
    let options = ["--users", "3", "--seconds", "1", "--checkout-percent", "100", "--release-percent", "0", "--dither-seconds", "0.1"];
    let (code, report) = rehearse(&url, &options).await;
    assert_eq!(code, Some(1), "{report:#}");
    assert_everybody_is_counted(&report, 3);
    assert_eq!((&report["buyers"]["bought"], &report["double_sales"]), (&3.into(), &3.into()), "each of three pairs: {report:#}");
    let first = &report["breaches"][0];
    assert!(first["promise"] == "P1" && first["what"].as_str().unwrap().contains("S-A-1 was sold twice"), "{first}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let refused = [
        (&["--url", "https://127.0.0.1:8080"][..], "speaks no TLS"),
        (&["--users", "0"], "--users"),
        (&["--arrivals", "never"], "poisson"),
        (&["--checkout-percent", "70", "--release-percent", "40"], "come to 110"),
        (&["--dither-seconds=-1"], "0 to 86400 seconds"),
        (&["--url", "http://127.0.0.1:9"], "can't be reached (--url, FULLHOUSE_URL)"),
    ];
    for (options, reason) in refused {
        let output = fullhouse(&[&["rehearse"], options].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told.contains(reason), "{options:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_events_has_nothing_to_rehearse() {
    let server = Server::start(&[]);
    let url = server.url.clone();
    let output = tokio::task::spawn_blocking(move || fullhouse(&["rehearse", "--url", &url])).await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no event has seats to sell"), "{output:?}");
}
