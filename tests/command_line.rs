//! The command line, as a person or a script uses it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::server::{free_port, fullhouse};
use support::{Person, Server, eventually, hall};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs to failure; returns what it said on stderr.
fn fails(arguments: &[&str]) -> String {
    let output = fullhouse(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(stdout(&output), "", "what failed prints no result");
    String::from_utf8(output.stderr).unwrap()
}

fn tamper(data: &Path, sql: &str) {
    rusqlite::Connection::open(data.join("log.sqlite")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn token_prints_one_token_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let output = fullhouse(&["token", "--data", data.to_str().unwrap(), "--role", "organizer", "--subject", "alice"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = stdout(&output);
    assert_eq!((text.lines().count(), text.trim().split('.').count(), text.trim().contains(char::is_whitespace)), (1, 3, false));
    assert!(
        fails(&["token", "--data", data.to_str().unwrap(), "--role", "king", "--subject", "alice"])
            .contains("customer, organizer, auditor")
    );
    assert!(fails(&["token", "--data", data.to_str().unwrap(), "--role", "customer", "--subject", "a b"]).contains("without spaces"));
}

#[test]
fn a_wrong_setting_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = fails(&["serve", "--data", data, "--listen", &address]);
    assert!(error.contains("--listen") && error.contains("FULLHOUSE_LISTEN") && error.contains("in use"), "{error}");
    let error = fails(&["serve", "--data", data, "--listen", "somewhere"]);
    assert!(error.contains("--listen"), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = fails(&["serve", "--data", file.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(error.contains("--data"), "{error}");
    let error = fails(&["serve", "--data", data, "--listen", "127.0.0.1:0", "--jwks", file.to_str().unwrap()]);
    assert!(error.contains("--jwks") && error.contains("not a JSON Web Key Set"), "{error}");
    let error = fails(&["serve", "--data", data, "--cluster", "Not A Name"]);
    assert!(error.contains("--cluster") && error.contains("lower-case"), "{error}");
    let error = fails(&["serve", "--data", data, "--log", "=nonsense="]);
    assert!(error.contains("--log"), "{error}");
}

#[tokio::test]
async fn a_log_that_can_not_be_used_is_an_error_that_says_why() {
    let mut server = Server::start(&[]);
    server.schedule(&hall(1, 10)).await;
    let data = server.data.to_str().unwrap().to_owned();
    let listen = format!("127.0.0.1:{}", free_port());
    let error = fails(&["serve", "--data", &data, "--listen", &listen]);
    assert!(error.contains("in use by another process"), "{error}");
    server.kill();
    tamper(&server.data, "PRAGMA user_version = 99");
    let error = fails(&["serve", "--data", &data, "--listen", &listen]);
    assert!(error.contains("written by a newer release"), "{error}");
}

#[tokio::test]
async fn verify_names_what_is_broken_and_exits_with_1() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let ann = server.guest().await;
    for seat in ["S-A-1", "S-A-2", "S-A-3"] {
        let hold = serde_json::json!({ "event_id": event, "seats": [seat] });
        assert_eq!(ann.post_keyed("/reserve", seat, &hold).await.unwrap().status, 201);
    }
    let report = eventually("the SQL views are at the head", || async {
        let report = server.verify();
        (report["views_compared_at"] == 4).then_some(report)
    })
    .await;
    assert_eq!((&report["facts"], &report["reservations"], &report["seats_pending"]), (&4.into(), &3.into(), &3.into()));
    server.kill();
    let data = server.data.to_str().unwrap();
    let broken = |expected: &[&str]| {
        let output = fullhouse(&["verify", "--data", data]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = stdout(&output);
        assert!(expected.iter().all(|word| text.contains(word)), "{expected:?} in {text}");
    };
    let views = rusqlite::Connection::open(server.data.join("views.sqlite")).unwrap();
    views.execute("UPDATE seats SET status = 'available' WHERE seat = 'S-A-2'", []).unwrap();
    broken(&["1 breaches", "P5", "S-A-2", &event]);
    drop(views);
    let repaired = fullhouse(&["verify", "--repair", "--data", data]);
    let text = stdout(&repaired);
    assert!(repaired.status.success() && text.contains("built anew up to log position 4") && text.contains("All is as promised"), "{text}");
    assert!(fullhouse(&["verify", "--data", data]).status.success(), "it stays repaired");
    tamper(&server.data, "UPDATE commands SET facts = 2 WHERE first_log_position = 3");
    broken(&["P2"]);
    tamper(
        &server.data,
        "UPDATE commands SET facts = 1 WHERE first_log_position = 3; DROP TRIGGER facts_are_never_updated; UPDATE facts SET subject = 'eve' WHERE log_position = 3",
    );
    broken(&["P8", "log position 3"]);
    let json = fullhouse(&["verify", "--json", "--data", data]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["breaches"][0]["log_position"], 3);
}

#[test]
fn verify_without_a_log_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(fails(&["verify", "--data", folder.path().to_str().unwrap()]).contains("there is no such file"));
}

#[tokio::test]
async fn the_sql_views_are_tables_that_anybody_can_query_and_are_made_anew_when_they_are_lost() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(1, 10)).await;
    let ann = server.guest().await;
    let held = ann.hold(&event, &["S-A-1", "S-A-2"]).await;
    ann.checkout(held.body["reservation_id"].as_str().unwrap()).await;
    let path = server.data.join("views.sqlite");
    let sales = || -> Option<(u64, u64, i64)> {
        let views = rusqlite::Connection::open(&path).ok()?;
        views
            .query_row("SELECT reservations, seats, amount FROM sales_by_minute WHERE event_id = ?1", [&event], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .ok()
    };
    assert_eq!(eventually("the sale is there", || async { sales() }).await, (1, 2, 9_000));
    for round in ["lost", "spoilt", "ahead of the log"] {
        server.kill();
        match round {
            "lost" => std::fs::remove_file(&path).unwrap(),
            "spoilt" => std::fs::write(&path, "not a database").unwrap(),
            _ => drop(rusqlite::Connection::open(&path).unwrap().execute("UPDATE view_position SET log_position = 99", []).unwrap()),
        }
        server.restart();
        assert_eq!(eventually(round, || async { sales() }).await, (1, 2, 9_000), "{round}");
    }
    eventually("verify is content", || async { (server.verify()["views_compared_at"] == 3).then_some(()) }).await;
}

#[tokio::test]
async fn the_demo_schedules_its_hall_once() {
    let mut server = Server::start(&["--demo", "--demo-shoppers", "20"]);
    let shows = Person::anonymous(&server.url).get("/events").await.body;
    assert_eq!((shows["events"].as_array().unwrap().len(), &shows["events"][0]["title"]), (1, &"The Tempest".into()));
    let event = shows["events"][0]["event_id"].as_str().unwrap().to_owned();
    let anyone = Person::anonymous(&server.url);
    eventually("somebody shops", || async { anyone.statuses(&event).await.contains('p').then_some(()) }).await;
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    assert_eq!(Person::anonymous(&server.url).get("/events").await.body["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_of_a_server_is_one_json_object_a_line_when_nobody_watches_and_names_requests() {
    let server = Server::start(&["--log", "fullhouse_http=debug"]);
    let anyone = Person::anonymous(&server.url);
    let sent = anyone
        .request(reqwest::Method::GET, "/nowhere")
        .header("x-request-id", "find-me")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    support::person::answered(sent).await.unwrap();
    let lines: Vec<Value> = {
        let mut lines = Vec::new();
        while let Ok(line) = server.log.recv_timeout(std::time::Duration::from_secs(5)) {
            let line: Value = serde_json::from_str(&line).expect("each line is JSON");
            let is_it = line["span"]["request_id"] == "find-me";
            lines.push(line);
            if is_it {
                break;
            }
        }
        lines
    };
    let line = lines.last().unwrap();
    assert_eq!((&line["span"]["request_id"], &line["status"]), (&"find-me".into(), &404.into()), "{line}");
    assert_eq!(line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn a_server_goes_on_though_nobody_reads_its_greeting() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut server = std::process::Command::new(support::server::PROGRAM)
        .args(["serve", "--listen", &address, "--data", folder.path().to_str().unwrap()])
        .stdout(writer)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let anyone = Person::anonymous(&format!("http://{address}"));
    let ask =
        || async { anyone.request(reqwest::Method::GET, "/readyz").send().await.ok().filter(|answer| answer.status() == 200).map(drop) };
    eventually("the server is ready", ask).await;
    for _ in 0..100 {
        assert_eq!(anyone.get("/livez").await.status, 200);
    }
    let sent = std::process::Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "it is there to be stopped");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn help_and_completions_are_there() {
    let help = stdout(&fullhouse(&["--help"]));
    for word in ["serve", "token", "verify", "completions", "example hall"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(stdout(&fullhouse(&["serve", "--help"])).contains("FULLHOUSE_LISTEN"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&fullhouse(&["completions", shell])).contains("fullhouse"), "{shell}");
    }
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let help = stdout(&fullhouse(&["serve", "--help"]));
    let mut settings = 0;
    for variable in help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()) {
        let row = readme
            .lines()
            .find(|line| line.contains(&format!("`{variable}`")))
            .unwrap_or_else(|| panic!("{variable} is not in the README"));
        let option = format!("--{}", variable.trim_start_matches("FULLHOUSE_").to_lowercase().replace('_', "-"));
        assert!(row.starts_with(&format!("| `{option}` |")), "{row}");
        let described = [format!("[env: {variable}="), format!("[env: {variable}]")]
            .iter()
            .find_map(|named| help.split(named).nth(1))
            .unwrap()
            .split("[env: ")
            .next()
            .unwrap();
        if let Some(default) = described.split("[default: ").nth(1).and_then(|rest| rest.split(']').next()) {
            assert!(row.contains(&format!("| `{default}` |")), "the default of {option} is {default}: {row}");
        }
        settings += 1;
    }
    assert_eq!(settings, 19, "{help}");
}
