//! What other processes of the cluster tell over NATS: that the log has grown, and that holds are due. Both are hints; what
//! gets lost is noticed without them, only later.

use anyhow::Context;
use async_nats::{Client, ConnectOptions};
use fullhouse_eventstore::Log;
use fullhouse_schemas::names::{COMMAND_GROUP, subjects_of_facts};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::address;

/// Connects. Later the connection is made anew by itself, however often it breaks.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let connecting = ConnectOptions::new().name("fullhouse").connect(url).await;
    connecting.with_context(|| format!("the NATS server at {} (--nats-url, FULLHOUSE_NATS_URL) can't be used", address::of_url(url)))
}

/// Looks at the log whenever the relay has passed something on.
pub async fn listen_for_facts(nats: Client, cluster: String, log: Log) -> anyhow::Result<()> {
    let mut facts = nats.subscribe(subjects_of_facts(&cluster)).await?;
    while facts.next().await.is_some() {
        log.nudge();
    }
    Ok(())
}

/// Takes its share of messages that one command server of all has to act on; `what` says what they are about. What can't be read is
/// left out.
pub async fn take_share<T>(
    nats: Client,
    subject: String,
    what: &'static str,
    read: impl Fn(&[u8]) -> Option<T>,
    to: mpsc::Sender<T>,
) -> anyhow::Result<()> {
    let mut messages = nats.queue_subscribe(subject, COMMAND_GROUP.into()).await?;
    while let Some(message) = messages.next().await {
        match read(&message.payload) {
            Some(message) => {
                if to.send(message).await.is_err() {
                    break;
                }
            }
            None => tracing::warn!("a message about {what} can't be read"),
        }
    }
    Ok(())
}

/// What arrives in a channel, until nobody can send any more.
pub fn arriving<T>(channel: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    futures::stream::unfold(channel, |mut channel| async move { channel.recv().await.map(|one| (one, channel)) })
}
