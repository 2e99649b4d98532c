//! The verdicts on a batch: pure, and the same for every store.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fullhouse_domain::planted::{Bug, is_planted};
use fullhouse_domain::{ROOM, SeatIndex, ShowId, Subject, Timestamp};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, NewFact, StoredFact};

use crate::append::{Appended, Batch, Entry, Fingerprint, Proposal, Recorded, RecordedOutcome, Verdict};

/// A decision that is older than this, by the log's clock, is made again. Much longer than an append takes, much shorter than
/// a hold: a server that slept between deciding and appending must not hold seats for less than a show promises.
pub const DECISION_AGE_MAX: Duration = Duration::from_secs(2);
/// How far a decision may be ahead of the log's clock. It is taken from that clock, but after a failover another machine's is the log's.
const DECISION_AHEAD_MAX: Duration = Duration::from_millis(100);

/// What a store knows that bears on a batch. It was read while nobody else could append.
#[derive(Debug)]
pub(crate) struct Known {
    /// The last log position.
    pub head: u64,
    /// When the fact there was recorded.
    pub newest: Timestamp,
    /// The log's clock; nothing, where it is the clock that the batch was decided by.
    pub now: Option<Timestamp>,
    /// What stands in the log after the position that the batch knew.
    pub unknown: Vec<StoredFact>,
    /// The first outcome of those keyed commands of the batch that the log knows.
    pub recorded: HashMap<CommandId, Recorded>,
    /// The last position of each show that the batch would append to; a show without facts may be left out.
    pub show_heads: HashMap<ShowId, u64>,
}

/// What is to be written, and what is to be answered once it is.
#[derive(Debug)]
pub(crate) struct Judged {
    pub appended: Appended,
    /// In order, right behind the head.
    pub facts: Vec<StoredFact>,
    /// Commands that must be known for good.
    pub commands: Vec<NewCommand>,
    /// What was handed in as unknown.
    pub unknown: Vec<StoredFact>,
}

/// A command to be remembered.
#[derive(Debug)]
pub(crate) struct NewCommand {
    pub command_id: CommandId,
    pub fingerprint: Fingerprint,
    pub first_log_position: u64,
    pub facts: usize,
    pub refusal: Option<String>,
}

/// The shows whose heads a store must know to judge a batch.
pub(crate) fn shows_of(batch: &Batch) -> HashSet<&ShowId> {
    let proposals = batch.entries.iter().filter(|entry| matches!(&entry.proposal, Proposal::Append(facts) if !facts.is_empty()));
    proposals.map(|entry| &entry.show).collect()
}

/// The commands that a store must look up to judge a batch.
pub(crate) fn keyed_of(batch: &Batch) -> Vec<CommandId> {
    batch.entries.iter().filter(|entry| entry.is_keyed).map(|entry| entry.command_id).collect()
}

/// Whether nothing of a batch can be written, whatever the verdicts are.
pub(crate) fn appends_nothing(batch: &Batch) -> bool {
    batch.entries.iter().all(|entry| matches!(entry.proposal, Proposal::Refuse { .. }))
}

/// Judges the commands of a batch, one after the other.
pub(crate) fn judge(batch: &Batch, known: Known) -> Judged {
    let mut judge = Judge::new(batch, known);
    let verdicts = batch.entries.iter().map(|entry| judge.entry(entry)).collect();
    Judged {
        appended: Appended {
            head_before: judge.known.head,
            recorded_at: judge.recorded_at,
            is_out_of_time: judge.is_out_of_time,
            verdicts,
        },
        facts: judge.facts,
        commands: judge.commands,
        unknown: judge.known.unknown,
    }
}

struct Judge {
    known: Known,
    touched: Touched,
    /// Whether a decision relies on the waiting room. Else nobody asks who did what.
    rooms_matter: bool,
    /// When the batch's facts are recorded.
    recorded_at: Timestamp,
    is_out_of_time: bool,
    facts: Vec<StoredFact>,
    commands: Vec<NewCommand>,
}

impl Judge {
    fn new(batch: &Batch, known: Known) -> Self {
        let mut touched = Touched::default();
        let unseen = known.unknown.iter().filter(|_| !is_planted(Bug::SkipWindowCheck));
        let rooms_matter = batch.entries.iter().any(|entry| entry.relies_on_room);
        unseen.for_each(|fact| touched.add(&fact.show, &fact.touches, fact.subject.as_ref().filter(|_| rooms_matter)));
        let recorded_at = batch.decided_at.max(known.newest);
        let is_out_of_time = is_out_of_time(batch.decided_at, &known);
        Self { known, touched, rooms_matter, recorded_at, is_out_of_time, facts: Vec::new(), commands: Vec::new() }
    }

    fn entry(&mut self, entry: &Entry) -> Verdict {
        if let Some(recorded) = self.recorded(entry) {
            return Verdict::Repeated(recorded);
        }
        if self.is_out_of_time || self.touched.outdates(entry) || self.is_too_late_for(entry) {
            return Verdict::Conflict;
        }
        match &entry.proposal {
            Proposal::Append(facts) => self.accept(entry, facts),
            Proposal::KeepRefusal(answer) => {
                self.remember(entry, 0, Some(answer));
                Verdict::Refused
            }
            Proposal::Refuse { .. } => Verdict::Refused,
        }
    }

    /// Whether what the decision relies on has ended since: the hold that is to be checked out, say.
    fn is_too_late_for(&self, entry: &Entry) -> bool {
        let now = self.known.now.filter(|_| !is_planted(Bug::OwnClock));
        let by = now.map_or(self.recorded_at, |now| now.max(self.recorded_at));
        entry.valid_before.is_some_and(|end| end <= by)
    }

    fn accept(&mut self, entry: &Entry, facts: &[NewFact]) -> Verdict {
        let log_position = self.head() + 1;
        self.remember(entry, facts.len(), None);
        if facts.is_empty() {
            return Verdict::Accepted { log_position, position: 0 };
        }
        let first = self.known.show_heads.get(&entry.show).map_or(1, |head| head + 1);
        for (position, fact) in (first..).zip(facts) {
            self.facts.push(StoredFact {
                log_position: self.head() + 1,
                show: entry.show.clone(),
                position,
                kind: fact.kind,
                version: fact.version,
                recorded_at: self.recorded_at,
                command_id: entry.command_id,
                // Somebody's hold that another one's command found to be over: its holder's papers must not name the other.
                subject: entry.subject.clone().filter(|_| fact.kind != FactKind::HoldExpired),
                data: fact.data.clone(),
                touches: fact.touches.clone(),
            });
            self.touched.add(&entry.show, &fact.touches, entry.subject.as_ref().filter(|_| self.rooms_matter));
        }
        self.known.show_heads.insert(entry.show.clone(), first + facts.len() as u64 - 1);
        Verdict::Accepted { log_position, position: first }
    }

    fn head(&self) -> u64 {
        self.known.head + self.facts.len() as u64
    }

    fn remember(&mut self, entry: &Entry, facts: usize, refusal: Option<&str>) {
        if !entry.is_keyed || is_planted(Bug::ForgetCommandIds) {
            return;
        }
        let (command_id, fingerprint, first_log_position) = (entry.command_id, entry.fingerprint, self.head() + 1);
        self.commands.push(NewCommand { command_id, fingerprint, first_log_position, facts, refusal: refusal.map(str::to_owned) });
    }

    fn recorded(&self, entry: &Entry) -> Option<Recorded> {
        if !entry.is_keyed {
            return recorded_lately(entry, &self.known.unknown);
        }
        if let Some(recorded) = self.known.recorded.get(&entry.command_id) {
            return Some(recorded.clone());
        }
        // Seldom: the same command twice in one batch.
        let command = self.commands.iter().find(|command| command.command_id == entry.command_id)?;
        let outcome = match &command.refusal {
            Some(answer) => RecordedOutcome::Refused(answer.clone()),
            None => {
                let from = (command.first_log_position - self.known.head - 1) as usize;
                RecordedOutcome::Facts(self.facts[from..from + command.facts].to_vec())
            }
        };
        Some(Recorded { fingerprint: command.fingerprint, outcome })
    }
}

/// An append of unknown outcome is offered again with what it knew the first time. If it took effect, its facts stand
/// behind that.
fn recorded_lately(entry: &Entry, unknown: &[StoredFact]) -> Option<Recorded> {
    let facts: Vec<StoredFact> = unknown.iter().filter(|fact| fact.command_id == entry.command_id).cloned().collect();
    if facts.is_empty() { None } else { Some(Recorded { fingerprint: entry.fingerprint, outcome: RecordedOutcome::Facts(facts) }) }
}

/// Whether a decision's instant is too far from the log's clock.
fn is_out_of_time(decided_at: Timestamp, known: &Known) -> bool {
    !is_planted(Bug::OwnClock)
        && known
            .now
            .is_some_and(|now| decided_at.until(now) > DECISION_AGE_MAX || now.max(known.newest).until(decided_at) > DECISION_AHEAD_MAX)
}

/// What facts have touched that the decisions of a batch have not seen.
#[derive(Debug, Default)]
struct Touched {
    by_show: HashMap<ShowId, TouchedOfShow>,
}

#[derive(Debug, Default)]
struct TouchedOfShow {
    seats: HashSet<SeatIndex>,
    /// Who has done something.
    people: HashSet<Subject>,
}

impl Touched {
    fn add(&mut self, show: &ShowId, seats: &[SeatIndex], who: Option<&Subject>) {
        if !self.by_show.contains_key(show) {
            self.by_show.insert(show.clone(), TouchedOfShow::default());
        }
        let Some(touched) = self.by_show.get_mut(show) else { return };
        touched.seats.extend(seats);
        touched.people.extend(who.cloned());
    }

    /// Whether a decision about this command may be outdated. A show's first fact, and most refusals, depend on anything that happened to the
    /// show; facts about seats, and refusals because of them, on those seats, and perhaps on the waiting room.
    fn outdates(&self, entry: &Entry) -> bool {
        let Some(touched) = self.by_show.get(&entry.show) else { return false };
        match &entry.proposal {
            Proposal::KeepRefusal(_) | Proposal::Refuse { because_of: None } => true,
            Proposal::Refuse { because_of: Some(seats) } => seats.iter().any(|seat| touched.seats.contains(seat)),
            Proposal::Append(facts) => {
                facts.iter().any(|fact| fact.touches.is_empty() || fact.touches.iter().any(|seat| touched.seats.contains(seat)))
                    || entry.relies_on_room && touched.moves_for(entry.subject.as_ref())
            }
        }
    }
}

impl TouchedOfShow {
    fn moves_for(&self, subject: Option<&Subject>) -> bool {
        self.seats.contains(&ROOM) || subject.is_some_and(|subject| self.people.contains(subject))
    }
}
