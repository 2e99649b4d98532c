//! The database's clock, as this process knows it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fullhouse_domain::Timestamp;
use fullhouse_domain::planted::{Bug, is_planted};
use tokio::time::Instant;

use crate::system_clock::system_micros;

/// What the database's clock said last, and how long ago that was by a clock that nobody can set.
///
/// The answer was under way for a while before it is noted, so this clock is a little behind the database's and never
/// ahead: a hold can't end early by it.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Mutex<(Instant, Timestamp)>,
    /// Microseconds; what [`Clock::now`] said last.
    said: AtomicI64,
}

impl Clock {
    pub fn new(now: Timestamp, newest: Timestamp) -> Self {
        Self { last: Mutex::new((Instant::now(), now)), said: AtomicI64::new(newest.as_micros()) }
    }

    /// The database has just said what time it is there, and when its newest fact was recorded.
    pub fn set(&self, now: Timestamp, newest: Timestamp) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), now);
        self.never_before(newest);
    }

    /// Time never runs back behind what is recorded.
    pub fn never_before(&self, recorded_at: Timestamp) {
        self.said.fetch_max(recorded_at.as_micros(), Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        let (at, then) = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed: Duration = at.elapsed();
        let now = if is_planted(Bug::OwnClock) { system_micros() } else { (then + elapsed).as_micros() };
        Timestamp::from_micros(self.said.fetch_max(now, Ordering::Relaxed).max(now))
    }
}
