//! Measurements on one machine. Each is a ratio or a figure of one run; see `docs/benchmarks.md` for how to read them.
//!
//! * [`commands`]: commands over HTTP beside a bare echo of the same JSON
//! * [`decide`]: what deciding a hold costs in a small and in a large hall
//! * [`streams`]: memory and lag of many live streams
//! * [`startup`]: how long a server takes to start on a long log
//! * [`history`]: replaying, streaming and exporting a long log
//! * [`waiting_room`]: a crowd in front of a waiting room
//! * [`server`], [`http`]: server processes, and the lean client that loads them

mod commands;
mod decide;
mod echo;
mod history;
mod http;
mod server;
mod startup;
mod streams;
mod waiting_room;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
struct Cli {
    /// The server to measure: a release build
    #[arg(long, default_value = "target/release/fullhouse", global = true)]
    server: PathBuf,
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(clap::Subcommand)]
enum Measurement {
    /// Holds, and holds with checkouts and releases, beside a bare echo, in turns
    Commands(commands::Settings),
    /// Memory of many streams, and how long a change takes to reach them
    Streams(streams::Settings),
    /// The cost of deciding a hold with 1,000 and with 100,000 seats
    Decide(decide::Settings),
    /// Time to start on a log of many facts
    Startup(startup::Settings),
    /// Replaying, streaming and exporting a long log, and maps of the past
    History(history::Settings),
    /// A crowd that joins the line of a show, is let in, and buys
    WaitingRoom(waiting_room::Settings),
    /// Serves the bare echo (started by `commands`)
    #[command(hide = true)]
    Echo { listen: SocketAddr },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.measurement {
            Measurement::Commands(settings) => commands::measure(&cli.server, &settings).await,
            Measurement::Streams(settings) => streams::measure(&cli.server, &settings).await,
            Measurement::Decide(settings) => decide::measure(&settings),
            Measurement::Startup(settings) => startup::measure(&cli.server, &settings).await,
            Measurement::History(settings) => history::measure(&cli.server, &settings).await,
            Measurement::WaitingRoom(settings) => waiting_room::measure(&cli.server, &settings).await,
            Measurement::Echo { listen } => echo::serve(listen).await,
        }
    })
}
