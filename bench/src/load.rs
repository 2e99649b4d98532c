//! The load: connections, each with one request at a time, on any server that takes the JSON of a hold.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use rand::RngExt;

use crate::http::Connection;
use crate::target::{PAIRS, ROW_SEATS, ROWS, Target};

/// Before anything is counted: connections are made, caches filled, statements prepared.
const WARM_UP: Duration = Duration::from_secs(1);
/// Connections that share a guest's token: a crowd of thousands is made quickly, and the server knows its tokens as it would know them in a sale.
const GUESTS_MAX: usize = 256;

/// What each connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Sends a hold and reads it back.
    Echo,
    /// Holds two seats that nobody has.
    Hold,
    /// Holds two seats that nobody has, then checks them out.
    Sale,
    /// Holds two random seats, then checks out or releases them, as a coin says.
    Mixed,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub work: Work,
    pub connections: usize,
    pub seconds: u64,
    /// How many come in a second, whatever becomes of those before them (open loop); without it, each connection asks again as soon as it
    /// has an answer.
    pub arrivals_per_second: Option<f64>,
}

/// People who come at random, independently of one another and of what they find: a Poisson process.
struct Arrivals {
    next: Mutex<Instant>,
    mean_pause: Duration,
}

impl Arrivals {
    fn new(per_second: f64) -> Self {
        Self { next: Mutex::new(Instant::now()), mean_pause: Duration::from_secs_f64(1.0 / per_second) }
    }

    /// Waits until the next one comes, and says when that was to be. Time that passes because no connection is free counts as waiting.
    async fn next(&self) -> Instant {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += self.mean_pause.mul_f64(-f64::ln(1.0 - rand::random::<f64>()));
            *next
        };
        tokio::time::sleep_until(at.into()).await;
        at
    }
}

/// What came of it. Latencies are in microseconds.
pub struct Measured {
    pub per_second: f64,
    pub latency: Histogram<u64>,
    /// Holds of seats that somebody has.
    pub refused: u64,
    /// How long it took to be told that too much is going on.
    pub turned_away: Histogram<u64>,
    pub processor_seconds: f64,
}

/// Loads a server, and says what came of it.
pub async fn run(target: &Target, load: Load) -> anyhow::Result<Measured> {
    let mut tokens = Vec::new();
    for number in 0..load.connections.min(GUESTS_MAX) {
        tokens.push(target.token(number).await?);
    }
    // A crowd takes a while to come.
    let mut connections = Vec::new();
    for number in 0..load.connections {
        connections.push(Connection::open(&target.process.address, Some(tokens[number % tokens.len()].clone())).await?);
    }
    let since = Instant::now() + WARM_UP;
    let until = since + Duration::from_secs(load.seconds);
    let arrivals = load.arrivals_per_second.map(|per_second| Arc::new(Arrivals::new(per_second)));
    let mut running = Vec::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let shows = target.shows.clone();
        let arrivals = arrivals.clone();
        let worker = Worker { number, load, shows, connection, arrivals, window: since..until, done: 0, counts: Counts::default() };
        running.push(tokio::spawn(worker.work()));
    }
    tokio::time::sleep_until(since.into()).await;
    let before = target.process.processor_seconds()?;
    tokio::time::sleep_until(until.into()).await;
    let processor_seconds = target.process.processor_seconds()? - before;
    let (mut latency, mut turned_away, mut refused) = (Histogram::new(3)?, Histogram::new(3)?, 0);
    for worker in running {
        let counts = worker.await??;
        counts.latency.into_iter().try_for_each(|micros| latency.record(u64::from(micros)))?;
        counts.turned_away.into_iter().try_for_each(|micros| turned_away.record(u64::from(micros)))?;
        refused += counts.refused;
    }
    Ok(Measured { per_second: latency.len() as f64 / load.seconds as f64, latency, refused, turned_away, processor_seconds })
}

struct Worker {
    number: usize,
    load: Load,
    shows: Vec<String>,
    connection: Connection,
    arrivals: Option<Arc<Arrivals>>,
    /// What is answered meanwhile is counted.
    window: Range<Instant>,
    /// Pairs of seats that this connection has used up.
    done: usize,
    counts: Counts,
}

/// Microseconds of each answer. A histogram for each of thousands of connections would fill the memory.
#[derive(Default)]
struct Counts {
    latency: Vec<u32>,
    refused: u64,
    turned_away: Vec<u32>,
}

enum Held {
    Yes(String),
    Taken,
    TurnedAway,
}

impl Worker {
    async fn work(mut self) -> anyhow::Result<Counts> {
        while Instant::now() < self.window.end {
            let pair = match self.load.work {
                Work::Mixed => rand::rng().random_range(0..PAIRS),
                Work::Echo | Work::Hold | Work::Sale => self.number + self.done * self.load.connections,
            };
            ensure!(pair < self.shows.len() * PAIRS || self.load.work == Work::Echo, "the seats have run out");
            match self.hold(pair).await? {
                Held::Yes(reservation) if self.load.work == Work::Sale => self.end(&reservation, true).await?,
                Held::Yes(reservation) if self.load.work == Work::Mixed => self.end(&reservation, rand::random()).await?,
                Held::Yes(_) | Held::Taken => {}
                // It asks for the same seats again: a crowd has no patience.
                Held::TurnedAway => continue,
            }
            self.done += 1;
        }
        Ok(self.counts)
    }

    async fn hold(&mut self, pair: usize) -> anyhow::Result<Held> {
        let show = &self.shows[pair / PAIRS % self.shows.len()];
        let (row, first) = (pair * 2 / ROW_SEATS % ROWS, pair * 2 % ROW_SEATS + 1);
        let body = format!(r#"{{"event_id":"{show}","seats":["S-{row}-{first}","S-{row}-{}"]}}"#, first + 1);
        let began = match &self.arrivals {
            Some(arrivals) => arrivals.next().await,
            None => Instant::now(),
        };
        let answer = self.connection.send("POST", "/reserve", body.as_bytes()).await?;
        let took = began.elapsed().as_micros() as u32;
        let is_counted = self.window.contains(&Instant::now());
        let (counted, held) = match answer.status {
            // An echo has no reservation.
            200 => (&mut self.counts.latency, Held::Yes(String::new())),
            201 => (&mut self.counts.latency, Held::Yes(reservation_of(answer.body)?)),
            409 => {
                self.counts.refused += u64::from(is_counted);
                return Ok(Held::Taken);
            }
            503 => (&mut self.counts.turned_away, Held::TurnedAway),
            other => anyhow::bail!("{other}: {}", String::from_utf8_lossy(answer.body)),
        };
        if is_counted {
            counted.push(took);
        }
        Ok(held)
    }

    async fn end(&mut self, reservation: &str, is_sold: bool) -> anyhow::Result<()> {
        let began = Instant::now();
        let answer = if is_sold {
            self.connection.send("POST", &format!("/reserve/{reservation}/checkout"), br#"{"payment_reference":"bench"}"#).await?
        } else {
            self.connection.send("DELETE", &format!("/reserve/{reservation}"), b"").await?
        };
        ensure!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        if self.window.contains(&Instant::now()) {
            self.counts.latency.push(began.elapsed().as_micros() as u32);
        }
        Ok(())
    }
}

/// The id that an answer to a hold begins with.
pub fn reservation_of(body: &[u8]) -> anyhow::Result<String> {
    let text = std::str::from_utf8(body)?;
    let id = text.strip_prefix(r#"{"reservation_id":""#).and_then(|rest| rest.split('"').next());
    Ok(id.context("there is an id")?.to_owned())
}

/// Milliseconds that so great a part of the answers took at most.
pub fn milliseconds(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1_000.0
}
