//! Deciding the commands of a batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fullhouse_domain::{Chart, Command, Event, Refusal, SeatIndex, Show, ShowId, Timestamp, Wanted, decide, decide_schedule};
use fullhouse_eventstore::{Batch, Entry, Proposal};
use fullhouse_schemas::facts::encode;
use fullhouse_schemas::problem::is_kept;
use fullhouse_schemas::{NewFact, Problem};

use super::worker::{Slot, Worker};
use super::{Action, DECIDED_AGAIN, Job, Submission};

/// Commands that were decided on one state and go to the log together: refusals first.
pub(super) struct DecidedBatch {
    /// The instant that they were decided at.
    pub now: Timestamp,
    pub commands: Vec<Decided>,
}

/// One of them.
pub(super) struct Decided {
    pub job: Job,
    pub decision: Decision,
}

/// What was decided.
pub(super) enum Decision {
    /// These events, and the facts that they are stored as.
    Accept { events: Vec<Event>, facts: Arc<[NewFact]>, valid_before: Option<Timestamp>, relies_on_room: bool },
    /// No, and why. This was so at that position of the show, and stays so as long as nothing happens to these seats; without seats, to anything.
    Refuse { refusal: Refusal, position: u64, because_of: Option<Vec<SeatIndex>> },
    /// No, and whoever asks again under the same id must get this same problem.
    RefuseForGood(String),
}

impl Worker {
    /// Decides what can be decided now. The rest waits for its show, or for the next batch.
    pub fn decide_all(&mut self, jobs: Vec<Job>) -> DecidedBatch {
        let now = self.log.now();
        let mut taken = SeatsTaken::default();
        let mut refused = Vec::with_capacity(jobs.len());
        let mut accepted = Vec::with_capacity(jobs.len());
        for job in jobs {
            let decision = match &job.submission.action {
                // The id was drawn for this command, so there is no such show yet.
                Action::Schedule(plan) => match decide_schedule(None, plan) {
                    Ok(events) => Decision::accept(events, None, None, false),
                    Err(refusal) => Decision::refuse(refusal, None, &job.submission),
                },
                Action::Command(command) => match self.used(&job.submission.show) {
                    None => {
                        self.load(job);
                        continue;
                    }
                    Some(Slot::Loading { .. }) => {
                        self.park(job);
                        continue;
                    }
                    Some(Slot::Absent) => Decision::refuse(Refusal::UnknownShow, None, &job.submission),
                    Some(Slot::Ready { show, .. }) => {
                        taken.prepare(&job.submission.show, show, command);
                        match decide(show, command, now) {
                            // What is set aside is free at this position, so that would not be true there.
                            Err(Refusal::NoAdjacentSeats { .. }) if show.has_set_aside() => {
                                self.again.push(job);
                                continue;
                            }
                            Err(refusal) => Decision::refuse(refusal, Some((show, command)), &job.submission),
                            Ok(events) if taken.take(&job.submission.show, &events) => {
                                let valid_before = valid_before(show, &events, now);
                                Decision::accept(events, Some(show.chart()), valid_before, relies_on_room(show, command))
                            }
                            Ok(_) => {
                                self.again.push(job);
                                continue;
                            }
                        }
                    }
                },
            };
            let list = if matches!(decision, Decision::Accept { .. }) { &mut accepted } else { &mut refused };
            list.push(Decided { job, decision });
        }
        taken.put_back(&mut self.shows);
        metrics::counter!(DECIDED_AGAIN).increment(self.again.len() as u64);
        refused.append(&mut accepted);
        DecidedBatch { now, commands: refused }
    }
}

/// A hold, and what ends it in another way than time, must be recorded before its end; a hold also before the end of its holder's
/// turn.
fn valid_before(show: &Show, events: &[Event], now: Timestamp) -> Option<Timestamp> {
    let ends = events.iter().filter_map(|event| match event {
        Event::SeatsHeld { expires_at, subject, .. } => {
            let turn_end = show.room().and_then(|room| room.turn_of(subject, now)).map(|turn| turn.ends_at);
            Some(turn_end.map_or(*expires_at, |end| end.min(*expires_at)))
        }
        Event::SeatsReserved { reservation, .. } | Event::HoldReleased { reservation, .. } => {
            show.reservation(reservation).map(|reservation| reservation.expires_at)
        }
        Event::ShowScheduled(_) | Event::HoldExpired { .. } | Event::Room(_) => None,
    });
    ends.min()
}

/// Whether somebody may hold seats depends on his turn, which facts end that touch none of these seats; and what a command about
/// the room comes to, on the room.
fn relies_on_room(show: &Show, command: &Command) -> bool {
    // That nothing has to happen is true of the room as it is, too.
    show.room().is_some() && matches!(command, Command::HoldSeats { .. } | Command::LeaveRoom(_) | Command::ChangeRoom { .. })
}

/// The seats that a hold asks for by name.
fn seats_named(show: &Show, command: &Command) -> Option<Vec<SeatIndex>> {
    match command {
        Command::HoldSeats { wanted: Wanted::Seats(labels), .. } => labels.iter().map(|label| show.chart().seat(label)).collect(),
        _ => None,
    }
}

impl Decision {
    fn accept(events: Vec<Event>, chart: Option<&Chart>, valid_before: Option<Timestamp>, relies_on_room: bool) -> Self {
        let facts = events.iter().map(|event| encode(event, chart)).collect();
        Decision::Accept { events, facts, valid_before, relies_on_room }
    }

    fn refuse(refusal: Refusal, of: Option<(&Show, &Command)>, submission: &Submission) -> Self {
        let position = of.map_or(0, |(show, _)| show.position());
        if !submission.is_keyed || !is_kept(&refusal) {
            let because_of =
                of.filter(|_| matches!(refusal, Refusal::SeatsTaken(_))).and_then(|(show, command)| seats_named(show, command));
            return Decision::Refuse { refusal, position, because_of };
        }
        let mut problem = Problem::refused(&refusal, position);
        problem.request_id = submission.request_id.to_string();
        Decision::RefuseForGood(serde_json::to_string(&problem).expect("text, numbers and lists always serialize"))
    }
}

impl Decided {
    fn entry(&self) -> Entry {
        let submission = &self.job.submission;
        let (proposal, valid_before, relies_on_room) = match &self.decision {
            Decision::Accept { facts, valid_before, relies_on_room, .. } => {
                (Proposal::Append(facts.clone()), *valid_before, *relies_on_room)
            }
            Decision::Refuse { because_of, .. } => (Proposal::Refuse { because_of: because_of.clone() }, None, false),
            Decision::RefuseForGood(problem) => (Proposal::KeepRefusal(problem.clone()), None, false),
        };
        Entry {
            command_id: submission.command_id,
            is_keyed: submission.is_keyed,
            fingerprint: submission.fingerprint,
            show: submission.show.clone(),
            subject: submission.subject.clone(),
            relies_on_room,
            valid_before,
            proposal,
        }
    }
}

impl DecidedBatch {
    /// What is offered to the log. The same batch may be offered again: its command ids are the same.
    pub fn offer(&self, known: u64) -> Batch {
        Batch { known, decided_at: self.now, entries: self.commands.iter().map(Decided::entry).collect() }
    }
}

/// The seats that commands of the batch touch.
#[derive(Default)]
struct SeatsTaken {
    by_show: HashMap<ShowId, TakenOfShow>,
}

#[derive(Default)]
struct TakenOfShow {
    touched: HashSet<SeatIndex>,
    /// Those that best-available choices don't keep away from yet. Nobody may ask for any, so that is done when somebody does.
    not_set_aside: Vec<SeatIndex>,
}

impl SeatsTaken {
    /// Before a command is decided: what the batch has taken is not among the best available.
    fn prepare(&mut self, id: &ShowId, show: &mut Show, command: &Command) {
        let is_choice = matches!(command, Command::HoldSeats { wanted: Wanted::BestAvailable { .. }, .. });
        if let Some(taken) = self.by_show.get_mut(id).filter(|_| is_choice) {
            show.set_aside(&std::mem::take(&mut taken.not_set_aside));
        }
    }

    /// Takes the events' seats, and the waiting room if they are about that, unless an earlier command of the batch has one of them.
    fn take(&mut self, id: &ShowId, events: &[Event]) -> bool {
        if !self.by_show.contains_key(id) {
            self.by_show.insert(id.clone(), TakenOfShow::default());
        }
        let Some(taken) = self.by_show.get_mut(id) else { return false };
        let touched = || events.iter().flat_map(Event::touches);
        if touched().any(|seat| taken.touched.contains(seat)) {
            return false;
        }
        taken.touched.extend(touched());
        taken.not_set_aside.extend(events.iter().flat_map(Event::seats));
        true
    }

    fn put_back(self, shows: &mut HashMap<ShowId, Slot>) {
        for id in self.by_show.into_keys() {
            if let Some(Slot::Ready { show, .. }) = shows.get_mut(&id) {
                show.put_back();
            }
        }
    }
}
