//! Which facts somebody wants to see.

use fullhouse_domain::{SeatIndex, Subject, Timestamp};

use crate::fact::{FactKind, StoredFact};
use crate::facts::names_reservation;

/// All that is named must be true of a fact; nothing named is true of every fact.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// It touches this seat.
    pub seat: Option<SeatIndex>,
    /// It is about this reservation.
    pub reservation: Option<String>,
    /// It came of a command of this person.
    pub subject: Option<Subject>,
    /// It is of this kind.
    pub kind: Option<FactKind>,
    /// It was recorded at this instant or later.
    pub since: Option<Timestamp>,
    /// It was recorded before this instant.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a fact is wanted.
    pub fn keeps(&self, fact: &StoredFact) -> bool {
        self.kind.is_none_or(|kind| fact.kind == kind)
            && self.seat.is_none_or(|seat| fact.touches.contains(&seat))
            && self.subject.as_ref().is_none_or(|subject| fact.subject.as_ref() == Some(subject))
            && self.since.is_none_or(|since| fact.recorded_at >= since)
            && !self.is_behind(fact)
            && self.reservation.as_deref().is_none_or(|id| names_reservation(fact, id))
    }

    /// Whether neither this fact nor any later one is wanted: time never runs back in a log.
    pub fn is_behind(&self, fact: &StoredFact) -> bool {
        self.until.is_some_and(|until| fact.recorded_at >= until)
    }
}
