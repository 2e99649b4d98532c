//! The relay to JetStream: every fact once and in order, whatever happens to the stream.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use async_nats::jetstream::{self, Context};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_projector::health::Health;
use fullhouse_projector::relay;
use fullhouse_schemas::names::{stream_of_facts, subject_of_facts};
use fullhouse_test_servers::Nats;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{Author, eventually};

struct Stage {
    _folder: tempfile::TempDir,
    log: Log,
    nats: Nats,
    jetstream: Context,
    health: Health,
    stop: CancellationToken,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
        let nats = Nats::new();
        let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
        Self { _folder: folder, log, nats, jetstream, health: Health::default(), stop: CancellationToken::new() }
    }

    fn relay(&self) -> JoinHandle<()> {
        tokio::spawn(relay::run(self.log.clone(), self.jetstream.clone(), "local".into(), self.health.clone(), self.stop.clone()))
    }

    /// Every message of the stream: its id, and what it says.
    async fn messages(&self) -> Option<Vec<(u64, String)>> {
        let stream = self.jetstream.get_stream(stream_of_facts("local")).await.ok()?;
        let state = stream.get_info().await.ok()?.state;
        let mut messages = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.ok()?;
            let id = message.headers.get(async_nats::header::NATS_MESSAGE_ID)?.as_str().parse().ok()?;
            messages.push((id, String::from_utf8(message.payload.to_vec()).ok()?));
        }
        Some(messages)
    }

    /// Waits until the stream holds exactly the log.
    async fn is_the_log(&self) {
        let facts = self.log.read_log(0, 100_000).await.unwrap();
        let expected: Vec<(u64, String)> =
            facts.iter().map(|fact| (fact.log_position, String::from_utf8(fact.canonical_bytes()).unwrap())).collect();
        eventually("the stream holds the log", async || self.messages().await.as_ref() == Some(&expected)).await;
        assert_eq!(self.health.stopped(), Vec::<String>::new());
    }

    async fn end(&self, relay: JoinHandle<()>) {
        self.stop.cancel();
        relay.await.unwrap();
    }
}

async fn go_on(author: &mut Author, numbers: std::ops::Range<u64>) {
    for number in numbers {
        author.go_on(number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_at_once_publish_every_fact_once_and_in_order() {
    let stage = Stage::new().await;
    let mut author = Author::schedule(&stage.log, "a").await;
    go_on(&mut author, 0..100).await;
    let (one, other) = (stage.relay(), stage.relay());
    go_on(&mut author, 100..300).await;
    stage.is_the_log().await;
    stage.end(one).await;
    stage.end(other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_deleted_or_loses_its_end_is_filled_again() {
    let mut stage = Stage::new().await;
    let mut author = Author::schedule(&stage.log, "a").await;
    let relay = stage.relay();
    go_on(&mut author, 0..50).await;
    stage.is_the_log().await;
    stage.jetstream.delete_stream(stream_of_facts("local")).await.unwrap();
    go_on(&mut author, 50..60).await;
    stage.is_the_log().await;
    // As a broker that lost what it had acknowledged.
    stage.nats.kill();
    go_on(&mut author, 60..70).await;
    stage.nats.restart_empty();
    go_on(&mut author, 70..80).await;
    stage.is_the_log().await;
    stage.end(relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_history_is_made_anew() {
    let stage = Stage::new().await;
    let mut author = Author::schedule(&stage.log, "a").await;
    let config = jetstream::stream::Config {
        name: stream_of_facts("local"),
        subjects: vec!["fullhouse.local.facts.>".into()],
        ..jetstream::stream::Config::default()
    };
    stage.jetstream.create_stream(config).await.unwrap();
    let message = jetstream::message::PublishMessage::build().payload("a later fact".into()).message_id("1000000");
    stage.jetstream.send_publish(subject_of_facts("local", &author.id), message).await.unwrap().await.unwrap();
    go_on(&mut author, 0..20).await;
    let relay = stage.relay();
    stage.is_the_log().await;
    stage.end(relay).await;
}
