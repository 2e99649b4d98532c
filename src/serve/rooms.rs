//! Waiting rooms: how the parts that look after them are wired, within one process and across several.
//!
//! Servers report who is there, one process at a time finds who is next, and a command server lets them in. Without NATS all of
//! that is one process.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use fullhouse_command::Rooms;
use fullhouse_eventstore::Log;
use fullhouse_line::Presence;
use fullhouse_projector::admission;
use fullhouse_query::queue::reports;
use fullhouse_schemas::names::{subject_of_room_orders, subject_of_room_reports};
use fullhouse_schemas::room_messages::{RoomOrder, RoomReport};
use fullhouse_schemas::stream::RETRY_MS;
use fullhouse_views::LiveViews;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::broker::arriving;

/// How often each server reports.
const REPORT_PAUSE: Duration = Duration::from_millis(200);
/// After a start, clients of the process before it come back within so long: streams are opened again after [`RETRY_MS`].
pub const RETURNING: Duration = Duration::from_millis(RETRY_MS + 500);
/// How many reports, or orders, may wait. More would be outdated when their turn comes.
const WAITING_MAX: usize = 1_000;
/// How many orders are carried out at a time. There is one for a show.
const ORDERS_IN_FLIGHT_MAX: usize = 64;

/// Reports who is there. Without views nobody is left out; who listens knows better.
pub async fn report(presence: Arc<Presence>, views: Option<Arc<LiveViews>>, to: mpsc::Sender<RoomReport>) {
    let mut beat = tokio::time::interval(REPORT_PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let found = match &views {
            Some(views) => reports(&presence, views),
            None => presence.shows().iter().map(|show| presence.report(show, |_| true, |_| true)).collect(),
        };
        for report in found {
            // Also where nobody listens, whoever has gone must be forgotten.
            let _ = to.send(report).await;
        }
    }
}

/// Carries out what was found to be due. What fails is found to be due again.
pub async fn carry_out(orders: mpsc::Receiver<RoomOrder>, rooms: Rooms) {
    arriving(orders)
        .for_each_concurrent(ORDERS_IN_FLIGHT_MAX, |order| {
            let rooms = rooms.clone();
            async move {
                if let Err(why) = rooms.carry_out(order).await {
                    tracing::debug!(?why, "an order about a waiting room could not be carried out, and will be given again");
                }
            }
        })
        .await;
}

/// Where reports, or orders, go and come from.
pub fn channel<T>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(WAITING_MAX)
}

/// Sends reports to the other processes.
pub async fn publish_reports(nats: Client, cluster: String, mut reports: mpsc::Receiver<RoomReport>) {
    while let Some(report) = reports.recv().await {
        // A broker that is away hears the next one.
        let _ = nats.publish(subject_of_room_reports(&cluster), report.encode().into()).await;
    }
}

/// Looks after the waiting rooms of a cluster until `stop`, with views that somebody else keeps up to date.
pub async fn admit(log: Log, views: Arc<LiveViews>, nats: Client, cluster: String, stop: CancellationToken) {
    let (report_sender, reports) = channel();
    let (order_sender, mut orders) = channel::<RoomOrder>();
    let listening = async {
        let mut messages = match nats.subscribe(subject_of_room_reports(&cluster)).await {
            Ok(messages) => messages,
            Err(error) => return tracing::error!("nothing is heard of those who wait: {error}"),
        };
        while let Some(message) = messages.next().await {
            match RoomReport::decode(&message.payload) {
                // Whoever can't keep up does without some: there will be newer ones.
                Some(report) => drop(report_sender.try_send(report)),
                None => tracing::warn!("a message about a waiting room reports nothing that is known"),
            }
        }
    };
    let publishing = async {
        while let Some(order) = orders.recv().await {
            let _ = nats.publish(subject_of_room_orders(&cluster), order.encode().into()).await;
        }
    };
    let head_at_start = log.head();
    let admitting = async {
        // Before the views are built, rooms look as they were long ago.
        if stop.run_until_cancelled(views.reached_by_and_by(head_at_start)).await.is_some() {
            admission::run(log, views.clone(), reports, order_sender, admission::HEAR_FIRST, stop.clone()).await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = publishing => {}
        () = admitting => {}
    }
}
