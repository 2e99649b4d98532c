//! The loop of the sequencer, and the state that it owns.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fullhouse_domain::{Show, ShowId};
use fullhouse_eventstore::Log;
use fullhouse_snapshots::{Histories, LoadError};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Job, SHOWS, WAIT_MAX, WAITING, WAITING_LIMIT, WAITING_MAX, rejected};
use crate::outcome::Rejected;

/// How many new commands go into one batch. More of them would not cost less, and their answers leave all at once: who is refused meanwhile
/// waits behind them.
const BATCH_COMMANDS_MAX: usize = 512;
/// The state of a show that has begun and that no command was about for so long is dropped, at the latest after twice that: anybody may ask for
/// any show, and none that was ever asked for should stay for ever. Those to come are all in memory anyway, so that nobody waits for them.
const UNUSED_MAX: Duration = Duration::from_secs(600);
/// How many histories that commands wait for are read at a time.
const LOADS_MAX: usize = 2;

/// What is known of a show.
pub(super) enum Slot {
    /// Its history is being read.
    Loading {
        /// What waits for it.
        jobs: Vec<Job>,
        /// Whether facts of it have come to be known meanwhile, which the reading may have missed.
        has_grown: bool,
    },
    /// Its state at the log position that the worker knows.
    Ready {
        show: Box<Show>,
        /// Whether it was needed since the last look at which shows nobody needs.
        is_used: bool,
    },
    /// There is no such show at that position.
    Absent,
}

/// A history that has been read: nothing, when there is no such show.
struct Loaded {
    id: ShowId,
    result: Result<Option<Box<Show>>, LoadError>,
}

pub(super) struct Worker {
    pub log: Log,
    /// The log position that every ready state is the fold of.
    pub known: u64,
    pub shows: HashMap<ShowId, Slot>,
    /// Commands to be decided again, in the order of their arrival.
    pub again: Vec<Job>,
    /// How many commands wait for a show that is being loaded.
    parked: usize,
    to_warm: mpsc::Receiver<ShowId>,
    /// The show that is being read before anybody needs it. One at a time: a command that needs it waits for no other.
    warming: Option<ShowId>,
    /// When the worker last looked which shows nobody needs.
    looked_at: Instant,
    /// Shows that do not exist now, but may the next time that somebody asks.
    absent: Vec<ShowId>,
    /// How many commands may wait now.
    limit: Arc<AtomicUsize>,
    loads: Arc<Semaphore>,
    histories: Histories,
    /// Where histories are read and folded: not on the thread that decides.
    readers: Handle,
    loading: mpsc::UnboundedSender<Loaded>,
    loaded: mpsc::UnboundedReceiver<Loaded>,
}

impl Worker {
    /// Must be called within the runtime that histories are to be read on.
    pub fn new(log: Log, histories: Histories, to_warm: mpsc::Receiver<ShowId>, limit: Arc<AtomicUsize>) -> Self {
        let known = log.head();
        // One message for each load. Commands that wait for loads are counted, and so are shows to be warmed: that bounds it.
        let (loading, loaded) = mpsc::unbounded_channel();
        Self {
            log,
            known,
            shows: HashMap::new(),
            again: Vec::new(),
            parked: 0,
            to_warm,
            warming: None,
            looked_at: Instant::now(),
            absent: Vec::new(),
            limit,
            loads: Arc::new(Semaphore::new(LOADS_MAX)),
            histories,
            readers: Handle::current(),
            loading,
            loaded,
        }
    }

    pub async fn run(mut self, mut waiting: mpsc::Receiver<Job>, stop: CancellationToken) {
        while let Some(mut jobs) = self.next_jobs(&mut waiting, &stop).await {
            // However many are decided again, new ones get their turn.
            let fresh_max = BATCH_COMMANDS_MAX.min((WAITING_MAX + 1).saturating_sub(jobs.len()));
            let mut fresh = 0;
            while fresh < fresh_max
                && let Ok(job) = waiting.try_recv()
            {
                jobs.push(job);
                fresh += 1;
            }
            metrics::gauge!(WAITING).set((waiting.len() + self.parked) as f64);
            self.catch_up().await;
            let batch = self.decide_all(jobs);
            if !batch.commands.is_empty() {
                self.append_and_answer(batch).await;
            }
            for id in std::mem::take(&mut self.absent) {
                if matches!(self.shows.get(&id), Some(Slot::Absent)) {
                    self.shows.remove(&id);
                }
            }
            if self.looked_at.elapsed() >= UNUSED_MAX {
                self.forget_unused();
            }
        }
    }

    /// What is known of a show that a command is about.
    pub fn used(&mut self, id: &ShowId) -> Option<&mut Slot> {
        let slot = self.shows.get_mut(id)?;
        if let Slot::Ready { is_used, .. } = slot {
            *is_used = true;
        }
        Some(slot)
    }

    /// Drops the states of shows that have begun and that no command was about since the last time. They are read again when one is.
    fn forget_unused(&mut self) {
        let now = self.log.now();
        self.shows.retain(|_, slot| match slot {
            Slot::Ready { show, is_used } => std::mem::take(is_used) || show.plan().starts_at > now,
            Slot::Loading { .. } | Slot::Absent => true,
        });
        metrics::gauge!(SHOWS).set(self.shows.len() as f64);
        self.looked_at = Instant::now();
    }

    /// The first commands of the next batch; nothing when there will never be one again.
    async fn next_jobs(&mut self, waiting: &mut mpsc::Receiver<Job>, stop: &CancellationToken) -> Option<Vec<Job>> {
        if !self.again.is_empty() {
            // However busy one show is, the others get their turn, and the end is noticed.
            let mut jobs = std::mem::take(&mut self.again);
            while let Ok(loaded) = self.loaded.try_recv() {
                jobs.extend(self.take_loaded(loaded).await);
            }
            if stop.is_cancelled() {
                waiting.close();
            }
            return Some(jobs);
        }
        loop {
            tokio::select! {
                () = stop.cancelled(), if !waiting.is_closed() => waiting.close(),
                job = waiting.recv() => match job {
                    Some(job) => return Some(vec![job]),
                    None if self.parked == 0 => return None,
                    None => {
                        let loaded = self.loaded.recv().await?;
                        return Some(self.take_loaded(loaded).await);
                    }
                },
                Some(show) = self.to_warm.recv(), if self.warming.is_none() => {
                    if !self.shows.contains_key(&show) {
                        self.warming = Some(show.clone());
                        self.begin_to_load(show, Vec::new(), None);
                    }
                }
                Some(loaded) = self.loaded.recv() => {
                    let jobs = self.take_loaded(loaded).await;
                    if !jobs.is_empty() {
                        return Some(jobs);
                    }
                }
            }
        }
    }

    /// Lets as many commands wait as the log can do in a while, going by what it took for the last ones.
    pub fn limit_waiting(&self, commands: usize, took: Duration) {
        let limit = limit_of(commands, took);
        self.limit.store(limit, Ordering::Relaxed);
        metrics::gauge!(WAITING_LIMIT).set(limit as f64);
    }

    /// Begins to read a show's history, which the command waits for.
    pub fn load(&mut self, job: Job) {
        if self.parked >= WAITING_MAX {
            return job.answer(Err(rejected(Rejected::Overloaded)));
        }
        self.parked += 1;
        self.begin_to_load(job.submission.show.clone(), vec![job], Some(self.loads.clone()));
    }

    fn begin_to_load(&mut self, id: ShowId, jobs: Vec<Job>, permits: Option<Arc<Semaphore>>) {
        let (histories, loading, of) = (self.histories.clone(), self.loading.clone(), id.clone());
        self.readers.spawn(async move {
            let _permit = match &permits {
                Some(permits) => permits.acquire().await.ok(),
                None => None,
            };
            let result = histories.load(&of).await;
            // A worker that has ended needs no show.
            let _ = loading.send(Loaded { id: of, result });
        });
        self.shows.insert(id, Slot::Loading { jobs, has_grown: false });
    }

    /// Lets a command wait for its show.
    pub fn park(&mut self, job: Job) {
        if self.parked >= WAITING_MAX {
            return job.answer(Err(rejected(Rejected::Overloaded)));
        }
        if let Some(Slot::Loading { jobs, .. }) = self.shows.get_mut(&job.submission.show) {
            jobs.push(job);
            self.parked += 1;
        }
    }

    /// Makes a show ready whose history has been read; returns the commands that waited for it.
    async fn take_loaded(&mut self, Loaded { id, result }: Loaded) -> Vec<Job> {
        if self.warming.as_ref() == Some(&id) {
            self.warming = None;
        }
        let Some(Slot::Loading { jobs, has_grown }) = self.shows.remove(&id) else { return Vec::new() };
        self.parked -= jobs.len();
        let read = match result {
            // There may be many such ids, and none of them may hold everybody up. A show that came to be after this position is found when the log
            // judges the refusal.
            Ok(None) if !has_grown => Ok(None),
            // What other servers appended meanwhile is missing.
            Ok(show) => self.histories.read_on(&id, show).await,
            Err(error) => Err(error),
        };
        let slot = match read {
            Ok(Some(show)) => Slot::Ready { show, is_used: true },
            Ok(None) => {
                self.absent.push(id.clone());
                Slot::Absent
            }
            Err(error) => {
                tracing::error!(show = %id, "a show's history can't be read: {error}");
                let why = if error.is_passing() { Rejected::Unreachable } else { Rejected::Damaged };
                jobs.into_iter().for_each(|job| job.answer(Err(rejected(why))));
                return Vec::new();
            }
        };
        self.shows.insert(id, slot);
        jobs
    }
}

/// How many commands may wait when the log took so long for so many, so that the last of them waits for [`WAIT_MAX`]: at least as many as go
/// into one batch. A smaller batch would not have been much quicker, so it counts as a full one.
fn limit_of(commands: usize, took: Duration) -> usize {
    let batches = WAIT_MAX.as_secs_f64() / took.as_secs_f64();
    ((batches * commands.max(BATCH_COMMANDS_MAX) as f64) as usize).clamp(BATCH_COMMANDS_MAX, WAITING_MAX)
}

#[cfg(test)]
mod tests {
    use fullhouse_domain::{Event, Plan, Timestamp, testing};
    use fullhouse_eventstore::sqlite::SqliteLog;
    use fullhouse_snapshots::SnapshotStore;

    use super::*;

    #[tokio::test]
    async fn shows_that_nobody_asks_for_any_more_are_forgotten_and_those_that_somebody_does_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = Log::Sqlite(SqliteLog::open(folder.path()).expect("a new log"));
        let histories = Histories::new(log.clone(), SnapshotStore::Sqlite(fullhouse_snapshots::store::SqliteSnapshots::new(folder.path())));
        let mut worker = Worker::new(log, histories, mpsc::channel(1).1, Arc::default());
        let [asked, unasked] = ["local-a", "local-b"].map(|id| ShowId::parse(id).expect("plain"));
        for id in [&asked, &unasked] {
            let plan = Plan { starts_at: Timestamp::from_micros(1), ..testing::plan(&[3]) };
            let event = Event::ShowScheduled(Box::new(plan));
            let show = Show::schedule(&event, Timestamp::default()).expect("a plan");
            worker.shows.insert(id.clone(), Slot::Ready { show: Box::new(show), is_used: false });
        }
        worker.shows.insert(ShowId::parse("local-c").expect("plain"), Slot::Loading { jobs: Vec::new(), has_grown: false });
        for _ in 0..2 {
            assert!(worker.used(&asked).is_some());
            assert!(worker.used(&ShowId::parse("local-made-up").expect("plain")).is_none());
            worker.forget_unused();
            assert!(worker.shows.contains_key(&asked) && !worker.shows.contains_key(&unasked));
            assert_eq!(worker.shows.len(), 2, "what is being read stays");
        }
        worker.forget_unused();
        assert_eq!(worker.shows.len(), 1);
        let to_come = Plan { starts_at: Timestamp::from_micros(i64::MAX / 2), ..testing::plan(&[3]) };
        let show = Show::schedule(&Event::ShowScheduled(Box::new(to_come)), Timestamp::default()).expect("a plan");
        worker.shows.insert(unasked, Slot::Ready { show: Box::new(show), is_used: false });
        worker.forget_unused();
        assert_eq!(worker.shows.len(), 2, "who asks for a show that is to come does not wait");
    }
}
