//! What is offered to the log, and what it answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fullhouse_domain::{SeatIndex, ShowId, Subject, Timestamp};
use fullhouse_schemas::{CommandId, NewFact, StoredFact};

/// A digest of what a command asks for. The same command id with another fingerprint is a misuse of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// Commands that are committed together, each with a verdict of its own.
#[derive(Debug)]
pub struct Batch {
    /// The log position up to which their decisions have seen the log.
    pub known: u64,
    /// The instant at which they were decided.
    pub recorded_at: Timestamp,
    /// In the order in which their facts are to stand in the log.
    pub entries: Vec<Entry>,
}

/// One decided command.
#[derive(Debug)]
pub struct Entry {
    /// Its id. One that the log knows already gets the first outcome again.
    pub command_id: CommandId,
    /// Whether the id must be known for good, since its sender may repeat it at any time. Else the log knows it as long as
    /// whoever offers it again still offers the same `known`: that is how an append of unknown outcome is cleared up.
    pub is_keyed: bool,
    /// What it asked for.
    pub fingerprint: Fingerprint,
    /// The show it is about.
    pub show: ShowId,
    /// Who sent it.
    pub subject: Option<Subject>,
    /// What was decided.
    pub proposal: Proposal,
}

/// What was decided about a command.
#[derive(Debug)]
pub enum Proposal {
    /// These facts, possibly none, are its outcome. They are shared, since the same batch may be offered again.
    Append(Arc<[NewFact]>),
    /// It is refused, and a repetition gets this same answer.
    KeepRefusal(String),
    /// It is refused, and a repetition is decided anew. Nothing is stored.
    Refuse,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Appended {
    /// The last log position before this batch. When it is the position that the batch knew, every refusal was decided on
    /// the newest state there is.
    pub head_before: u64,
    /// One for each entry, in order.
    pub verdicts: Vec<Verdict>,
}

/// What became of one command.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Its facts are in the log for good.
    Accepted {
        /// The log position of the first of them; without facts, the head.
        log_position: u64,
        /// The same within the show; without facts, 0.
        position: u64,
    },
    /// The refusal was true on the newest state.
    Refused,
    /// A later fact touches its seats (or, for a refusal, its show): it must be decided again.
    Conflict,
    /// The log knows this command id.
    Repeated(Recorded),
}

/// The first outcome of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// What it asked for then.
    pub fingerprint: Fingerprint,
    /// What came of it.
    pub outcome: RecordedOutcome,
}

/// What came of a command the first time.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordedOutcome {
    /// It was accepted, with these facts.
    Facts(Vec<StoredFact>),
    /// It was refused, with this answer.
    Refused(String),
}

/// Which seats later facts have touched: those that an append did not know of, and those of the batch itself.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    by_show: HashMap<ShowId, HashSet<SeatIndex>>,
    /// When the newest fact was recorded that the append did not know of.
    recorded_at: Timestamp,
}

impl Touched {
    /// A fact that the append did not know of.
    pub(crate) fn add_unknown(&mut self, fact: &StoredFact) {
        self.recorded_at = self.recorded_at.max(fact.recorded_at);
        self.add(&fact.show, &fact.touches);
    }

    /// Whether decisions of this instant are older than what stands in the log: time never runs back there.
    pub(crate) fn is_later_than(&self, decided_at: Timestamp) -> bool {
        self.recorded_at > decided_at
    }

    pub(crate) fn add(&mut self, show: &ShowId, seats: &[SeatIndex]) {
        match self.by_show.get_mut(show) {
            Some(touched) => touched.extend(seats),
            None => drop(self.by_show.insert(show.clone(), seats.iter().copied().collect())),
        }
    }

    /// Whether a decision about this command may be outdated. A refusal, and a show's first fact, depend on anything that
    /// happened to the show; facts about seats depend on those seats only.
    pub(crate) fn outdates(&self, entry: &Entry) -> bool {
        let Some(touched) = self.by_show.get(&entry.show) else { return false };
        match &entry.proposal {
            Proposal::KeepRefusal(_) | Proposal::Refuse => true,
            Proposal::Append(facts) => {
                facts.iter().any(|fact| fact.touches.is_empty() || fact.touches.iter().any(|seat| touched.contains(seat)))
            }
        }
    }
}
