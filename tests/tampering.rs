//! P8: whoever changes the stored log, straight in the database file, is found out; and where he was, is named.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::path::Path;

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, StoredFact};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use support::server::fullhouse;
use support::{Server, eventually, hall};

/// How many changes are tried. Raise it with `FULLHOUSE_TAMPERINGS`.
const TRIES: u64 = 1_000;
/// The tree says in which 256 facts a change is.
const TILE: u64 = 256;
/// The triggers that a forger drops and puts back.
const TRIGGERS: &str = "SELECT sql FROM sqlite_schema WHERE type = 'trigger'";

/// A log of a busy sale, sealed to its end by a server that was shut down.
struct Original {
    folder: tempfile::TempDir,
    facts: Vec<StoredFact>,
}

impl Original {
    async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
        let events = [server.schedule(&hall(4, 50)).await, server.schedule(&hall(2, 30)).await];
        let mut buyers = Vec::new();
        for _ in 0..4 {
            buyers.push(server.guest().await);
        }
        for round in 0..300 {
            let buyer = &buyers[round % buyers.len()];
            let hold = json!({ "event_id": events[round % 2], "best_available": { "count": 1 + round % 2 } });
            let held = buyer.post_keyed("/reserve", &format!("{round}"), &hold).await.unwrap();
            let Some(id) = held.body["reservation_id"].as_str() else { continue };
            if round % 5 == 0 {
                buyer.post(&format!("/reserve/{id}/checkout"), &json!({ "payment_reference": "paid" })).await;
            } else {
                buyer.delete(&format!("/reserve/{id}")).await;
            }
        }
        let head = eventually("the SQL views are at the head", || async {
            let report = server.verify();
            (report["views_compared_at"] == report["facts"]).then(|| report["facts"].as_u64())
        });
        let head = head.await.unwrap();
        assert_eq!(server.terminate(), Some(0));
        let facts = read(&folder.path().join("log.sqlite")).unwrap();
        assert_eq!((facts.len() as u64, head > 2 * TILE), (head, true));
        Self { folder, facts }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in ["log.sqlite", "checkpoints.sqlite"] {
            std::fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
        }
        copy
    }
}

/// The facts of a file as they stand there; nothing, when they can't be read.
fn read(path: &Path) -> Option<Vec<StoredFact>> {
    let connection = Connection::open(path).ok()?;
    let sql = "SELECT log_position, show_id, position, kind, version, recorded_at, command_id, subject, touches, data, row_hash FROM facts ORDER BY 1";
    let mut statement = connection.prepare(sql).ok()?;
    let mut rows = statement.query([]).ok()?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next().ok()? {
        let touches: Vec<u8> = row.get(8).ok()?;
        let fact = StoredFact {
            log_position: row.get(0).ok()?,
            show: ShowId::parse(&row.get::<_, String>(1).ok()?)?,
            position: row.get(2).ok()?,
            kind: FactKind::parse(&row.get::<_, String>(3).ok()?)?,
            version: row.get(4).ok()?,
            recorded_at: Timestamp::from_micros(row.get(5).ok()?),
            command_id: CommandId(row.get(6).ok()?),
            subject: row.get::<_, Option<String>>(7).ok()?.and_then(|subject| Subject::parse(&subject)),
            data: row.get(9).ok()?,
            touches: touches.as_chunks::<4>().0.iter().map(|seat| u32::from_le_bytes(*seat)).collect(),
        };
        let row_hash: Vec<u8> = row.get(10).ok()?;
        if row_hash != fact.row_hash() {
            return None;
        }
        facts.push(fact);
    }
    Some(facts)
}

/// Puts these facts into the file instead of those that are there, each with the hash that belongs to it, and leaves no other trace.
fn forge(folder: &Path, facts: &[StoredFact]) {
    let mut connection = Connection::open(folder.join("log.sqlite")).unwrap();
    let triggers = drop_triggers(&connection);
    let transaction = connection.transaction().unwrap();
    transaction.execute("DELETE FROM facts", []).unwrap();
    for fact in facts {
        let row = params![
            fact.log_position,
            fact.show.as_str(),
            fact.position,
            fact.kind.as_str(),
            fact.version,
            fact.recorded_at.as_micros(),
            fact.command_id.0,
            fact.subject.as_ref().map(Subject::as_str),
            fact.touches_bytes(),
            fact.data,
            fact.row_hash(),
        ];
        transaction.execute("INSERT INTO facts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)", row).unwrap();
    }
    transaction.commit().unwrap();
    connection.execute_batch(&triggers).unwrap();
}

/// Drops the triggers that keep facts from being changed; returns what makes them again.
fn drop_triggers(connection: &Connection) -> String {
    let made: Vec<String> = connection.prepare(TRIGGERS).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    connection.execute_batch("DROP TRIGGER facts_are_never_updated; DROP TRIGGER facts_are_never_deleted").unwrap();
    made.join(";")
}

/// Gives facts the places that they would have had if they had been appended in this order.
fn renumber(facts: &mut [StoredFact]) {
    let mut heads = std::collections::HashMap::new();
    for (fact, log_position) in facts.iter_mut().zip(1..) {
        let head = heads.entry(fact.show.clone()).or_insert(0);
        *head += 1;
        (fact.log_position, fact.position) = (log_position, *head);
    }
}

/// What was done, and the first log position that is another than it was; 0 where nobody can name one.
struct Change {
    what: String,
    first: u64,
}

/// A forger who knows how the log is made: hashes and positions are as they should be.
fn change_carefully(original: &Original, folder: &Path, dice: &mut StdRng) -> Change {
    let mut facts = original.facts.clone();
    let count = facts.len();
    let at = dice.random_range(2..count - 2);
    let what = match dice.random_range(0..6) {
        0 => {
            let fact = &mut facts[at];
            fact.recorded_at = fact.recorded_at + std::time::Duration::from_micros(1);
            "a fact was recorded a microsecond later"
        }
        5 => {
            facts[at].data.push(' ');
            "a space was added to a fact"
        }
        1 => {
            facts.remove(at);
            "a fact was taken out, and those after it moved up"
        }
        2 => {
            facts.swap(at, at + 1);
            "two neighbours changed places"
        }
        3 => {
            let copy = facts[at].clone();
            facts.insert(at + 1, copy);
            "a fact was put in once more"
        }
        _ => {
            facts.truncate(at);
            "the end was cut off"
        }
    };
    renumber(&mut facts);
    let first = (0..count).find(|&index| facts.get(index) != original.facts.get(index)).unwrap() as u64 + 1;
    forge(folder, &facts);
    Change { what: format!("{what}, at index {at}"), first }
}

/// Somebody with an SQL shell, who does not know of hashes.
fn change_with_sql(original: &Original, folder: &Path, dice: &mut StdRng) -> Change {
    let connection = Connection::open(folder.join("log.sqlite")).unwrap();
    let triggers = drop_triggers(&connection);
    let at = dice.random_range(2..original.facts.len() as u64);
    let (what, sql) = match dice.random_range(0..4) {
        0 => (
            "a byte of its data",
            "UPDATE facts SET data = replace(data, substr(data, ?2, 1), char(unicode(substr(data, ?2, 1)) + 1)) WHERE log_position = ?1",
        ),
        1 => ("its time", "UPDATE facts SET recorded_at = recorded_at + ?2 WHERE log_position = ?1"),
        2 => ("its version", "UPDATE facts SET version = version + ?2 WHERE log_position = ?1"),
        _ => ("the fact is deleted, and the next one changed", "DELETE FROM facts WHERE log_position = ?1 AND ?2 > 0"),
    };
    connection.execute(sql, params![at, dice.random_range(1..30)]).unwrap();
    if sql.starts_with("DELETE") {
        // Two changes side by side: the first one must be named.
        connection.execute("UPDATE facts SET version = version + 1 WHERE log_position = ?1 + 1", [at]).unwrap();
    }
    connection.execute_batch(&triggers).unwrap();
    Change { what: format!("{what}, at log position {at}"), first: at }
}

/// A single bit of the file, wherever it is. It may be where nothing is written: then it is no change, and another is tried.
fn change_a_bit(original: &Original, folder: &Path, dice: &mut StdRng) -> Change {
    let path = folder.join("log.sqlite");
    loop {
        let mut bytes = std::fs::read(original.folder.path().join("log.sqlite")).unwrap();
        let (offset, bit) = (dice.random_range(0..bytes.len()), dice.random_range(0..8));
        bytes[offset] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        let there = read(&path);
        if there.as_ref() != Some(&original.facts) {
            let first = there.and_then(|there| (0..there.len()).find(|&index| there.get(index) != original.facts.get(index)));
            return Change { what: format!("bit {bit} of byte {offset} of the file"), first: first.map_or(0, |index| index as u64 + 1) };
        }
    }
}

/// What `verify` finds.
fn verify(folder: &Path) -> (Option<i32>, Vec<Value>, String) {
    let output = fullhouse(&["verify", "--json", "--data", folder.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let breaches = report["breaches"].as_array().cloned().unwrap_or_default();
    (output.status.code(), breaches, format!("{output:?}"))
}

/// Whether a breach says where the change is: at this log position, or in the 256 facts from there on.
fn names(breach: &Value, first: u64) -> bool {
    breach["log_position"].as_u64().is_some_and(|named| named <= first && first < named + TILE)
}

#[tokio::test]
async fn whatever_is_changed_in_the_stored_log_is_found_and_its_place_is_named() {
    let original = Original::make().await;
    let (code, breaches, output) = verify(original.folder.path());
    assert_eq!((code, breaches.len()), (Some(0), 0), "the log is sound before it is changed: {output}");
    let tries = std::env::var("FULLHOUSE_TAMPERINGS").map_or(TRIES, |text| text.parse().unwrap());
    let mut named = 0;
    for seed in 0..tries {
        let (folder, mut dice) = (original.copy(), StdRng::seed_from_u64(seed));
        let (is_named, change) = match seed % 5 {
            0..=2 => (true, change_carefully(&original, folder.path(), &mut dice)),
            3 => (true, change_with_sql(&original, folder.path(), &mut dice)),
            _ => (false, change_a_bit(&original, folder.path(), &mut dice)),
        };
        let (code, breaches, output) = verify(folder.path());
        // A file that is no database any more can't be verified, which is an answer too.
        let is_found = code == Some(1) && !breaches.is_empty() || code == Some(2) && !is_named;
        assert!(is_found, "seed {seed}: {} was not found: {output}", change.what);
        let is_there = breaches.iter().any(|breach| names(breach, change.first));
        assert!(is_there || !is_named, "seed {seed}: {}, from {} on, was found elsewhere: {breaches:?}", change.what, change.first);
        named += u64::from(is_there);
    }
    println!("{tries} changes of a log of {} facts were found, {named} of them with their place", original.facts.len());
}
