//! `fullhouse rehearse`: the opening of a sale, rehearsed against any running server.
//!
//! * [`settings`]: what can be asked for
//! * [`opening`]: which event, and its hall
//! * [`arrivals`], [`mind`]: when people come, and what they mean to do, drawn beforehand
//! * [`buyer`], [`mod@line`], [`purchase`]: what each does, one request after another; before a show with a waiting room too
//! * [`hall`], [`choice`]: the picture that all look at, and the seats that they want
//! * [`client`], [`stage`]: requests over shared connections, sent again as the contract wants it
//! * [`watcher`], [`lag`]: live streams, and how late they are
//! * [`board`], [`live`]: what is counted, and what is seen of it meanwhile
//! * [`record`], [`audit`]: what buyers were told, and whether it is so
//! * [`mod@report`]: what is printed
//!
//! It knows the server by its contract only.

mod arrivals;
mod audit;
mod board;
mod buyer;
mod choice;
mod client;
mod hall;
mod lag;
mod line;
mod live;
mod mind;
mod opening;
mod purchase;
mod record;
mod report;
mod settings;
mod stage;
mod watcher;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use audit::Audit;
use board::{Board, Counts, Ending, Second, Step};
use client::Client;
use hall::{Hall, Picture};
use lag::Lags;
use opening::Chosen;
use record::Record;
use report::{Buyers, Latency, Rates, Report, Streams};
use stage::Stage;
use watcher::Viewer;

pub use settings::RehearseSettings;

/// A promise is broken.
const EXIT_BROKEN: u8 = 1;

/// The picture must be there before the first buyer looks at it, so people begin to come so much later.
const FIRST_MAP_LEAD: Duration = Duration::from_secs(1);
/// How long the stream may take to show the map for the first time.
const FIRST_MAP_PATIENCE: Duration = Duration::from_secs(30);

/// Rehearses, and prints what has come of it. The exit code says whether a promise broke.
pub fn main(settings: &RehearseSettings) -> anyhow::Result<ExitCode> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started")?;
    let report = runtime.block_on(rehearse(settings))?;
    let text =
        if settings.json { serde_json::to_string(&report).context("the report can't be written")? + "\n" } else { report.to_string() };
    crate::print_result(&text)?;
    Ok(match () {
        () if !report.breaches.is_empty() => ExitCode::from(EXIT_BROKEN),
        // Nothing was found because nobody could look: a script must not take that for a good end.
        () if !report.unchecked.is_empty() => ExitCode::from(crate::EXIT_FAILED),
        () => ExitCode::SUCCESS,
    })
}

async fn rehearse(settings: &RehearseSettings) -> anyhow::Result<Report> {
    let client = Client::new(&settings.url, settings.connections as usize);
    let chosen = opening::choose_event(&client, settings).await?;
    let stage = Arc::new(set_stage(client, settings, &chosen));
    stage.streams.spawn(watcher::watch(stage.clone(), Viewer::Shared));
    let mut shown = stage.shown.subscribe();
    let first_map = tokio::time::timeout(FIRST_MAP_PATIENCE, shown.wait_for(|position| *position > 0)).await.is_ok();
    anyhow::ensure!(first_map, "the live stream of {} shows no map: {:?}", chosen.show.show.event_id, stage.board.counts().errors);

    tokio::select! {
        () = play(&stage, settings) => {}
        () = live::tell(&stage) => {}
    }
    let seconds = stage.board.began.elapsed().as_secs_f64();
    let audit = audit::audit(&stage).await;
    stage.closing.cancel();
    stage.streams.close();
    stage.streams.wait().await;
    Ok(report(settings, &chosen, &stage, audit, seconds))
}

fn set_stage(client: Client, settings: &RehearseSettings, chosen: &Chosen) -> Stage {
    let show = chosen.show.show.clone();
    let began = Instant::now() + FIRST_MAP_LEAD;
    Stage {
        client,
        places: Semaphore::new(settings.connections as usize),
        hall: Hall::new(&chosen.chart),
        habits: settings.habits(show.max_seats_per_reservation),
        show,
        board: Board::new(began),
        lags: Lags::new(),
        deadline: began + settings.arrival_time() + Duration::from_secs(settings.patience_seconds.into()),
        streams: TaskTracker::new(),
        closing: CancellationToken::new(),
        shown: watch::Sender::new(0),
        picture: RwLock::new(Picture::default()),
        record: Mutex::new(Record::default()),
        breaches: Mutex::new(Vec::new()),
    }
}

/// Lets people come at their instants, and waits until each has ended.
async fn play(stage: &Arc<Stage>, settings: &RehearseSettings) {
    let mut buyers: JoinSet<Ending> = JoinSet::new();
    let note = |ended: Result<Ending, tokio::task::JoinError>| {
        stage.board.ended(ended.unwrap_or_else(|error| {
            stage.board.error(format!("a buyer of this program broke: {error}"));
            Ending::Failed
        }));
    };
    let instants = settings.arrivals.instants(settings.users, settings.arrival_time(), settings.seed);
    for (number, after) in (0..).zip(instants) {
        let arrival = stage.board.began + after;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(arrival.into()) => break,
                Some(ended) = buyers.join_next() => note(ended),
            }
        }
        stage.board.arrived.fetch_add(1, Ordering::Relaxed);
        buyers.spawn(buyer::shop(stage.clone(), number, arrival));
    }
    while let Some(ended) = buyers.join_next().await {
        note(ended);
    }
}

fn report(settings: &RehearseSettings, chosen: &Chosen, stage: &Stage, audit: Audit, seconds: f64) -> Report {
    let counts = stage.board.counts();
    let latencies = Step::ALL.into_iter().zip(&counts.latencies).filter(|(_, latency)| !latency.is_empty());
    let streams = stage.lags.with_measured(|measured| Streams {
        watchers: stage.habits.watchers,
        acknowledged_to_client_ms: Latency::of(&measured.acknowledged),
        decided_to_client_ms: (measured.before_decision == 0).then(|| Latency::of(&measured.decided)),
    });
    Report {
        url: settings.url.clone(),
        event_id: stage.show.event_id.clone(),
        title: stage.show.title.clone(),
        chosen: chosen.why,
        has_waiting_room: stage.show.waiting_room.is_some(),
        arrivals: settings.arrivals,
        users: settings.users,
        arrival_seconds: settings.seconds,
        seed: settings.seed,
        seconds,
        buyers: Buyers::new(stage.board.arrived.load(Ordering::Relaxed), &counts.endings),
        rates: rates(settings, &counts),
        latency_ms: latencies.map(|(step, latency)| (step.as_str(), Latency::of(latency))).collect(),
        streams,
        refusals: counts.refusals.clone(),
        put_off: counts.put_off.clone(),
        errors: counts.errors.clone(),
        double_sales: audit.double_sales,
        overlapping_holds: audit.overlapping_holds,
        sales_read_again: audit.sales_read_again,
        map_compared_at: audit.map_compared_at,
        unchecked: audit.unchecked,
        breaches: std::mem::take(&mut *stage.breaches.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

fn rates(settings: &RehearseSettings, counts: &Counts) -> Rates {
    let arriving = &counts.seconds[..counts.seconds.len().min(settings.seconds as usize)];
    let each_second = |of: fn(&Second) -> u64| arriving.iter().map(of).sum::<u64>() as f64 / f64::from(settings.seconds);
    let peak = |of: fn(&Second) -> u64| counts.seconds.iter().map(of).max().unwrap_or(0);
    Rates {
        arrivals: f64::from(settings.users) / f64::from(settings.seconds),
        offered: each_second(|second| second.offered),
        served: each_second(|second| second.served),
        offered_peak: peak(|second| second.offered),
        served_peak: peak(|second| second.served),
    }
}
