//! The log in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, separate readers.
//!
//! A thread of its own owns the only connection that writes. Readers have connections of their own and never wait for
//! it. See `docs/decisions/0002-sqlite-through-rusqlite.md`. What other files of ours need too is in [`beside`], [`mod@format`] and [`idle`].

pub mod beside;
mod clock;
mod file;
pub mod format;
pub mod idle;
mod read;
mod write;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use tokio::sync::{mpsc, oneshot, watch};

pub use file::{OpenedAs, durability};

use crate::append::{Appended, Batch};
use crate::error::LogError;
use crate::follow::Following;
use crate::tail::Tail;
use clock::Clock;
use read::Readers;

/// How many batches may wait for the writer. The sequencer has one on the way at a time.
const BATCHES_WAITING_MAX: usize = 64;

/// A log in a file. Clones share it; the file is closed when the last one is gone.
#[derive(Debug, Clone)]
pub struct SqliteLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: Option<mpsc::Sender<WriteJob>>,
    readers: Readers,
    head: watch::Receiver<u64>,
    tail: Arc<Mutex<Tail>>,
    clock: Clock,
}

struct WriteJob {
    batch: Batch,
    answer: oneshot::Sender<Result<Appended, LogError>>,
}

impl SqliteLog {
    /// Opens the log in a folder, and makes it if there is none.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let (connection, lock) = file::open_for_writing(folder)?;
        let readers = Readers::new(file::path(folder));
        let (head, recorded_at) = readers.check_end()?;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let (head_sender, head) = watch::channel(head);
        let (writer, jobs) = mpsc::channel(BATCHES_WAITING_MAX);
        let writing = write::Writer::new(connection, tail.clone(), head_sender, lock);
        std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writing.run(jobs))
            .map_err(|source| LogError::LockFile { path: file::path(folder), source })?;
        let clock = Clock::new(recorded_at);
        Ok(Self { shared: Arc::new(Shared { writer: Some(writer), readers, head, tail, clock }) })
    }

    /// Opens an existing log to read it, beside a process that writes it or alone.
    pub fn open_to_read(folder: &Path) -> Result<Self, LogError> {
        file::check_readable(folder)?;
        let readers = Readers::of_whole_file(file::path(folder));
        let head = readers.head()?;
        let (_, head) = watch::channel(head);
        let tail = Arc::new(Mutex::new(Tail::default()));
        Ok(Self { shared: Arc::new(Shared { writer: None, readers, head, tail, clock: Clock::new(Timestamp::default()) }) })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended, LogError> {
        let (answer, answered) = oneshot::channel();
        let writer = self.shared.writer.as_ref().ok_or(LogError::Closed)?;
        writer.send(WriteJob { batch, answer }).await.map_err(|_closed| LogError::Closed)?;
        answered.await.map_err(|_closed| LogError::Closed)?
    }

    pub(crate) async fn read_log(&self, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        self.read(move |readers| readers.log(after, limit)).await
    }

    pub(crate) async fn read_show(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        let show = show.clone();
        self.read(move |readers| readers.show(&show, after, limit)).await
    }

    pub(crate) async fn long_histories(&self, facts_min: u64) -> Result<Vec<(ShowId, u64)>, LogError> {
        self.read(move |readers| readers.long_histories(facts_min)).await
    }

    pub(crate) async fn contradictions_of_commands(&self) -> Result<Vec<String>, LogError> {
        self.read(Readers::contradictions_of_commands).await
    }

    pub(crate) async fn contradictions_of_store(&self) -> Result<Vec<String>, LogError> {
        self.read(Readers::contradictions_of_store).await
    }

    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Readers) -> Result<T, LogError> + Send + 'static) -> Result<T, LogError> {
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || read(&shared.readers)).await.map_err(|_panicked| LogError::Closed)?
    }

    pub(crate) fn watch_head(&self) -> watch::Receiver<u64> {
        self.shared.head.clone()
    }

    pub(crate) fn recent(&self, after: u64) -> Option<Following> {
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner).after(after)
    }
}
