//! The parts of the server, how they are wired, and how they end.

use std::sync::Arc;

use anyhow::{Context, ensure};
use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, CommandParts, CommandState, Rooms, Sequencer};
use fullhouse_demand::{Demand, DemandStore};
use fullhouse_domain::{Command, ReservationId};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::Access;
use fullhouse_http::Tokens;
use fullhouse_line::{Line, Presence};
use fullhouse_people::People;
use fullhouse_projector::health::Health;
use fullhouse_projector::redis_view::Connection;
use fullhouse_projector::snapshots::{self, Snapshots};
use fullhouse_projector::timers::Timers;
use fullhouse_projector::{admission, live, sealing, sql, timers};
use fullhouse_query::stream::StreamLimits;
use fullhouse_query::{QueryState, Streams};
use fullhouse_schemas::names::{read_due_hold, subject_of_due_holds, subject_of_room_orders};
use fullhouse_schemas::room_messages::RoomOrder;
use fullhouse_transparency::Checkpoints;
use fullhouse_views::LiveViews;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::duties::Duties;
use super::{broker, rooms};
use crate::address;
use crate::checkpoint_key;
use crate::cli::{ServeRole, ServeSettings};
use crate::store;

/// How many due holds may wait to be taken up.
const DUE_WAITING_MAX: usize = 1_000;
/// How many shows are looked up at a time when they are to be read.
const WARMED_AT_A_TIME: usize = 100;
/// How many due holds are being expired at a time: half of a batch, so that customers have the other half.
const DUE_IN_FLIGHT_MAX: usize = 256;

/// Everything that runs beside the requests. Which parts there are depends on the role.
pub struct Parts {
    pub log: Log,
    /// The end of the log when the server started. Before the views have that, they are not built.
    pub head_at_start: u64,
    pub tokens: Arc<Tokens>,
    pub health: Health,
    pub commands: Option<Commands>,
    pub queries: Option<Queries>,
    checkpoints: Option<Checkpoints>,
    demand: Option<DemandStore>,
    /// Who is there, waiting for his turn.
    presence: Arc<Presence>,
    /// What sends commands of its own.
    pub senders: Tasks,
    projections: Tasks,
}

/// What decides commands.
pub struct Commands {
    pub sequencer: Sequencer,
    pub state: CommandState,
    rooms: Rooms,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What answers reads.
pub struct Queries {
    pub views: Arc<LiveViews>,
    pub state: QueryState,
    /// Ends all live streams.
    pub streams_stop: CancellationToken,
}

/// Tasks that end together.
#[derive(Default)]
pub struct Tasks {
    pub running: TaskTracker,
    pub stop: CancellationToken,
}

impl Tasks {
    /// Runs a task that listens until these end.
    fn listen(&self, listening: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            if let Some(Err(error)) = stop.run_until_cancelled(listening).await {
                tracing::error!("nothing is heard from the other processes any more: {error:#}");
            }
        });
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

impl Parts {
    /// Opens the log and starts everything that follows it.
    pub async fn start(settings: &ServeSettings) -> anyhow::Result<Self> {
        check(settings)?;
        let access = if settings.role.has_commands() { Access::Append } else { Access::Read };
        let log = store::open(&settings.data, settings.database_url.as_deref(), access).await?;
        let nats = match &settings.nats_url {
            Some(url) => Some(broker::connect(url).await?),
            None => None,
        };
        let line = if settings.role.has_commands() {
            Some(store::open_line(&settings.data, settings.database_url.as_deref()).await?)
        } else {
            None
        };
        let checkpoints = if settings.role.has_queries() || settings.role.has_projections() {
            let access = if settings.role.has_projections() { Access::Append } else { Access::Read };
            Some(store::open_checkpoints(&settings.data, settings.database_url.as_deref(), access).await?)
        } else {
            None
        };
        let demand = if settings.role.has_commands() || settings.role.has_queries() {
            let access = if settings.role.has_commands() { Access::Append } else { Access::Read };
            store::open_demand(&settings.data, settings.database_url.as_deref(), access).await?
        } else {
            None
        };
        let people = if settings.role.has_commands() { Some(open_people(settings, &log).await?) } else { None };
        let head_at_start = log.head();
        let mut parts = Self {
            head_at_start,
            tokens: Arc::new(tokens(settings)?),
            health: Health::default(),
            presence: Arc::new(Presence::new(rand::random())),
            commands: None,
            queries: None,
            checkpoints,
            demand,
            senders: Tasks::default(),
            projections: Tasks::default(),
            log,
        };
        parts.commands = line.zip(people).map(|(line, people)| parts.start_commands(settings, line, people, nats.as_ref()));
        parts.queries = settings.role.has_queries().then(|| parts.start_queries(settings));
        if let (Some(commands), Some(queries)) = (&parts.commands, &parts.queries) {
            let warming =
                warm(head_at_start, parts.log.clone(), queries.views.clone(), commands.sequencer.clone(), parts.senders.stop.clone());
            parts.senders.running.spawn(warming);
        }
        if let Some(nats) = &nats {
            let listening = broker::listen_for_facts(nats.clone(), settings.cluster.clone(), parts.log.clone());
            parts.projections.listen(listening);
        }
        parts.start_rooms(settings, nats.as_ref());
        if settings.role.has_projections() {
            parts.start_projections(settings, nats).await?;
        }
        Ok(parts)
    }

    fn start_commands(&self, settings: &ServeSettings, line: Line, people: People, nats: Option<&async_nats::Client>) -> Commands {
        let stop = CancellationToken::new();
        let snapshots = store::snapshots(&settings.data, settings.database_url.as_deref());
        let (sequencer, task) = Sequencer::start(self.log.clone(), snapshots, stop.clone());
        if let Some(nats) = nats {
            let (due_sender, due) = mpsc::channel(DUE_WAITING_MAX);
            let subject = subject_of_due_holds(&settings.cluster);
            self.senders.listen(broker::take_share(nats.clone(), subject, "a due hold", read_due_hold, due_sender));
            self.senders.running.spawn(expire(due, sequencer.clone()));
        }
        let cluster = settings.cluster.as_str().into();
        let rooms = Rooms::new(sequencer.clone(), line, self.presence.clone(), self.tokens.clone());
        let demand = Demand::new(self.log.clone());
        let keeping = demand.clone().keep(self.demand.clone().expect("it is opened for commands"), self.projections.stop.clone());
        self.projections.running.spawn(keeping);
        let state =
            CommandParts { sequencer: sequencer.clone(), rooms: rooms.clone(), demand, people, tokens: self.tokens.clone(), cluster };
        Commands { sequencer, state: state.into(), rooms, stop, task }
    }

    fn start_queries(&self, settings: &ServeSettings) -> Queries {
        let views = Arc::new(LiveViews::default());
        let timers = self.start_timers(settings, &views);
        let following = live::run(self.log.clone(), views.clone(), timers, self.health.clone(), self.projections.stop.clone());
        self.projections.running.spawn(following);
        let streams_stop = CancellationToken::new();
        let limits = StreamLimits { total: settings.max_streams, per_address: settings.max_streams_per_address };
        let streams = Arc::new(Streams::new(limits, self.log.clone(), streams_stop.clone()));
        let state = QueryState::new(
            views.clone(),
            self.log.clone(),
            self.checkpoints.clone().expect("they are opened for queries"),
            self.demand.clone().expect("it is opened for queries"),
            self.tokens.clone(),
            streams,
            self.presence.clone(),
        );
        Queries { views, state, streams_stop }
    }

    /// What looks after the waiting rooms. With NATS, one of all processes finds who is next; that is a duty.
    fn start_rooms(&self, settings: &ServeSettings, nats: Option<&async_nats::Client>) {
        let (report_sender, reports) = rooms::channel();
        let (order_sender, orders) = rooms::channel();
        let views = self.queries.as_ref().map(|queries| queries.views.clone());
        if self.commands.is_some() || self.queries.is_some() {
            let reporting = rooms::report(self.presence.clone(), views.clone(), report_sender);
            let stop = self.senders.stop.clone();
            self.senders.running.spawn(async move { stop.run_until_cancelled(reporting).await });
        }
        if let Some(Commands { rooms, .. }) = &self.commands {
            self.senders.running.spawn(rooms::carry_out(orders, rooms.clone()));
        }
        match (nats, views) {
            (Some(nats), _) => {
                let publishing = rooms::publish_reports(nats.clone(), settings.cluster.clone(), reports);
                self.senders.running.spawn(publishing);
                if self.commands.is_some() {
                    let subject = subject_of_room_orders(&settings.cluster);
                    self.senders.listen(broker::take_share(nats.clone(), subject, "a waiting room", RoomOrder::decode, order_sender));
                }
            }
            (None, Some(views)) if self.commands.is_some() => {
                let (log, stop, head_at_start) = (self.log.clone(), self.senders.stop.clone(), self.head_at_start);
                self.senders.running.spawn(async move {
                    // Before the views are built, rooms look as they were long ago.
                    if stop.run_until_cancelled(views.reached_by_and_by(head_at_start)).await.is_some() {
                        admission::run(log, views, reports, order_sender, rooms::RETURNING, stop).await;
                    }
                });
            }
            // Without NATS nobody hears of those who wait: a process that does a part has it, or has no waiting rooms.
            (None, _) => {}
        }
    }

    async fn start_projections(&self, settings: &ServeSettings, nats: Option<async_nats::Client>) -> anyhow::Result<()> {
        let (log, health, stop) = (self.log.clone(), self.health.clone(), self.projections.stop.clone());
        let checkpoints = self.checkpoints.clone().expect("they are opened for projections");
        let checkpoint_key = checkpoint_key::open(&settings.data, settings.checkpoint_key.as_deref(), &settings.cluster)?;
        checkpoint_key::check(&checkpoint_key, &checkpoints).await?;
        // Not those of the command side: whoever waits for a show must not wait for one that is being kept.
        let store = store::snapshots(&settings.data, settings.database_url.as_deref());
        let snapshots = Snapshots { log: log.clone(), store, facts_min: settings.snapshot_facts };
        let Some(database_url) = settings.database_url.clone() else {
            self.projections.running.spawn(snapshots::run(snapshots, health.clone(), stop.clone()));
            self.projections.running.spawn(sealing::run(log.clone(), checkpoints, checkpoint_key, health.clone(), stop.clone()));
            self.projections.running.spawn(sql::sqlite::run(log, settings.data.clone(), health, stop));
            return Ok(());
        };
        sql::postgres::check_rights(&database_url)
            .await
            .context("the SQL views in the database (--database-url, FULLHOUSE_DATABASE_URL) can't be written")?;
        let redis = match &settings.redis_url {
            Some(url) => Some(Connection::open(url).await.with_context(|| {
                format!("the Redis server at {} (--redis-url, FULLHOUSE_REDIS_URL) can't be used", address::of_url(url))
            })?),
            None => None,
        };
        // Where commands are decided too, timers in memory do that.
        let reports_due = settings.timers && settings.role == ServeRole::Projector;
        let views = nats.as_ref().map(|_| self.views_for_duties());
        let duties = Duties {
            log,
            cluster: settings.cluster.clone(),
            database_url,
            nats,
            redis,
            views,
            reports_due,
            checkpoints,
            checkpoint_key,
            snapshots,
            health,
        };
        self.projections.running.spawn(duties.share(stop));
        Ok(())
    }

    /// The seat views in memory, for the duty of looking after the waiting rooms. Whoever may get it keeps them up to date, so that
    /// nobody waits for the log to be read when it is handed over.
    fn views_for_duties(&self) -> Arc<LiveViews> {
        if let Some(queries) = &self.queries {
            return queries.views.clone();
        }
        let views = Arc::new(LiveViews::default());
        let following = live::run(self.log.clone(), views.clone(), None, self.health.clone(), self.projections.stop.clone());
        self.projections.running.spawn(following);
        views
    }

    /// Timers in memory, where this process decides commands too.
    fn start_timers(&self, settings: &ServeSettings, views: &Arc<LiveViews>) -> Option<Arc<Timers>> {
        let sequencer = self.commands.as_ref().filter(|_| settings.timers)?.sequencer.clone();
        let holds = Arc::new(Timers::default());
        let (due_sender, due) = mpsc::channel(DUE_WAITING_MAX);
        let (timers, views, log, stop) = (holds.clone(), views.clone(), self.log.clone(), self.senders.stop.clone());
        let head_at_start = self.head_at_start;
        self.senders.running.spawn(async move {
            // Before the views are built, holds that ended long ago look open.
            if stop.run_until_cancelled(views.reached_by_and_by(head_at_start)).await.is_some() {
                timers::run(timers, log, due_sender, stop).await;
            }
        });
        self.senders.running.spawn(expire(due, sequencer));
        Some(holds)
    }

    /// Ends everything in order: first what sends commands, then the sequencer with its last batch, then what follows the
    /// log.
    pub async fn end(self) {
        self.senders.end().await;
        if let Some(Commands { stop, task, .. }) = self.commands {
            stop.cancel();
            if let Err(panicked) = task.await {
                tracing::error!("the sequencer has ended with an error: {panicked}");
            }
        }
        self.projections.end().await;
    }
}

/// Opens the people, and erases whoever the log says is forgotten: a server may have stopped between the two.
async fn open_people(settings: &ServeSettings, log: &Log) -> anyhow::Result<People> {
    let store = store::open_people(&settings.data, settings.database_url.as_deref(), Access::Append).await?;
    let people = store.and_then(|store| People::new(log.clone(), store, &settings.cluster)).expect("it is opened to write");
    // Selling does not wait for that. Whoever asks for people tries again first.
    if let Err(error) = people.carry_out().await {
        tracing::error!("people that are to be forgotten can't be erased: {:#}", anyhow::Error::from(error));
    }
    Ok(people)
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

/// What must go together.
fn check(settings: &ServeSettings) -> anyhow::Result<()> {
    ensure!(
        settings.database_url.is_some() || settings.role == ServeRole::All,
        "a process that does a part (--role, FULLHOUSE_ROLE) needs the others' database (--database-url, FULLHOUSE_DATABASE_URL)"
    );
    ensure!(
        settings.role != ServeRole::Projector || settings.redis_url.is_some() && settings.nats_url.is_some(),
        "a projector (--role, FULLHOUSE_ROLE) needs Redis (--redis-url, FULLHOUSE_REDIS_URL) and NATS (--nats-url, FULLHOUSE_NATS_URL)"
    );
    Ok(())
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
    let expiring = broker::arriving(due).for_each_concurrent(DUE_IN_FLIGHT_MAX, |reservation| {
        let sequencer = sequencer.clone();
        async move {
            let show = reservation.show();
            let submission = Submission::of_server(show, None, "timer", Action::Command(Command::ExpireHold { reservation }));
            if let Err(rejected) = sequencer.submit_when_there_is_room(submission).await {
                tracing::debug!("a due hold could not be expired, and will be reported again: {rejected}");
            }
        }
    });
    expiring.await;
}
