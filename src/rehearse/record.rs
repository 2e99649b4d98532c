//! What buyers were told that they have. Two of them with one seat at a time are found here, from their own papers: the server is not asked.
//!
//! Nothing is reported that might be right. Answers have positions, which say what came first; a hold counts as ended as soon as its buyer has
//! *sent* its release, or its `expires_at` was near when the next one was decided, both by the server's clock.

use std::collections::HashMap;
use std::time::Instant;

use super::hall::Seat;

/// Facts may be recorded so long after their decision, in microseconds: decision 10. So much nearer to its end a hold may count as ended.
const MARGIN_MICROS: i64 = 2_000_000;

/// An acknowledged hold, and what became of it.
#[derive(Debug, Clone)]
pub struct Hold {
    pub reservation: Box<str>,
    pub seats: Box<[Seat]>,
    pub position: u64,
    /// When it was decided by the server's clock, in microseconds: its end without its duration.
    pub decided_at: i64,
    pub expires_at: i64,
    /// When the answer arrived.
    pub acknowledged: Instant,
    /// When its release was sent, if it was.
    pub release_sent: Option<Instant>,
    /// Its acknowledged checkout, with the token that it can be read with again.
    pub sold: Option<Sale>,
}

/// An acknowledged checkout.
#[derive(Debug, Clone)]
pub struct Sale {
    pub position: u64,
    pub token: Box<str>,
}

/// Which hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldId(usize);

/// All of them.
#[derive(Debug, Default)]
pub struct Record {
    holds: Vec<Hold>,
}

/// What is wrong with two holds of one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Both were checked out.
    SoldTwice,
    /// The earlier one was checked out, so nobody else could have it since.
    HeldThoughSold,
    /// The earlier one still ran.
    HeldTwice,
}

/// Two buyers with one seat at a time.
#[derive(Debug, Clone)]
pub struct Clash<'a> {
    pub wrong: Wrong,
    pub seat: Seat,
    pub earlier: &'a Hold,
    pub later: &'a Hold,
}

impl Record {
    pub fn held(&mut self, hold: Hold) -> HoldId {
        self.holds.push(hold);
        HoldId(self.holds.len() - 1)
    }

    /// To be said before the release is sent.
    pub fn releases(&mut self, id: HoldId, at: Instant) {
        self.holds[id.0].release_sent = Some(at);
    }

    pub fn sold(&mut self, id: HoldId, sale: Sale) {
        self.holds[id.0].sold = Some(sale);
    }

    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// The newest position that somebody was told of.
    pub fn newest_position(&self) -> u64 {
        self.holds.iter().map(|hold| hold.sold.as_ref().map_or(hold.position, |sale| sale.position)).max().unwrap_or(0)
    }

    /// All that is wrong.
    pub fn clashes(&self) -> Vec<Clash<'_>> {
        let mut holders: HashMap<Seat, Vec<&Hold>> = HashMap::new();
        for hold in &self.holds {
            for &seat in &hold.seats {
                holders.entry(seat).or_default().push(hold);
            }
        }
        let mut clashes = Vec::new();
        for (seat, mut holds) in holders {
            holds.sort_by_key(|hold| hold.position);
            for (at, &earlier) in holds.iter().enumerate() {
                let wrongs = holds[at + 1..].iter().filter_map(|&later| Some((wrong(earlier, later)?, later)));
                clashes.extend(wrongs.map(|(wrong, later)| Clash { wrong, seat, earlier, later }));
            }
        }
        clashes.sort_by_key(|clash| (clash.later.position, clash.seat));
        clashes
    }
}

/// What is wrong with a later hold of a seat.
fn wrong(earlier: &Hold, later: &Hold) -> Option<Wrong> {
    let may_be_released = earlier.release_sent.is_some_and(|sent| sent <= later.acknowledged);
    let may_be_expired = later.decided_at + MARGIN_MICROS >= earlier.expires_at;
    match (&earlier.sold, &later.sold) {
        (Some(_), Some(_)) => Some(Wrong::SoldTwice),
        (Some(_), None) => Some(Wrong::HeldThoughSold),
        (None, _) => (!may_be_released && !may_be_expired).then_some(Wrong::HeldTwice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::time::Duration;

    const SECOND: i64 = 1_000_000;
    const HOLD: i64 = 60 * SECOND;

    /// A hold of one seat at a position, decided and acknowledged at a second.
    fn hold(start: Instant, seat: Seat, position: u64, second: u64) -> Hold {
        let decided_at = second as i64 * SECOND;
        Hold {
            reservation: format!("r{position}").into(),
            seats: [seat].into(),
            position,
            decided_at,
            expires_at: decided_at + HOLD,
            acknowledged: start + Duration::from_secs(second),
            release_sent: None,
            sold: None,
        }
    }

    fn sale(position: u64) -> Sale {
        Sale { position, token: "t".into() }
    }

    fn wrongs(record: &Record) -> Vec<(Wrong, Seat)> {
        record.clashes().iter().map(|clash| (clash.wrong, clash.seat)).collect()
    }

    #[test]
    fn a_planted_double_sale_is_found_in_whatever_order_the_answers_came() {
        let start = Instant::now();
        for order in [[1, 2], [2, 1]] {
            let mut record = Record::default();
            for position in order {
                let id = record.held(hold(start, 7, position, position));
                record.sold(id, sale(position + 10));
            }
            assert_eq!(wrongs(&record), [(Wrong::SoldTwice, 7)]);
        }
    }

    #[test]
    fn a_seat_that_was_sold_or_is_still_held_can_not_be_held_by_another() {
        let start = Instant::now();
        let mut record = Record::default();
        let sold = record.held(hold(start, 1, 1, 0));
        record.sold(sold, sale(9));
        record.held(hold(start, 1, 3, 500));
        record.held(hold(start, 2, 4, 0));
        record.held(hold(start, 2, 5, 57));
        assert_eq!(wrongs(&record), [(Wrong::HeldThoughSold, 1), (Wrong::HeldTwice, 2)]);
    }

    #[test]
    fn what_may_have_ended_before_is_no_clash() {
        let start = Instant::now();
        let mut record = Record::default();
        let released = record.held(hold(start, 1, 1, 0));
        record.releases(released, start + Duration::from_secs(5));
        let later = record.held(hold(start, 1, 3, 5));
        record.sold(later, sale(4));
        record.held(hold(start, 2, 5, 0));
        record.held(hold(start, 2, 6, 59));
        let (earlier_sold, released_after) = (hold(start, 3, 8, 10), record.held(hold(start, 3, 7, 0)));
        record.releases(released_after, start + Duration::from_secs(9));
        let sold = record.held(earlier_sold);
        record.sold(sold, sale(10));
        assert_eq!(wrongs(&record), []);
    }

    #[test]
    fn a_right_sale_has_no_clash_and_one_more_hold_in_it_has() {
        for seed in 0..200 {
            let mut dice = StdRng::seed_from_u64(seed);
            let start = Instant::now();
            let mut record = Record::default();
            let mut free_from = [0_u64; 5];
            let mut sold = [false; 5];
            let mut position = 0;
            for second in 0..300_u64 {
                let seat = dice.random_range(0..5);
                if sold[seat] || second < free_from[seat] {
                    continue;
                }
                position += 2;
                let id = record.held(hold(start, seat as Seat, position, second));
                match dice.random_range(0..3) {
                    0 => {
                        record.sold(id, sale(position + 1));
                        sold[seat] = true;
                    }
                    1 => {
                        let ends = second + dice.random_range(0..60);
                        record.releases(id, start + Duration::from_secs(ends));
                        free_from[seat] = ends;
                    }
                    _ => free_from[seat] = second + 60,
                }
            }
            assert_eq!(wrongs(&record), [], "seed {seed}");
            let Some(bought) = record.holds().iter().find(|hold| hold.sold.is_some()) else { continue };
            let planted = hold(start, bought.seats[0], position + 2, 1_000);
            record.held(planted);
            assert_eq!(wrongs(&record).len(), 1, "seed {seed}");
        }
    }
}
