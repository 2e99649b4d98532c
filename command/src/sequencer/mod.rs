//! The sequencer: decides commands and appends them, many at a time.
//!
//! One task owns the state of every show that is in use, on a thread of its own. It takes whatever commands have arrived while the last batch
//! was being committed, decides each on the state at the head of the log, and offers them to the log as the next batch.
//! One transaction, and one sync to disk, then carries them all. Nobody is answered before the commit.
//!
//! Within a batch each command is decided on the state before the batch. Two commands that touch the same seat therefore
//! never go together: the later one waits for the next batch. Refusals stand first in a batch, so that they are true at
//! the head that the log confirms.
//!
//! * `worker`: the loop, and the state that it owns
//! * `batch`: deciding the commands of a batch
//! * `settle`: from the log's verdicts to new state and to answers

mod batch;
mod settle;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fullhouse_domain::{Command, Plan, ShowId, Subject};
use fullhouse_eventstore::own_thread::run_on_own_thread;
use fullhouse_eventstore::{Fingerprint, Log};
use fullhouse_schemas::CommandId;
use fullhouse_snapshots::{Histories, SnapshotStore};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::outcome::{Outcome, Rejected};
use worker::Worker;

/// Histogram: commands in a batch.
pub const BATCH_COMMANDS: &str = "fullhouse_append_batch_commands";
/// Histogram: how long the log took to commit a batch, in seconds.
pub const APPEND_SECONDS: &str = "fullhouse_append_seconds";
/// Histogram: from a command's arrival to its outcome, in seconds.
pub const COMMAND_SECONDS: &str = "fullhouse_command_seconds";
/// Counter: commands that had to be decided again, since another one of their batch or server touched their seats.
pub const DECIDED_AGAIN: &str = "fullhouse_commands_decided_again_total";
/// Counter: commands that were turned away undecided, by reason.
pub const REJECTED: &str = "fullhouse_commands_rejected_total";
/// Gauge: commands that wait.
pub const WAITING: &str = "fullhouse_commands_waiting";
/// Gauge: how many may.
pub const WAITING_LIMIT: &str = "fullhouse_commands_waiting_limit";

/// Gauge: shows whose state is in memory, counted now and then.
pub const SHOWS: &str = "fullhouse_shows_in_memory";

/// How many commands may wait. At the rates measured this is a fraction of a second of work; more would only wait longer.
const WAITING_MAX: usize = 4_096;
/// How long a command may have to wait, as far as the last batch tells: of a slow log, fewer commands may wait.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How many shows may wait to be read before anybody needs them.
const WARMING_MAX: usize = 8;

/// A command, and what is known of the one who sent it.
#[derive(Debug)]
pub struct Submission {
    /// The show that it is about.
    pub show: ShowId,
    /// Its id.
    pub command_id: CommandId,
    /// Whether the client chose the id and may send it again.
    pub is_keyed: bool,
    /// A digest of the request, so that an id used for two requests is noticed.
    pub fingerprint: Fingerprint,
    /// Who sent it; nobody, for timers.
    pub subject: Option<Subject>,
    /// The request that it came with; a refusal that is kept names it.
    pub request_id: Arc<str>,
    /// What is asked for.
    pub action: Action,
}

impl Submission {
    /// A command of the server's own, that nobody repeats. `cause` stands where a request's id would.
    pub fn of_server(show: ShowId, subject: Option<Subject>, cause: &str, action: Action) -> Self {
        let (command_id, fingerprint) = (CommandId(rand::random()), Fingerprint([0; 16]));
        Self { show, command_id, is_keyed: false, fingerprint, subject, request_id: cause.into(), action }
    }
}

/// What a submission asks for.
#[derive(Debug)]
pub enum Action {
    /// A new show.
    Schedule(Box<Plan>),
    /// Something about a show.
    Command(Command),
}

struct Job {
    submission: Submission,
    answer: oneshot::Sender<Result<Outcome, Rejected>>,
    arrived: Instant,
}

impl Job {
    fn answer(self, outcome: Result<Outcome, Rejected>) {
        metrics::histogram!(COMMAND_SECONDS).record(self.arrived.elapsed().as_secs_f64());
        // The one who asked may have gone; the outcome stands.
        let _ = self.answer.send(outcome);
    }
}

/// Where commands go. Clones lead to the same sequencer.
#[derive(Debug, Clone)]
pub struct Sequencer {
    jobs: mpsc::Sender<Job>,
    warming: mpsc::Sender<ShowId>,
    /// How many commands may wait now.
    limit: Arc<AtomicUsize>,
}

impl Sequencer {
    /// Starts a sequencer on a log; the snapshots save it from folding long histories. After `stop` it takes no more commands, and
    /// its task ends when every command that it has taken has its answer.
    pub fn start(log: Log, snapshots: SnapshotStore, stop: CancellationToken) -> (Self, JoinHandle<()>) {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let (warming, to_warm) = mpsc::channel(WARMING_MAX);
        let histories = Histories::new(log.clone(), snapshots);
        let limit = Arc::new(AtomicUsize::new(WAITING_MAX));
        metrics::gauge!(WAITING_LIMIT).set(WAITING_MAX as f64);
        let working = Worker::new(log, histories, to_warm, limit.clone()).run(waiting, stop);
        (Self { jobs, warming, limit }, run_on_own_thread("sequencer", working).expect("a thread can be started"))
    }

    /// Whether commands are still being decided.
    pub fn is_running(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Has a show's history read before the first command needs it. One is read at a time, and some may wait.
    pub async fn warm(&self, show: ShowId) {
        // A sequencer that has ended needs no show.
        let _ = self.warming.send(show).await;
    }

    /// Says no at once when a command would be refused because too many wait. Whoever asks before he looks at a request refuses it for less.
    pub fn check_room(&self) -> Result<(), Rejected> {
        let waiting = WAITING_MAX - self.jobs.capacity();
        let has_room = waiting < self.limit.load(Ordering::Relaxed);
        if has_room || self.jobs.is_closed() { Ok(()) } else { Err(rejected(Rejected::Overloaded)) }
    }

    /// Decides a command, or refuses it at once when too many wait. Whoever stops waiting for the answer doesn't stop the
    /// command.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, Rejected> {
        self.check_room()?;
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { submission, answer, arrived: Instant::now() }).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => rejected(Rejected::Overloaded),
            mpsc::error::TrySendError::Closed(_) => Rejected::Closing,
        })?;
        answered.await.unwrap_or(Err(Rejected::Unknown))
    }

    /// The same for those who have time: waits until there is room, and minds no slow log.
    pub async fn submit_when_there_is_room(&self, submission: Submission) -> Result<Outcome, Rejected> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { submission, answer, arrived: Instant::now() }).await.map_err(|_closed| Rejected::Closing)?;
        answered.await.unwrap_or(Err(Rejected::Unknown))
    }
}

fn rejected(why: Rejected) -> Rejected {
    let reason = match why {
        Rejected::Overloaded => "overloaded",
        Rejected::Closing => "closing",
        Rejected::Unknown => "unknown",
        Rejected::Unreachable => "unreachable",
        Rejected::Damaged => "damaged",
    };
    metrics::counter!(REJECTED, "reason" => reason).increment(1);
    why
}
