//! Where the facts come from: a log, or an export of one.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use fullhouse_domain::ROOM;
use fullhouse_eventstore::{Log, LogError};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::facts::seat_labels;
use fullhouse_transparency::tree::{Hash, leaf_hash};
use tokio::task::JoinHandle;

use super::replay::{Replay, Replayed};

/// How many facts are read at a time: few enough to stay in the processor's cache until they are replayed.
const READ_FACTS: usize = 1_000;

/// No fact is longer: the longest schedules a show, and its body may have 1 MiB.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// What every fact's line begins with.
const BEGINNING: &[u8] = b"{\"log_position\":";

/// What is verified.
pub enum Source {
    Log(LogSource),
    Export(Export),
}

/// A log; what comes next is read and hashed while the facts before are replayed.
pub struct LogSource {
    log: Log,
    ahead: Option<Ahead>,
}

struct Ahead {
    after: u64,
    reading: JoinHandle<anyhow::Result<Vec<Read>>>,
}

impl LogSource {
    async fn read(&mut self, after: u64) -> anyhow::Result<Vec<Read>> {
        let read = match self.ahead.take().filter(|ahead| ahead.after == after) {
            Some(ahead) => ahead.reading.await.context("reading has panicked")??,
            None => read_log(&self.log, after).await?,
        };
        if read.len() == READ_FACTS {
            let (log, next) = (self.log.clone(), after + READ_FACTS as u64);
            self.ahead = Some(Ahead { after: next, reading: tokio::spawn(async move { read_log(&log, next).await }) });
        }
        Ok(read)
    }
}

/// A whole log, one fact a line.
pub struct Export {
    path: PathBuf,
    lines: BufReader<File>,
}

/// A fact, or what stands where one should be.
pub enum Read {
    Fact(Box<StoredFact>, Hash),
    Damaged { log_position: u64, what: String },
}

impl Source {
    /// A log.
    pub fn of_log(log: Log) -> Self {
        Self::Log(LogSource { log, ahead: None })
    }

    /// The log, if it is one.
    pub fn log(&self) -> Option<Log> {
        match self {
            Source::Log(source) => Some(source.log.clone()),
            Source::Export(_) => None,
        }
    }

    /// An export, which must be of the whole log.
    pub fn export(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} (--export, FULLHOUSE_EXPORT) can't be read", path.display()))?;
        Ok(Self::Export(Export { path: path.into(), lines: BufReader::with_capacity(1 << 20, file) }))
    }

    /// The next facts after a log position; none at the end.
    pub async fn read(&mut self, after: u64, replay: &Replay) -> anyhow::Result<Vec<Read>> {
        match self {
            Source::Log(log) => log.read(after).await,
            Source::Export(export) => export.read(after, replay),
        }
    }
}

async fn read_log(log: &Log, after: u64) -> anyhow::Result<Vec<Read>> {
    match log.read_log(after, READ_FACTS).await {
        Ok(facts) => Ok(with_leaves(facts)),
        // What is damaged can't be replayed. What stands before and after it still can.
        Err(LogError::Damaged { log_position, what }) => {
            let sound = log_position.saturating_sub(after + 1) as usize;
            match log.read_log(after, sound).await {
                Ok(before) => {
                    let mut read = with_leaves(before);
                    read.push(Read::Damaged { log_position, what });
                    Ok(read)
                }
                Err(LogError::Damaged { log_position, what }) => Ok(vec![Read::Damaged { log_position, what }]),
                Err(error) => Err(error).context("the log can't be read"),
            }
        }
        Err(error) => Err(error).context("the log can't be read"),
    }
}

fn with_leaves(facts: Vec<StoredFact>) -> Vec<Read> {
    let read = |fact: StoredFact| {
        let leaf = leaf_hash(&fact.canonical_bytes());
        Read::Fact(Box::new(fact), leaf)
    };
    facts.into_iter().map(read).collect()
}

impl Export {
    /// Which seats a fact touches is not in its line: it follows from their labels and the show's chart. So a show is known before its
    /// facts are read, and at most one show begins in what is read at a time.
    fn read(&mut self, after: u64, replay: &Replay) -> anyhow::Result<Vec<Read>> {
        let mut read = Vec::new();
        let mut line = Vec::new();
        while read.len() < READ_FACTS {
            line.clear();
            let mut bounded = self.lines.by_ref().take(LINE_BYTES_MAX);
            let length = bounded.read_until(b'\n', &mut line).with_context(|| format!("{} can't be read", self.path.display()))?;
            if length == 0 {
                ensure!(after > 0 || !read.is_empty(), "{} has no facts", self.path.display());
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let log_position = after + read.len() as u64 + 1;
            ensure!(log_position > 1 || line.starts_with(BEGINNING), "{} is no export of facts as ndjson", self.path.display());
            let text = std::str::from_utf8(&line).map_err(|error| format!("it is not UTF-8: {error}"));
            let fact = match text.and_then(|text| read_line(text, log_position, replay)) {
                Ok(fact) => fact,
                Err(what) => Read::Damaged { log_position, what },
            };
            let begins_a_show = matches!(&fact, Read::Fact(fact, _) if fact.kind == FactKind::ShowScheduled);
            read.push(fact);
            if begins_a_show {
                break;
            }
        }
        Ok(read)
    }
}

fn read_line(line: &str, log_position: u64, replay: &Replay) -> Result<Read, String> {
    let mut fact = StoredFact::from_canonical(line)?;
    if fact.log_position != log_position {
        return Err(format!("a fact of log position {} stands here; an export must begin at 1 and have no gap", fact.log_position));
    }
    fact.touches = touches(&fact, replay)?;
    Ok(Read::Fact(Box::new(fact), leaf_hash(line.as_bytes())))
}

fn touches(fact: &StoredFact, replay: &Replay) -> Result<Vec<u32>, String> {
    match fact.kind {
        FactKind::ShowScheduled | FactKind::PersonForgotten => Ok(Vec::new()),
        FactKind::RoomChanged | FactKind::LineDrawn | FactKind::RoomOpened | FactKind::RoomMoved | FactKind::RoomClosed => Ok(vec![ROOM]),
        FactKind::SeatsHeld | FactKind::SeatsReserved | FactKind::HoldReleased | FactKind::HoldExpired => {
            // Where nothing is known of the show, replaying it tells what is wrong.
            let Some(Replayed::Sound(show)) = replay.shows.get(&fact.show) else { return Ok(Vec::new()) };
            let labels = seat_labels(fact).unwrap_or_default();
            labels.iter().map(|label| show.chart().seat(label).ok_or_else(|| format!("the show has no seat {label}"))).collect()
        }
    }
}
