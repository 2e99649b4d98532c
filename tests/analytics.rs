//! The questions of `docs/analytics.md`, asked of one invented sale in SQLite, in PostgreSQL and of exported Parquet files: the
//! answers must be the same, and right.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use fullhouse_test_servers::Database;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use support::sale::{self, Sold};
use support::server::prepared_database;
use support::{Server, eventually};

/// Facts of the sale. Raise it with `FULLHOUSE_ANALYTICS_FACTS`.
const FACTS: u64 = 12_000;
const QUESTIONS: usize = 10;

/// Answers, by the number of the question.
type Answers = BTreeMap<String, Vec<Value>>;

/// The SQL of a dialect in the documentation, by the number of the question.
fn questions(dialect: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (info, sql) in blocks() {
        let Some(number) = info.strip_prefix("sql question=") else { continue };
        let (number, of) = number.split_once(" dialect=").unwrap();
        if of == dialect || of == "both" && dialect != "duckdb" {
            assert!(found.insert(number.to_owned(), sql).is_none(), "question {number} stands twice for {dialect}");
        }
    }
    assert_eq!(found.len(), QUESTIONS, "each question stands in {dialect}");
    found
}

/// What must be run before the questions in DuckDB.
fn prelude() -> Vec<String> {
    blocks().into_iter().filter(|(info, _)| info == "sql prelude dialect=duckdb").map(|(_, sql)| sql).collect()
}

/// The fenced blocks of the documentation: what stands behind the fence, and what is inside.
fn blocks() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(root().join("docs/analytics.md")).unwrap();
    let (mut blocks, mut open): (Vec<(String, String)>, bool) = (Vec::new(), false);
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(info) if !open => {
                blocks.push((info.to_owned(), String::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a sale, its SQL views, and holds that were refused.
async fn sold_folder() -> (tempfile::TempDir, Sold) {
    let folder = tempfile::tempdir().unwrap();
    let facts = std::env::var("FULLHOUSE_ANALYTICS_FACTS").map_or(FACTS, |text| text.parse().unwrap());
    let sold = sale::make(folder.path(), facts, 7).await;
    let mut server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
    // The sale is long past, so its last holds end now; then some want what is gone.
    let statuses = eventually("no hold runs any more", || async {
        let statuses = server.guest().await.statuses("local-gala").await;
        (!statuses.contains('p')).then_some(statuses)
    });
    let chart = server.guest().await.get("/events/local-gala/chart").await.body;
    let taken: Vec<&str> = statuses
        .await
        .char_indices()
        .filter(|(_, status)| *status == 'r')
        .map(|(seat, _)| chart["seats"][seat]["seat"].as_str().unwrap())
        .collect();
    let guest = server.guest().await;
    for round in 0..60 {
        let wanted = [taken[round % taken.len()], taken[(7 * round + 1) % taken.len()]];
        let seats = if wanted[0] == wanted[1] { &wanted[..1] } else { &wanted[..] };
        assert_eq!(guest.hold("local-gala", seats).await.status, 409);
    }
    assert_eq!(guest.hold_best("local-matinee", 2).await.status, 201);
    eventually("the SQL views are at the head", || async {
        let report = server.verify();
        (report["views_compared_at"] == report["facts"]).then_some(())
    })
    .await;
    assert_eq!(server.terminate(), Some(0));
    (folder, sold)
}

fn ask_sqlite(folder: &Path) -> Answers {
    let connection = Connection::open(folder.join("views.sqlite")).unwrap();
    connection.execute("ATTACH ?1 AS fullhouse_demand", [folder.join("demand.sqlite").to_str().unwrap()]).unwrap();
    questions("sqlite").into_iter().map(|(number, sql)| (number, rows(&connection, &sql))).collect()
}

fn rows(connection: &Connection, sql: &str) -> Vec<Value> {
    let mut statement = connection.prepare(sql).unwrap();
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let value = |index| -> rusqlite::Result<Value> {
            Ok(match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                ValueRef::Blob(_) => panic!("no column has bytes"),
            })
        };
        names.iter().enumerate().map(|(index, name)| Ok((name.clone(), value(index)?))).collect::<rusqlite::Result<Map<_, _>>>()
    });
    rows.unwrap().map(|row| Value::Object(row.unwrap())).collect()
}

/// The same log and the same refusals in a database, and the views that a server makes of them there.
async fn ask_postgres(folder: &Path) -> Answers {
    let database = prepared_database();
    copy_log(folder, &database);
    let server = Server::start_on_database(&database.url(), &[]);
    eventually("the SQL views are at the head", || async {
        let report = server.verify();
        (report["views_compared_at"] == report["facts"]).then_some(())
    })
    .await;
    let ask = |sql: &str| {
        let sql = sql.trim().trim_end_matches(';');
        let text =
            database.run(&format!("SET search_path = fullhouse_views; SELECT coalesce(json_agg(answer), '[]') FROM ({sql}) AS answer"));
        serde_json::from_str::<Vec<Value>>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    questions("postgres").into_iter().map(|(number, sql)| (number, ask(&sql))).collect()
}

/// Copies facts and refusals row by row: what was invented for another time can't be appended to a database, whose clock counts.
fn copy_log(folder: &Path, database: &Database) {
    let csv = |file: &str, sql: &str| {
        let connection = Connection::open(folder.join(file)).unwrap();
        let quoted = rows(&connection, sql).into_iter().map(|row| {
            let values = row.as_object().unwrap().values().map(|value| match value {
                Value::Null => String::new(),
                Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
                number => number.to_string(),
            });
            values.collect::<Vec<_>>().join(",") + "\n"
        });
        let path = folder.join(format!("{file}.csv"));
        std::fs::write(&path, quoted.collect::<String>()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The names give the order: an object's members are sorted.
    let facts = csv(
        "log.sqlite",
        "SELECT log_position AS a, show_id AS b, position AS c, kind AS d, version AS e, recorded_at AS f, '\\x' || hex(command_id) AS g, subject AS h,
                '\\x' || hex(touches) AS i, data AS j, '\\x' || hex(row_hash) AS k FROM facts ORDER BY log_position",
    );
    database.run(&format!("COPY fullhouse.facts FROM '{facts}' (FORMAT csv)"));
    let refusals = csv("demand.sqlite", "SELECT event_id AS a, minute AS b, seat AS c, reason AS d, refusals AS e FROM refused_by_minute");
    database.run(&format!("COPY fullhouse_demand.refused_by_minute FROM '{refusals}' (FORMAT csv)"));
}

fn ask_duckdb(folder: &Path) -> Answers {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for of in ["facts", "refusals"] {
        let (data, out) = (folder.to_str().unwrap(), path(&format!("{of}.parquet")));
        let output = support::server::fullhouse(&["export", "--of", of, "--format", "parquet", "--data", data, "--out", &out]);
        assert!(output.status.success(), "{output:?}");
    }
    let asked = json!({
        "facts": path("facts.parquet"), "refusals": path("refusals.parquet"), "prelude": prelude(), "questions": questions("duckdb"),
    });
    std::fs::write(path("questions.json"), asked.to_string()).unwrap();
    let mut python = Command::new("python3");
    python.arg(root().join("tests/ask_duckdb.py")).arg(path("questions.json")).env("PYTHONPATH", root().join("target/python"));
    let output = python.output().expect("python3 is installed");
    assert!(output.status.success(), "{} (`./test` installs duckdb)", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A row in which a number is a number: 1 and 1.0 are the same.
fn plain(row: &Value) -> BTreeMap<&str, Value> {
    let plain = |value: &Value| value.as_f64().map_or_else(|| value.clone(), Value::from);
    row.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), plain(value))).collect()
}

#[tokio::test]
async fn ten_questions_have_one_answer_in_sqlite_postgresql_and_parquet() {
    let (folder, sold) = sold_folder().await;
    println!("{sold:?}");
    let in_files = ask_sqlite(folder.path());
    for (number, rows) in &in_files {
        assert!(!rows.is_empty(), "question {number} has an answer");
    }
    let asked = [("PostgreSQL", ask_postgres(folder.path()).await), ("Parquet", ask_duckdb(folder.path()))];
    for (store, answers) in &asked {
        for (number, expected) in &in_files {
            let found = &answers[number];
            let differs = expected.iter().zip(found).find(|(expected, found)| plain(expected) != plain(found));
            assert!(expected.len() == found.len() && differs.is_none(), "question {number} in {store}: {differs:?}");
        }
    }
    let sum = |number: &str, column: &str| -> i64 { in_files[number].iter().map(|row| row[column].as_i64().unwrap()).sum() };
    // One more was held at the end, and the last holds of the sale expired when the server started.
    assert_eq!(sum("2", "held"), sold.held as i64 + 1);
    assert_eq!((sum("2", "reserved"), sum("2", "released")), (sold.bought as i64, sold.released as i64));
    assert_eq!(sum("4", "revenue"), sold.revenue);
}
