//! What can be told to somebody who stands in the line.

use std::time::Duration;

use super::{Estimate, MemberHash, Room, Turn};
use crate::id::Subject;
use crate::time::Timestamp;

/// Somebody in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InLine {
    /// The number that he was given when he joined.
    pub entry: u64,
    /// What stands for him in a draw.
    pub member: MemberHash,
    /// Who.
    pub subject: Subject,
}

/// Where somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The order has not been drawn.
    BeforeDraw,
    /// He waits.
    Waiting {
        /// His number.
        number: u64,
        /// How many people are before him at most: some may have gone away.
        ahead: u64,
        /// How long he will wait. Nothing, while nobody is let in.
        estimate: Option<Estimate>,
    },
    /// It is his turn.
    Admitted(Turn),
    /// His turn is over, or he has left.
    Over {
        /// His number. Nobody who left before the draw got one.
        number: Option<u64>,
    },
    /// Everything is sold.
    SoldOut {
        /// His number.
        number: u64,
    },
}

impl Room {
    /// The number that somebody has. Nothing, before the order is drawn, and for whoever left before it: the number that he was
    /// given when he joined may be somebody else's in the drawn order.
    pub fn number(&self, InLine { entry, member, .. }: &InLine) -> Option<u64> {
        match self.is_open {
            false => None,
            true if *entry <= self.last_entry => self.number_drawn.get(member).copied(),
            true => Some(*entry),
        }
    }

    /// Whether this number may still be let in.
    pub fn is_waiting(&self, number: u64) -> bool {
        !self.is_closed && !self.used.contains(number)
    }

    /// Where somebody stands at `now`.
    pub fn place(&self, who: &InLine, now: Timestamp) -> Place {
        let Some(number) = self.number(who) else {
            return if self.is_open { Place::Over { number: None } } else { Place::BeforeDraw };
        };
        if let Some(turn) = self.turn_of(&who.subject, now).filter(|turn| turn.number == number) {
            return Place::Admitted(turn.clone());
        }
        if self.used.contains(number) {
            return Place::Over { number: Some(number) };
        }
        if self.is_closed {
            return Place::SoldOut { number };
        }
        let ahead = number.saturating_sub(self.serving + 1) - self.used.count_between(self.serving, number);
        Place::Waiting { number, ahead, estimate: self.estimate(ahead, now) }
    }

    fn estimate(&self, ahead: u64, now: Timestamp) -> Option<Estimate> {
        if self.is_paused {
            return None;
        }
        // People who went away are passed over: fewer turns are needed than there are numbers.
        let turns = (ahead + 1).saturating_mul(self.admitted.max(1)).div_ceil(self.serving.max(self.admitted).max(1));
        // What is free now is no wait.
        let turns = turns.saturating_sub(self.slots_at(now).into());
        let longest = || {
            // Nobody stays longer than a session, so the line moves at least so fast.
            let session = Duration::from_secs(self.rules.session_seconds.into()).as_secs();
            Estimate { seconds: None, low: 0, high: turns.div_ceil(u64::from(self.rules.max_active)) * session }
        };
        Some(self.pace.estimate(turns, now).unwrap_or_else(longest))
    }
}
