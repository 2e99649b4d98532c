//! More than can be served: connections that ask again at once, more of them than commands may wait. The server answers 503 when 4,096
//! commands wait; a refused client of this crowd comes back without a pause.

use std::path::Path;

use clap::Args;

use crate::commands::median;
use crate::load::{self, Load, Measured, Work, milliseconds};
use crate::rounds::{Means, Server};

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
}

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
        println!("{}", line(name, &rounds, settings));
    }
    Ok(())
}

async fn run(means: &mut Means<'_>, server: Server, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
    let target = means.start(server).await?;
    load::run(&target, Load { work: Work::Hold, connections, seconds }).await
}

fn line(name: &str, rounds: &[(Measured, Measured)], settings: &Settings) -> String {
    let middle = |of: fn(&Measured, &Measured, f64) -> f64| {
        let seconds = settings.seconds as f64;
        median(&mut rounds.iter().map(|(peak, crowd)| of(peak, crowd, seconds)).collect::<Vec<_>>())
    };
    format!(
        "| {name}, {} connections | {:.0}/s | {:.2} | {:.0}/s | {:.2} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
        settings.connections,
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
