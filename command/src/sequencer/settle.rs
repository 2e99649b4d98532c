//! From the log's verdicts to new state and to answers.

use std::time::{Duration, Instant};

use fullhouse_domain::{Command, Event, InLine, Reservation, ReservationId, Show, ShowId, Timestamp};
use fullhouse_eventstore::{Appended, LogError, Recorded, RecordedOutcome, Verdict};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::{UnreadableFact, decode};
use fullhouse_schemas::http::Counts;
use fullhouse_schemas::queue::{QueueBody, RoomBody};
use fullhouse_snapshots::{LoadError, fold};

use super::batch::{Decided, DecidedBatch, Decision};
use super::worker::{Slot, Worker};
use super::{APPEND_SECONDS, Action, BATCH_COMMANDS, DECIDED_AGAIN, Job, rejected};
use crate::outcome::{Claimed, Outcome, Rejected, Scheduled, Standing};

/// How often a batch is offered to a log that fails, and for how long, before its commands are answered "unknown".
const APPEND_ATTEMPTS: u32 = 4;
const APPEND_PATIENCE: Duration = Duration::from_secs(3);
/// The pause before the second attempt; it doubles each time.
const APPEND_PAUSE: Duration = Duration::from_millis(50);
/// The pause before commands that were decided at another time than the log's are decided again.
const OUT_OF_TIME_PAUSE: Duration = Duration::from_millis(20);
/// So many facts of other servers are folded before a batch is decided, rather than compared with it.
const BEHIND_MAX: u64 = 1_000;
/// How many facts of other servers are read at a time.
const READ_FACTS: usize = 4_096;

/// A fact of a command, fresh or repeated.
struct Told<'a> {
    event: &'a Event,
    position: u64,
    recorded_at: Timestamp,
}

impl Worker {
    /// Commits a batch and answers its commands; those in conflict are decided again.
    pub async fn append_and_answer(&mut self, batch: DecidedBatch) {
        metrics::histogram!(BATCH_COMMANDS).record(batch.commands.len() as f64);
        let began = Instant::now();
        let appended = self.append(&batch).await;
        metrics::histogram!(APPEND_SECONDS).record(began.elapsed().as_secs_f64());
        self.limit_waiting(batch.commands.len(), began.elapsed());
        let Appended { head_before, recorded_at, is_out_of_time, verdicts } = match appended {
            Ok(appended) => appended,
            Err(error) => return self.give_up(batch, &error),
        };
        if head_before > self.known
            && let Err(error) = self.fold_what_others_appended(head_before).await
        {
            tracing::error!("what other servers appended can't be folded: {error}");
            self.forget_everything();
        }
        self.known = head_before;
        if is_out_of_time {
            tokio::time::sleep(OUT_OF_TIME_PAUSE).await;
        }
        for (decided, verdict) in batch.commands.into_iter().zip(verdicts) {
            self.settle(decided, verdict, recorded_at);
        }
    }

    async fn append(&self, batch: &DecidedBatch) -> Result<Appended, LogError> {
        let (mut pause, mut attempt, began) = (APPEND_PAUSE, 1, Instant::now());
        loop {
            match self.log.append(batch.offer(self.known)).await {
                Ok(appended) => return Ok(appended),
                Err(error @ (LogError::Closed | LogError::TooFarBehind { .. } | LogError::WentBack { .. })) => return Err(error),
                Err(error) if attempt == APPEND_ATTEMPTS || began.elapsed() > APPEND_PATIENCE => return Err(error),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(attempt, cause, "a batch could not be appended: {error}; the same one is offered again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    /// Nobody knows what the log has, so nothing that is known of it counts any more.
    fn give_up(&mut self, batch: DecidedBatch, error: &LogError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(cause, commands = batch.commands.len(), "a batch could not be appended: {error}");
        self.forget_everything();
        self.known = self.log.head();
        batch.commands.into_iter().for_each(|decided| decided.job.answer(Err(rejected(Rejected::Unknown))));
    }

    fn forget_everything(&mut self) {
        self.shows.retain(|_, slot| match slot {
            Slot::Loading { has_grown, .. } => {
                *has_grown = true;
                true
            }
            Slot::Ready { .. } | Slot::Absent => false,
        });
    }

    /// Brings all states up to what is known of the log, so that the next batch need not be compared with all of it while the
    /// log is locked.
    pub async fn catch_up(&mut self) {
        let head = self.log.head();
        if head < self.known + BEHIND_MAX {
            return;
        }
        if self.shows.is_empty() {
            self.known = head;
        } else if let Err(error) = self.fold_what_others_appended(head).await {
            tracing::warn!("what other servers appended can't be folded; shows are read again: {error}");
            self.forget_everything();
        }
    }

    async fn fold_what_others_appended(&mut self, head: u64) -> Result<(), LoadError> {
        while self.known < head {
            let limit = READ_FACTS.min((head - self.known) as usize);
            let facts = self.log.read_log(self.known, limit).await?;
            if facts.is_empty() {
                return Err(LogError::WentBack { head: self.known, known: head }.into());
            }
            for fact in facts {
                self.known = fact.log_position;
                self.fold_fact(&fact)?;
            }
        }
        Ok(())
    }

    /// Folds another server's fact into its show, unless the show was read so late that it has it.
    fn fold_fact(&mut self, fact: &StoredFact) -> Result<(), LoadError> {
        match self.shows.remove(&fact.show) {
            Some(Slot::Ready { show, is_used }) if show.position() < fact.position => {
                let show = fold(Some(show), fact)?;
                self.shows.insert(fact.show.clone(), Slot::Ready { show, is_used });
            }
            Some(Slot::Loading { jobs, .. }) => {
                self.shows.insert(fact.show.clone(), Slot::Loading { jobs, has_grown: true });
            }
            Some(unaffected @ Slot::Ready { .. }) => {
                self.shows.insert(fact.show.clone(), unaffected);
            }
            Some(Slot::Absent) | None => {}
        }
        Ok(())
    }

    fn settle(&mut self, decided: Decided, verdict: Verdict, recorded_at: Timestamp) {
        let outcome = match verdict {
            Verdict::Conflict => {
                metrics::counter!(DECIDED_AGAIN).increment(1);
                self.again.push(decided.job);
                return;
            }
            Verdict::Refused => Ok(self.refused(&decided)),
            Verdict::Repeated(recorded) => self.repeated(&decided.job, recorded),
            Verdict::Accepted { log_position, position } => self.accepted(&decided, log_position, position, recorded_at),
        };
        decided.job.answer(outcome);
    }

    fn accepted(&mut self, decided: &Decided, log_position: u64, position: u64, recorded_at: Timestamp) -> Result<Outcome, Rejected> {
        let Decision::Accept { events, .. } = &decided.decision else { unreachable!("the log accepts only what was proposed") };
        if !events.is_empty() {
            self.known = log_position + events.len() as u64 - 1;
        }
        let id = &decided.job.submission.show;
        for (position, event) in (position..).zip(events) {
            self.evolve(id, event, position, recorded_at);
        }
        let told = (position..).zip(events).map(|(position, event)| Told { event, position, recorded_at });
        self.outcome(&decided.job, id, told)
    }

    /// Folds a fact of our own. A state that does not agree is dropped, and read again from the log when it is needed.
    fn evolve(&mut self, id: &ShowId, event: &Event, position: u64, recorded_at: Timestamp) {
        let breach = match self.shows.get_mut(id) {
            Some(Slot::Ready { show, .. }) if show.position() + 1 == position => show.evolve(event, recorded_at).err(),
            None if position == 1 => match Show::schedule(event, recorded_at) {
                Ok(show) => {
                    self.shows.insert(id.clone(), Slot::Ready { show: Box::new(show), is_used: true });
                    None
                }
                Err(breach) => Some(breach),
            },
            // It is at another position, or being read: either way it is not known here.
            Some(Slot::Ready { .. } | Slot::Absent) | None => {
                self.shows.remove(id);
                None
            }
            Some(Slot::Loading { has_grown, .. }) => {
                *has_grown = true;
                None
            }
        };
        if let Some(breach) = breach {
            tracing::error!(show = %id, position, ?breach, "a decision has broken a promise");
            self.shows.remove(id);
        }
    }

    fn repeated(&self, job: &Job, recorded: Recorded) -> Result<Outcome, Rejected> {
        if recorded.fingerprint != job.submission.fingerprint {
            return Ok(Outcome::KeyReused);
        }
        let facts = match recorded.outcome {
            RecordedOutcome::Refused(problem) => return Ok(Outcome::RefusedAs(problem)),
            RecordedOutcome::Facts(facts) => facts,
        };
        // The id of a new show is drawn anew each time, and the first one counts.
        let id = facts.first().map_or(&job.submission.show, |fact| &fact.show);
        let events = facts.iter().map(decode).collect::<Result<Vec<Event>, UnreadableFact>>().map_err(|error| {
            tracing::error!("a repeated command's facts can't be read: {error}");
            Rejected::Damaged
        })?;
        let told = facts.iter().zip(&events).map(|(fact, event)| Told { event, position: fact.position, recorded_at: fact.recorded_at });
        self.outcome(job, id, told)
    }

    /// The answer to a command that was accepted with these facts.
    fn outcome<'a>(&self, job: &Job, id: &ShowId, told: impl Iterator<Item = Told<'a>>) -> Result<Outcome, Rejected> {
        let mut checked_out = None;
        for Told { event, position, recorded_at } in told {
            match event {
                Event::ShowScheduled(plan) => {
                    let seats = plan.sections.iter().flat_map(|section| &section.rows).map(|row| row.seats).sum();
                    return Ok(Outcome::Scheduled(Box::new(Scheduled { show: id.clone(), plan: (**plan).clone(), seats })));
                }
                Event::SeatsHeld { reservation, subject, seats, expires_at } => {
                    let held = Reservation::as_held(reservation, subject, seats, *expires_at, recorded_at, position);
                    return self.claimed(id, Some(held)).map(Outcome::Held);
                }
                Event::SeatsReserved { reservation, .. } => checked_out = Some(reservation),
                Event::HoldReleased { .. } => return Ok(Outcome::Ended),
                // It may stand before the hold that took its seats over.
                Event::HoldExpired { .. } | Event::Room(_) => {}
            }
        }
        match (&job.submission.action, checked_out) {
            (_, Some(reservation)) => self.sold(id, reservation),
            // Nothing had to happen: it was checked out before.
            (Action::Command(Command::Checkout { reservation, .. }), None) => self.sold(id, reservation),
            (Action::Command(Command::TakePlace(who)), None) => self.standing(id, who),
            (Action::Command(Command::ChangeRoom { .. }), None) => self.room(id),
            _ => Ok(Outcome::Ended),
        }
    }

    /// A reservation that was checked out never changes again.
    fn sold(&self, id: &ShowId, reservation: &ReservationId) -> Result<Outcome, Rejected> {
        let found = self.show(id).and_then(|show| show.reservation(reservation)).cloned();
        self.claimed(id, found).map(Outcome::CheckedOut)
    }

    fn claimed(&self, id: &ShowId, reservation: Option<Reservation>) -> Result<Claimed, Rejected> {
        // The state may have been dropped a moment ago. Asked again, the command gets its outcome from the log.
        let show = self.show(id).ok_or(Rejected::Unknown)?;
        Ok(Claimed { reservation: reservation.ok_or(Rejected::Unknown)?, chart: show.chart().clone() })
    }

    /// Where somebody stands who has just come.
    fn standing(&self, id: &ShowId, who: &InLine) -> Result<Outcome, Rejected> {
        let show = self.show(id).ok_or(Rejected::Unknown)?;
        let room = show.room().ok_or(Rejected::Unknown)?;
        let place = room.place(who, self.log.now());
        let body = QueueBody::new(room, &place, show.available());
        Ok(Outcome::Standing(Box::new(Standing { body, place })))
    }

    fn room(&self, id: &ShowId) -> Result<Outcome, Rejected> {
        let show = self.show(id).ok_or(Rejected::Unknown)?;
        let room = show.room().ok_or(Rejected::Unknown)?;
        Ok(Outcome::Room(Box::new(RoomBody::new(id, room, show.position(), Counts::of_show(show), self.log.now()))))
    }

    /// Refusals stand first in a batch, so the state is still that of the head which the log has confirmed: what others appended meanwhile is in
    /// it, and has changed nothing for this one.
    fn refused(&self, decided: &Decided) -> Outcome {
        match &decided.decision {
            Decision::Refuse { refusal, position, .. } => {
                // It was true there, too; that is all there is to say when what others appended could not be read.
                let position = self.show(&decided.job.submission.show).map_or(*position, Show::position);
                Outcome::Refused { refusal: refusal.clone(), position }
            }
            Decision::RefuseForGood(problem) => Outcome::RefusedAs(problem.clone()),
            Decision::Accept { .. } => unreachable!("the log refuses only what was refused"),
        }
    }

    fn show(&self, id: &ShowId) -> Option<&Show> {
        match self.shows.get(id) {
            Some(Slot::Ready { show, .. }) => Some(show),
            Some(Slot::Loading { .. } | Slot::Absent) | None => None,
        }
    }
}
