//! The views of all shows, shared between the projector, which writes them, and the query side, which reads them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use fullhouse_domain::{Chart, Event, Plan, Room, ShowId, Timestamp};
use tokio::sync::watch;

use crate::past::{PastMap, SNAPSHOT_EVERY, Snapshots};
use crate::seat_view::{Inconsistency, SeatView};

/// All shows that this server knows.
#[derive(Debug)]
pub struct LiveViews {
    shows: RwLock<Shows>,
    log_position: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Shows {
    by_id: HashMap<ShowId, Arc<LiveShow>>,
    /// By the log position at which they were scheduled.
    in_order: Vec<(u64, Arc<LiveShow>)>,
}

/// One show: what never changes, and the view that does.
#[derive(Debug)]
pub struct LiveShow {
    id: ShowId,
    plan: Plan,
    chart: Arc<Chart>,
    view: RwLock<SeatView>,
    room: Option<RwLock<Room>>,
    snapshots: RwLock<Snapshots>,
    position: watch::Sender<u64>,
}

impl Default for LiveViews {
    fn default() -> Self {
        Self { shows: RwLock::default(), log_position: watch::channel(0).0 }
    }
}

impl LiveViews {
    /// The show of this id.
    pub fn show(&self, id: &ShowId) -> Option<Arc<LiveShow>> {
        self.read_shows().by_id.get(id).cloned()
    }

    /// Up to `limit` shows that were scheduled after a log position, each with the one it was scheduled at.
    pub fn shows_after(&self, log_position: u64, limit: usize) -> Vec<(u64, Arc<LiveShow>)> {
        let shows = self.read_shows();
        let from = shows.in_order.partition_point(|(scheduled_at, _)| *scheduled_at <= log_position);
        shows.in_order[from..].iter().take(limit).cloned().collect()
    }

    /// The log position up to which the views are the fold of the log, now and whenever it grows.
    pub fn log_position(&self) -> watch::Receiver<u64> {
        self.log_position.subscribe()
    }

    /// Waits until the views have reached a log position, however long that takes.
    pub async fn reached_by_and_by(&self, log_position: u64) {
        // The sender lives as long as this does.
        let _ = self.log_position.subscribe().wait_for(|&reached| reached >= log_position).await;
    }

    /// Waits until the views have reached a log position; returns whether they did within `patience`.
    pub async fn reach(&self, log_position: u64, patience: Duration) -> bool {
        reach(self.log_position.subscribe(), log_position, patience).await
    }

    /// For the projector alone: a show that was scheduled.
    pub fn add(&self, id: ShowId, plan: Plan, scheduled_at: u64, recorded_at: Timestamp) -> Arc<LiveShow> {
        let chart = Arc::new(Chart::new(&plan));
        let view = RwLock::new(SeatView::scheduled(&chart, recorded_at));
        let room = Room::of_plan(&plan, recorded_at).map(RwLock::new);
        let show =
            Arc::new(LiveShow { id: id.clone(), plan, chart, view, room, snapshots: RwLock::default(), position: watch::channel(1).0 });
        let mut shows = self.shows.write().unwrap_or_else(PoisonError::into_inner);
        shows.by_id.insert(id, show.clone());
        shows.in_order.push((scheduled_at, show.clone()));
        show
    }

    /// For the projector alone: everything up to this log position has been applied.
    pub fn reached(&self, log_position: u64) {
        self.log_position.send_replace(log_position);
    }

    fn read_shows(&self) -> RwLockReadGuard<'_, Shows> {
        self.shows.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveShow {
    /// Its name.
    pub fn id(&self) -> &ShowId {
        &self.id
    }

    /// What was planned.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its seats and where they stand.
    pub fn chart(&self) -> &Arc<Chart> {
        &self.chart
    }

    /// The view as it is now. Let go of it soon: the projector waits meanwhile.
    pub fn view(&self) -> RwLockReadGuard<'_, SeatView> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The waiting room as it is now, if the show has one. Let go of it soon, too.
    pub fn room(&self) -> Option<RwLockReadGuard<'_, Room>> {
        self.room.as_ref().map(|room| room.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last snapshot of the map at a position or before it; nothing, when none is so old.
    pub fn snapshot_at_position(&self, position: u64) -> Option<PastMap> {
        self.snapshots.read().unwrap_or_else(PoisonError::into_inner).before_position(position)
    }

    /// The last snapshot of the map that was recorded at an instant or before it; nothing, when none is so old.
    pub fn snapshot_at_instant(&self, at: Timestamp) -> Option<PastMap> {
        self.snapshots.read().unwrap_or_else(PoisonError::into_inner).before_instant(at)
    }

    /// The view's position, now and whenever it grows.
    pub fn position(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// Waits until the view has reached a position; returns whether it did within `patience`.
    pub async fn reach(&self, position: u64, patience: Duration) -> bool {
        reach(self.position.subscribe(), position, patience).await
    }

    /// For the projector alone: the next facts of this show, each with its position and instant.
    pub fn apply<'a>(&self, facts: impl Iterator<Item = (u64, Timestamp, &'a Event)>) -> Result<(), Inconsistency> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let mut room = self.room.as_ref().map(|room| room.write().unwrap_or_else(PoisonError::into_inner));
        let mut applied = Ok(());
        for (position, recorded_at, event) in facts {
            applied = view.apply(position, recorded_at, event);
            if let Some(room) = &mut room
                && applied.is_ok()
            {
                applied = room.evolve(event, recorded_at).map_err(|_breach| Inconsistency::Impossible(position));
            }
            if applied.is_err() {
                break;
            }
            if position.is_multiple_of(SNAPSHOT_EVERY) {
                self.snapshots.write().unwrap_or_else(PoisonError::into_inner).take(&view);
            }
        }
        let position = view.position();
        drop(room);
        drop(view);
        self.position.send_replace(position);
        applied
    }
}

async fn reach(mut watched: watch::Receiver<u64>, position: u64, patience: Duration) -> bool {
    if *watched.borrow() >= position {
        return true;
    }
    let reached = watched.wait_for(|&reached| reached >= position);
    matches!(tokio::time::timeout(patience, reached).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use fullhouse_domain::{ReservationId, SeatIndex, Subject, testing};
    use fullhouse_schemas::fact::FactKind;
    use fullhouse_schemas::{CommandId, StoredFact};

    use super::*;

    /// A show of some seats, and a history of it in which holds come and go. Facts of a batch are recorded at one instant.
    fn history(positions: u64) -> (Arc<LiveShow>, Vec<(StoredFact, Event)>) {
        let id = ShowId::parse("local-a").expect("plain");
        let show = LiveViews::default().add(id.clone(), testing::plan(&[7]), 1, Timestamp::default());
        let facts = (2..=positions).map(|position| {
            let (round, seat) = (position / 2, (position / 2 * 5 % 7) as SeatIndex);
            let reservation = ReservationId::of_show(&id, &format!("r{round}")).expect("plain");
            let subject = Subject::parse("ann").expect("visible");
            let seats = vec![seat];
            let (kind, event) = match (position % 2, round % 3) {
                (0, _) => {
                    (FactKind::SeatsHeld, Event::SeatsHeld { reservation, subject, seats, expires_at: Timestamp::from_micros(i64::MAX) })
                }
                (_, 0) => (FactKind::HoldExpired, Event::HoldExpired { reservation, seats }),
                _ => (FactKind::HoldReleased, Event::HoldReleased { reservation, seats }),
            };
            let fact = StoredFact {
                log_position: position,
                show: id.clone(),
                position,
                kind,
                version: 1,
                recorded_at: Timestamp::from_micros(position as i64 / 3),
                command_id: CommandId([0; 16]),
                subject: None,
                data: String::new(),
                touches: vec![seat],
            };
            (fact, event)
        });
        (show, facts.collect())
    }

    #[test]
    fn a_snapshot_and_what_follows_it_come_to_the_same_as_the_whole_fold() {
        let (show, facts) = history(3 * SNAPSHOT_EVERY + 10);
        show.apply(facts.iter().map(|(fact, event)| (fact.position, fact.recorded_at, event))).expect("a possible history");
        let mut folded = PastMap::scheduled(show.chart(), Timestamp::default());
        let mut checked = 0;
        for (fact, _) in &facts {
            folded.apply(fact).expect("a possible history");
            let snapshot = show.snapshot_at_position(fact.position);
            assert_eq!(snapshot.is_none(), fact.position < SNAPSHOT_EVERY);
            if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.position() == fact.position) {
                assert_eq!(snapshot, folded);
                checked += 1;
            }
        }
        assert_eq!((checked, &folded), (3, &PastMap::of(&show.view())));
    }

    #[test]
    fn a_snapshot_by_time_has_nothing_that_was_recorded_later() {
        let (show, facts) = history(2 * SNAPSHOT_EVERY);
        show.apply(facts.iter().map(|(fact, event)| (fact.position, fact.recorded_at, event))).expect("a possible history");
        for (fact, _) in facts.iter().filter(|(fact, _)| fact.position.abs_diff(SNAPSHOT_EVERY) < 5) {
            let just_before = Timestamp::from_micros(fact.recorded_at.as_micros() - 1);
            for at in [fact.recorded_at, just_before] {
                assert!(show.snapshot_at_instant(at).is_none_or(|snapshot| snapshot.recorded_at() <= at));
            }
        }
    }
}
