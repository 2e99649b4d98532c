//! How fast a history becomes state again: what a server does before its first command, and an auditor all day.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use fullhouse_domain::{Event, Show, ShowId};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::decode;
use fullhouse_schemas::snapshot;
use fullhouse_snapshots::store::SqliteSnapshots;
use fullhouse_snapshots::{Histories, Kept, SnapshotStore, fold_all};

use crate::commands::median;
use crate::server::Process;
use crate::{history, startup};

/// Facts that are read at a time.
const PAGE: usize = 10_000;

#[derive(Args)]
pub struct Settings {
    /// Facts in the log, of one show
    #[arg(long, default_value_t = 500_000)]
    pub facts: u64,
    /// Rows of 500 seats
    #[arg(long, default_value_t = 160)]
    pub rows: usize,
    /// How often it is replayed
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}

/// How long each step took for all facts.
#[derive(Default)]
struct Took {
    reading: Duration,
    decoding: Duration,
    folding: Duration,
}

/// Prints rates of the steps, of all of them, and of `fullhouse verify`.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let show = {
        let (process, _) = Process::start(program, data.path(), &[])?;
        process.schedule(program, data.path(), settings.rows, 500).await?
    };
    startup::fill(data.path(), std::slice::from_ref(&show), settings.facts).await?;
    let id = ShowId::parse(&show).context("a show's id")?;
    let log = Log::Sqlite(SqliteLog::open_to_read(data.path())?);
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds {
        rounds.push(replay(&log, &id, settings.facts).await?);
    }
    println!("{} facts of one show with {} seats, on one core, median of {}:", settings.facts, settings.rows * 500, settings.rounds);
    let print = |name: &str, step: fn(&Took) -> Duration| {
        let mut seconds: Vec<f64> = rounds.iter().map(|took| step(took).as_secs_f64()).collect();
        println!("- {name}: {:.0} facts/s", settings.facts as f64 / median(&mut seconds));
    };
    print("fold (evolve) alone", |took| took.folding);
    print("decode alone", |took| took.decoding);
    print("read from SQLite, hash of each row checked", |took| took.reading);
    print("read, decode and fold", |took| took.reading + took.decoding + took.folding);
    load(&log, data.path(), &id, settings).await?;
    drop(log);
    print!("- ");
    history::run(program, data.path(), &["verify"], settings.facts)
}

/// What a sequencer waits for: the history from its first fact on, from a new snapshot, and from one as old as it gets.
async fn load(log: &Log, data: &Path, id: &ShowId, settings: &Settings) -> anyhow::Result<()> {
    let store = SnapshotStore::Sqlite(SqliteSnapshots::new(data));
    let histories = Histories::new(log.clone(), store.clone());
    for age in [None, Some(settings.facts / 16), Some(0)] {
        let mut name = "all facts".to_owned();
        if let Some(age) = age {
            let kept = snapshot_at(log, id, settings.facts - age).await?;
            name = format!("a snapshot of {:.1} MB that is {age} facts old", kept.bytes.len() as f64 / 1e6);
            store.keep(id, kept).await?;
        }
        let mut seconds = Vec::new();
        for _ in 0..settings.rounds {
            let began = Instant::now();
            let show = histories.load(id).await?.context("there is the show")?;
            seconds.push(began.elapsed().as_secs_f64());
            ensure!(show.position() >= settings.facts, "the history was read to {}", show.position());
        }
        println!("- state of the show from {name}: {:.0} ms", median(&mut seconds) * 1_000.0);
    }
    Ok(())
}

async fn snapshot_at(log: &Log, id: &ShowId, position: u64) -> anyhow::Result<Kept> {
    let mut show: Option<Box<Show>> = None;
    let mut row_hash = [0; 32];
    while let after = show.as_ref().map_or(0, |show| show.position())
        && after < position
    {
        let facts = log.read_show(id, after, PAGE.min((position - after) as usize)).await?;
        row_hash = facts.last().context("the log is long enough")?.row_hash();
        show = fold_all(show, &facts)?;
    }
    let bytes = snapshot::encode(&show.context("there is the show")?.snapshot());
    Ok(Kept { version: snapshot::VERSION, position, row_hash, bytes })
}

async fn replay(log: &Log, id: &ShowId, facts: u64) -> anyhow::Result<Took> {
    let mut took = Took::default();
    let mut show: Option<Show> = None;
    let mut after = 0;
    while after < facts {
        let began = Instant::now();
        let page: Vec<StoredFact> = log.read_show(id, after, PAGE).await?;
        took.reading += began.elapsed();
        let began = Instant::now();
        let events: Vec<Event> = page.iter().map(decode).collect::<Result<_, _>>()?;
        took.decoding += began.elapsed();
        let began = Instant::now();
        for (fact, event) in page.iter().zip(&events) {
            match &mut show {
                None => show = Some(Show::schedule(event, fact.recorded_at).map_err(|breach| anyhow::anyhow!("{breach:?}"))?),
                Some(show) => show.evolve(event, fact.recorded_at).map_err(|breach| anyhow::anyhow!("{breach:?}"))?,
            }
        }
        took.folding += began.elapsed();
        ensure!(!page.is_empty(), "the log ends after {after} facts");
        after += page.len() as u64;
    }
    Ok(took)
}
