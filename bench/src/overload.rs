//! More than can be served. The server answers 503 when 4,096 commands wait, or as many as a slow log does in a second.
//!
//! * A crowd whose every member asks again at once, with more connections than commands may wait. It takes up the processor, which clients and
//!   server share, so no more than a little above the peak can be offered.
//! * Ten times the peak of a slow store, by the clock. Little of the processor is used, so what a refusal takes is the server's doing.

use std::path::Path;

use clap::Args;

use crate::commands::median;
use crate::load::{self, Load, Measured, Work, milliseconds};
use crate::rounds::{Means, Server};
use crate::target::Target;

#[derive(Args)]
pub struct Settings {
    /// Connections of the crowd
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// Connections that the peak is reached with
    #[arg(long, default_value_t = 256)]
    pub peak_connections: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds that the slow store takes for a batch
    #[arg(long, default_value_t = 0.3)]
    pub slow_seconds: f64,
    /// What is offered to the slow store, in multiples of its peak
    #[arg(long, default_value_t = 10.0)]
    pub times: f64,
}

/// Enough that a batch of the slow store is full and another one waits, and that nobody is refused.
const SLOW_PEAK_CONNECTIONS: usize = 4_000;
/// Enough for all who may wait, those of the batch, and those who are refused meanwhile.
const SLOW_CONNECTIONS: usize = 8_000;

/// Prints what is served beside the peak of the same round, and how long a refusal takes.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    println!("Peak: {} connections. Each connection asks again as soon as it has an answer, yes or no.\n", settings.peak_connections);
    println!("| | offered | of the peak | served | of the peak | served p50 | p99 | 503 after p50 | p99 |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut means = Means::new(program);
    for (name, server) in [("embedded", Server::Embedded), ("PostgreSQL", Server::OnPostgres)] {
        let mut rounds = Vec::new();
        for _ in 0..settings.rounds {
            let peak = run(&mut means, server, settings.peak_connections, settings.seconds).await?;
            rounds.push((peak, run(&mut means, server, settings.connections, settings.seconds).await?));
        }
        println!("{}", line(&format!("{name}, {} connections", settings.connections), &rounds, settings));
    }
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds {
        rounds.push(slow_store(program, settings).await?);
    }
    let name = format!("a store that takes {} s for a batch, {} times its peak, by the clock", settings.slow_seconds, settings.times);
    println!("{}", line(&name, &rounds, settings));
    Ok(())
}

async fn run(means: &mut Means<'_>, server: Server, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
    let target = means.start(server).await?;
    load::run(&target, Load { work: Work::Hold, connections, seconds, arrivals_per_second: None }).await
}

/// The peak of a slow store, then many times as much.
async fn slow_store(program: &Path, settings: &Settings) -> anyhow::Result<(Measured, Measured)> {
    let target = Target::on_slow_postgres(program, settings.slow_seconds).await?;
    let load = Load { work: Work::Hold, connections: SLOW_PEAK_CONNECTIONS, seconds: settings.seconds, arrivals_per_second: None };
    let peak = load::run(&target, load).await?;
    drop(target);
    let target = Target::on_slow_postgres(program, settings.slow_seconds).await?;
    let arrivals_per_second = Some(settings.times * peak.per_second);
    let crowd = load::run(&target, Load { connections: SLOW_CONNECTIONS, arrivals_per_second, ..load }).await?;
    Ok((peak, crowd))
}

fn line(name: &str, rounds: &[(Measured, Measured)], settings: &Settings) -> String {
    let middle = |of: fn(&Measured, &Measured, f64) -> f64| {
        let seconds = settings.seconds as f64;
        median(&mut rounds.iter().map(|(peak, crowd)| of(peak, crowd, seconds)).collect::<Vec<_>>())
    };
    format!(
        "| {name} | {:.0}/s | {:.2} | {:.0}/s | {:.2} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
        middle(|_, crowd, seconds| asked(crowd, seconds)),
        middle(|peak, crowd, seconds| asked(crowd, seconds) / peak.per_second),
        middle(|_, crowd, _| crowd.per_second),
        middle(|peak, crowd, _| crowd.per_second / peak.per_second),
        middle(|_, crowd, _| milliseconds(&crowd.latency, 0.5)),
        middle(|_, crowd, _| milliseconds(&crowd.latency, 0.99)),
        middle(|_, crowd, _| milliseconds(&crowd.turned_away, 0.5)),
        middle(|_, crowd, _| milliseconds(&crowd.turned_away, 0.99)),
    )
}

/// Answers of both kinds: each client asked again as soon as it had one.
fn asked(crowd: &Measured, seconds: f64) -> f64 {
    crowd.per_second + crowd.turned_away.len() as f64 / seconds
}
