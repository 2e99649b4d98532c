//! Who the subjects are, and that forgetting somebody leaves every proof what it was.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::person::answered;
use support::server::fullhouse;
use support::{Answered, Person, Server, eventually, hall};

async fn note(operator: &Person, subject: &str, name: &str) -> Answered {
    let body = json!({ "name": name, "contact": format!("{subject}@example.org") });
    answered(operator.request(Method::PUT, &format!("/people/{subject}")).json(&body)).await.unwrap()
}

/// Buys two seats; the reservation's id.
async fn buy(customer: &Person, event: &str) -> String {
    let held = customer.hold_best(event, 2).await;
    let id = held.body["reservation_id"].as_str().unwrap().to_owned();
    assert_eq!(customer.checkout(&id).await.status, 200);
    id
}

async fn receipt(customer: &Person, reservation: &str) -> Value {
    let proof = eventually("the reservation is sealed", || async {
        let answer = customer.get(&format!("/reserve/{reservation}/proof")).await;
        (answer.status == 200).then_some(answer.body)
    });
    proof.await
}

fn believes(folder: &std::path::Path, receipt: &Value, key: &str) {
    let file = folder.join("receipt.json");
    std::fs::write(&file, receipt.to_string()).unwrap();
    let output = fullhouse(&["verify-receipt", "--verifier-key", key, file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_person_is_forgotten_and_every_proof_stays_what_it_was() {
    let server = Server::start(&[]);
    let (operator, auditor) = (server.person("operator", "otto"), server.person("auditor", "audrey"));
    let event = server.schedule(&hall(2, 10)).await;
    assert_eq!(note(&operator, "ann", "Ann Example").await.body["name"], "Ann Example");
    let ann = server.person("customer", "ann");
    let bought = buy(&ann, &event).await;
    let before = receipt(&ann, &bought).await;
    let key = Person::anonymous(&server.url).get("/checkpoint/key").await.text.trim().to_owned();

    let forgotten = operator.delete("/people/ann").await;
    assert_eq!((forgotten.status, forgotten.header("cache-control")), (200, "no-store"), "{forgotten:?}");
    assert_eq!(operator.delete("/people/ann").await.body, forgotten.body);
    for answer in [operator.get("/people/ann").await, note(&operator, "ann", "Ann Example").await] {
        answer.is_problem(410, "person-forgotten");
        assert_eq!(answer.body["forgotten_at"], forgotten.body["forgotten_at"]);
    }
    let log = auditor.get("/log?type=person_forgotten").await;
    let fact = &log.body["facts"][0];
    assert_eq!(
        (&fact["log_position"], &fact["subject"], &fact["data"]),
        (&forgotten.body["log_position"], &json!("otto"), &json!({ "subject": "ann" })),
        "{log:?}"
    );
    // The sale goes on, and its views pass over the fact.
    let after = receipt(&ann, &buy(&ann, &event).await).await;
    let folder = tempfile::tempdir().unwrap();
    for receipt in [&before, &after, &receipt(&ann, &bought).await] {
        believes(folder.path(), receipt, &key);
    }
    // There is no such event, though there is such a stream.
    let stream = fact["event_id"].as_str().unwrap();
    Person::anonymous(&server.url).get(&format!("/events/{stream}")).await.is_problem(404, "not-found");
    ann.hold_best(stream, 1).await.is_problem(404, "not-found");
    let report = server.verify();
    assert_eq!((&report["people_forgotten"], &report["shows"]), (&json!(1), &json!(1)), "{report}");
}

#[tokio::test]
async fn the_table_is_for_operators_and_takes_only_what_can_be_a_person() {
    let server = Server::start(&[]);
    let operator = server.person("operator", "otto");
    operator.get("/people/ann").await.is_problem(404, "not-found");
    operator.delete("/people/ann").await.is_problem(404, "not-found");
    for faulty in
        [json!({}), json!({ "name": " " }), json!({ "name": "x".repeat(201) }), json!({ "name": "a\nb" }), json!({ "name": "a", "age": 3 })]
    {
        let put = operator.request(Method::PUT, "/people/ann").json(&faulty);
        answered(put).await.unwrap().is_problem(422, "unprocessable-content");
    }
    // Subjects of other issuers have all kinds of signs.
    let odd = "https%3A%2F%2Fissuer.example%7C42";
    assert_eq!(note(&operator, odd, "Odd").await.body["subject"], "https://issuer.example|42");
    assert_eq!(operator.get(&format!("/people/{odd}")).await.body["name"], "Odd");
    assert_eq!(operator.delete(&format!("/people/{odd}")).await.status, 200);
}

#[tokio::test]
async fn the_command_line_forgets_where_no_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
    let operator = server.person("operator", "otto");
    note(&operator, "ann", "Ann Example").await;
    let data = folder.path().to_str().unwrap().to_owned();
    let forget = |subject: &str| fullhouse(&["forget", subject, "--data", &data]);
    let busy = forget("ann");
    let said = String::from_utf8_lossy(&busy.stderr).into_owned();
    assert!(busy.status.code() == Some(2) && said.contains("DELETE /people/ann"), "{busy:?}");
    server.terminate();
    assert_eq!(forget("bob").status.code(), Some(2), "nobody is noted under that name");
    let done = forget("ann");
    assert!(done.status.success() && String::from_utf8_lossy(&done.stdout).contains("ann was forgotten at"), "{done:?}");
    assert_eq!(forget("ann").stdout, done.stdout, "twice is the same as once");
    let verified = fullhouse(&["verify", "--json", "--data", &data]);
    assert!(verified.status.success(), "{verified:?}");
    // A table from a backup knows her again, and says so until a server has started.
    let table = rusqlite::Connection::open(folder.path().join("people.sqlite")).unwrap();
    table.execute_batch("DELETE FROM forgotten; DELETE FROM carried_out; INSERT INTO people VALUES ('ann', 'Ann', '', 0)").unwrap();
    drop(table);
    let verified = fullhouse(&["verify", "--data", &data]);
    assert!(verified.status.code() == Some(1) && String::from_utf8_lossy(&verified.stdout).contains("still knows"), "{verified:?}");
    server.restart();
    server.person("operator", "otto").get("/people/ann").await.is_problem(410, "person-forgotten");
    server.verify();
}
