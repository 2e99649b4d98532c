//! Instants, as whole microseconds.

use std::ops::Add;
use std::time::Duration;

/// An instant in UTC: microseconds since 1970-01-01T00:00:00Z. PostgreSQL keeps the same resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant that lies `micros` microseconds after 1970 began.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 began.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The beginning of the minute in which it lies.
    pub const fn minute(self) -> Self {
        const MINUTE_MICROS: i64 = 60_000_000;
        Self(self.0 - self.0.rem_euclid(MINUTE_MICROS))
    }

    /// How long until `later`; nothing when it has passed already.
    pub fn until(self, later: Timestamp) -> Duration {
        Duration::from_micros(later.0.saturating_sub(self.0).try_into().unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}
