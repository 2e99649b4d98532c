//! What the clients of one show are sent.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use fullhouse_domain::{Reservation, SeatIndex, SeatStatus, ShowId, Subject, Timestamp};
use fullhouse_schemas::http::{CompactSeatsBody, Counts, statuses_text};
use fullhouse_schemas::stream::{change_message, seats_message};
use fullhouse_views::LiveShow;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Counter: frames that were made, each of which many clients may be sent.
pub const FRAMES: &str = "fullhouse_stream_frames_total";
/// Histogram: from a fact's recording to the frame that tells of it, in seconds, for the newest fact of each frame.
pub const FRAME_LAG_SECONDS: &str = "fullhouse_stream_frame_lag_seconds";

/// The shortest pause between two frames of a show. What changes meanwhile is in the next one.
const FRAME_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Sending a frame costs about so much for each client (measured with 10,000 on two cores that the clients share), so with many of them
/// frames are rarer and larger, and something of the machine is left for commands.
const FRAME_PAUSE_PER_CLIENT: Duration = Duration::from_micros(15);
/// The longest pause: with it a change still arrives within a quarter of a second.
const FRAME_PAUSE_MAX: Duration = Duration::from_millis(150);
/// How many differences are kept for clients that are at the same position. Whoever asks may name any position.
const DIFFERENCES_MAX: usize = 64;
/// Silence is broken after this long, so that a dead connection can be told from a quiet one.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The feeds of all shows that are watched.
#[derive(Debug)]
pub(super) struct Feeds {
    by_show: Mutex<HashMap<ShowId, Weak<Feed>>>,
    clock: Clock,
    stop: CancellationToken,
}

/// The log's clock.
#[derive(Clone)]
pub(super) struct Clock(pub Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

/// The feed of one show. It ends when nobody watches.
#[derive(Debug)]
pub(super) struct Feed {
    show: Arc<LiveShow>,
    clock: Clock,
    map: Mutex<Map>,
    listening: Mutex<HashMap<Subject, usize>>,
    frames: watch::Sender<Arc<Frame>>,
    _ends_with_me: DropGuard,
}

/// The map at the position that the newest frame leads to, and what was made of it for clients.
#[derive(Debug)]
struct Map {
    position: u64,
    counts: Counts,
    statuses: Vec<SeatStatus>,
    changed_at: Vec<u64>,
    whole: Option<Bytes>,
    differences: HashMap<u64, Bytes>,
}

/// What everybody at position `from` is sent.
#[derive(Debug)]
pub(super) struct Frame {
    pub from: u64,
    pub to: u64,
    pub kind: FrameKind,
    /// Changed reservations of those who listen.
    reservations: HashMap<Subject, Vec<Reservation>>,
}

#[derive(Debug)]
pub(super) enum FrameKind {
    /// Seats changed.
    Change(Bytes),
    /// Nothing did for a while.
    Silence,
    /// The server is stopping.
    Last,
}

impl Feeds {
    pub fn new(clock: Clock, stop: CancellationToken) -> Self {
        Self { by_show: Mutex::default(), clock, stop }
    }

    /// The feed of a show, made for its first client.
    pub fn join(&self, show: &Arc<LiveShow>) -> Arc<Feed> {
        let mut feeds = self.by_show.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(show.id()).and_then(Weak::upgrade) {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Feed::start(show.clone(), self.clock.clone(), &self.stop);
        feeds.insert(show.id().clone(), Arc::downgrade(&feed));
        feed
    }
}

impl Feed {
    fn start(show: Arc<LiveShow>, clock: Clock, stop: &CancellationToken) -> Arc<Self> {
        // What changes after this is seen as a change, so nothing can fall between here and the map.
        let position = show.position();
        let map = Map::of(&show);
        let frames = watch::channel(Arc::new(Frame::silence(map.position, FrameKind::Silence))).0;
        let nobody_watches = CancellationToken::new();
        let feed = Arc::new(Self {
            show,
            clock,
            map: Mutex::new(map),
            listening: Mutex::default(),
            frames,
            _ends_with_me: nobody_watches.clone().drop_guard(),
        });
        let running = run(Arc::downgrade(&feed), position, stop.clone());
        tokio::spawn(async move { nobody_watches.run_until_cancelled(running).await });
        feed
    }

    pub fn show(&self) -> &Arc<LiveShow> {
        &self.show
    }

    /// The instant, by the log's clock.
    pub fn now(&self) -> Timestamp {
        (self.clock.0)()
    }

    pub fn frames(&self) -> watch::Receiver<Arc<Frame>> {
        let mut frames = self.frames.subscribe();
        // One that was published just before would never be seen.
        if matches!(frames.borrow().kind, FrameKind::Last) {
            frames.mark_changed();
        }
        frames
    }

    /// The whole map as a message, and its position.
    pub fn whole(&self) -> (u64, Bytes) {
        let mut map = self.map();
        let position = map.position;
        if map.whole.is_none() {
            let body = CompactSeatsBody { position, counts: map.counts, statuses: statuses_text(&map.statuses), queue: None };
            map.whole = Some(seats_message(&body).into());
        }
        (position, map.whole.clone().unwrap_or_default())
    }

    /// What changed since any position as a message, and the position that it leads to. Nothing, when the position lies in
    /// the future.
    pub fn since(&self, position: u64) -> Option<(u64, Bytes)> {
        if position > self.map().position {
            // The client saw a newer state than the last frame, which may be some milliseconds old.
            self.make_frame();
        }
        let mut map = self.map();
        if position > map.position {
            return None;
        }
        let to = map.position;
        if let Some(bytes) = map.differences.get(&position) {
            return Some((to, bytes.clone()));
        }
        let changed = map.changed_at.iter().zip(&map.statuses).zip(0..);
        let changes: Vec<(SeatIndex, SeatStatus)> =
            changed.filter(|((at, _), _)| **at > position).map(|((_, status), seat)| (seat, *status)).collect();
        let bytes = Bytes::from(change_message(self.show.chart(), to, map.counts, &changes));
        if map.differences.len() >= DIFFERENCES_MAX {
            map.differences.clear();
        }
        map.differences.insert(position, bytes.clone());
        Some((to, bytes))
    }

    /// Notes that this person wants to hear of his reservations, until [`Feed::stop_listening`].
    pub fn listen(&self, subject: &Subject) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        *listening.entry(subject.clone()).or_default() += 1;
    }

    pub fn stop_listening(&self, subject: &Subject) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = listening.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                listening.remove(subject);
            }
        }
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the map up to the view and publishes the difference.
    pub fn make_frame(&self) {
        let mut map = self.map();
        let view = self.show.view();
        let (from, to) = (map.position, view.position());
        if from == to {
            return;
        }
        let changes = map.advance(&view);
        let recorded_at = view.recorded_at();
        let reservations = self.reservations_of_listeners(&view, from);
        drop(view);
        let bytes = Bytes::from(change_message(self.show.chart(), to, map.counts, &changes));
        map.differences.insert(from, bytes.clone());
        self.frames.send_if_modified(|newest| {
            // A server that stops has said its last word.
            let goes_on = !matches!(newest.kind, FrameKind::Last);
            if goes_on {
                *newest = Arc::new(Frame { from, to, kind: FrameKind::Change(bytes), reservations });
            }
            goes_on
        });
        metrics::counter!(FRAMES).increment(1);
        metrics::histogram!(FRAME_LAG_SECONDS).record(recorded_at.until(self.now()).as_secs_f64());
    }

    fn reservations_of_listeners(&self, view: &fullhouse_views::SeatView, after: u64) -> HashMap<Subject, Vec<Reservation>> {
        let listening: HashSet<Subject> = self.listening.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        let mut by_subject: HashMap<Subject, Vec<Reservation>> = HashMap::new();
        if listening.is_empty() {
            return by_subject;
        }
        let changed: Vec<&Reservation> =
            view.reservations_changed_after(after).filter(|changed| listening.contains(&changed.subject)).collect();
        for reservation in changed.into_iter().rev() {
            by_subject.entry(reservation.subject.clone()).or_default().push(reservation.clone());
        }
        by_subject
    }

    /// Publishes a frame in which no seat changes.
    pub fn publish(&self, kind: FrameKind) {
        let position = self.map().position;
        self.frames.send_replace(Arc::new(Frame::silence(position, kind)));
    }
}

/// The pause after a frame that so many clients are sent.
fn pause_for(clients: usize) -> Duration {
    let clients = u32::try_from(clients).unwrap_or(u32::MAX);
    FRAME_PAUSE_PER_CLIENT.saturating_mul(clients).clamp(FRAME_PAUSE_MIN, FRAME_PAUSE_MAX)
}

/// Makes a frame whenever the view has moved, with a pause after each.
async fn run(feed: Weak<Feed>, mut position: watch::Receiver<u64>, stop: CancellationToken) {
    loop {
        tokio::select! {
            changed = position.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(SILENCE_MAX) => {
                let Some(feed) = feed.upgrade() else { return };
                feed.publish(FrameKind::Silence);
                continue;
            }
            () = stop.cancelled() => {
                if let Some(feed) = feed.upgrade() {
                    feed.publish(FrameKind::Last);
                }
                return;
            }
        }
        let Some(feed) = feed.upgrade() else { return };
        feed.make_frame();
        let pause = pause_for(feed.frames.receiver_count());
        drop(feed);
        tokio::time::sleep(pause).await;
    }
}

impl Map {
    fn of(show: &LiveShow) -> Self {
        let view = show.view();
        Self {
            position: view.position(),
            counts: view.counts(),
            statuses: view.statuses().to_vec(),
            changed_at: view.changed_at().to_vec(),
            whole: None,
            differences: HashMap::new(),
        }
    }

    /// Takes over what the view has more; returns the seats whose status differs from before.
    fn advance(&mut self, view: &fullhouse_views::SeatView) -> Vec<(SeatIndex, SeatStatus)> {
        let mut changes = Vec::new();
        let newer = view.changed_at().iter().zip(view.statuses()).zip(0..).filter(|((at, _), _)| **at > self.position);
        for ((at, status), seat) in newer {
            self.changed_at[seat] = *at;
            if std::mem::replace(&mut self.statuses[seat], *status) != *status {
                changes.push((seat as SeatIndex, *status));
            }
        }
        self.position = view.position();
        self.counts = view.counts();
        self.whole = None;
        self.differences.clear();
        changes
    }
}

impl Frame {
    fn silence(position: u64, kind: FrameKind) -> Self {
        Self { from: position, to: position, kind, reservations: HashMap::new() }
    }

    /// The reservations of this person that changed on the way.
    pub fn reservations_of(&self, subject: &Subject) -> &[Reservation] {
        self.reservations.get(subject).map_or(&[], Vec::as_slice)
    }
}
