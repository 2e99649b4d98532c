//! Counting refusals.

use std::collections::HashMap;

use fullhouse_domain::{Refusal, ShowId, Subject, Timestamp};

/// How many rows about single refusals are kept between two writes.
pub const SINGLE_MAX: usize = 1_000;
/// How many different seats, minutes and reasons are counted between two writes: more than a hall of 100,000 seats has.
const COUNTED_MAX: usize = 250_000;

/// A hold that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The show.
    pub show: ShowId,
    /// Who wanted the seats.
    pub subject: Subject,
    /// When, by the log's clock.
    pub at: Timestamp,
    /// The show's position at which it was refused.
    pub position: u64,
    /// How many seats were wanted.
    pub seats: usize,
}

/// Which count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counted {
    /// The show.
    pub show: ShowId,
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// The label of the seat that was in the way; empty, when no seats were side by side.
    pub seat: String,
    /// `pending`, `reserved`, or `no-adjacent-seats`.
    pub reason: &'static str,
}

/// One seat that was in the way of one hold.
#[derive(Debug, Clone)]
pub struct Single {
    /// The hold.
    pub refused: Refused,
    /// As in [`Counted`].
    pub seat: String,
    /// As in [`Counted`].
    pub reason: &'static str,
}

/// What was refused since the last write.
#[derive(Debug, Default)]
pub struct Tally {
    /// All of them, counted.
    pub counts: HashMap<Counted, u64>,
    /// The first ones, one by one.
    pub singles: Vec<Single>,
    /// Those that could not even be counted.
    pub uncounted: u64,
}

/// A tally that is written: however often it is tried, it counts once.
#[derive(Debug)]
pub struct Page {
    /// Tells it from every other one.
    pub id: u128,
    /// What is written.
    pub tally: Tally,
}

impl Tally {
    /// Notes a refusal, if it tells of seats that somebody wanted.
    pub fn note(&mut self, refused: &Refused, refusal: &Refusal) {
        match refusal {
            Refusal::SeatsTaken(conflicts) => {
                conflicts.iter().for_each(|conflict| self.add(refused, &conflict.seat, conflict.status.as_str()));
            }
            Refusal::NoAdjacentSeats { .. } => self.add(refused, "", "no-adjacent-seats"),
            _ => {}
        }
    }

    fn add(&mut self, refused: &Refused, seat: &str, reason: &'static str) {
        self.count(Counted { show: refused.show.clone(), minute: refused.at.minute(), seat: seat.into(), reason });
        if self.singles.len() < SINGLE_MAX {
            self.singles.push(Single { refused: refused.clone(), seat: seat.into(), reason });
        }
    }

    fn count(&mut self, counted: Counted) {
        if self.counts.len() < COUNTED_MAX || self.counts.contains_key(&counted) {
            *self.counts.entry(counted).or_default() += 1;
        } else {
            self.uncounted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use fullhouse_domain::{Conflict, SeatStatus};

    use super::*;

    fn refused(seconds: i64) -> Refused {
        Refused {
            show: ShowId::parse("local-a").expect("plain"),
            subject: Subject::parse("ann").expect("visible"),
            at: Timestamp::from_micros(seconds * 1_000_000),
            position: 3,
            seats: 2,
        }
    }

    fn taken(seats: &[(&str, SeatStatus)]) -> Refusal {
        Refusal::SeatsTaken(seats.iter().map(|(seat, status)| Conflict { seat: (*seat).into(), status: *status }).collect())
    }

    #[test]
    fn every_seat_in_the_way_is_counted_by_minute_and_reason() {
        let mut tally = Tally::default();
        tally.note(&refused(61), &taken(&[("A-1", SeatStatus::Pending), ("A-2", SeatStatus::Reserved)]));
        tally.note(&refused(119), &taken(&[("A-1", SeatStatus::Pending)]));
        tally.note(&refused(120), &taken(&[("A-1", SeatStatus::Pending)]));
        tally.note(&refused(120), &Refusal::NoAdjacentSeats { count: 4 });
        tally.note(&refused(120), &Refusal::NoSeats);
        let mut counts: Vec<_> =
            tally.counts.iter().map(|(of, count)| (of.minute.as_micros() / 1_000_000, of.seat.as_str(), of.reason, *count)).collect();
        counts.sort_unstable();
        let expected =
            [(60, "A-1", "pending", 2), (60, "A-2", "reserved", 1), (120, "", "no-adjacent-seats", 1), (120, "A-1", "pending", 1)];
        assert_eq!((counts.as_slice(), tally.singles.len()), (&expected[..], 5));
    }

    #[test]
    fn under_overload_single_refusals_are_dropped_and_counts_are_not() {
        let mut tally = Tally::default();
        for _ in 0..3 * SINGLE_MAX {
            tally.note(&refused(0), &taken(&[("A-1", SeatStatus::Pending)]));
        }
        assert_eq!((tally.counts.values().sum::<u64>(), tally.singles.len()), (3 * SINGLE_MAX as u64, SINGLE_MAX));
    }
}
