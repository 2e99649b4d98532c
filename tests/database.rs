//! Servers that share a database: several at once, with no more rights than they need, and the views beside the log.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::process::Output;

use fullhouse_test_servers::{Nats, Redis};
use serde_json::{Value, json};
use support::server::{fullhouse, prepared_database};
use support::{LiveMap, Person, Server, eventually, hall, hall_with_hold_seconds};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits until the SQL views have everything that is in the log.
async fn views_are_at_the_head(database: &fullhouse_test_servers::Database) {
    eventually("the SQL views are at the head", || async {
        let behind = "SELECT (SELECT max(log_position) FROM fullhouse.facts) - (SELECT log_position FROM fullhouse_views.view_position)";
        (database.run(behind) == "0").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_answer_as_one() {
    let database = prepared_database();
    let one = Server::start_on_database(&database.url(), &[]);
    let other = one.start_beside(&[]);
    let event = one.schedule(&hall(2, 20)).await;
    let (ann_here, key) = (one.guest().await, "a-key");
    let ann_there = Person::with_token(&other.url, ann_here.token.as_ref().unwrap());
    let mut map = LiveMap::open(&Person::anonymous(&other.url), &event).await;

    let body = json!({ "event_id": event, "seats": ["S-A-1", "S-A-2"] });
    let held = ann_here.post_keyed("/reserve", key, &body).await.unwrap();
    assert_eq!(held.status, 201, "{held:?}");
    let again = ann_there.post_keyed("/reserve", key, &body).await.unwrap();
    assert_eq!((again.status, again.text), (held.status, held.text.clone()), "a retry on another server is the same answer");
    let taken = other.guest().await.hold(&event, &["S-A-2", "S-A-3"]).await;
    taken.is_problem(409, "seats-taken");
    assert_eq!(taken.body["conflicts"], json!([{ "seat": "S-A-2", "reason": "pending" }]));

    let reservation = held.body["reservation_id"].as_str().unwrap();
    assert_eq!(ann_there.get(&format!("/reserve/{reservation}")).await.status, 200, "what one was told the other knows at once");
    assert_eq!(ann_there.checkout(reservation).await.status, 200);
    assert_eq!(ann_here.get(&format!("/reserve/{reservation}")).await.body["status"], "reserved");
    map.reach(3).await;
    assert_eq!(map.statuses(), one.guest().await.statuses(&event).await);
    views_are_at_the_head(&database).await;
    let report = one.verify();
    assert_eq!((&report["facts"], &report["views_compared_at"]), (&json!(3), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_on_every_server_though_only_one_has_timers() {
    let database = prepared_database();
    let one = Server::start_on_database(&database.url(), &["--timers", "false"]);
    let other = one.start_beside(&[]);
    let event = one.schedule(&hall_with_hold_seconds(1, 4, 1)).await;
    assert_eq!(one.guest().await.hold(&event, &["S-A-1"]).await.status, 201);
    let guest = one.guest().await;
    assert_eq!(guest.statuses(&event).await, "paaa");
    eventually("the seat is free again", || async { (guest.statuses(&event).await == "aaaa").then_some(()) }).await;
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_serves_its_part_with_no_more_rights_than_it_needs() {
    let database = prepared_database();
    let (redis, nats) = (Redis::new(), Nats::new());
    let (redis_url, nats_url) = (redis.url(), nats.url());
    let of_role = |role| ["--role", role, "--redis-url", &redis_url, "--nats-url", &nats_url];
    let command = Server::start_on_database(&database.login("fullhouse_command"), &of_role("command"));
    let query = Server::start_sharing_keys(&command, &database.login("fullhouse_query"), &of_role("query"));
    let projector = Server::start_sharing_keys(&command, &database.login("fullhouse_projector"), &of_role("projector"));
    let event = command.schedule(&hall_with_hold_seconds(1, 4, 2)).await;
    let ann = command.guest().await;
    assert_eq!(ann.hold(&event, &["S-A-1"]).await.status, 201);
    let ann_reads = Person::with_token(&query.url, ann.token.as_ref().unwrap());
    assert_eq!(ann_reads.statuses(&event).await, "paaa");
    ann_reads.hold(&event, &["S-A-2"]).await.is_problem(404, "not-found");
    ann.get(&format!("/events/{event}/seats")).await.is_problem(404, "not-found");
    Person::anonymous(&projector.url).get("/events").await.is_problem(404, "not-found");
    for server in [&command, &query, &projector] {
        let person = Person::anonymous(&server.url);
        assert_eq!(person.get("/readyz").await.status, 200);
        assert!(person.get("/metrics").await.text.contains("fullhouse_log_head"));
    }
    views_are_at_the_head(&database).await;
    assert_eq!(database.run("SELECT status FROM fullhouse_views.seats ORDER BY seat_number LIMIT 2"), "pending\navailable");
    // From the timers in Redis over NATS to the command server.
    eventually("the hold has ended", || async { (ann_reads.statuses(&event).await == "aaaa").then_some(()) }).await;
    assert_eq!(database.run("SELECT kind, subject IS NULL FROM fullhouse.facts WHERE log_position = 3"), "hold_expired|t");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_somebody_changed_are_found_and_built_anew_while_servers_go_on() {
    let database = prepared_database();
    let server = Server::start_on_database(&database.url(), &[]);
    let event = server.schedule(&hall(2, 30)).await;
    let ann = server.guest().await;
    for seat in 1..=20 {
        let held = ann.hold(&event, &[&format!("S-A-{seat}")]).await;
        let id = held.body["reservation_id"].as_str().unwrap().to_owned();
        match seat % 3 {
            0 => drop(ann.checkout(&id).await),
            1 => drop(ann.release(&id).await),
            _ => {}
        }
    }
    views_are_at_the_head(&database).await;
    server.verify();
    assert_eq!(database.run("SELECT seats_reserved, amount FROM fullhouse_views.sales_by_section"), "6|27000");
    assert_eq!(database.run("SELECT held, pending, reserved, released, expired FROM fullhouse_views.hold_to_sale"), "20|7|6|7|0");

    database.run("UPDATE fullhouse_views.seats SET status = 'available' WHERE seat = 'S-A-3'");
    let broken = fullhouse(&["verify", "--json", "--database-url", &database.url()]);
    assert_eq!(broken.status.code(), Some(1), "{}", text(&broken));
    let report: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(report["breaches"][0]["promise"], "P5");

    let working = {
        let (ann, event) = (ann.clone(), event.clone());
        tokio::spawn(async move {
            for seat in 1..=30 {
                assert_eq!(ann.hold(&event, &[&format!("S-B-{seat}")]).await.status, 201);
            }
        })
    };
    let rebuilt = fullhouse(&["rebuild", "sql", "--database-url", &database.url()]);
    assert!(rebuilt.status.success() && text(&rebuilt).contains("1 rows of seats were wrong or missing before"), "{}", text(&rebuilt));
    working.await.unwrap();
    views_are_at_the_head(&database).await;
    server.verify();
    let rebuilt = fullhouse(&["rebuild", "sql", "--database-url", &database.url()]);
    assert!(rebuilt.status.success() && text(&rebuilt).contains("as they were before"), "{}", text(&rebuilt));
    assert_eq!(
        database.run("SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'fullhouse%'"),
        "7",
        "the log, the line, the views, the checkpoints, the demand, the people and the snapshots"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn analysts_read_views_and_nothing_else() {
    let database = prepared_database();
    let analyst = database.login("fullhouse_analyst");
    let psql = |sql: &str| std::process::Command::new("psql").args(["-X", "-qAt", "-d", &analyst, "-c", sql]).output().unwrap();
    assert!(psql("SELECT * FROM fullhouse_views.hold_to_sale, fullhouse_views.view_position").status.success());
    for sql in ["SELECT * FROM fullhouse.facts", "UPDATE fullhouse_views.seats SET price = 0", "TRUNCATE fullhouse_views.seats"] {
        assert!(text(&psql(sql)).contains("permission denied"), "{sql}: {}", text(&psql(sql)));
    }
}

#[test]
fn a_database_that_can_not_be_used_is_an_error_that_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |url: &str, options: &[&str]| {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()];
        let output = fullhouse(&[arguments.as_slice(), &["--database-url", url], options].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        text(&output)
    };
    let empty = fullhouse_test_servers::database();
    let error = serve(&empty.url(), &[]);
    assert!(error.contains("--database-url") && error.contains("run `fullhouse migrate`"), "{error}");
    let error = serve("postgres://nobody@127.0.0.1:1/nothing", &[]);
    assert!(error.contains("--database-url") && error.contains("refused"), "{error}");
    let error = serve("http://example.org", &[]);
    assert!(error.contains("--database-url"), "{error}");
    let output = fullhouse(&["serve", "--data", folder.path().to_str().unwrap(), "--role", "query"]);
    assert!(output.status.code() == Some(2) && text(&output).contains("--role"), "{output:?}");
    let prepared = prepared_database();
    let error = serve(&prepared.url(), &["--role", "projector"]);
    assert!(error.contains("--redis-url") && error.contains("--nats-url"), "{error}");
    let error = serve(&prepared.url(), &["--redis-url", "redis://127.0.0.1:1/"]);
    assert!(error.contains("--redis-url") && error.contains("refused"), "{error}");
    let error = serve(&prepared.url(), &["--nats-url", "nats://127.0.0.1:1"]);
    assert!(error.contains("--nats-url") && error.contains("refused"), "{error}");
}
