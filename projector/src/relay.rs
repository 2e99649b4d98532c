//! The relay: from the log to a JetStream stream, for other programs and as a wake-up for our own.
//!
//! The stream holds nothing that can't be had from the log. Where the relay is, is read from the stream's last message, so
//! that a stream that was deleted, restored, or has lost its end heals by itself. Each message is accepted only right
//! behind the one before (`Nats-Expected-Last-Sequence`), so two relays can't interleave.

use std::convert::Infallible;
use std::time::Duration;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RawMessageErrorKind, Stream};
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::names::{stream_of_facts, subject_of_facts, subjects_of_facts};
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::{ProjectionError, next_facts, whatever_happens};

/// Gauge: the log position that the relay has published.
pub const LOG_POSITION: &str = "fullhouse_relay_log_position";
/// Counter: how often the relay could not go on.
pub const FAILURES: &str = "fullhouse_relay_failures_total";

/// How many facts the stream keeps. A new one begins so far before the end of the log.
const STREAM_FACTS_MAX: u64 = 1_000_000;
/// How many messages are under way at a time.
const IN_FLIGHT_MAX: usize = 256;
/// The pause before the stream is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How long the log may take to tell its head.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Publishes what is appended until `stop`. A broker that can't be reached is waited for: nobody decides by the stream.
pub async fn run(log: Log, jetstream: Context, cluster: String, health: Health, stop: CancellationToken) {
    let following = whatever_happens("the relay", FAILURES, RETRY_PAUSE, &health, || follow(&log, &jetstream, &cluster, &health));
    health.watch("the relay", &stop, following).await;
}

async fn follow(log: &Log, jetstream: &Context, cluster: &str, health: &Health) -> Result<Infallible, ProjectionError> {
    let mut end = StreamEnd::find(jetstream, cluster, log).await?;
    let mut follower = log.follow(end.log_position);
    loop {
        let facts = next_facts(&mut follower, health).await?;
        for some in facts.chunks(IN_FLIGHT_MAX) {
            end.publish(jetstream, cluster, some).await?;
            metrics::gauge!(LOG_POSITION).set(end.log_position as f64);
        }
    }
}

/// Where the stream ends.
struct StreamEnd {
    sequence: u64,
    log_position: u64,
}

impl StreamEnd {
    /// Finds it. A stream whose last message is not the fact that the log has at its position belongs to another history: it is
    /// made anew.
    async fn find(jetstream: &Context, cluster: &str, log: &Log) -> Result<Self, ProjectionError> {
        let head = log.newest_head(LOG_PATIENCE).await?;
        let config = Config {
            name: stream_of_facts(cluster),
            subjects: vec![subjects_of_facts(cluster)],
            max_messages: STREAM_FACTS_MAX as i64,
            discard: DiscardPolicy::Old,
            ..Config::default()
        };
        let stream = jetstream.get_or_create_stream(config.clone()).await.map_err(failed("finding the stream"))?;
        if let Some(found) = Self::of(&stream, head, log).await? {
            return Ok(found);
        }
        tracing::warn!(stream = config.name, "the stream tells of another history; it is made anew");
        jetstream.delete_stream(&config.name).await.map_err(failed("deleting the stream"))?;
        jetstream.create_stream(config).await.map_err(failed("making the stream"))?;
        Ok(Self { sequence: 0, log_position: head.saturating_sub(STREAM_FACTS_MAX) })
    }

    /// The end of a stream of this history; nothing, when it is of another one.
    async fn of(stream: &Stream, head: u64, log: &Log) -> Result<Option<Self>, ProjectionError> {
        let sequence = stream.get_info().await.map_err(failed("reading the end of the stream"))?.state.last_sequence;
        let begin = Self { sequence, log_position: head.saturating_sub(STREAM_FACTS_MAX) };
        if sequence == 0 {
            return Ok(Some(begin));
        }
        let last = match stream.get_raw_message(sequence).await {
            Ok(last) => last,
            // Somebody has emptied it. What it remembers of the messages it had would keep them from coming back.
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
            Err(error) => return Err(failed("reading the end of the stream")(error)),
        };
        let id = last.headers.get(async_nats::header::NATS_MESSAGE_ID).and_then(|id| id.as_str().parse::<u64>().ok());
        let Some(log_position) = id.filter(|&id| (1..=head).contains(&id)) else { return Ok(None) };
        let facts = log.read_log(log_position - 1, 1).await?;
        let is_ours = facts.first().is_some_and(|fact| fact.canonical_bytes() == last.payload);
        Ok(is_ours.then_some(Self { sequence, log_position }))
    }

    async fn publish(&mut self, jetstream: &Context, cluster: &str, facts: &[StoredFact]) -> Result<(), ProjectionError> {
        let mut under_way = Vec::with_capacity(facts.len());
        for (fact, sequence) in facts.iter().zip(self.sequence..) {
            let message = PublishMessage::build()
                .payload(fact.canonical_bytes().into())
                .message_id(fact.log_position.to_string())
                .expected_last_sequence(sequence);
            let sent = jetstream.send_publish(subject_of_facts(cluster, &fact.show), message).await;
            under_way.push(sent.map_err(failed("publishing"))?);
        }
        for (accepted, fact) in under_way.into_iter().zip(facts) {
            let accepted = accepted.await.map_err(failed("publishing"))?;
            (self.sequence, self.log_position) = (accepted.sequence, fact.log_position);
        }
        Ok(())
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(doing: &'static str) -> impl Fn(E) -> ProjectionError {
    move |source| ProjectionError::Broker { doing, source: Box::new(source) }
}
