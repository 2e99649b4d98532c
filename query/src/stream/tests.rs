//! Feeds and their clients, without a socket between them.

use std::sync::Arc;

use bytes::Bytes;
use fullhouse_domain::{Event, ReservationId, SeatStatus, ShowId, Subject, Timestamp, testing};
use fullhouse_views::{LiveShow, LiveViews};
use futures::FutureExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::feed::{Clock, Feeds, FrameKind};
use super::limits::{Limits, StreamLimits};

const SEATS: u32 = 30;

fn clock() -> Clock {
    Clock(Arc::new(Timestamp::default))
}

fn show() -> Arc<LiveShow> {
    LiveViews::default().add(ShowId::parse("local-a").expect("plain"), testing::plan(&[SEATS]), 1, Timestamp::default())
}

/// Holds a seat, or releases the one that was held longest ago; returns the statuses after it.
fn change(show: &LiveShow, position: u64) -> Vec<SeatStatus> {
    let reservation = |number: u64| ReservationId::of_show(show.id(), &format!("r{number}")).expect("plain");
    let seats = |number: u64| vec![(number * 7 % u64::from(SEATS)) as u32];
    let event = if position.is_multiple_of(3) {
        Event::HoldReleased { reservation: reservation(position - 1), seats: seats(position - 1) }
    } else {
        let subject = Subject::parse("ann").expect("visible");
        Event::SeatsHeld { reservation: reservation(position), subject, seats: seats(position), expires_at: Timestamp::default() }
    };
    show.apply([(position, Timestamp::default(), &event)].into_iter()).expect("the next fact");
    show.view().statuses().to_vec()
}

fn apply(message: &Bytes, show: &LiveShow, statuses: &mut [SeatStatus]) -> u64 {
    let text = std::str::from_utf8(message).expect("text");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("a data line");
    let body: Value = serde_json::from_str(data).expect("JSON");
    for (label, status) in body["seats"].as_object().expect("an object") {
        let status = if status == "pending" { SeatStatus::Pending } else { SeatStatus::Available };
        statuses[show.chart().seat(label).expect("a seat") as usize] = status;
    }
    body["position"].as_u64().expect("a position")
}

#[tokio::test]
async fn the_difference_from_any_position_leads_to_the_present() {
    let show = show();
    let feed = Feeds::new(clock(), CancellationToken::new()).join(&show);
    let mut then = vec![Vec::new(), show.view().statuses().to_vec()];
    for position in 2..=60 {
        then.push(change(&show, position));
        if position % 4 == 0 {
            feed.make_frame();
        }
        for from in 1..=position {
            let mut statuses = then[from as usize].clone();
            let (to, message) = feed.since(from).expect("not in the future");
            assert_eq!(apply(&message, &show, &mut statuses), to);
            assert_eq!(statuses, then[to as usize], "from {from} to {to}");
            assert!(to + 4 > position && to >= from);
        }
        assert_eq!(feed.since(position + 1), None);
    }
}

#[tokio::test]
async fn shared_frames_lead_from_one_to_the_next() {
    let show = show();
    let feed = Feeds::new(clock(), CancellationToken::new()).join(&show);
    let frames = feed.frames();
    let (mut position, mut statuses) = (1, show.view().statuses().to_vec());
    for at in 2..=60 {
        let now = change(&show, at);
        if at % 5 == 0 {
            feed.make_frame();
            let frame = frames.borrow().clone();
            let FrameKind::Change(message) = &frame.kind else { panic!("seats changed") };
            assert_eq!((frame.from, frame.to), (position, at));
            position = apply(message, &show, &mut statuses);
            assert_eq!(statuses, now);
        }
    }
}

fn client(feed: &Arc<super::feed::Feed>, last_event_id: Option<u64>) -> Client {
    let limits = Arc::new(Limits::new(StreamLimits { total: 10, per_address: 10 }));
    Client::new(feed.clone(), Subject::parse("ann"), last_event_id, None, limits.enter(None).expect("room"))
}

/// What a client can be sent at once.
fn messages(client: &mut Client) -> String {
    let mut text = String::new();
    while let Some(Some(bytes)) = client.next().now_or_never() {
        text.push_str(std::str::from_utf8(&bytes).expect("text"));
    }
    text
}

#[tokio::test]
async fn a_client_that_slept_through_changes_gets_them_with_the_next_sign_of_life() {
    let show = show();
    let feed = Feeds::new(clock(), CancellationToken::new()).join(&show);
    let mut client = client(&feed, None);
    assert!(messages(&mut client).contains("event: seats\nid: 1\n"));
    change(&show, 2);
    feed.make_frame();
    // The newest frame replaces the one before it, which this client has not seen.
    feed.publish(FrameKind::Silence);
    let text = messages(&mut client);
    assert!(text.contains("event: change\nid: 2\n") && text.contains("event: reservation\nid: 1\n"), "{text}");
    feed.publish(FrameKind::Silence);
    assert_eq!(messages(&mut client), ": \n\n");
}

#[tokio::test]
async fn the_last_frame_is_the_last() {
    let show = show();
    let feed = Feeds::new(clock(), CancellationToken::new()).join(&show);
    let mut client = client(&feed, None);
    messages(&mut client);
    feed.publish(FrameKind::Last);
    change(&show, 2);
    feed.make_frame();
    assert_eq!(client.next().now_or_never(), Some(None), "the stream has ended");
}
