//! One client: a socket, and the last position that was sent to it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use fullhouse_domain::{Reservation, Subject};
use fullhouse_schemas::http::ReservationBody;
use fullhouse_schemas::stream::{HEARTBEAT, opening, queue_message, reservation_message};
use tokio::sync::watch;
use tokio::time::Instant;

use super::feed::{Feed, Frame, FrameKind};
use super::limits::Place;
use super::waiter::Waiter;

pub(super) struct Client {
    feed: Arc<Feed>,
    frames: watch::Receiver<Arc<Frame>>,
    subject: Option<Subject>,
    /// The position that the client has been brought to.
    position: u64,
    /// Where he stands in the line, if he does.
    waiter: Option<Waiter>,
    /// What goes out next.
    ready: VecDeque<Bytes>,
    _place: Place,
}

impl Client {
    /// A client that has the state at `last_event_id`, or none.
    pub fn new(feed: Arc<Feed>, subject: Option<Subject>, last_event_id: Option<u64>, waiter: Option<Waiter>, place: Place) -> Self {
        if let Some(subject) = &subject {
            feed.listen(subject);
        }
        let frames = feed.frames();
        let mut client = Self { feed, frames, subject, position: 0, waiter, ready: VecDeque::new(), _place: place };
        client.ready.push_back(opening().into());
        client.position = last_event_id.unwrap_or(0);
        // Every show begins at position 1, so 0 is nobody's last id.
        if client.position == 0 || !client.catch_up() {
            let (position, bytes) = client.feed.whole();
            client.ready.push_back(bytes);
            client.position = position;
        }
        client
    }

    /// The next bytes; nothing when the server stops.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            let look_at = self.waiter.as_ref().and_then(Waiter::look_at);
            tokio::select! {
                changed = self.frames.changed() => changed.ok()?,
                () = tokio::time::sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {
                    self.look_at_the_line();
                    continue;
                }
            }
            if let Some(waiter) = &mut self.waiter {
                waiter.stir();
            }
            let frame = self.frames.borrow_and_update().clone();
            match &frame.kind {
                FrameKind::Last => return None,
                FrameKind::Change(bytes) if frame.from == self.position => {
                    if let Some(subject) = &self.subject {
                        let messages: Vec<Bytes> = frame.reservations_of(subject).iter().map(|changed| self.reservation(changed)).collect();
                        self.ready.extend(messages);
                    }
                    self.ready.push_back(bytes.clone());
                    self.position = frame.to;
                }
                // It was too slow for some frames, whatever came last: one difference makes up for all of them.
                FrameKind::Change(_) | FrameKind::Silence if frame.to > self.position => {
                    self.catch_up();
                }
                FrameKind::Change(_) => {}
                FrameKind::Silence => return Some(Bytes::from_static(HEARTBEAT.as_bytes())),
            }
        }
    }

    fn look_at_the_line(&mut self) {
        let now = self.feed.now();
        if let Some(body) = self.waiter.as_mut().and_then(|waiter| waiter.look(self.feed.show(), now)) {
            self.ready.push_back(queue_message(&body, self.position).into());
        }
    }

    /// Brings the client to the newest frame; false, when it claims to be beyond that.
    fn catch_up(&mut self) -> bool {
        let Some((position, bytes)) = self.feed.since(self.position) else { return false };
        // Told after the difference was made: the view is never behind it, so no change of a reservation falls between.
        self.tell_missed_reservations();
        if position > self.position {
            self.ready.push_back(bytes);
            self.position = position;
        }
        true
    }

    fn tell_missed_reservations(&mut self) {
        let Some(subject) = &self.subject else { return };
        let messages: Vec<Bytes> = {
            let view = self.feed.show().view();
            let missed = view.reservations_of(subject).filter(|reservation| reservation.position > self.position);
            missed.map(|reservation| self.reservation(reservation)).collect()
        };
        self.ready.extend(messages);
    }

    fn reservation(&self, reservation: &Reservation) -> Bytes {
        let body = ReservationBody::new(reservation, self.feed.show().chart(), self.feed.now());
        reservation_message(&body, self.position).into()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(subject) = &self.subject {
            self.feed.stop_listening(subject);
        }
    }
}
