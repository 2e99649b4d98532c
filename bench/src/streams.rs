//! Many live streams of one show: what each costs, and how long a change takes to reach them.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use hdrhistogram::Histogram;
use memchr::memmem;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::http::Connection;
use crate::server::Process;

#[derive(Args)]
pub struct Settings {
    /// Streams that are open at once
    #[arg(long, default_value_t = 10_000)]
    pub clients: usize,
    /// Holds and releases a second, while lag is measured
    #[arg(long, default_value_t = 1_000)]
    pub commands: u64,
    /// Seconds of that
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
}

/// One client of so many looks closely at what it is sent.
const CLOSELY: usize = 20;
/// The name of a message and its position stand within its first bytes.
const HEAD_BYTES_MAX: usize = 64;
/// How long the last change may take to reach everyone.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);
/// Connections that change seats, each with one command at a time.
const DRIVERS: u32 = 32;

/// What all clients tell.
#[derive(Default)]
struct Board {
    measuring: AtomicBool,
    ready: AtomicU64,
    frames: AtomicU64,
    /// Of those that look closely.
    changes: AtomicU64,
    /// Where each client is.
    positions: Vec<AtomicU64>,
    acknowledged: Mutex<HashMap<u64, Instant>>,
}

/// Prints memory for each client, deliveries and lag.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let limit = (settings.clients + 100).to_string();
    let options = ["--max-streams", &limit, "--max-streams-per-address", &limit, "--max-connections", &limit];
    let (process, _) = Process::start(program, data.path(), &options)?;
    let show = process.schedule(program, data.path(), 20, 100).await?;
    let positions = (0..settings.clients).map(|_| AtomicU64::new(0)).collect();
    let board = Arc::new(Board { positions, ..Board::default() });
    let before = process.resident_bytes()?;
    let mut clients = Vec::new();
    for number in 0..settings.clients {
        let socket = Connection::open(&process.address, None).await?.stream(&format!("/events/{show}/stream")).await?;
        clients.push(tokio::spawn(watch(socket, number, board.clone())));
    }
    while (board.ready.load(Ordering::Relaxed) as usize) < settings.clients {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = process.resident_bytes()?;
    let each = (after - before) as f64 / settings.clients as f64;
    println!("{} streams: {:.1} MiB, {:.1} KiB each", settings.clients, (after - before) as f64 / 1024.0 / 1024.0, each / 1024.0);

    board.measuring.store(true, Ordering::Relaxed);
    let processor = process.processor_seconds()?;
    let drivers = (0..DRIVERS).map(|_| drive(&process, &show, settings, &board));
    let commands: u64 = futures::future::try_join_all(drivers).await?.into_iter().sum();
    let processor = process.processor_seconds()? - processor;
    let (frames, changes) = (board.frames.load(Ordering::Relaxed) as f64, board.changes.load(Ordering::Relaxed) as f64);
    let last = everyone_has_all(&process, &show, &board).await?;
    let mut lag: Histogram<u64> = Histogram::new(3)?;
    clients.iter().for_each(tokio::task::JoinHandle::abort);
    for client in clients {
        // A client that was stopped has left its lags on the board's list.
        let _ = client.await;
    }
    for micros in LAGS.lock().map_err(|_| anyhow::anyhow!("a client has panicked"))?.iter() {
        lag.record(u64::from(*micros))?;
    }
    let seconds = settings.seconds as f64;
    println!(
        "{commands} commands in {seconds} s: {:.0} frames/s and {:.0} seat changes/s delivered; server {:.0}% of a core",
        frames / seconds,
        changes * CLOSELY as f64 / seconds,
        processor * 100.0 / seconds
    );
    println!("everyone was sent everything up to position {last}");
    let quantile = |quantile| lag.value_at_quantile(quantile) as f64 / 1_000.0;
    println!("acknowledged to client: p50 {:.1} ms  p99 {:.1} ms  max {:.1} ms", quantile(0.5), quantile(0.99), lag.max() as f64 / 1_000.0);
    println!("with the streams busy: {:.1} MiB in all", process.resident_bytes()? as f64 / 1024.0 / 1024.0);
    Ok(())
}

/// Waits until every client has been sent the last change; returns its position.
async fn everyone_has_all(process: &Process, show: &str, board: &Board) -> anyhow::Result<u64> {
    let mut connection = Connection::open(&process.address, None).await?;
    let answer = connection.send("GET", &format!("/events/{show}/seats?format=compact"), b"").await?;
    let seats: serde_json::Value = serde_json::from_slice(answer.body)?;
    let last = seats["position"].as_u64().context("there is a position")?;
    let until = Instant::now() + ARRIVAL_MAX;
    while let Some(behind) = board.positions.iter().position(|position| position.load(Ordering::Relaxed) < last) {
        anyhow::ensure!(Instant::now() < until, "client {behind} was not sent position {last}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(last)
}

/// How many of his holds each driver keeps before he releases the oldest: what changes in one frame is not undone in it.
const HELD_BY_EACH: usize = 16;

/// Microseconds from an acknowledgement to its arrival in a stream; each client adds what it saw of the oldest change of each frame, which has
/// waited longest.
static LAGS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Reads a stream to its end. The clients share the machine with the server, so most do no more with a frame than to find its end and its
/// position; one of [`CLOSELY`] counts its changes, and how late they are.
async fn watch(mut socket: TcpStream, number: usize, board: Arc<Board>) -> anyhow::Result<()> {
    let mut text = Vec::with_capacity(4_096);
    let mut position = 0;
    loop {
        anyhow::ensure!(socket.read_buf(&mut text).await? > 0, "the stream has ended");
        let mut read = 0;
        while let Some(length) = memmem::find(&text[read..], b"\n\n") {
            let message = &text[read..read + length];
            read += length + 2;
            let Some(to) = position_of(message) else { continue };
            if position == 0 {
                board.ready.fetch_add(1, Ordering::Relaxed);
            } else if board.measuring.load(Ordering::Relaxed) {
                board.frames.fetch_add(1, Ordering::Relaxed);
                if number.is_multiple_of(CLOSELY) {
                    look_closely(message, position, to, &board)?;
                }
            }
            anyhow::ensure!(to >= position, "a stream went back");
            position = to;
            board.positions[number].store(to, Ordering::Relaxed);
        }
        text.drain(..read);
    }
}

/// The position of a message that has one: it stands before the data.
fn position_of(message: &[u8]) -> Option<u64> {
    let head = &message[..message.len().min(HEAD_BYTES_MAX)];
    let digits = &head[memmem::find(head, b"id: ")? + b"id: ".len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

fn look_closely(message: &[u8], from: u64, to: u64, board: &Board) -> anyhow::Result<()> {
    let now = Instant::now();
    board.changes.fetch_add(memmem::find_iter(message, b"\"S-").count() as u64, Ordering::Relaxed);
    let acknowledged = board.acknowledged.lock().map_err(|_| anyhow::anyhow!("a client has panicked"))?;
    // An acknowledgement may arrive after the frame; then the next change has waited longest.
    let oldest = (from + 1..=to).find_map(|position| acknowledged.get(&position).copied());
    drop(acknowledged);
    if let (Some(at), Ok(mut lags)) = (oldest, LAGS.lock()) {
        lags.push(now.saturating_duration_since(at).as_micros() as u32);
    }
    Ok(())
}

/// Holds and releases seats at a steady rate; notes when each position was acknowledged. A release tells no position, and is not noted.
async fn drive(process: &Process, show: &str, settings: &Settings, board: &Board) -> anyhow::Result<u64> {
    let mut connection = Connection::open(&process.address, Some(process.guest().await?)).await?;
    let body = format!(r#"{{"event_id":"{show}","best_available":{{"count":2}}}}"#);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * DRIVERS / settings.commands.max(1) as u32);
    let until = Instant::now() + Duration::from_secs(settings.seconds);
    let (mut commands, mut held) = (0, VecDeque::new());
    while Instant::now() < until {
        ticks.tick().await;
        commands += 1;
        if held.len() == HELD_BY_EACH
            && let Some(oldest) = held.pop_front()
        {
            let answer = connection.send("DELETE", &format!("/reserve/{oldest}"), b"").await?;
            anyhow::ensure!(answer.status == 204, "{}", String::from_utf8_lossy(answer.body));
            continue;
        }
        let answer = connection.send("POST", "/reserve", body.as_bytes()).await?;
        let body: serde_json::Value = serde_json::from_slice(answer.body)?;
        let position = body["position"].as_u64().context("there is a position")?;
        held.push_back(body["reservation_id"].as_str().context("there is an id")?.to_owned());
        let _ = board.acknowledged.lock().map(|mut noted| noted.insert(position, Instant::now()));
    }
    Ok(commands)
}
