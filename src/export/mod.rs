//! `fullhouse export`: the log, or the refused demand, in a format that others read.
//!
//! The same range of facts always comes to the same bytes.
//!
//! # Layout
//!
//! * [`lines`]: one JSON object a line
//! * [`columns`]: columns of Parquet

mod columns;
mod lines;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::postgres::Access;
use fullhouse_schemas::StoredFact;

use crate::cli::{ExportFormat, ExportSettings, Exported};
use crate::progress::Progress;
use crate::store;

/// How many facts are read at a time.
const READ_FACTS: usize = 10_000;
/// How long the log may take to tell its head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Exports until the end that the log has now, or up to a position.
pub fn main(settings: &ExportSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    runtime.block_on(async {
        match settings.of {
            Exported::Facts => export_facts(settings).await,
            Exported::Refusals => export_refusals(settings).await,
        }
    })
}

/// What is written to: nothing gets its name before it is whole, unless lines are appended to a file that has some already.
enum Output {
    Stdout(BufWriter<std::io::Stdout>),
    File(BufWriter<File>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Output::Stdout(stdout) => stdout.write(bytes),
            Output::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Output::Stdout(stdout) => stdout.flush(),
            Output::File(file) => file.flush(),
        }
    }
}

async fn export_facts(settings: &ExportSettings) -> anyhow::Result<()> {
    let log = store::open_to_read(&settings.data, settings.database_url.as_deref()).await?;
    let head = log.newest_head(PATIENCE).await.context("the log can't be read")?;
    let until = settings.up_to.unwrap_or(head);
    ensure!(until <= head, "the log ends at log position {head}, before {until} (--up-to)");
    match settings.format {
        ExportFormat::Parquet => {
            let path = settings.out.as_deref().context("a Parquet file needs a name (--out, FULLHOUSE_OUT)")?;
            ensure!(!settings.resume, "a Parquet file can't be gone on with (--resume): export what follows into another one (--after)");
            let mut columns = columns::FactsFile::begin(new_unfinished(path)?)?;
            each_batch(&log, settings.after, until, |facts| columns.push(facts)).await?;
            give_name(columns.finish()?, path)
        }
        ExportFormat::Ndjson => export_lines(settings, &log, until, &|fact| fact.canonical_bytes()).await,
        ExportFormat::Cloudevents => export_lines(settings, &log, until, &|fact| lines::cloud_event(fact, &settings.cluster)).await,
    }
}

async fn export_lines(
    settings: &ExportSettings,
    log: &Log,
    until: u64,
    line: &(dyn Fn(&StoredFact) -> Vec<u8> + Sync),
) -> anyhow::Result<()> {
    let (mut output, after) = match &settings.out {
        None => (Output::Stdout(BufWriter::with_capacity(1 << 20, std::io::stdout())), settings.after),
        Some(path) if settings.resume && path.exists() => {
            ensure!(settings.after == 0, "--resume goes on where the file ends: leave --after away");
            let (file, after) = lines::go_on(path, log, line).await?;
            (Output::File(BufWriter::with_capacity(1 << 20, file)), after)
        }
        Some(path) => (Output::File(BufWriter::with_capacity(1 << 20, create(path)?)), settings.after),
    };
    let written = each_batch(log, after, until, |facts| {
        for fact in facts {
            output.write_all(&line(fact)).and_then(|()| output.write_all(b"\n"))?;
        }
        Ok(())
    });
    let finished = written.await.and_then(|()| Ok(output.flush()?));
    match finished {
        // Whoever reads it may have read enough: `fullhouse export | head`.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        finished => finished.context("the export can't be written"),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Reads facts after one log position and up to another.
async fn each_batch(
    log: &Log,
    mut after: u64,
    until: u64,
    mut take: impl FnMut(&[StoredFact]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = Progress::new(until, "exported");
    while after < until {
        let limit = READ_FACTS.min((until - after) as usize);
        let facts = log.read_log(after, limit).await.context("the log can't be read")?;
        ensure!(!facts.is_empty(), "the log ends at log position {after}, before {until}");
        take(&facts)?;
        after += facts.len() as u64;
        progress.tell(after);
    }
    progress.finish();
    Ok(())
}

async fn export_refusals(settings: &ExportSettings) -> anyhow::Result<()> {
    ensure!(
        settings.after == 0 && settings.up_to.is_none() && !settings.resume,
        "refusals have no positions: --after, --up-to and --resume are for facts"
    );
    let demand = store::open_demand(&settings.data, settings.database_url.as_deref(), Access::Read).await?;
    let counts = match demand {
        Some(demand) => demand.counts().await.context("the refused demand can't be read")?,
        None => Vec::new(),
    };
    match (settings.format, settings.out.as_deref()) {
        (ExportFormat::Parquet, None) => bail!("a Parquet file needs a name (--out, FULLHOUSE_OUT)"),
        (ExportFormat::Parquet, Some(path)) => {
            let file = columns::write_refusals(new_unfinished(path)?, &counts)?;
            give_name(file, path)
        }
        (ExportFormat::Cloudevents, _) => bail!("refusals are counts, not events: export them as ndjson or parquet (--format)"),
        (ExportFormat::Ndjson, out) => {
            let text: String = counts.iter().map(lines::refusals).collect();
            match out {
                None => crate::print_result(&text),
                Some(path) => create(path)?.write_all(text.as_bytes()).context("the export can't be written"),
            }
        }
    }
}

/// A file that is not there yet. An export never overwrites anything.
fn create(path: &Path) -> anyhow::Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created.with_context(|| format!("{} (--out, FULLHOUSE_OUT) can't be made; --resume goes on with one that is there", path.display()))
}

/// Where a file is written that gets its name when it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}

/// The file that is written. One that an interrupted export left is overwritten.
fn new_unfinished(path: &Path) -> anyhow::Result<File> {
    ensure!(!path.exists(), "{} (--out, FULLHOUSE_OUT) is there already", path.display());
    let path = unfinished(path);
    File::create(&path).with_context(|| format!("{} can't be written", path.display()))
}

/// Gives a file that is whole its name, unless something else has it by now.
fn give_name(file: File, path: &Path) -> anyhow::Result<()> {
    let unfinished = unfinished(path);
    let named = file.sync_all().and_then(|()| std::fs::hard_link(&unfinished, path)).and_then(|()| std::fs::remove_file(&unfinished));
    named.with_context(|| format!("{} (--out, FULLHOUSE_OUT) can't be made", path.display()))
}
