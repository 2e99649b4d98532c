//! What other processes of the cluster tell over NATS: that the log has grown, and that holds are due. Both are hints; what
//! gets lost is noticed without them, only later.

use anyhow::Context;
use async_nats::{Client, ConnectOptions};
use fullhouse_domain::ReservationId;
use fullhouse_eventstore::Log;
use fullhouse_schemas::names::{COMMAND_GROUP, read_due_hold, subject_of_due_holds, subjects_of_facts};
use futures::StreamExt;
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

/// Takes its share of the due holds.
pub async fn listen_for_due_holds(nats: Client, cluster: String, due: mpsc::Sender<ReservationId>) -> anyhow::Result<()> {
    let mut messages = nats.queue_subscribe(subject_of_due_holds(&cluster), COMMAND_GROUP.into()).await?;
    while let Some(message) = messages.next().await {
        match read_due_hold(&message.payload) {
            Some(reservation) => {
                if due.send(reservation).await.is_err() {
                    break;
                }
            }
            None => tracing::warn!("a message about a due hold names no reservation"),
        }
    }
    Ok(())
}
