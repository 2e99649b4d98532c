//! From facts to the arguments of the scripts: pure, but for reading a history.

use std::collections::BTreeMap;

use fullhouse_domain::planted::{Bug, is_planted};
use fullhouse_domain::{Chart, Event, ReservationId, ReservationStatus, SeatIndex, SeatStatus, ShowId, Timestamp};
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::http::statuses_text;
use fullhouse_schemas::names::PartitionKeys;
use fullhouse_views::SeatView;
use redis::ScriptInvocation;

use super::scripts;
use crate::{Decoded, ProjectionError};

/// How many facts of a history are read at a time.
const READ_FACTS: usize = 4_096;

/// What consecutive facts of one show, none of which schedules it, change in its view.
#[derive(Debug, Default)]
pub(super) struct Advance {
    from: u64,
    to: u64,
    recorded_at: Timestamp,
    seats: BTreeMap<SeatIndex, (SeatStatus, u64)>,
    begun: BTreeMap<ReservationId, Timestamp>,
    ended: Vec<ReservationId>,
}

impl Advance {
    pub fn new(facts: &[&StoredFact]) -> Result<Self, ProjectionError> {
        let mut advance = Self { from: facts.first().map_or(0, |fact| fact.position - 1), ..Self::default() };
        for fact in facts {
            let Decoded { event, .. } = Decoded::new(fact)?;
            let status = match &event {
                Event::ShowScheduled(_) | Event::Room(_) => SeatStatus::Available,
                Event::SeatsHeld { reservation, expires_at, .. } => {
                    advance.begun.insert(reservation.clone(), *expires_at);
                    SeatStatus::Pending
                }
                Event::SeatsReserved { reservation, .. } => {
                    advance.end(reservation);
                    SeatStatus::Reserved
                }
                Event::HoldReleased { reservation, .. } | Event::HoldExpired { reservation, .. } => {
                    advance.end(reservation);
                    SeatStatus::Available
                }
            };
            advance.seats.extend(event.seats().iter().map(|&seat| (seat, (status, fact.position))));
            (advance.to, advance.recorded_at) = (fact.position, fact.recorded_at);
        }
        Ok(advance)
    }

    fn end(&mut self, reservation: &ReservationId) {
        if self.begun.remove(reservation).is_none() {
            self.ended.push(reservation.clone());
        }
    }

    pub fn invocation(&self, keys: &PartitionKeys, show: &ShowId) -> ScriptInvocation<'static> {
        let mut script = of_show(&scripts::ADVANCE, keys, show);
        let left_behind = if is_planted(Bug::LeaveRedisBehind) { self.seats.len() } else { 0 };
        script.arg(self.from).arg(self.to).arg(self.recorded_at.as_micros()).arg(self.seats.len() - left_behind);
        for (seat, (status, position)) in self.seats.iter().skip(left_behind) {
            script.arg(*seat).arg(statuses_text(&[*status])).arg(&position.to_be_bytes()[..]);
        }
        script.arg(self.begun.len());
        for (reservation, end) in &self.begun {
            script.arg(milliseconds(*end)).arg(reservation.as_str());
        }
        for reservation in &self.ended {
            script.arg(reservation.as_str());
        }
        script
    }
}

/// A show's whole view.
#[derive(Debug)]
pub(super) struct Whole {
    view: SeatView,
}

impl Whole {
    /// Folds a show's history to its end.
    pub async fn fold(log: &Log, show: &ShowId) -> Result<Self, ProjectionError> {
        let contradiction = |what: String| ProjectionError::Contradiction { show: show.to_string(), what };
        let mut view: Option<SeatView> = None;
        loop {
            let after = view.as_ref().map_or(0, SeatView::position);
            let facts = log.read_show(show, after, READ_FACTS).await?;
            for fact in &facts {
                let Decoded { event, .. } = Decoded::new(fact)?;
                match (&mut view, &event) {
                    (None, Event::ShowScheduled(plan)) => view = Some(SeatView::scheduled(&Chart::new(plan), fact.recorded_at)),
                    (None, _) => return Err(contradiction("its first fact does not schedule it".into())),
                    (Some(view), event) => {
                        view.apply(fact.position, fact.recorded_at, event).map_err(|what| contradiction(what.to_string()))?
                    }
                }
            }
            if facts.len() < READ_FACTS {
                break;
            }
        }
        Ok(Self { view: view.ok_or_else(|| contradiction("it has no facts".into()))? })
    }

    pub fn invocation(&self, keys: &PartitionKeys, show: &ShowId) -> ScriptInvocation<'static> {
        let view = &self.view;
        let changed_at: Vec<u8> = view.changed_at().iter().flat_map(|position| position.to_be_bytes()).collect();
        let mut script = of_show(&scripts::REPLACE, keys, show);
        script.arg(view.position()).arg(view.recorded_at().as_micros()).arg(statuses_text(view.statuses())).arg(changed_at);
        script.key(keys.shows()).arg(show.as_str()).arg(keys.holds_of(show));
        for held in view.reservations_changed_after(0).filter(|reservation| reservation.status == ReservationStatus::Pending) {
            script.arg(milliseconds(held.expires_at)).arg(held.id.as_str());
        }
        script
    }
}

fn of_show(script: &'static redis::Script, keys: &PartitionKeys, show: &ShowId) -> ScriptInvocation<'static> {
    let mut invocation = script.prepare_invoke();
    invocation.key(keys.view(show)).key(keys.statuses(show)).key(keys.changed_at(show)).key(keys.holds());
    invocation
}

/// Rounded up: nothing is reported before it is due.
fn milliseconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000) + i64::from(at.as_micros().rem_euclid(1_000) > 0)
}
