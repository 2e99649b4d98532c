//! How long a server takes to start on a log of many facts.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use fullhouse_domain::{Command, Event, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal, Verdict};
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::{decode, encode};

use crate::http::Connection;
use crate::server::Process;

/// Commands in a batch while the log is written.
const BATCH: u64 = 1_000;

#[derive(Args)]
pub struct Settings {
    /// Facts in the log
    #[arg(long, default_value_t = 1_000_000)]
    pub facts: u64,
    /// Shows that they are about, evenly
    #[arg(long, default_value_t = 10)]
    pub shows: usize,
    /// Rows of 500 seats in each
    #[arg(long, default_value_t = 20)]
    pub rows: usize,
}

/// Prints the time until the server is ready, without and with SQL views, and the time of the first hold.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let shows = {
        let (process, _) = Process::start(program, data.path(), &[])?;
        let mut shows = Vec::new();
        for _ in 0..settings.shows {
            shows.push(process.schedule(program, data.path(), settings.rows, 500).await?);
        }
        shows
    };
    fill(data.path(), &shows, settings.facts).await?;
    // The log is free once its writer's thread has ended.
    std::fs::File::open(data.path().join("log.lock"))?.lock()?;
    for round in ["without SQL views", "with SQL views"] {
        let started = Instant::now();
        let (process, took) = Process::start(program, data.path(), &[])?;
        println!(
            "{} facts, {round}: ready after {:.2} s, {:.0} MiB",
            settings.facts,
            took.as_secs_f64(),
            process.resident_bytes()? as f64 / 1024.0 / 1024.0
        );
        let mut connection = Connection::open(&process.address, Some(process.guest().await?)).await?;
        let body = format!(r#"{{"event_id":"{}","best_available":{{"count":2}}}}"#, shows[0]);
        for hold in ["first", "second"] {
            let began = Instant::now();
            let answer = connection.send("POST", "/reserve", body.as_bytes()).await?;
            ensure!(answer.status == 201, "{}", String::from_utf8_lossy(answer.body));
            println!("  the {hold} hold took {:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
            if hold == "first" {
                println!("  from the start of the process to the answer of its first hold: {:.2} s", started.elapsed().as_secs_f64());
            }
        }
        process.settle(settings.facts).await?;
        if round == "without SQL views" {
            println!("  the SQL views were at the head {:.1} s after the start", started.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Writes holds and what becomes of them into the log, decided by the rules, until it has so many facts.
pub async fn fill(data: &Path, shows: &[String], facts: u64) -> anyhow::Result<()> {
    let log = Log::Sqlite(open_when_free(data).await?);
    let mut states = Vec::new();
    for id in shows {
        let id = ShowId::parse(id).context("a show's id")?;
        let first = log.read_show(&id, 0, 1).await?;
        let show = Show::schedule(&decode(&first[0])?, first[0].recorded_at).map_err(|breach| anyhow::anyhow!("{breach:?}"))?;
        states.push((id, show));
    }
    let subject = Subject::parse("bench").context("a subject")?;
    // Half of a hall is free at the end, and a quarter of it can be held at once.
    let at_once = states.iter().map(|(_, show)| u64::from(show.chart().seats()) / 8).min().unwrap_or(0) * shows.len() as u64;
    let mut first = 0_u64;
    let mut now = log.now();
    while log.head() < facts {
        now = now + Duration::from_millis(10);
        let count = BATCH.min((facts - log.head()).div_ceil(2)).min(at_once);
        // A hold and its end touch the same seats, so they go in different batches.
        for step in [Step::Hold, Step::End] {
            let mut entries = Vec::new();
            for number in first..first + count {
                let shows = states.len() as u64;
                let (id, show) = &mut states[(number % shows) as usize];
                let is_sold = (number / 20).is_multiple_of(20) && show.available() > show.chart().seats() / 2;
                let events =
                    decide(show, &command(step, number, id, &subject, is_sold)?, now).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
                entries.push(entry(id, &subject, 2 * number + u64::from(step == Step::End), show, &events));
                fold(show, &events, now)?;
            }
            let appended = append(&log, now, entries).await?;
            ensure!(appended.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })), "a fact was not accepted");
        }
        first += count;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Hold,
    End,
}

/// One in twenty who hold seats buys them, until half of the hall is sold; the others let go.
fn command(step: Step, number: u64, show: &ShowId, subject: &Subject, is_sold: bool) -> anyhow::Result<Command> {
    let reservation = ReservationId::of_show(show, &format!("{number:x}")).context("an id")?;
    let subject = subject.clone();
    Ok(match step {
        Step::Hold => Command::HoldSeats { reservation, subject, wanted: Wanted::BestAvailable { count: 2, section: None }, pass: None },
        Step::End if is_sold => Command::Checkout { reservation, subject, payment_reference: format!("pay-{number}") },
        Step::End => Command::ReleaseHold { reservation, subject },
    })
}

async fn append(log: &Log, now: Timestamp, entries: Vec<Entry>) -> anyhow::Result<Vec<Verdict>> {
    Ok(log.append(Batch { known: log.head(), decided_at: now, entries }).await?.verdicts)
}

fn fold(show: &mut Show, events: &[Event], now: Timestamp) -> anyhow::Result<()> {
    events.iter().try_for_each(|event| show.evolve(event, now)).map_err(|breach| anyhow::anyhow!("{breach:?}"))
}

fn entry(id: &ShowId, subject: &Subject, number: u64, show: &Show, events: &[Event]) -> Entry {
    let mut command_id = [0xbe; 16];
    command_id[..8].copy_from_slice(&number.to_be_bytes());
    Entry {
        command_id: CommandId(command_id),
        is_keyed: false,
        fingerprint: Fingerprint([0; 16]),
        show: id.clone(),
        subject: Some(subject.clone()),
        relies_on_room: false,
        valid_before: None,
        proposal: Proposal::Append(events.iter().map(|event| encode(event, Some(show.chart()))).collect()),
    }
}

async fn open_when_free(data: &Path) -> anyhow::Result<SqliteLog> {
    loop {
        match SqliteLog::open(data) {
            Err(fullhouse_eventstore::LogError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => return Ok(opened?),
        }
    }
}
