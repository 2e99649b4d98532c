//! How far a long job is.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often progress is told when nobody watches a terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal; elsewhere a line now and then.
pub struct Progress {
    /// What is done to the facts: `verified`.
    done: &'static str,
    bar: ProgressBar,
    told_at: std::cell::Cell<Instant>,
}

impl Progress {
    pub fn new(facts: u64, done: &'static str) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} facts, {per_sec}, {eta} left");
        let bar = ProgressBar::new(facts).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { done, bar, told_at: std::cell::Cell::new(Instant::now()) }
    }

    pub fn tell(&self, position: u64) {
        self.bar.set_position(position);
        if self.bar.is_hidden() && self.told_at.get().elapsed() >= TELL_EVERY {
            self.told_at.set(Instant::now());
            eprintln!("{position} of {} facts are {}", self.bar.length().unwrap_or(0), self.done);
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
