//! Rows of a table, measured in turns, so that the machine's moods hit all of them. Each is compared with the echo of its own round.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use fullhouse_test_servers::Database;

use crate::baselines::{Kept, postgres};
use crate::commands::median;
use crate::load::{self, Load, Measured, Work, milliseconds};
use crate::target::Target;

/// How often each pool is tried, and for how many seconds.
const TRIALS: usize = 2;
const TRIAL_SECONDS: u64 = 2;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Echo,
    /// Fullhouse, as its settings are without any.
    Embedded,
    /// Fullhouse on PostgreSQL.
    OnPostgres,
    /// A table of seats, with so many connections to the database.
    ByHand(Kept, usize),
}

/// What a server does with how many clients.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub server: Server,
    pub work: Work,
    pub connections: usize,
}

/// What servers are made of.
pub struct Means<'a> {
    pub program: &'a Path,
    /// All seats of all shows, free; made when somebody needs them.
    seats: Option<Database>,
}

impl<'a> Means<'a> {
    pub fn new(program: &'a Path) -> Self {
        Self { program, seats: None }
    }

    pub async fn start(&mut self, server: Server) -> anyhow::Result<Target> {
        match server {
            Server::Echo => Target::echo().await,
            Server::Embedded => Target::embedded(self.program).await,
            Server::OnPostgres => Target::on_postgres(self.program).await,
            Server::ByHand(Kept::Script, pool) => Target::in_redis(pool).await,
            Server::ByHand(kept, pool) => {
                let seats = self.seats.get_or_insert_with(postgres::filled);
                Target::by_hand(seats, kept, pool).await
            }
        }
    }

    async fn measure(&mut self, row: &Row, seconds: u64) -> anyhow::Result<Measured> {
        let target = self.start(row.server).await.with_context(|| format!("{} can't be started", row.name))?;
        let load = Load { work: row.work, connections: row.connections, seconds, arrivals_per_second: None };
        let measured = load::run(&target, load).await.with_context(|| row.name.clone())?;
        target.check(&measured).await.with_context(|| row.name.clone())?;
        anyhow::ensure!(measured.turned_away.is_empty(), "{}: {} were turned away", row.name, measured.turned_away.len());
        Ok(measured)
    }

    /// The pool that holds go through fastest, tried in turns: each team would have.
    pub async fn best_pool(&mut self, kept: Kept, pools: &[usize], connections: usize) -> anyhow::Result<usize> {
        let mut rates = vec![0.0; pools.len()];
        for _ in 0..TRIALS {
            for (&pool, rate) in pools.iter().zip(&mut rates) {
                let row = Row { name: kept.name().into(), server: Server::ByHand(kept, pool), work: Work::Hold, connections };
                *rate += self.measure(&row, TRIAL_SECONDS).await?.per_second / TRIALS as f64;
            }
        }
        let tried: Vec<String> = pools.iter().zip(&rates).map(|(pool, rate)| format!("{pool}: {rate:.0}/s")).collect();
        eprintln!("trial: {} by connections to the store, {connections} clients: {}", kept.name(), tried.join(", "));
        let best = pools.iter().zip(&rates).max_by(|one, other| one.1.total_cmp(other.1)).context("there is a pool")?;
        Ok(*best.0)
    }
}

/// Measures all rows in each round, and prints a table.
pub async fn measure(means: &mut Means<'_>, rows: &[Row], seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let mut measured: Vec<Vec<Measured>> = rows.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (row, measured) in rows.iter().zip(&mut measured) {
            let result = means.measure(row, seconds).await?;
            let (p50, p99) = (milliseconds(&result.latency, 0.5), milliseconds(&result.latency, 0.99));
            eprintln!(
                "round {round}: {:60} {:4} clients {:8.0}/s  p50 {p50:6.2} ms  p99 {p99:6.2} ms",
                row.name, row.connections, result.per_second
            );
            measured.push(result);
        }
    }
    println!("| | clients | median | lowest to highest | p50 | p99 | of the echo | cores of the serving process | refused |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let echoes: BTreeMap<usize, Vec<f64>> = rows
        .iter()
        .zip(&measured)
        .filter(|(row, _)| row.server == Server::Echo)
        .map(|(row, measured)| (row.connections, rates(measured)))
        .collect();
    for (row, measured) in rows.iter().zip(&measured) {
        println!("{}", line(row, measured, echoes.get(&row.connections), seconds));
    }
    Ok(())
}

/// The latencies are those of the middle round.
fn line(row: &Row, measured: &[Measured], echoes: Option<&Vec<f64>>, seconds: u64) -> String {
    let mut sorted: Vec<&Measured> = measured.iter().collect();
    sorted.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let (lowest, middle, highest) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    let of_echo = echoes.map_or("–".into(), |echoes| {
        let mut ratios: Vec<f64> = rates(measured).iter().zip(echoes).map(|(rate, echo)| rate / echo).collect();
        format!("{:.2}", median(&mut ratios))
    });
    format!(
        "| {} | {} | {:.0}/s | {:.0} to {:.0}/s | {:.2} ms | {:.2} ms | {of_echo} | {:.2} | {} |",
        row.name,
        row.connections,
        middle.per_second,
        lowest.per_second,
        highest.per_second,
        milliseconds(&middle.latency, 0.5),
        milliseconds(&middle.latency, 0.99),
        middle.processor_seconds / seconds as f64,
        measured.iter().map(|measured| measured.refused).sum::<u64>(),
    )
}

fn rates(measured: &[Measured]) -> Vec<f64> {
    measured.iter().map(|measured| measured.per_second).collect()
}
