//! `fullhouse serve`: from settings to shutdown.
//!
//! * [`parts`]: the parts of the server, how they are wired, and how they end
//! * [`broker`]: what other processes of a cluster tell
//! * [`duties`]: what projectors share among them
//! * [`rooms`]: waiting rooms
//! * [`listener`]: sockets, timeouts and limits
//! * [`router`]: every path
//! * [`operations`]: health, metrics, documentation
//! * [`pages`]: the web pages
//! * [`greeting`]: what is printed when the server is up

mod broker;
mod duties;
mod greeting;
mod listener;
pub mod operations;
mod pages;
mod parts;
mod rooms;
mod router;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use fullhouse_views::LiveShow;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeSettings;
use crate::{demo, telemetry};
use listener::Listener;
use operations::Readiness;

pub use parts::{Commands, Parts, Queries};

/// How long a server of a cluster says that it is about to close: the gateway asks twice a second, and believes the second answer.
const DRAIN_NOTICE: Duration = Duration::from_millis(1_500);

/// Serves until SIGTERM or SIGINT.
pub fn main(settings: ServeSettings) -> anyhow::Result<()> {
    telemetry::start_logging(&settings.log, settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started")?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    let mut stop_signals = StopSignals::new()?;
    let metrics = telemetry::start_metrics()?;
    make_data_folder(&settings.data)?;
    let parts = Parts::start(&settings).await?;
    let readiness = Arc::new(Readiness::new(&parts));
    let listener = Listener::bind(&settings)?;
    let (address, handle) = (listener.address(), listener.handle());
    let router = router::router(&parts, readiness.clone(), metrics);
    let serving = tokio::spawn(listener.serve(router));

    let opening = async {
        readiness.wait().await;
        let event = open_demo(&settings, &parts).await?;
        greeting::print(address, &settings, &parts, event.as_ref().map(|event| event.id()))?;
        if let Some(event) = event.filter(|_| settings.demo_shoppers > 0) {
            demo::start_shoppers(settings.demo_shoppers, &parts, &event).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        opened = opening => {
            opened?;
            stop_signals.wait().await;
        }
        () = stop_signals.wait() => {}
    }
    tracing::info!("shutting down");
    readiness.drain();
    if settings.database_url.is_some() {
        // The gateway must see that this server takes nothing new before it stops taking it.
        tokio::time::sleep(DRAIN_NOTICE).await;
    }
    if let Some(queries) = &parts.queries {
        queries.streams_stop.cancel();
    }
    listener::drain(handle, serving, settings.drain_seconds).await?;
    parts.end().await;
    tracing::info!("everything that was acknowledged is in the log");
    Ok(())
}

/// The event that a visitor is shown; nothing, when this is no demonstration.
async fn open_demo(settings: &ServeSettings, parts: &Parts) -> anyhow::Result<Option<Arc<LiveShow>>> {
    if !settings.demo {
        return Ok(None);
    }
    let (Some(commands), Some(queries)) = (&parts.commands, &parts.queries) else {
        anyhow::bail!("a demonstration (--demo, FULLHOUSE_DEMO) needs a process that does everything (--role, FULLHOUSE_ROLE)");
    };
    demo::schedule_if_empty(&parts.log, commands, queries).await.map(Some)
}

/// Makes the data folder, readable by its owner only.
pub fn make_data_folder(folder: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("the data folder {} (--data, FULLHOUSE_DATA) can't be made", folder.display()))
}

struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be received");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
