//! The parts of the server, how they are wired, and how they end.

use std::sync::Arc;

use anyhow::Context;
use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, CommandState, Sequencer};
use fullhouse_domain::{Command, ReservationId};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_http::Tokens;
use fullhouse_projector::health::Health;
use fullhouse_projector::timers::Timers;
use fullhouse_projector::{live, sql, timers};
use fullhouse_query::stream::StreamLimits;
use fullhouse_query::{QueryState, Streams};
use fullhouse_views::LiveViews;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::ServeSettings;

/// How many due holds may wait to be taken up.
const DUE_WAITING_MAX: usize = 1_000;
/// How many shows are looked up at a time when they are to be read.
const WARMED_AT_A_TIME: usize = 100;
/// How many due holds are being expired at a time: as many as go into one batch.
const DUE_IN_FLIGHT_MAX: usize = 1_000;

/// Everything that runs beside the requests.
pub struct Parts {
    pub log: Log,
    /// The end of the log when the server started. Before the views have that, they are not built.
    pub head_at_start: u64,
    pub tokens: Arc<Tokens>,
    pub views: Arc<LiveViews>,
    pub sequencer: Sequencer,
    pub health: Health,
    pub command: CommandState,
    pub query: QueryState,
    /// Ends all live streams.
    pub streams_stop: CancellationToken,
    /// Ends whatever sends commands of its own.
    pub senders_stop: CancellationToken,
    pub senders: TaskTracker,
    sequencing_stop: CancellationToken,
    sequencing: JoinHandle<()>,
    projections_stop: CancellationToken,
    projections: TaskTracker,
}

impl Parts {
    /// Opens the log and starts everything that follows it.
    pub fn start(settings: &ServeSettings) -> anyhow::Result<Self> {
        let folder = &settings.data;
        let log = Log::Sqlite(
            SqliteLog::open(folder).with_context(|| format!("the log in {} (--data, FULLHOUSE_DATA) can't be used", folder.display()))?,
        );
        let head_at_start = log.head();
        let tokens = Arc::new(tokens(settings)?);
        let sequencing_stop = CancellationToken::new();
        let (sequencer, sequencing) = Sequencer::start(log.clone(), sequencing_stop.clone());
        let views = Arc::new(LiveViews::default());
        let (health, projections, projections_stop) = (Health::default(), TaskTracker::new(), CancellationToken::new());
        let (senders, senders_stop) = (TaskTracker::new(), CancellationToken::new());
        let holds = Arc::new(Timers::default());
        projections.spawn(live::run(log.clone(), views.clone(), holds.clone(), health.clone(), projections_stop.clone()));
        projections.spawn(sql::run(log.clone(), folder.clone(), health.clone(), projections_stop.clone()));
        if settings.timers {
            let (due_sender, due) = mpsc::channel(DUE_WAITING_MAX);
            let (views, log, stop) = (views.clone(), log.clone(), senders_stop.clone());
            senders.spawn(async move {
                // Before the views are built, holds that ended long ago look open.
                if stop.run_until_cancelled(views.reached_by_and_by(head_at_start)).await.is_some() {
                    timers::run(holds, log, due_sender, stop).await;
                }
            });
            senders.spawn(expire(due, sequencer.clone()));
        }
        senders.spawn(warm(head_at_start, log.clone(), views.clone(), sequencer.clone(), senders_stop.clone()));
        let streams_stop = CancellationToken::new();
        let limits = StreamLimits { total: settings.max_streams, per_address: settings.max_streams_per_address };
        let streams = Arc::new(Streams::new(limits, log.clone(), streams_stop.clone()));
        let command = CommandState { sequencer: sequencer.clone(), tokens: tokens.clone(), cluster: settings.cluster.as_str().into() };
        let query = QueryState::new(views.clone(), log.clone(), tokens.clone(), streams);
        Ok(Self {
            log,
            head_at_start,
            tokens,
            views,
            sequencer,
            health,
            command,
            query,
            streams_stop,
            senders_stop,
            senders,
            sequencing_stop,
            sequencing,
            projections_stop,
            projections,
        })
    }

    /// Ends everything in order: first what sends commands, then the sequencer with its last batch, then what follows the
    /// log.
    pub async fn end(self) {
        self.senders_stop.cancel();
        self.senders.close();
        self.senders.wait().await;
        self.sequencing_stop.cancel();
        if let Err(panicked) = self.sequencing.await {
            tracing::error!("the sequencer has ended with an error: {panicked}");
        }
        self.projections_stop.cancel();
        self.projections.close();
        self.projections.wait().await;
    }
}

/// Has the sequencer read the shows that are still to come, once the views are built, so that nobody waits for that later.
async fn warm(head_at_start: u64, log: Log, views: Arc<LiveViews>, sequencer: Sequencer, stop: CancellationToken) {
    let warming = async {
        views.reached_by_and_by(head_at_start).await;
        let mut scheduled_after = 0;
        loop {
            let shows = views.shows_after(scheduled_after, WARMED_AT_A_TIME);
            let Some((last, _)) = shows.last() else { return };
            scheduled_after = *last;
            for (_, show) in shows.iter().filter(|(scheduled_at, show)| *scheduled_at <= head_at_start && show.plan().starts_at > log.now())
            {
                sequencer.warm(show.id().clone()).await;
            }
        }
    };
    stop.run_until_cancelled(warming).await;
}

fn tokens(settings: &ServeSettings) -> anyhow::Result<Tokens> {
    let mut tokens = Tokens::open(&settings.data).context("the key that signs tokens (--data, FULLHOUSE_DATA) can't be used")?;
    if let Some(path) = &settings.jwks {
        tokens.accept_key_set(path).context("the key set (--jwks, FULLHOUSE_JWKS) can't be used")?;
    }
    Ok(tokens)
}

/// Sends due holds to the sequencer, as ordinary commands. One that gets lost is reported again.
async fn expire(due: mpsc::Receiver<ReservationId>, sequencer: Sequencer) {
    let due = futures::stream::unfold(due, |mut due| async move { due.recv().await.map(|reservation| (reservation, due)) });
    due.for_each_concurrent(DUE_IN_FLIGHT_MAX, |reservation| {
        let sequencer = sequencer.clone();
        async move {
            let show = reservation.show();
            let submission = Submission::of_server(show, None, "timer", Action::Command(Command::ExpireHold { reservation }));
            if let Err(rejected) = sequencer.submit_when_there_is_room(submission).await {
                tracing::debug!("a due hold could not be expired, and will be reported again: {rejected}");
            }
        }
    })
    .await;
}
