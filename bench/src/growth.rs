//! What a hold costs as halls and histories grow. All servers run at once and are asked in turns: what differs is theirs.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use hdrhistogram::Histogram;
use tempfile::TempDir;

use crate::commands::median;
use crate::http::Connection;
use crate::load::milliseconds;
use crate::server::Process;
use crate::startup::fill;

/// Seats of the halls with a short history.
const HALLS: [usize; 3] = [1_000, 10_000, 100_000];
/// Facts about a hall of the middle size.
const HISTORIES: [u64; 3] = [1_000, 100_000, 10_000_000];
const MIDDLE: usize = 1;
/// Every hall can be divided by it.
const ROW_SEATS: usize = 100;
/// Holds and releases before anything is counted.
const WARM_UP: usize = 200;

#[derive(Args)]
pub struct Settings {
    /// The longest history: up to 10,000,000 facts, which take minutes and several GiB of disk and memory
    #[arg(long, default_value_t = 100_000)]
    pub facts_max: u64,
    /// Holds on each server in each round
    #[arg(long, default_value_t = 2_000)]
    pub holds: usize,
    /// How often each server is asked
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

struct Grown {
    seats: usize,
    facts: u64,
    show: String,
    process: Process,
    token: String,
    latency: Histogram<u64>,
    /// Medians of the rounds, in milliseconds.
    p50: Vec<f64>,
    _data: TempDir,
}

/// Prints the latency of a hold beside that in the smallest hall and with the shortest history.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let halls = HALLS.map(|seats| (seats, HISTORIES[0]));
    let histories = HISTORIES.into_iter().skip(1).filter(|&facts| facts <= settings.facts_max).map(|facts| (HALLS[MIDDLE], facts));
    let mut all = Vec::new();
    for (seats, facts) in halls.into_iter().chain(histories) {
        all.push(Grown::start(program, seats, facts).await?);
    }
    for grown in &mut all {
        grown.hold_and_release(WARM_UP).await?;
        grown.latency.reset();
    }
    for _ in 0..settings.rounds {
        for grown in &mut all {
            let before = std::mem::replace(&mut grown.latency, Histogram::new(3)?);
            grown.hold_and_release(settings.holds).await?;
            grown.p50.push(milliseconds(&grown.latency, 0.5));
            grown.latency.add(&before)?;
        }
    }
    println!("| seats | facts | p50 of a hold | p99 | p50 of the smallest hall | p50 of the shortest history | memory |");
    println!("|---|---|---|---|---|---|---|");
    let (smallest, shortest) = (all[0].p50.clone(), all[MIDDLE].p50.clone());
    for grown in &all {
        let ratio = |to: &[f64]| median(&mut grown.p50.iter().zip(to).map(|(own, other)| own / other).collect::<Vec<_>>());
        let of_hall = if grown.facts == HISTORIES[0] { format!("{:.2} ×", ratio(&smallest)) } else { "".into() };
        let of_history = if grown.seats == HALLS[MIDDLE] { format!("{:.2} ×", ratio(&shortest)) } else { "".into() };
        println!(
            "| {} | {} | {:.3} ms | {:.3} ms | {of_hall} | {of_history} | {:.0} MiB |",
            grown.seats,
            grown.facts,
            median(&mut grown.p50.clone()),
            milliseconds(&grown.latency, 0.99),
            grown.process.resident_bytes()? as f64 / 1024.0 / 1024.0,
        );
    }
    Ok(())
}

impl Grown {
    async fn start(program: &Path, seats: usize, facts: u64) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let show = {
            let (process, _) = Process::start(program, data.path(), &[])?;
            process.schedule(program, data.path(), seats / ROW_SEATS, ROW_SEATS).await?
        };
        fill(data.path(), std::slice::from_ref(&show), facts).await?;
        // The log is free once its writer's thread has ended.
        std::fs::File::open(data.path().join("log.lock"))?.lock()?;
        let (process, _) = Process::start(program, data.path(), &[])?;
        process.settle(facts).await?;
        let token = process.guest().await?;
        Ok(Self { seats, facts, show, process, token, latency: Histogram::new(3)?, p50: Vec::new(), _data: data })
    }

    /// Two seats in the last row, which the history leaves free; only the hold is timed.
    async fn hold_and_release(&mut self, times: usize) -> anyhow::Result<()> {
        // The server would close a connection that is silent until its turn comes again.
        let mut connection = Connection::open(&self.process.address, Some(self.token.clone())).await?;
        let row = self.seats / ROW_SEATS - 1;
        for number in 0..times {
            let first = 1 + number * 2 % ROW_SEATS;
            let body = format!(r#"{{"event_id":"{}","seats":["S-{row}-{first}","S-{row}-{}"]}}"#, self.show, first + 1);
            let began = Instant::now();
            let answer = connection.send("POST", "/reserve", body.as_bytes()).await?;
            self.latency.record(began.elapsed().as_micros() as u64)?;
            ensure!(answer.status == 201, "{}", String::from_utf8_lossy(answer.body));
            let reservation = crate::load::reservation_of(answer.body)?;
            let answer = connection.send("DELETE", &format!("/reserve/{reservation}"), b"").await?;
            ensure!(matches!(answer.status, 200 | 204), "{}", String::from_utf8_lossy(answer.body));
        }
        Ok(())
    }
}
