//! What auditors and analysts get: history by filters, the map at any time, a seat's biography, exports, all from one sale.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::{Person, Server, eventually, hall};

/// A small sale: who held, paid and released what, and whom it refused.
struct Sale {
    server: Server,
    event: String,
    auditor: Person,
    /// Reservations of ann, ben and cem.
    reservations: Vec<String>,
}

impl Sale {
    async fn make() -> Self {
        let server = Server::start(&[]);
        let event = server.schedule(&hall(2, 10)).await;
        let people = ["ann", "ben", "cem"].map(|name| server.person("customer", name));
        let [ann, ben, cem] = &people;
        let mut reservations = Vec::new();
        for (person, seats) in [(ann, ["S-A-1", "S-A-2"]), (ben, ["S-A-3", "S-A-4"])] {
            reservations.push(person.hold(&event, &seats).await.body["reservation_id"].as_str().unwrap().to_owned());
        }
        assert_eq!(cem.hold(&event, &["S-A-2", "S-B-1"]).await.status, 409);
        assert_eq!(ann.checkout(&reservations[0]).await.status, 200);
        assert_eq!(cem.hold(&event, &["S-A-2"]).await.status, 409);
        assert_eq!(ben.release(&reservations[1]).await.status, 204);
        reservations.push(cem.hold(&event, &["S-A-3"]).await.body["reservation_id"].as_str().unwrap().to_owned());
        let auditor = server.person("auditor", "audrey");
        Self { server, event, auditor, reservations }
    }

    async fn facts(&self, query: &str) -> Vec<Value> {
        let answer = self.auditor.get(&format!("/events/{}/history?{query}", self.event)).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body["facts"].as_array().unwrap().clone()
    }

    async fn positions(&self, query: &str) -> Vec<u64> {
        self.facts(query).await.iter().map(|fact| fact["position"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn history_is_filtered_by_seat_reservation_subject_type_and_time() {
    let sale = Sale::make().await;
    let all = sale.facts("").await;
    assert_eq!(all.len(), 6);
    assert_eq!(sale.positions("subject=ben").await, [3, 5]);
    assert_eq!(sale.positions("type=seats_held").await, [2, 3, 6]);
    assert_eq!(sale.positions("type=seats_held&subject=ben").await, [3]);
    assert_eq!(sale.positions("seat=S-A-3").await, [3, 5, 6]);
    assert_eq!(sale.positions(&format!("reservation={}", sale.reservations[0])).await, [2, 4]);
    let fourth = all[3]["recorded_at"].as_str().unwrap();
    assert_eq!(sale.positions(&format!("until={fourth}")).await, [1, 2, 3]);
    assert_eq!(sale.positions(&format!("since={fourth}")).await, [4, 5, 6]);
    assert_eq!(sale.positions(&format!("since={fourth}&limit=1")).await, [4]);
    let log = sale.auditor.get("/log?type=hold_released&subject=ben").await.body;
    assert_eq!((&log["facts"][0]["position"], &log["next"]), (&json!(5), &Value::Null));
    for wrong in ["type=seat_held", "since=yesterday", "subject=a%20b"] {
        sale.auditor.get(&format!("/events/{}/history?{wrong}", sale.event)).await.is_problem(400, "bad-request");
    }
    let lines = sale.auditor.request(Method::GET, &format!("/events/{}/history?subject=ann", sale.event));
    let lines = answered(lines.header("accept", "application/x-ndjson")).await.unwrap();
    assert_eq!(lines.text.lines().count(), 2);
    let parsed: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, sale.facts("subject=ann").await);
}

#[tokio::test]
async fn the_map_of_any_moment_is_the_fold_up_to_it() {
    let sale = Sale::make().await;
    let anyone = Person::anonymous(&sale.server.url);
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    for fact in sale.facts("").await {
        let status = match fact["type"].as_str().unwrap() {
            "seats_held" => "pending",
            "seats_reserved" => "reserved",
            _ => "available",
        };
        for seat in fact["data"]["seats"].as_array().into_iter().flatten() {
            folded.insert(seat.as_str().unwrap().into(), status);
        }
        let by_position = format!("position={}", fact["position"]);
        let by_time = format!("at={}", fact["recorded_at"].as_str().unwrap());
        for moment in [by_position, by_time] {
            let map = anyone.get(&format!("/events/{}/seats?{moment}", sale.event)).await.body;
            assert_eq!(map["position"], fact["position"], "{moment}");
            for seat in map["seats"].as_array().unwrap() {
                let expected = folded.get(seat["seat"].as_str().unwrap()).copied().unwrap_or("available");
                assert_eq!(seat["status"], expected, "{moment}: {seat}");
            }
        }
        let printed = sale.server.run(&["seats", &sale.event, "--json", "--position", &fact["position"].to_string()]);
        let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
        let compact = anyone.get(&format!("/events/{}/seats?format=compact&position={}", sale.event, fact["position"])).await.body;
        assert_eq!((&printed["statuses"], &printed["counts"]), (&compact["statuses"], &compact["counts"]));
    }
    let text = sale.server.run(&["seats", &sale.event]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("A     RRp......."), "{text:?}");
}

#[tokio::test]
async fn a_biography_tells_who_had_a_seat_and_whom_it_was_refused() {
    let sale = Sale::make().await;
    let path = format!("/events/{}/seats/S-A-2/biography", sale.event);
    let biography = eventually("both refusals are written", || async {
        let biography = sale.auditor.get(&path).await.body;
        (biography["refusals"] == 2).then_some(biography)
    });
    let biography = biography.await;
    assert_eq!(biography["status"], "reserved");
    let told: Vec<_> = biography["entries"].as_array().unwrap().iter().map(|entry| (&entry["type"], &entry["holder"])).collect();
    assert_eq!(told, [(&json!("seats_held"), &json!("ann")), (&json!("seats_reserved"), &json!("ann"))]);
    let refused: Vec<_> = biography["refused"].as_array().unwrap().iter().map(|once| (&once["subject"], &once["reason"])).collect();
    assert_eq!(refused, [(&json!("cem"), &json!("pending")), (&json!("cem"), &json!("reserved"))]);
    let other = sale.auditor.get(&format!("/events/{}/seats/S-B-1/biography", sale.event)).await.body;
    assert_eq!((&other["entries"], &other["refusals"]), (&json!([]), &json!(0)), "it was not in the way");
    sale.auditor.get(&format!("/events/{}/seats/S-Z-1/biography", sale.event)).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn the_command_line_prints_the_same_history_and_follows_it() {
    let sale = Sale::make().await;
    let printed = |arguments: &[&str]| {
        let output = sale.server.run(&[&["history", &sale.event], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines: Vec<Value> = printed(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, sale.facts("").await);
    assert_eq!(printed(&["--seat", "S-A-3", "--limit", "2"]).lines().count(), 2);
    let text = printed(&["--subject", "ann", "--type", "seats_reserved"]);
    assert!(text.contains("S-A-1, S-A-2") && text.contains("paid with pay-1"), "{text}");
    let output = sale.server.run(&["history", "local-nothing"]);
    assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("there is no event"), "{output:?}");
}

#[tokio::test]
async fn an_export_is_the_same_bytes_each_time_and_goes_on_where_it_ended() {
    let sale = Sale::make().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let export = |arguments: &[&str]| {
        let output = sale.server.run(&[&["export"], arguments].concat());
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, whole, _) = export(&[]);
    let lines = answered(sale.auditor.request(Method::GET, "/log").header("accept", "application/x-ndjson")).await.unwrap();
    assert_eq!(whole, lines.text, "an export is what `GET /log` gives");
    let (_, first, _) = export(&["--up-to", "3"]);
    let (_, rest, _) = export(&["--after", "3"]);
    assert_eq!(first.clone() + &rest, whole);
    for format in ["ndjson", "cloudevents"] {
        let (_, all, _) = export(&["--format", format]);
        // As a cut left it: in the middle of the third line.
        let cut: String = all.lines().take(2).map(|line| format!("{line}\n")).collect::<String>() + &all.lines().nth(2).unwrap()[..20];
        std::fs::write(path(format), &cut).unwrap();
        let (done, _, error) = export(&["--format", format, "--out", &path(format)]);
        assert!(!done && error.contains("--resume"), "nothing is overwritten: {error}");
        assert!(export(&["--format", format, "--out", &path(format), "--resume"]).0);
        assert_eq!(std::fs::read_to_string(path(format)).unwrap(), all);
    }
    let (_, events, _) = export(&["--format", "cloudevents"]);
    let second: Value = serde_json::from_str(events.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&second["specversion"], &second["type"], &second["subject"], &second["actor"]),
        (&json!("1.0"), &json!("fullhouse.seats_held.v1"), &json!(sale.event), &json!("ann"))
    );
    for name in ["one.parquet", "two.parquet"] {
        assert!(export(&["--format", "parquet", "--out", &path(name)]).0);
    }
    assert_eq!(std::fs::read(path("one.parquet")).unwrap(), std::fs::read(path("two.parquet")).unwrap());
    let (done, _, error) = export(&["--format", "parquet", "--out", &path("one.parquet")]);
    assert!(!done && error.contains("is there already"), "nothing is overwritten: {error}");
    for (name, text) in [("letter.txt", "Dear Sir"), ("letters.txt", "Dear Sir\nDear Madam"), ("ndjson", "")] {
        let before = if text.is_empty() { std::fs::read_to_string(path(name)).unwrap() } else { text.to_owned() };
        std::fs::write(path(name), &before).unwrap();
        // Whatever is no export in this format stays as it is.
        let (done, _, error) = export(&["--format", "cloudevents", "--out", &path(name), "--resume"]);
        assert!(!done && std::fs::read_to_string(path(name)).unwrap() == before, "{name}: {error}");
    }
    let (done, _, error) = export(&["--up-to", "99"]);
    assert!(!done && error.contains("--up-to"), "{error}");
}
