//! Commands over HTTP beside a bare echo of the same JSON: a short run, for a look while something is changed. [`crate::table`] is the whole one.

use std::path::Path;

use clap::Args;

use crate::load::Work;
use crate::rounds::{self, Means, Row, Server};

#[derive(Args)]
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

/// Prints a table of three rows.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let rows = [
        ("echo", Server::Echo, Work::Echo),
        ("holds", Server::Embedded, Work::Hold),
        ("holds, checkouts and releases", Server::Embedded, Work::Mixed),
    ];
    let rows = rows.map(|(name, server, work)| Row { name: name.into(), server, work, connections: settings.connections });
    rounds::measure(&mut Means::new(program), &rows, settings.seconds, settings.rounds).await
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
