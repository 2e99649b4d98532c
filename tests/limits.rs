//! What a server does to those who send too much, too slowly or nothing at all, and how it stops.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{LiveMap, Person, Server, eventually, hall};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap()
}

/// A connection that has been served once, and is kept.
async fn served(server: &Server) -> TcpStream {
    let mut socket = connect(server).await;
    socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 64];
    let read = socket.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    socket
}

/// Sends some bytes, and reads until the server closes the connection.
async fn closed_after(server: &Server, sent: &str) -> (Duration, String) {
    let mut socket = connect(server).await;
    socket.write_all(sent.as_bytes()).await.unwrap();
    let began = Instant::now();
    let mut read = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(support::PATIENCE, socket.read_to_end(&mut read)).await.expect("the server closes the connection");
    (began.elapsed(), String::from_utf8_lossy(&read).into_owned())
}

#[tokio::test]
async fn connections_that_send_nothing_or_half_a_request_are_closed() {
    let server = Server::start(&[]);
    let request = "POST /reserve HTTP/1.1\r\nhost: x\r\n";
    let body = format!("{request}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{");
    let authorized = {
        let token = server.guest().await.token.unwrap();
        body.replace("host: x\r\n", &format!("host: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"))
    };
    let (silent, half_a_header, idle, half_a_body) = tokio::join!(
        closed_after(&server, ""),
        closed_after(&server, request),
        closed_after(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"),
        closed_after(&server, &authorized),
    );
    assert!(idle.1.contains("200 OK"), "{idle:?}");
    assert!(half_a_body.1.contains("408") && half_a_body.1.contains("request-timeout"), "{half_a_body:?}");
    for (what, (after, _)) in [("silent", silent), ("half a header", half_a_header), ("idle", idle), ("half a body", half_a_body)] {
        assert!(after < Duration::from_secs(20), "{what}: closed only after {after:?}");
    }
}

#[tokio::test]
async fn headers_have_a_limit() {
    let server = Server::start(&[]);
    let (_, answer) = closed_after(&server, &format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(40_000))).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();
    let (_, answer) = closed_after(&server, &format!("GET /livez HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn past_the_limit_connections_are_closed_at_once_until_there_is_room() {
    let server = Server::start(&["--max-connections", "3"]);
    let kept = [served(&server).await, served(&server).await, served(&server).await];
    let (after, answer) = closed_after(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(after < Duration::from_secs(2) && answer.is_empty(), "{after:?} {answer}");
    drop(kept);
    let anyone = Person::anonymous(&server.url);
    eventually("there is room", || async { anyone.request(reqwest::Method::GET, "/livez").send().await.ok().map(drop) }).await;
}

#[tokio::test]
async fn a_chunked_body_without_end_is_cut_off() {
    let server = Server::start(&[]);
    let token = server.guest().await.token.unwrap();
    let mut socket = connect(&server).await;
    let head = format!(
        "POST /reserve HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1_024));
    for _ in 0..20 {
        // The server may have answered and hung up before.
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 1_024];
    let read = tokio::time::timeout(support::PATIENCE, socket.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..read]));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_streams_finishes_what_was_begun_and_exits_with_0() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(20, 50)).await;
    let ann = server.guest().await;
    let mut map = LiveMap::open(&ann, &event).await;
    let holding: Vec<_> = (0..200)
        .map(|number| {
            let (ann, event) = (ann.clone(), event.clone());
            tokio::spawn(async move {
                let hold = json!({ "event_id": event, "best_available": { "count": 1 } });
                ann.post_keyed("/reserve", &format!("k{number}"), &hold).await
            })
        })
        .collect();
    map.reach(20).await;
    let began = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?} to stop", began.elapsed());
    // A database of the tests has no standby, which a server says when it starts.
    let is_complaint = |line: &String| (line.contains("ERROR") || line.contains("WARN")) && !line.contains("no synchronous standby");
    let complaints: Vec<String> = server.log.iter().filter(is_complaint).collect();
    assert_eq!(complaints, Vec::<String>::new(), "an orderly end is no error");
    while map.next().await {}
    let mut acknowledged = 0;
    for answer in holding {
        acknowledged += usize::from(answer.await.unwrap().is_some_and(|answer| answer.status == 201));
    }
    server.restart();
    let found = ann.reconnected().statuses(&event).await.matches('p').count();
    assert!(found >= acknowledged && acknowledged >= 19, "{acknowledged} were acknowledged, {found} are there");
    server.verify();
}
