//! The whole comparison: Fullhouse, an echo, and what a team would write by hand, in one run, with every store syncing to disk.

mod environment;

use std::path::Path;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::baselines::Kept;
use crate::load::Work;
use crate::rounds::{self, Means, Row, Server};
use crate::{growth, overload, replay, startup, streams};

/// Pools that are tried for the baselines. Beyond, connections wait for processors.
const POOLS: [usize; 3] = [16, 32, 64];
/// The same for Redis, where many requests share a connection.
const REDIS_CONNECTIONS: [usize; 3] = [1, 4, 16];
/// Rows of 500 seats in the hall that is replayed and read cold.
const COLD_ROWS: usize = 160;
/// Holds on each server in each round, while halls and histories grow.
const HOLDS: usize = 2_000;
/// Holds and releases a second that streams tell of.
const STREAMED_COMMANDS: u64 = 1_000;

#[derive(Args)]
pub struct Settings {
    /// Numbers of connections, each with one request at a time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256])]
    clients: Vec<usize>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Facts of the history that is replayed and read cold
    #[arg(long, default_value_t = 500_000)]
    facts: u64,
    /// The longest history beside which a hold is timed: up to 10,000,000 facts, which take minutes and several GiB
    #[arg(long, default_value_t = 100_000)]
    facts_max: u64,
    /// Connections that overload the server, and live streams
    #[arg(long, default_value_t = 10_000)]
    crowd: usize,
    /// What is measured; without this, everything
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
}

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Rates and latencies of commands, beside the echo and the baselines
    Commands,
    /// The steps of replaying a history
    Replay,
    /// From the start of a server to the first hold of a show with a long history
    Cold,
    /// The latency of a hold as halls and histories grow
    Growth,
    /// More than can be served
    Overload,
    /// Live streams
    Streams,
}

/// Prints the settings, then one table after the other.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    ensure!(std::env::var_os("FULLHOUSE_DATABASE_URL").is_none(), "FULLHOUSE_DATABASE_URL is set: each row chooses its own store");
    environment::check_and_print(program)?;
    let is_wanted = |part: Part| settings.only.is_empty() || settings.only.contains(&part);
    if is_wanted(Part::Commands) {
        println!("\n## Commands\n");
        commands(program, settings).await?;
    }
    if is_wanted(Part::Replay) {
        println!("\n## Replay\n");
        let replay = replay::Settings { facts: settings.facts, rows: COLD_ROWS, rounds: settings.rounds };
        replay::measure(program, &replay).await?;
    }
    if is_wanted(Part::Cold) {
        println!("\n## A show that nobody has read: {} seats\n", COLD_ROWS * 500);
        startup::measure(program, &startup::Settings { facts: settings.facts, shows: 1, rows: COLD_ROWS }).await?;
    }
    if is_wanted(Part::Growth) {
        println!("\n## As halls and histories grow: one client, embedded\n");
        let growth = growth::Settings { facts_max: settings.facts_max, holds: HOLDS, rounds: settings.rounds };
        growth::measure(program, &growth).await?;
    }
    if is_wanted(Part::Overload) {
        println!("\n## More than can be served\n");
        let Settings { crowd, seconds, rounds, .. } = *settings;
        let peak_connections = settings.clients.iter().copied().max().unwrap_or(1);
        let overload = overload::Settings { connections: crowd, peak_connections, seconds, rounds, slow_seconds: 0.3, times: 10.0 };
        overload::measure(program, &overload).await?;
    }
    if is_wanted(Part::Streams) {
        println!("\n## Streams\n");
        let streams = streams::Settings { clients: settings.crowd, commands: STREAMED_COMMANDS, seconds: settings.seconds };
        streams::measure(program, &streams).await?;
    }
    Ok(())
}

async fn commands(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let mut means = Means::new(program);
    let busiest = settings.clients.iter().copied().max().unwrap_or(1);
    let transaction = means.best_pool(Kept::Transaction, &POOLS, busiest).await?;
    let function = means.best_pool(Kept::Function, &POOLS, busiest).await?;
    let script = means.best_pool(Kept::Script, &REDIS_CONNECTIONS, busiest).await?;
    let everybody = [
        ("bare axum echo of the same JSON".to_owned(), Server::Echo, Work::Echo),
        ("Fullhouse, embedded: holds".into(), Server::Embedded, Work::Hold),
        ("Fullhouse, PostgreSQL: holds".into(), Server::OnPostgres, Work::Hold),
        (
            format!("by hand, PostgreSQL, a transaction ({transaction} connections): holds"),
            Server::ByHand(Kept::Transaction, transaction),
            Work::Hold,
        ),
        (
            format!("by hand, PostgreSQL, one plpgsql call ({function} connections): holds"),
            Server::ByHand(Kept::Function, function),
            Work::Hold,
        ),
        (format!("by hand, Redis, one Lua script ({script} connections): holds"), Server::ByHand(Kept::Script, script), Work::Hold),
    ];
    let busy = [
        ("Fullhouse, embedded: holds and checkouts".to_owned(), Server::Embedded, Work::Sale),
        ("Fullhouse, PostgreSQL: holds and checkouts".into(), Server::OnPostgres, Work::Sale),
    ];
    let row =
        |(name, server, work): &(String, Server, Work), connections| Row { name: name.clone(), server: *server, work: *work, connections };
    let mut rows: Vec<Row> = everybody.iter().flat_map(|made| settings.clients.iter().map(move |&clients| row(made, clients))).collect();
    rows.extend(busy.iter().map(|made| row(made, busiest)));
    rounds::measure(&mut means, &rows, settings.seconds, settings.rounds).await
}
