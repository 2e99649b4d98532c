//! What is offered to the log, and what it answers.

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
    /// The instant at which they were decided, by the log's clock.
    pub decided_at: Timestamp,
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
    /// Whether the decision relies on the waiting room as it is for its sender: on what touches the room, and on whatever else he does in
    /// the show, since a checkout ends his turn too. That counts also when no fact is its outcome.
    pub relies_on_room: bool,
    /// When the decision ceases to be right, though nothing happens: the end of the hold that it is about. Nothing, when
    /// time does not matter to it.
    pub valid_before: Option<Timestamp>,
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
    Refuse {
        /// The seats that it is refused for, whatever happens to others; nothing, when anything in the show may matter.
        because_of: Option<Vec<SeatIndex>>,
    },
}

/// What became of a batch.
#[derive(Debug)]
pub struct Appended {
    /// The last log position before this batch. When it is the position that the batch knew, every refusal was decided on
    /// the newest state there is.
    pub head_before: u64,
    /// When the facts of this batch were recorded: when they were decided, or, since time never runs back in the log, when
    /// another server's fact before them was.
    pub recorded_at: Timestamp,
    /// Whether all of it has to be decided again since it was decided at another time than the log's: too long ago, or ahead of
    /// its clock, which another server may have set back. Deciding again at once would not help.
    pub is_out_of_time: bool,
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
    /// A later fact touches its seats or what it relies on (or, for a refusal, its show): it must be decided again.
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
