//! Logs and metrics.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;

/// How often old samples are folded into the histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Upper edges, in seconds: from the cost of one decision to the longest wait that is allowed.
const SECONDS: [f64; 16] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper edges, in commands.
const COMMANDS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];
/// Upper edges, in facts.
const FACTS: [f64; 9] = [100.0, 1_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 500_000.0, 1_000_000.0, 10_000_000.0];

/// Begins to write the log to stderr.
pub fn start_logging(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter =
        EnvFilter::builder().parse(filter).context("--log (FULLHOUSE_LOG) is not a filter such as `info,fullhouse_command=debug`")?;
    let registry = tracing_subscriber::registry().with(filter);
    let is_terminal = std::io::stderr().is_terminal();
    if format == LogFormat::Json || format == LogFormat::Auto && !is_terminal {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false)
                    .with_writer(std::io::stderr),
            )
            .init();
    } else {
        let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        registry.with(tracing_subscriber::fmt::layer().compact().with_ansi(colours).with_target(false).with_writer(std::io::stderr)).init();
    }
    Ok(())
}

/// Begins to collect metrics; they are read through the handle.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_commands".into()), &COMMANDS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_joins".into()), &COMMANDS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_facts".into()), &FACTS))
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics can't be collected")?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
