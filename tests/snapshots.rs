//! Promise P5 for snapshots: a server that is started again goes on from one and answers the same; one that is lost costs only time; and
//! one that is not the fold of the log is not used, or is found out.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::path::Path;

use fullhouse_domain::ReservationStatus;
use fullhouse_schemas::snapshot;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use support::server::{fullhouse, prepared_database};
use support::shopper::metric;
use support::{Answered, Person, Server, eventually, hall};

/// So few facts that a short sale has a snapshot.
const OPTIONS: [&str; 2] = ["--snapshot-facts", "60"];

/// A sale of which a snapshot was taken, and what was answered about it.
struct Sale {
    event: String,
    buyer: Person,
    /// One that is sold, one that was given up.
    reservations: [String; 2],
    before: Vec<Answered>,
}

impl Sale {
    async fn of(server: &Server) -> Self {
        let event = server.schedule(&hall(2, 50)).await;
        let buyer = server.guest().await;
        let mut reservations = [String::new(), String::new()];
        for round in 0..40 {
            let held = buyer.hold_best(&event, 2).await;
            let id = held.body["reservation_id"].as_str().unwrap().to_owned();
            match round % 4 {
                0 => {
                    assert_eq!(buyer.checkout(&id).await.status, 200);
                    reservations[0] = id;
                }
                1 => {}
                _ => {
                    assert!(matches!(buyer.release(&id).await.status, 200 | 204));
                    reservations[1] = id;
                }
            }
        }
        eventually("there is a snapshot that verify has compared", || async { (server.verify()["snapshots_compared"] == 1).then_some(()) })
            .await;
        let mut sale = Self { event, buyer, reservations, before: Vec::new() };
        sale.before = sale.answers().await;
        sale
    }

    /// What a command server says of what was sold, given up and held, none of which changes anything.
    async fn answers(&self) -> Vec<Answered> {
        let buyer = self.buyer.reconnected();
        let mut answers = Vec::new();
        for row in ["A", "B"] {
            // The middle of a row is sold first.
            let seats: Vec<String> = (20..30).map(|number| format!("S-{row}-{number}")).collect();
            let refused = buyer.post("/reserve", &json!({ "event_id": self.event, "seats": seats })).await;
            refused.is_problem(409, "seats-taken");
            answers.push(refused);
        }
        for reservation in &self.reservations {
            answers.push(buyer.checkout(reservation).await);
            answers.push(buyer.release(reservation).await);
        }
        answers
    }

    /// Fails unless everything is as it was before, whatever the answers' own numbers are.
    async fn is_as_it_was(&self) {
        let without_request = |answers: &[Answered]| -> Vec<(u16, Value)> {
            let plain = |answer: &Answered| {
                let mut body = answer.body.clone();
                body.as_object_mut().into_iter().for_each(|body| drop(body.remove("request_id")));
                (answer.status, body)
            };
            answers.iter().map(plain).collect()
        };
        assert_eq!(without_request(&self.answers().await), without_request(&self.before));
    }
}

async fn loads(server: &Server, from: &str) -> f64 {
    metric(&server.url, &format!("fullhouse_history_loads_total{{from=\"{from}\"}}")).await
}

/// `start` starts a server on what another one has left.
async fn a_restarted_server_goes_on_from_its_snapshot(
    mut server: Server,
    start: impl Fn(&Server, &[&str]) -> Server,
    throw_away: impl Fn(),
) {
    let mut sale = Sale::of(&server).await;
    server.kill();
    server.restart();
    sale.is_as_it_was().await;
    assert_eq!((loads(&server, "snapshot").await, loads(&server, "facts").await), (1.0, 0.0));
    let folded = metric(&server.url, "fullhouse_history_load_facts_sum").await;
    assert!(folded < 60.0, "{folded} facts were folded");

    server.kill();
    throw_away();
    let mut server = start(&server, &[]);
    sale.buyer.url.clone_from(&server.url);
    sale.is_as_it_was().await;
    assert_eq!((loads(&server, "snapshot").await, loads(&server, "facts").await), (0.0, 1.0));
    assert_eq!(metric(&server.url, "fullhouse_snapshot_failures_total").await, 0.0, "that one was missing is no failure");
    assert_eq!(server.verify()["snapshots_compared"], 0);

    server.kill();
    let server = start(&server, &OPTIONS);
    eventually("there is a snapshot again", || async { (server.verify()["snapshots_compared"] == 1).then_some(()) }).await;
}

#[tokio::test]
async fn a_server_on_files_goes_on_from_its_snapshot_and_answers_the_same_without() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), "127.0.0.1:0", &OPTIONS);
    let start = |server: &Server, options: &[&str]| Server::start_in(&server.data, "127.0.0.1:0", options);
    let throw_away = || std::fs::remove_file(folder.path().join("snapshots.sqlite")).unwrap();
    a_restarted_server_goes_on_from_its_snapshot(server, start, throw_away).await;
}

#[tokio::test]
async fn a_server_on_a_database_goes_on_from_its_snapshot_and_answers_the_same_without() {
    let database = prepared_database();
    let server = Server::start_on_database(&database.url(), &OPTIONS);
    let throw_away = || drop(database.run("DELETE FROM fullhouse_snapshots.snapshots"));
    a_restarted_server_goes_on_from_its_snapshot(server, Server::start_beside, throw_away).await;
}

fn connect(folder: &Path) -> Connection {
    Connection::open(folder.join("snapshots.sqlite")).unwrap()
}

fn stored(folder: &Path) -> Vec<u8> {
    connect(folder).query_row("SELECT bytes FROM snapshots", [], |row| row.get(0)).unwrap()
}

fn verify(folder: &Path, options: &[&str]) -> (Option<i32>, Value) {
    let output = fullhouse(&[&["verify", "--json", "--data", folder.to_str().unwrap()], options].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")))
}

/// A forger who knows how snapshots are written gives sold seats back. A server would believe him.
#[tokio::test]
async fn a_forged_snapshot_is_found_and_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &OPTIONS);
    let sale = Sale::of(&server).await;
    assert_eq!(server.terminate(), Some(0));

    let mut forged = snapshot::decode(&stored(folder.path())).unwrap();
    let sold = forged.reservations.iter_mut().find(|reservation| reservation.status == ReservationStatus::Reserved).unwrap();
    (sold.status, sold.payment_reference) = (ReservationStatus::Released, None);
    let id = sold.id.clone();
    connect(folder.path()).execute("UPDATE snapshots SET bytes = ?1", params![snapshot::encode(&forged)]).unwrap();

    let (code, report) = verify(folder.path(), &[]);
    let breach = &report["breaches"][0];
    assert_eq!((code, report["breaches"].as_array().unwrap().len()), (Some(1), 1), "{report}");
    assert_eq!((&breach["promise"], &breach["event_id"]), (&json!("P5"), &json!(sale.event)), "{report}");
    assert!(breach["what"].as_str().unwrap().contains(id.as_str()), "{report}");

    let (code, report) = verify(folder.path(), &["--repair"]);
    assert_eq!((code, report["breaches"].as_array().unwrap().len()), (Some(0), 0), "{report}");
    assert!(report["repaired"][0].as_str().unwrap().contains("was thrown away"), "{report}");
    server.restart();
    sale.is_as_it_was().await;
}

#[tokio::test]
async fn what_is_spoilt_or_of_another_log_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &OPTIONS);
    let mut sale = Sale::of(&server).await;
    assert_eq!(server.terminate(), Some(0));
    let sound = stored(folder.path());
    let mut spoilt = sound.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let hash =
        |connection: &Connection| connection.query_row("SELECT row_hash FROM snapshots", [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    for (bytes, row_hash) in [(&spoilt, None), (&sound, Some([7; 32]))] {
        let connection = connect(folder.path());
        let row_hash = row_hash.map_or_else(|| hash(&connection), Vec::from);
        connection.execute("UPDATE snapshots SET bytes = ?1, row_hash = ?2", params![bytes, row_hash]).unwrap();
        drop(connection);
        assert_eq!(verify(folder.path(), &[]).0, Some(1));
        // Without a reason to take a new snapshot, this one stays.
        server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
        sale.buyer.url.clone_from(&server.url);
        sale.is_as_it_was().await;
        assert_eq!((loads(&server, "snapshot").await, loads(&server, "facts").await), (0.0, 1.0));
        assert_eq!(metric(&server.url, "fullhouse_snapshot_failures_total").await, 1.0);
        assert_eq!(server.terminate(), Some(0));
    }
}
