//! How fast the line moves, as it was observed, and what that says to somebody who waits.
//!
//! What is observed are turns that ended: each lets one more in. That people come in quickly while the room is being filled says
//! nothing about those for whom there is no room any more.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// So far back observations count.
const WINDOW: Duration = Duration::from_secs(300);
/// Observations closer to one another than this are one.
const GRAIN: Duration = Duration::from_secs(2);
/// Half the width of a 90 % interval of the normal distribution, in standard deviations.
const SPREAD: f64 = 1.645;

/// Before so many turns have ended, nothing is foretold.
const ENDED_MIN: u64 = 5;

/// How many turns had ended, and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pace {
    marks: VecDeque<(Timestamp, u64)>,
}

/// How long somebody will wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Most likely, in seconds. Nothing, while nobody has been let in for so long that nothing can be said.
    pub seconds: Option<u64>,
    /// In nine cases of ten not shorter, in seconds.
    pub low: u64,
    /// And not longer.
    pub high: u64,
}

impl Pace {
    pub fn of_marks(marks: Vec<(Timestamp, u64)>) -> Self {
        Self { marks: marks.into() }
    }

    pub fn marks(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        self.marks.iter().copied()
    }

    pub fn note(&mut self, at: Timestamp, ended: u64) {
        // The very first mark stays as it is: it says when the count began.
        let has_newer = self.marks.len() > 1;
        match self.marks.back_mut() {
            Some((last, number)) if has_newer && last.until(at) < GRAIN => *number = ended,
            _ => self.marks.push_back((at, ended)),
        }
        while self.marks.len() > 2 && self.marks[1].0.until(at) > WINDOW {
            self.marks.pop_front();
        }
    }

    /// How long until so many more turns have ended. People come out of the shop independently of one another, so how many do in a
    /// while is taken as Poisson distributed: its standard deviation is the square root of what was counted.
    pub fn estimate(&self, turns: u64, now: Timestamp) -> Option<Estimate> {
        let &(began, first) = self.marks.front()?;
        let &(_, last) = self.marks.back()?;
        let (seconds, ended) = (began.until(now).as_secs_f64(), last.saturating_sub(first));
        if ended < ENDED_MIN || seconds <= 0.0 {
            return None;
        }
        let expected = turns as f64 * seconds / ended as f64;
        // Both what was observed and what is to come vary.
        let deviation = expected * (1.0 / ended as f64 + 1.0 / turns.max(1) as f64).sqrt() * SPREAD;
        Some(Estimate {
            seconds: Some(expected.ceil() as u64),
            low: (expected - deviation).max(0.0).floor() as u64,
            high: (expected + deviation).ceil() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn pace(marks: impl IntoIterator<Item = (i64, u64)>) -> Pace {
        let mut pace = Pace::default();
        marks.into_iter().for_each(|(seconds, ended)| pace.note(at(seconds), ended));
        pace
    }

    #[test]
    fn a_steady_line_is_foretold_and_the_more_was_seen_the_narrower() {
        let little = pace((0..=3).map(|step| (step * 10, 100 + step as u64 * 10))).estimate(600, at(30)).expect("it moved");
        let much = pace((0..=28).map(|step| (step * 10, 100 + step as u64 * 10))).estimate(600, at(280)).expect("it moved");
        assert_eq!((little.seconds, much.seconds), (Some(600), Some(600)));
        assert!(little.low < much.low && much.low < 600 && 600 < much.high && much.high < little.high, "{little:?} {much:?}");
    }

    #[test]
    fn a_line_that_has_stopped_is_foretold_to_be_slower_and_slower() {
        let pace = pace([(0, 0), (10, 100)]);
        assert_eq!(pace.estimate(100, at(10)).and_then(|estimate| estimate.seconds), Some(10));
        assert_eq!(pace.estimate(100, at(200)).and_then(|estimate| estimate.seconds), Some(200));
    }

    #[test]
    fn nothing_is_said_before_anything_was_seen_and_little_is_kept() {
        assert_eq!(Pace::default().estimate(5, at(9)), None);
        assert_eq!(pace([(0, 7)]).estimate(5, at(9)), None);
        assert_eq!(pace([(0, 0), (5, 4)]).estimate(5, at(9)), None, "four are too few");
        assert!(pace((0..100_000).map(|second| (second, second as u64))).marks.len() < 160);
    }
}
