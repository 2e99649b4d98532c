//! The clock of a log in one file: the system's, but it never runs back, and never stands still for long.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fullhouse_domain::Timestamp;

use crate::system_clock::system_micros;

/// What was said last, in microseconds since 1970, and when that was by a clock that nobody can set.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Mutex<(Instant, i64)>,
}

impl Clock {
    /// Goes on from when the newest fact was recorded.
    pub fn new(newest: Timestamp) -> Self {
        Self { last: Mutex::new((Instant::now(), newest.as_micros())) }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.tell(Instant::now(), system_micros()))
    }

    /// When the system's clock was set back, time goes on from where it was, at nine tenths of its pace until the two meet: holds still end, and
    /// later rather than earlier.
    fn tell(&self, at: Instant, system: i64) -> i64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = at.saturating_duration_since(last.0).as_micros() as i64;
        let now = system.max(last.1 + elapsed * 9 / 10);
        // Of steps that are too short to count, none is lost.
        if now > last.1 {
            *last = (at, now);
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_clock_that_is_set_back_makes_time_slower_until_it_is_right_again() {
        let began = Instant::now();
        let clock = Clock { last: Mutex::new((began, 0)) };
        assert_eq!(clock.tell(began, 5 * HOUR), 5 * HOUR, "the system's clock is believed");
        let mut last = 5 * HOUR;
        // Set back by two hours. It is asked every minute, and every microsecond in between for a while.
        for minute in 1..=1_500_i64 {
            for micros in [0, 1, 2] {
                let passed = minute * 60_000_000 + micros;
                let now = clock.tell(began + Duration::from_micros(passed as u64), 3 * HOUR + passed);
                assert!(now >= last, "it ran back");
                assert!(now - 5 * HOUR <= passed, "no hold ends early");
                last = now;
            }
            let behind = last - (3 * HOUR + minute * 60_000_000);
            match minute {
                600 => assert!((50 * 60_000_000..=70 * 60_000_000).contains(&behind), "an hour is left after ten: {behind}"),
                1_500 => assert!((0..10).contains(&behind), "it is right again: {behind}"),
                _ => {}
            }
        }
    }

    #[test]
    fn it_goes_on_from_the_newest_fact() {
        let clock = Clock::new(Timestamp::from_micros(i64::MAX / 2));
        assert!(clock.now() >= Timestamp::from_micros(i64::MAX / 2));
    }
}
