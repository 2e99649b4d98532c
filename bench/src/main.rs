//! Measurements on one machine. Each is a ratio or a figure of one run; see `docs/benchmarks.md` for how to read them.
//!
//! * [`table`]: the whole comparison, in one run
//! * [`commands`]: commands over HTTP beside a bare echo of the same JSON
//! * [`decide`]: what deciding a hold costs in a small and in a large hall
//! * [`streams`]: memory and lag of many live streams
//! * [`startup`]: how long a server takes to start on a long log
//! * [`history`]: replaying, streaming and exporting a long log
//! * [`replay`]: how fast a history becomes state again
//! * [`growth`]: what a hold costs as halls and histories grow
//! * [`overload`]: more than can be served
//! * [`waiting_room`]: a crowd in front of a waiting room
//! * [`rounds`], [`target`], [`load`]: what is measured in turns, what is loaded, and with what
//! * [`baselines`], [`echo`]: what Fullhouse is compared with
//! * [`server`], [`http`]: server processes, and the lean client that loads them

mod baselines;
mod commands;
mod decide;
mod echo;
mod growth;
mod history;
mod hot_path;
mod http;
mod load;
mod overload;
mod replay;
mod rounds;
mod server;
mod startup;
mod streams;
mod table;
mod target;
mod waiting_room;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// The server's: whoever is compared with it has the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Everything in one run: Fullhouse beside an echo and beside what a team would write by hand, and all that follows below it
    Table(table::Settings),
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
    /// Rates of reading, decoding and folding a history
    Replay(replay::Settings),
    /// The latency of a hold with 1,000 to 100,000 seats, and with short and long histories
    Growth(growth::Settings),
    /// Thousands of connections that ask for more than can be served
    Overload(overload::Settings),
    /// A crowd that joins the line of a show, is let in, and buys
    WaitingRoom(waiting_room::Settings),
    /// Does the work of holds in memory (started by `bench/instructions`)
    #[command(hide = true)]
    HotPath(hot_path::Settings),
    /// Serves holds that are kept otherwise (started by `table`)
    #[command(hide = true)]
    Baseline(baselines::Settings),
    /// Serves the bare echo (started by `table` and `commands`)
    #[command(hide = true)]
    Echo { listen: SocketAddr },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(async {
        match cli.measurement {
            Measurement::Table(settings) => table::measure(&cli.server, &settings).await,
            Measurement::Commands(settings) => commands::measure(&cli.server, &settings).await,
            Measurement::Streams(settings) => streams::measure(&cli.server, &settings).await,
            Measurement::Decide(settings) => decide::measure(&settings),
            Measurement::Startup(settings) => startup::measure(&cli.server, &settings).await,
            Measurement::History(settings) => history::measure(&cli.server, &settings).await,
            Measurement::Replay(settings) => replay::measure(&cli.server, &settings).await,
            Measurement::Growth(settings) => growth::measure(&cli.server, &settings).await,
            Measurement::Overload(settings) => overload::measure(&cli.server, &settings).await,
            Measurement::WaitingRoom(settings) => waiting_room::measure(&cli.server, &settings).await,
            Measurement::HotPath(settings) => hot_path::run(&settings),
            Measurement::Baseline(settings) => baselines::serve(settings).await,
            Measurement::Echo { listen } => echo::serve(listen).await,
        }
    });
    fullhouse_test_servers::end_databases();
    measured
}
