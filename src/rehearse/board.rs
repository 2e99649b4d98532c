//! What all buyers tell: how often, how fast, how many.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(3_600);
/// Kinds of errors that are told apart. A server that answers anything at all must not fill the memory.
const KINDS_MAX: usize = 100;

/// What buyers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Session,
    Join,
    Place,
    Hold,
    Checkout,
    Release,
    Leave,
    Repetition,
}

impl Step {
    pub const ALL: [Step; 8] =
        [Step::Session, Step::Join, Step::Place, Step::Hold, Step::Checkout, Step::Release, Step::Leave, Step::Repetition];

    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Session => "session",
            Step::Join => "join",
            Step::Place => "place",
            Step::Hold => "hold",
            Step::Checkout => "checkout",
            Step::Release => "release",
            Step::Leave => "leave",
            Step::Repetition => "repetition",
        }
    }
}

/// How it ended for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Bought,
    Released,
    WalkedAway,
    /// The hold had expired before he decided.
    TooLate,
    /// Nothing looked free any more.
    FoundNoSeats,
    /// Others were faster too often.
    GaveUp,
    /// He lost his turn in the waiting room too often.
    LostTurn,
    /// He stood in the line when the rehearsal ended.
    StillWaiting,
    /// He was in the middle of something when the rehearsal ended.
    Unfinished,
    /// He got an answer that nobody should get.
    Failed,
}

impl Ending {
    pub const ALL: [Ending; 10] = [
        Ending::Bought,
        Ending::Released,
        Ending::WalkedAway,
        Ending::TooLate,
        Ending::FoundNoSeats,
        Ending::GaveUp,
        Ending::LostTurn,
        Ending::StillWaiting,
        Ending::Unfinished,
        Ending::Failed,
    ];
}

/// One second of the rehearsal.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Second {
    /// Requests that were meant to be sent in it.
    pub offered: u64,
    /// Requests whose answer came in it.
    pub served: u64,
}

/// All that is counted.
#[derive(Debug)]
pub struct Board {
    pub began: Instant,
    counts: Mutex<Counts>,
    pub arrived: AtomicU64,
    pub in_line: AtomicU64,
    pub holding: AtomicU64,
}

/// What is counted under one lock.
#[derive(Debug)]
pub struct Counts {
    /// Microseconds, by step.
    pub latencies: Vec<Histogram<u64>>,
    /// The same of all steps, since somebody looked last.
    recent: Histogram<u64>,
    pub seconds: Vec<Second>,
    pub endings: [u64; Ending::ALL.len()],
    /// What the rules said no to, by code.
    pub refusals: BTreeMap<String, u64>,
    /// What was put off with 429, 502, 503 or 504, by status and code.
    pub put_off: BTreeMap<String, u64>,
    /// What nobody should see, by kind.
    pub errors: BTreeMap<String, u64>,
}

/// For whoever watches.
#[derive(Debug)]
pub struct Glance {
    pub endings: [u64; Ending::ALL.len()],
    pub refused: u64,
    pub errors: u64,
    pub recently_served: u64,
    pub recent_p99: Duration,
}

/// Counts one, as long as it is kept.
#[derive(Debug)]
pub struct Present<'a>(&'a AtomicU64);

impl<'a> Present<'a> {
    pub fn in_count(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An empty histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_MAX.as_micros() as u64, 3).expect("three digits up to an hour are possible")
}

fn count(kinds: &mut BTreeMap<String, u64>, kind: String) {
    let is_full = kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind);
    *kinds.entry(if is_full { "other".into() } else { kind }).or_default() += 1;
}

impl Board {
    pub fn new(began: Instant) -> Self {
        let counts = Counts {
            latencies: Step::ALL.iter().map(|_| histogram()).collect(),
            recent: histogram(),
            seconds: Vec::new(),
            endings: [0; Ending::ALL.len()],
            refusals: BTreeMap::new(),
            put_off: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        Self { began, counts: Mutex::new(counts), arrived: 0.into(), in_line: 0.into(), holding: 0.into() }
    }

    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was meant to be sent at an instant.
    pub fn offered(&self, intended: Instant) {
        self.counts().second(intended.saturating_duration_since(self.began)).offered += 1;
    }

    /// Its answer is there. The latency counts from when it was meant to be sent, whatever kept it since.
    pub fn served(&self, step: Step, intended: Instant) {
        let now = Instant::now();
        let micros = now.saturating_duration_since(intended).as_micros() as u64;
        let mut counts = self.counts();
        counts.second(now.saturating_duration_since(self.began)).served += 1;
        counts.recent.saturating_record(micros);
        counts.latencies[step as usize].saturating_record(micros);
    }

    pub fn ended(&self, ending: Ending) {
        self.counts().endings[ending as usize] += 1;
    }

    pub fn refused(&self, code: String) {
        count(&mut self.counts().refusals, code);
    }

    pub fn put_off(&self, kind: String) {
        count(&mut self.counts().put_off, kind);
    }

    pub fn error(&self, kind: String) {
        count(&mut self.counts().errors, kind);
    }

    /// What there is to see, and what has been new since the last look.
    pub fn look(&self) -> Glance {
        let mut counts = self.counts();
        let (recently_served, recent_p99) = (counts.recent.len(), Duration::from_micros(counts.recent.value_at_quantile(0.99)));
        counts.recent.reset();
        Glance {
            endings: counts.endings,
            refused: counts.refusals.values().sum(),
            errors: counts.errors.values().sum(),
            recently_served,
            recent_p99,
        }
    }
}

impl Counts {
    fn second(&mut self, after: Duration) -> &mut Second {
        let at = after.as_secs() as usize;
        if self.seconds.len() <= at {
            self.seconds.resize(at + 1, Second::default());
        }
        &mut self.seconds[at]
    }
}
