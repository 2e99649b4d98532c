//! Checkpoints, receipts and consistency proofs of a running server, checked by this program and by one that knows only the
//! documentation.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, StoredFact};
use fullhouse_transparency::VerifierKey;
use serde_json::{Value, json};
use support::server::fullhouse;
use support::{Person, Server, eventually, hall};

/// The key that the server says it signs with, once something is signed.
async fn key_of(server: &Server) -> String {
    let anyone = Person::anonymous(&server.url);
    let key = eventually("something is sealed", || async {
        let answer = anyone.get("/checkpoint/key").await;
        (answer.status == 200).then(|| answer.text.trim().to_owned())
    });
    key.await
}

async fn checkpoint_of(server: &Server, at_least: u64) -> String {
    let anyone = Person::anonymous(&server.url);
    let note = eventually("so much is sealed", || async {
        let answer = anyone.get("/checkpoint").await;
        let size: u64 = answer.text.lines().nth(1)?.parse().ok()?;
        (size >= at_least).then(|| answer.text.clone())
    });
    note.await
}

/// Runs the script that was written from the documentation alone; its exit code.
fn script(arguments: &[&str]) -> Option<i32> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/verify_proofs.py");
    let output = Command::new("python3").arg(path).args(arguments).output().expect("python3 is installed");
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output.status.code()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Buys seats until there are so many facts.
async fn sell(server: &Server, event: &str, rounds: usize) -> Vec<(Person, String)> {
    let mut bought = Vec::new();
    for round in 0..rounds {
        let buyer = server.guest().await;
        let held = buyer.post("/reserve", &json!({ "event_id": event, "best_available": { "count": 2 } })).await;
        let id = held.body["reservation_id"].as_str().unwrap().to_owned();
        if round % 3 == 0 {
            buyer.delete(&format!("/reserve/{id}")).await;
        } else {
            buyer.post(&format!("/reserve/{id}/checkout"), &json!({ "payment_reference": format!("payment {round}") })).await;
        }
        bought.push((buyer, id));
    }
    bought
}

#[tokio::test]
async fn a_receipt_is_believed_by_whoever_has_the_public_key_and_no_changed_one_is() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(10, 60)).await;
    let bought = sell(&server, &event, 40).await;
    let key = key_of(&server).await;
    let folder = tempfile::tempdir().unwrap();
    for (buyer, id) in bought.iter().step_by(7) {
        // The scripts take their time, and an idle connection is closed meanwhile.
        let answer = buyer.reconnected().get(&format!("/reserve/{id}/proof")).await;
        assert_eq!((answer.status, answer.body["reservation_id"].as_str()), (200, Some(id.as_str())), "{answer:?}");
        let path = write(folder.path(), "receipt.json", &answer.text);
        let ours = fullhouse(&["verify-receipt", "--verifier-key", &key, &path]);
        assert!(ours.status.success() && String::from_utf8_lossy(&ours.stdout).contains(id), "{ours:?}");
        assert_eq!(script(&["receipt", "--key", &key, &path]), Some(0));
        for changed in changed_receipts(&answer.body) {
            let path = write(folder.path(), "changed.json", &changed.to_string());
            assert_eq!(fullhouse(&["verify-receipt", "--verifier-key", &key, &path]).status.code(), Some(1), "{changed}");
            assert_eq!(script(&["receipt", "--key", &key, &path]), Some(1), "{changed}");
        }
    }
    let (somebody_else, _) = &bought[1];
    somebody_else.reconnected().get(&format!("/reserve/{}/proof", bought[0].1)).await.is_problem(404, "not-found");
    let auditors = server.person("auditor", "audrey").get(&format!("/reserve/{}/proof", bought[0].1)).await;
    assert_eq!(auditors.status, 200, "an auditor may see every receipt");
}

/// The same receipt with one thing changed, each time another one.
fn changed_receipts(receipt: &Value) -> Vec<Value> {
    let change = |change: &dyn Fn(&mut Value)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        changed
    };
    let replace = |value: &mut Value, from: &str, to: &str| *value = value.as_str().unwrap().replacen(from, to, 1).into();
    vec![
        change(&|it| replace(&mut it["facts"][0]["fact"], "S-", "T-")),
        change(&|it| it["facts"][0]["log_position"] = (it["facts"][0]["log_position"].as_u64().unwrap() + 1).into()),
        change(&|it| it["facts"][0]["path"].as_array_mut().unwrap().reverse()),
        change(&|it| drop(it["facts"][0]["path"].as_array_mut().unwrap().pop())),
        change(&|it| replace(&mut it["reservation_id"], ".", ".x")),
        change(&|it| replace(&mut it["checkpoint"], "local", "other")),
        change(&|it| it["facts"] = json!([])),
    ]
}

#[tokio::test]
async fn one_checkpoint_leads_to_the_next_and_an_export_to_the_checkpoint() {
    let server = Server::start(&[]);
    let event = server.schedule(&hall(10, 60)).await;
    sell(&server, &event, 20).await;
    let (early, key) = (checkpoint_of(&server, 41).await, key_of(&server).await);
    sell(&server, &event, 150).await;
    let late = checkpoint_of(&server, 341).await;
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [(1, 341), (41, 341), (41, 41), (300, 341)] {
        let proof = Person::anonymous(&server.url).get(&format!("/checkpoints/consistency?from={from}&to={to}")).await;
        assert_eq!(proof.status, 200, "{proof:?}");
        let path = write(folder.path(), "proof.json", &proof.text);
        assert_eq!(script(&["consistency", "--key", &key, &path]), Some(0), "{from} to {to}: {proof:?}");
        let mut changed = proof.body.clone();
        changed["hashes"].as_array_mut().unwrap().push("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into());
        let path = write(folder.path(), "changed.json", &changed.to_string());
        assert_eq!(script(&["consistency", "--key", &key, &path]), Some(1));
    }
    let anyone = Person::anonymous(&server.url);
    anyone.get("/checkpoints/consistency?from=1&to=99999").await.is_problem(503, "not-sealed");
    let listed = anyone.get("/checkpoints?limit=1").await.body;
    assert!(listed["checkpoints"].as_array().unwrap().len() == 1 && listed["next"].is_u64(), "{listed}");

    let export = folder.path().join("log.ndjson").to_str().unwrap().to_owned();
    assert!(server.run(&["export", "--out", &export]).status.success());
    for note in [&early, &late] {
        let checkpoint = write(folder.path(), "checkpoint.txt", note);
        assert_eq!(script(&["export", "--key", &key, "--checkpoint", &checkpoint, &export]), Some(0));
        let offline = fullhouse(&["verify", "--export", &export, "--checkpoint", &checkpoint, "--verifier-key", &key]);
        assert!(offline.status.success(), "{offline:?}");
    }
    let text = std::fs::read_to_string(&export).unwrap();
    let checkpoint = write(folder.path(), "checkpoint.txt", &late);
    for changed in [text.replacen("payment 7", "payment 8", 1), text.lines().take(300).map(|line| format!("{line}\n")).collect()] {
        let path = write(folder.path(), "changed.ndjson", &changed);
        assert_eq!(script(&["export", "--key", &key, "--checkpoint", &checkpoint, &path]), Some(1));
        assert_eq!(fullhouse(&["verify", "--export", &path, "--checkpoint", &checkpoint, "--verifier-key", &key]).status.code(), Some(1));
    }
}

#[tokio::test]
async fn the_end_is_sealed_at_shutdown_and_a_server_goes_on_with_the_same_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
    let event = server.schedule(&hall(4, 50)).await;
    sell(&server, &event, 30).await;
    assert_eq!(server.terminate(), Some(0));
    let report = server.verify();
    assert_eq!((report["seals"]["sealed"].as_u64(), report["facts"].as_u64()), (Some(61), Some(61)), "{report}");
    let printed = fullhouse(&["checkpoint-key", "--data", folder.path().to_str().unwrap()]);
    let key = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(report["seals"]["signers"], json!([key.trim()]));
    assert!(VerifierKey::parse(&key).is_ok_and(|key| key.name() == "fullhouse/local"));

    std::fs::rename(folder.path().join("checkpoint-key.p8"), folder.path().join("mislaid.p8")).unwrap();
    let refused = fullhouse(&["serve", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && error.contains("another key") && error.contains("--checkpoint-key"), "{error}");
    let mislaid = folder.path().join("mislaid.p8").to_str().unwrap().to_owned();
    let server = Server::start_in(folder.path(), "127.0.0.1:0", &["--checkpoint-key", &mislaid]);
    server.schedule(&hall(1, 1)).await;
    checkpoint_of(&server, 62).await;
}

/// Starts a server on a changed log, and waits until it says that it does not sign on. It sells on.
async fn is_not_signed_on(folder: &Path) {
    let server = Server::start_in(folder, "127.0.0.1:0", &[]);
    let anyone = Person::anonymous(&server.url);
    let troubles = eventually("the server says what is wrong", || async {
        let answer = anyone.get("/readyz").await;
        assert_eq!(answer.status, 200, "it sells on");
        answer.body["troubles"][0].as_str().map(str::to_owned)
    });
    let troubles = troubles.await;
    assert!(troubles.contains("sealing has stopped") && troubles.contains("not what was signed"), "{troubles}");
    assert!(anyone.get("/metrics").await.text.contains("fullhouse_sealing_stopped 1"));
}

#[tokio::test]
async fn a_server_signs_nothing_that_contradicts_what_was_signed() {
    // Also where the newest checkpoint ends with a tile, and the log has grown again beyond it.
    for facts in [61_usize, 256] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
        let event = server.schedule(&hall(10, 60)).await;
        sell(&server, &event, 20).await;
        sell(&server, &event, (facts - 41) / 2).await;
        if facts % 2 == 0 {
            server.guest().await.hold_best(&event, 1).await;
        }
        assert_eq!(server.terminate(), Some(0));
        let log = folder.path().join("log.sqlite");
        let connection = rusqlite::Connection::open(&log).unwrap();
        let head: u64 = connection.query_row("SELECT max(log_position) FROM facts", [], |row| row.get(0)).unwrap();
        assert_eq!(head, facts as u64);
        // Whoever closed the file last may have been a reader, who leaves everything in the write-ahead log.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(connection);
        let whole = std::fs::read(&log).unwrap();

        let truncate = format!("DROP TRIGGER facts_are_never_deleted; DELETE FROM facts WHERE log_position > {}", facts - 10);
        rusqlite::Connection::open(&log).unwrap().execute_batch(&truncate).unwrap();
        is_not_signed_on(folder.path()).await;

        // The same length, and another fact in the middle of what was signed: with the hash that belongs to it.
        std::fs::write(&log, whole).unwrap();
        let _ = std::fs::remove_file(folder.path().join("log.sqlite-wal"));
        forge_time_of(&log, 20);
        is_not_signed_on(folder.path()).await;
    }
}

/// Has a fact recorded a microsecond later, and leaves no other trace.
fn forge_time_of(log: &Path, log_position: u64) {
    let connection = rusqlite::Connection::open(log).unwrap();
    let sql = "SELECT show_id, position, kind, version, recorded_at, command_id, subject, touches, data FROM facts WHERE log_position = ?1";
    let fact = connection.query_row(sql, [log_position], |row| {
        let touches: Vec<u8> = row.get(7)?;
        Ok(StoredFact {
            log_position,
            show: ShowId::parse(&row.get::<_, String>(0)?).unwrap(),
            position: row.get(1)?,
            kind: FactKind::parse(&row.get::<_, String>(2)?).unwrap(),
            version: row.get(3)?,
            recorded_at: Timestamp::from_micros(row.get::<_, i64>(4)? + 1),
            command_id: CommandId(row.get(5)?),
            subject: row.get::<_, Option<String>>(6)?.and_then(|subject| Subject::parse(&subject)),
            data: row.get(8)?,
            touches: touches.as_chunks::<4>().0.iter().map(|seat| u32::from_le_bytes(*seat)).collect(),
        })
    });
    let fact = fact.unwrap();
    connection.execute_batch("DROP TRIGGER facts_are_never_updated").unwrap();
    let sql = "UPDATE facts SET recorded_at = ?2, row_hash = ?3 WHERE log_position = ?1";
    connection.execute(sql, rusqlite::params![log_position, fact.recorded_at.as_micros(), fact.row_hash()]).unwrap();
}
