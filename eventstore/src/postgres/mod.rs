//! The log in PostgreSQL: many processes, one advisory lock, gapless positions. See
//! `docs/decisions/0009-one-lock-four-statements.md`.
//!
//! * `connect`: connections, migrations, and what a server must be like
//! * `write`: the append
//! * `read`: the reads
//! * `clock`: the database's clock, as this process knows it
//! * `single`: one connection for what is asked seldom
//! * `watch`: noticing what others append

mod clock;
mod connect;
mod read;
mod single;
mod watch;
mod write;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fullhouse_domain::{ShowId, Timestamp};
use fullhouse_schemas::StoredFact;
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch as channel};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use connect::{Access, Schema, check_right, check_settings, column, connect_to, connect_to_tables, migrate, migrate_schema, timely};
pub use single::{SingleConnection, Working};
pub use write::make_commit_wait;

use crate::append::{Appended, Batch};
use crate::error::LogError;
use crate::follow::Following;
use crate::own_thread::run_on_own_thread;
use crate::tail::Tail;
use clock::Clock;
use connect::failed;
use watch::Watching;
use write::{WriteJob, Writer};

/// How many batches may wait for the writer. The sequencer has one on the way at a time.
const BATCHES_WAITING_MAX: usize = 64;
/// How long a read may take before its connection is given up.
const READ_MAX: Duration = Duration::from_secs(10);

/// A read that is under way.
type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + Send + 'a>>;

/// A log in PostgreSQL. Clones share it; its connections are closed when the last one is gone.
#[derive(Debug, Clone)]
pub struct PostgresLog {
    shared: Arc<Shared>,
    writer: mpsc::Sender<WriteJob>,
    readers: PgPool,
    runtime: Handle,
    watching: Arc<Watching>,
    _stops_watching: Arc<DropGuard>,
}

/// What the writer and the watcher keep up together.
#[derive(Debug)]
pub(crate) struct Shared {
    tail: Mutex<Tail>,
    head: channel::Sender<u64>,
    end: Mutex<End>,
    pub clock: Clock,
}

/// The last fact that this process has seen. One that is not there any more, or is another one, means that the log went back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub log_position: u64,
    row_hash: [u8; 32],
}

impl End {
    fn of(fact: Option<&StoredFact>) -> Self {
        fact.map_or(Self { log_position: 0, row_hash: [0; 32] }, |fact| Self { log_position: fact.log_position, row_hash: fact.row_hash() })
    }

    /// Compares it with what the log has at its position now.
    fn check(&self, head: u64, found: Option<&[u8]>) -> Result<(), LogError> {
        if self.log_position == 0 || found == Some(self.row_hash.as_slice()) {
            return Ok(());
        }
        Err(LogError::WentBack { head, known: self.log_position })
    }
}

impl Shared {
    fn end(&self) -> End {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in facts that follow one another, unless they are known or there is a gap before them: the watcher fills that.
    fn saw(&self, mut facts: Vec<StoredFact>) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let head = *self.head.borrow();
        facts.retain(|fact| fact.log_position > head);
        let (Some(first), Some(last)) = (facts.first(), facts.last()) else { return };
        if first.log_position != head + 1 {
            return;
        }
        self.clock.never_before(last.recorded_at);
        let head = last.log_position;
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = End::of(Some(last));
        // Followers look into the tail when the head moves, so the tail comes first.
        tail.push(facts);
        self.head.send_replace(head);
    }
}

impl PostgresLog {
    /// Opens the log in a database whose tables were made by [`migrate`], if the login may do what is wanted. Must be called
    /// within a tokio runtime.
    pub async fn open(url: &str, access: Access) -> Result<Self, LogError> {
        let options = connect::options(url)?;
        let mut connection = connect::connect(&options).await?;
        connect::check(&mut connection, access).await?;
        let head = read::head(&mut connection).await?;
        let end = read::news(&mut connection, head.saturating_sub(1), 1).await?;
        let newest = end.facts.last().map_or(Timestamp::default(), |fact| fact.recorded_at);
        connection.close().await.map_err(failed("closing a connection"))?;
        let shared = Arc::new(Shared {
            tail: Mutex::new(Tail::default()),
            head: channel::channel(end.facts.last().map_or(0, |fact| fact.log_position)).0,
            end: Mutex::new(End::of(end.facts.last())),
            clock: Clock::new(end.now, newest),
        });
        let readers = connect::pool(options.clone());
        let (writer, jobs) = mpsc::channel(BATCHES_WAITING_MAX);
        let writing = Writer::new(options.clone(), shared.clone()).run(jobs);
        run_on_own_thread("log-writer", writing)
            .map_err(|error| LogError::Unusable { what: format!("no thread can be started: {error}") })?;
        let stop = CancellationToken::new();
        let watching = Arc::new(Watching::default());
        tokio::spawn(stop.clone().run_until_cancelled_owned(watch::run(options, shared.clone(), watching.clone())));
        Ok(Self { shared, writer, readers, runtime: Handle::current(), watching, _stops_watching: Arc::new(stop.drop_guard()) })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended, LogError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(WriteJob { batch, answer }).await.map_err(|_closed| LogError::Closed)?;
        answered.await.map_err(|_closed| LogError::Closed)?
    }

    pub(crate) async fn read_log(&self, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        self.read(move |connection| Box::pin(read::log(connection, after, limit))).await
    }

    pub(crate) async fn read_show(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<StoredFact>, LogError> {
        let show = show.clone();
        self.read(move |connection| Box::pin(async move { read::show(connection, &show, after, limit).await })).await
    }

    pub(crate) async fn long_histories(&self, facts_min: u64) -> Result<Vec<(ShowId, u64)>, LogError> {
        self.read(move |connection| Box::pin(read::long_histories(connection, facts_min))).await
    }

    pub(crate) async fn contradictions_of_commands(&self) -> Result<Vec<String>, LogError> {
        self.read(|connection| Box::pin(read::contradictions_of_commands(connection))).await
    }

    pub(crate) async fn contradictions_of_store(&self) -> Result<Vec<String>, LogError> {
        self.read(|connection| Box::pin(read::contradictions_of_store(connection))).await
    }

    /// Reads in a task of its own: whoever stops waiting must not leave a half-read answer on a connection. It runs where the log was
    /// opened, since all connections of readers belong to that runtime.
    async fn read<T: Send + 'static>(
        &self,
        read: impl for<'a> FnOnce(&'a mut PgConnection) -> Reading<'a, T> + Send + 'static,
    ) -> Result<T, LogError> {
        let readers = self.readers.clone();
        let reading = self.runtime.spawn(async move {
            let mut connection = readers.acquire().await.map_err(failed("connecting to the database"))?;
            let answer = timely(READ_MAX, read(&mut connection), failed("reading")).await;
            if matches!(answer, Err(LogError::Store { .. })) {
                drop(connection.detach());
            }
            answer
        });
        reading.await.map_err(|_panicked| LogError::Closed)?
    }

    pub(crate) fn watch_head(&self) -> channel::Receiver<u64> {
        self.shared.head.subscribe()
    }

    pub(crate) fn recent(&self, after: u64) -> Option<Following> {
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner).after(after)
    }

    /// The log position that the database had when this was asked, or a later one.
    pub(crate) async fn newest_head(&self, patience: Duration) -> Result<u64, LogError> {
        let looking = async {
            self.watching.look().await;
            Ok(*self.shared.head.borrow())
        };
        let why = |silent| self.watching.trouble().map_or(silent, sqlx::Error::Protocol);
        timely(patience, looking, |silent| failed("asking for the log's head")(why(silent))).await
    }

    /// Something says that the log may have grown.
    pub(crate) fn nudge(&self) {
        self.watching.nudge();
    }
}
