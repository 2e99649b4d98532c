//! How long a change takes from the commit to those who watch.
//!
//! Nobody outside sees a commit. Two figures lie around it: from the arrival of the answer, which is sent after the commit, to the arrival of the
//! first frame that covers its position (nothing, when the frame was first), at every stream; and from the decision, by the server's clock, which
//! holds tell as their end without their duration. The second one is only there when both clocks agree; the true time lies between the two.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::board::histogram;

/// A frame is looked at when answers that it has overtaken must be there.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// When somebody was told of a position.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Instant,
    /// Microseconds since 1970 by the server's clock, when the answer says it.
    decided_at: Option<i64>,
}

/// What all streams have measured.
#[derive(Debug)]
pub struct Lags {
    told: RwLock<BTreeMap<u64, Told>>,
    measured: Mutex<Measured>,
}

#[derive(Debug)]
pub struct Measured {
    /// From the answer to a frame, in microseconds.
    pub acknowledged: Histogram<u64>,
    /// From the decision to a frame, in microseconds.
    pub decided: Histogram<u64>,
    /// Frames that came before their decision: the clocks don't agree.
    pub before_decision: u64,
}

/// One stream.
#[derive(Debug, Default)]
pub struct Follower {
    position: u64,
    frames: VecDeque<Frame>,
}

#[derive(Debug)]
struct Frame {
    after: u64,
    up_to: u64,
    at: Instant,
    clock: i64,
}

/// Microseconds since 1970 by this machine's clock.
pub fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

impl Lags {
    pub fn new() -> Self {
        let measured = Measured { acknowledged: histogram(), decided: histogram(), before_decision: 0 };
        Self { told: RwLock::default(), measured: Mutex::new(measured) }
    }

    /// An answer has named a position.
    pub fn told(&self, position: u64, at: Instant, decided_at: Option<i64>) {
        self.told.write().unwrap_or_else(PoisonError::into_inner).insert(position, Told { at, decided_at });
    }

    pub fn with_measured<R>(&self, read: impl FnOnce(&mut Measured) -> R) -> R {
        read(&mut self.measured.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn settle(&self, frame: &Frame) {
        let told: Vec<Told> = {
            let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
            told.range(frame.after + 1..=frame.up_to).map(|(_, told)| *told).collect()
        };
        self.with_measured(|measured| {
            for Told { at, decided_at } in told {
                measured.acknowledged.saturating_record(frame.at.saturating_duration_since(at).as_micros() as u64);
                match decided_at.map(|decided_at| u64::try_from(frame.clock - decided_at)) {
                    Some(Ok(micros)) => measured.decided.saturating_record(micros),
                    Some(Err(_)) => measured.before_decision += 1,
                    None => {}
                }
            }
        });
    }
}

impl Follower {
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The whole map says nothing of when its changes came.
    pub fn starts_at(&mut self, position: u64) {
        self.position = position;
    }

    /// A frame has brought the client to a position.
    pub fn moves_to(&mut self, position: u64, lags: &Lags) {
        let at = Instant::now();
        if position > self.position {
            self.frames.push_back(Frame { after: self.position, up_to: position, at, clock: clock() });
            self.position = position;
        }
        while let Some(frame) = self.frames.pop_front_if(|frame| at.saturating_duration_since(frame.at) >= SETTLES_AFTER) {
            lags.settle(&frame);
        }
    }

    /// Nothing more will be told.
    pub fn finish(self, lags: &Lags) {
        self.frames.iter().for_each(|frame| lags.settle(frame));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_of_a_frame_counts_and_one_that_was_told_later_counts_as_nothing() {
        let lags = Lags::new();
        let mut follower = Follower::default();
        follower.starts_at(10);
        let now = Instant::now();
        lags.told(10, now, None);
        lags.told(11, now - Duration::from_millis(500), Some(clock() - 600_000));
        follower.moves_to(13, &lags);
        lags.told(12, Instant::now() + Duration::from_millis(5), Some(clock() + 60_000_000));
        lags.told(14, now, None);
        follower.finish(&lags);
        lags.with_measured(|measured| {
            assert_eq!((measured.acknowledged.len(), measured.acknowledged.min()), (2, 0), "12 came first in the frame");
            assert!((500_000..550_000).contains(&measured.acknowledged.max()));
            assert_eq!((measured.decided.len(), measured.before_decision), (1, 1));
        });
    }
}
