//! What auditors do with a long log: replay it, stream it, export it, and look at the seats as they were.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Connection;
use crate::server::Process;
use crate::startup::fill;

/// How many moments of the past are asked for.
const MOMENTS: u64 = 300;

#[derive(Args)]
pub struct Settings {
    /// Facts in the log, of one show
    #[arg(long, default_value_t = 500_000)]
    facts: u64,
    /// Rows of 500 seats
    #[arg(long, default_value_t = 60)]
    rows: usize,
}

/// Prints rates of verifying, streaming and exporting, and how long a map of the past takes.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let show = {
        let (process, _) = Process::start(program, data.path(), &[])?;
        process.schedule(program, data.path(), settings.rows, 500).await?
    };
    fill(data.path(), std::slice::from_ref(&show), settings.facts).await?;
    std::fs::File::open(data.path().join("log.lock"))?.lock()?;
    let (process, took) = Process::start(program, data.path(), &[])?;
    println!("{} facts of one show with {} seats; ready after {:.2} s", settings.facts, settings.rows * 500, took.as_secs_f64());
    process.settle(settings.facts).await?;
    wait_until_sealed(&process, settings.facts).await?;
    past(&process, &show, settings.facts).await?;
    let token = Process::token(program, data.path(), "auditor")?;
    for _ in 0..3 {
        stream(&process, &token, settings.facts).await?;
    }
    drop(process);
    for arguments in [&["verify"][..], &["export"], &["export", "--format", "cloudevents"]] {
        for _ in 0..3 {
            run(program, data.path(), arguments, settings.facts)?;
        }
    }
    let parquet = data.path().join("facts.parquet");
    run(program, data.path(), &["export", "--format", "parquet", "--out", parquet.to_str().context("a path")?], settings.facts)
}

async fn wait_until_sealed(process: &Process, facts: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(&process.address, None).await?;
    loop {
        let answer = connection.send("GET", "/checkpoint", b"").await?;
        let note = std::str::from_utf8(answer.body)?;
        if note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).is_some_and(|size| size >= facts) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The map at moments all over the history, whole and compact.
async fn past(process: &Process, show: &str, facts: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(&process.address, None).await?;
    let mut took = Vec::new();
    for moment in 0..MOMENTS {
        // A prime far from any power of two: the moments lie everywhere between two snapshots.
        let position = 1 + moment * 7_368_787 % facts;
        let began = Instant::now();
        let answer = connection.send("GET", &format!("/events/{show}/seats?format=compact&position={position}"), b"").await?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(answer.body));
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let milliseconds = |index: usize| took[index].as_secs_f64() * 1_000.0;
    println!(
        "a map of the past: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        milliseconds(took.len() / 2),
        milliseconds(took.len() * 99 / 100),
        milliseconds(took.len() - 1)
    );
    Ok(())
}

/// The whole log as NDJSON over HTTP.
async fn stream(process: &Process, token: &str, facts: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut socket = TcpStream::connect(&process.address).await?;
    let request = format!(
        "GET /log HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\naccept: application/x-ndjson\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0_usize);
    loop {
        match socket.read(&mut buffer).await? {
            0 => break,
            read => bytes += read,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    ensure!(bytes as u64 > facts * 100, "the log was cut off after {bytes} bytes");
    let resident = process.resident_bytes()? as f64 / 1024.0 / 1024.0;
    println!(
        "GET /log as NDJSON: {:.0} facts/s, {:.0} MB/s; the server has {resident:.0} MiB",
        facts as f64 / seconds,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}

/// Runs a subcommand of the server, and prints how fast it went through the facts.
pub fn run(program: &Path, data: &Path, arguments: &[&str], facts: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut command = Command::new(program);
    let status = command.args(arguments).arg("--data").arg(data).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "{arguments:?} ended with {status}");
    let seconds = began.elapsed().as_secs_f64();
    println!("fullhouse {}: {:.0} facts/s ({seconds:.2} s)", arguments.join(" "), facts as f64 / seconds);
    Ok(())
}
