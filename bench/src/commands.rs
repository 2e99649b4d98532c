//! Commands over HTTP beside a bare echo of the same JSON, in turns, so that the machine's moods hit both.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::RngExt;

use crate::http::Connection;
use crate::server::Process;

/// Rows of a measured show; with [`ROW_SEATS`] as many seats as a show may have.
const ROWS: usize = 100;
const ROW_SEATS: usize = 1_000;

#[derive(Args, Clone)]
pub struct Settings {
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What each connection does.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// Sends a hold and reads it back.
    Echo,
    /// Holds two seats that nobody has.
    Hold,
    /// Holds two random seats, then checks out or releases them, as a coin says.
    Mixed,
}

struct Measured {
    per_second: f64,
    refused: u64,
    latency: Histogram<u64>,
    processor_seconds: f64,
}

/// Prints a line for each measurement, and the ratios of the medians.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    println!("{} connections, {} s each", settings.connections, settings.seconds);
    let works = [("echo", Work::Echo), ("holds", Work::Hold), ("holds, checkouts and releases", Work::Mixed)];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); works.len()];
    for _ in 0..settings.rounds {
        for ((name, work), rates) in works.iter().zip(&mut rates) {
            let measured = run(program, settings, *work).await?;
            let quantile = |quantile| measured.latency.value_at_quantile(quantile) as f64 / 1_000.0;
            println!(
                "{name:30} {:8.0}/s  p50 {:6.2} ms  p99 {:6.2} ms  max {:6.1} ms  refused {}  server {:.0}% of a core",
                measured.per_second,
                quantile(0.5),
                quantile(0.99),
                measured.latency.max() as f64 / 1_000.0,
                measured.refused,
                measured.processor_seconds * 100.0 / settings.seconds as f64,
            );
            rates.push(measured.per_second);
        }
    }
    let echoes = rates[0].clone();
    for ((name, _), rates) in works.iter().zip(&mut rates) {
        let mut ratios: Vec<f64> = rates.iter().zip(&echoes).map(|(rate, echo)| rate / echo).collect();
        let (lowest, highest) = (rates.iter().copied().fold(f64::MAX, f64::min), rates.iter().copied().fold(0.0, f64::max));
        println!(
            "{name}: {lowest:.0} to {highest:.0}/s, median {:.0}/s, {:.2} of the echo in the same round (median)",
            median(rates),
            median(&mut ratios)
        );
    }
    Ok(())
}

pub fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn run(program: &Path, settings: &Settings, work: Work) -> anyhow::Result<Measured> {
    let data = tempfile::tempdir()?;
    let process = if work == Work::Echo { Process::echo().await? } else { Process::start(program, data.path(), &[])?.0 };
    let mut shows = Vec::new();
    // Enough seats that nobody runs out of them.
    for _ in 0..if work == Work::Echo { 1 } else { 8 } {
        shows.push(if work == Work::Echo { "local-echo".into() } else { process.schedule(program, data.path(), ROWS, ROW_SEATS).await? });
    }
    let mut workers = Vec::new();
    for number in 0..settings.connections {
        let token = if work == Work::Echo { "x".repeat(260) } else { process.guest().await? };
        let connection = Connection::open(&process.address, Some(token)).await?;
        let worker =
            Worker { number, of: settings.connections, shows: shows.clone(), connection, latency: Histogram::new(3)?, done: 0, refused: 0 };
        workers.push(worker);
    }
    let until = Instant::now() + Duration::from_secs(settings.seconds);
    let before = process.processor_seconds()?;
    let running: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.work(work, until))).collect();
    let mut measured = Measured { per_second: 0.0, refused: 0, latency: Histogram::new(3)?, processor_seconds: 0.0 };
    for worker in running {
        let worker = worker.await??;
        measured.per_second += worker.done as f64 / settings.seconds as f64;
        measured.refused += worker.refused;
        measured.latency.add(&worker.latency)?;
    }
    measured.processor_seconds = process.processor_seconds()? - before;
    Ok(measured)
}

struct Worker {
    number: usize,
    of: usize,
    shows: Vec<String>,
    connection: Connection,
    /// Microseconds.
    latency: Histogram<u64>,
    done: u64,
    refused: u64,
}

impl Worker {
    async fn work(mut self, work: Work, until: Instant) -> anyhow::Result<Self> {
        let mut pair = self.number;
        while Instant::now() < until {
            if work == Work::Mixed {
                pair = rand::rng().random_range(0..ROWS * ROW_SEATS / 2);
            } else {
                pair += self.of;
                ensure!(pair < self.shows.len() * ROWS * ROW_SEATS / 2 || work == Work::Echo, "the seats have run out");
            }
            let reservation = self.hold(pair).await?;
            if let (Work::Mixed, Some(reservation)) = (work, reservation) {
                self.end(&reservation).await?;
            }
        }
        Ok(self)
    }

    async fn hold(&mut self, pair: usize) -> anyhow::Result<Option<String>> {
        let show = &self.shows[pair / (ROWS * ROW_SEATS / 2) % self.shows.len()];
        let (row, first) = (pair * 2 / ROW_SEATS % ROWS, pair * 2 % ROW_SEATS + 1);
        let body = format!(r#"{{"event_id":"{show}","seats":["S-{row}-{first}","S-{row}-{}"]}}"#, first + 1);
        let began = Instant::now();
        let answer = self.connection.send("POST", "/reserve", body.as_bytes()).await?;
        self.latency.record(began.elapsed().as_micros() as u64)?;
        match answer.status {
            200 => self.done += 1,
            201 => {
                self.done += 1;
                let text = std::str::from_utf8(answer.body)?;
                let id = text.strip_prefix(r#"{"reservation_id":""#).and_then(|rest| rest.split('"').next()).context("there is an id")?;
                return Ok(Some(id.to_owned()));
            }
            409 => self.refused += 1,
            other => anyhow::bail!("{other}: {}", String::from_utf8_lossy(answer.body)),
        }
        Ok(None)
    }

    async fn end(&mut self, reservation: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        let answer = if rand::random() {
            self.connection.send("POST", &format!("/reserve/{reservation}/checkout"), br#"{"payment_reference":"bench"}"#).await?
        } else {
            self.connection.send("DELETE", &format!("/reserve/{reservation}"), b"").await?
        };
        ensure!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        self.latency.record(began.elapsed().as_micros() as u64)?;
        self.done += 1;
        Ok(())
    }
}
