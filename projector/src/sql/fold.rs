//! From facts to changes, whatever the database.

use foldhash::HashMap;
use fullhouse_domain::{Chart, Currency, Event, Money, Plan, ReservationId, ShowId, Timestamp};
use fullhouse_schemas::StoredFact;

use super::changes::Changes;
use crate::{Decoded, ProjectionError};

/// What is needed beside the facts to fold them.
#[derive(Default)]
pub(crate) struct Fold {
    /// Prices are not in the facts about seats. They come from the show's first fact or, after a restart, from the views.
    prices: HashMap<ShowId, Prices>,
    /// Where in the log each open reservation was held: the fact that ends it names only its id.
    open: HashMap<ReservationId, u64>,
}

/// What the seats of a show cost, in chart order.
pub(crate) struct Prices {
    pub of_seats: Vec<i64>,
    pub currency: Currency,
}

/// What consecutive facts come to.
pub(crate) struct Folded {
    pub scheduled: Vec<Scheduled>,
    pub changes: Changes,
    /// The last of them.
    pub log_position: u64,
    pub recorded_at: Timestamp,
}

/// A new show.
pub(crate) struct Scheduled {
    pub show: ShowId,
    pub position: u64,
    pub scheduled_at: Timestamp,
    pub plan: Box<Plan>,
}

impl Prices {
    fn of(chart: &Chart) -> Self {
        Self { of_seats: (0..chart.seats()).map(|seat| chart.price(seat).amount).collect(), currency: chart.total(&[]).currency }
    }

    fn total(&self, seats: &[u32]) -> Option<Money> {
        let amounts = seats.iter().map(|&seat| self.of_seats.get(seat as usize).copied());
        amounts.sum::<Option<i64>>().map(|amount| Money { amount, currency: self.currency })
    }
}

impl Fold {
    /// With the reservations that are open in the views.
    pub fn new(open: HashMap<ReservationId, u64>) -> Self {
        Self { prices: HashMap::default(), open }
    }

    /// Shows whose prices must be known before these facts can be folded.
    pub fn without_prices<'a>(&self, facts: impl Iterator<Item = &'a StoredFact>) -> Vec<ShowId> {
        let mut shows: Vec<ShowId> = Vec::new();
        let (mut last, mut scheduled): (Option<&ShowId>, Vec<&ShowId>) = (None, Vec::new());
        for fact in facts.filter(|fact| fact.is_of_a_show()) {
            if fact.position == 1 {
                scheduled.push(&fact.show);
            }
            if last != Some(&fact.show)
                && !self.prices.contains_key(&fact.show)
                && !scheduled.contains(&&fact.show)
                && !shows.contains(&fact.show)
            {
                shows.push(fact.show.clone());
            }
            last = Some(&fact.show);
        }
        shows
    }

    /// Takes in the prices of a show.
    pub fn know(&mut self, show: ShowId, prices: Prices) {
        self.prices.insert(show, prices);
    }

    /// Folds consecutive facts; nothing, when there are none. After an error the fold must be made anew.
    pub fn fold<'a>(&mut self, facts: impl Iterator<Item = &'a StoredFact>) -> Result<Option<Folded>, ProjectionError> {
        let (mut changes, mut scheduled, mut last) = (Changes::default(), Vec::new(), None);
        for fact in facts {
            last = Some((fact.log_position, fact.recorded_at));
            if !fact.is_of_a_show() {
                continue;
            }
            let Decoded { event, .. } = Decoded::new(fact)?;
            if let Event::ShowScheduled(plan) = &event {
                self.prices.insert(fact.show.clone(), Prices::of(&Chart::new(plan)));
                let (show, position, scheduled_at) = (fact.show.clone(), fact.position, fact.recorded_at);
                scheduled.push(Scheduled { show, position, scheduled_at, plan: plan.clone() });
            }
            let total = self.total(fact, &event)?;
            let held_at = self.held_at(fact, &event)?;
            changes.fold(fact, &event, total, held_at);
        }
        Ok(last.map(|(log_position, recorded_at)| Folded { scheduled, changes, log_position, recorded_at }))
    }

    /// Where in the log the reservation was held that this event is about.
    fn held_at(&mut self, fact: &StoredFact, event: &Event) -> Result<u64, ProjectionError> {
        let found = match event {
            Event::ShowScheduled(_) | Event::Room(_) => Some(0),
            Event::SeatsHeld { reservation, .. } => {
                self.open.insert(reservation.clone(), fact.log_position);
                Some(fact.log_position)
            }
            Event::SeatsReserved { reservation, .. } | Event::HoldReleased { reservation, .. } | Event::HoldExpired { reservation, .. } => {
                self.open.remove(reservation)
            }
        };
        found.ok_or_else(|| contradiction(fact, "ends a reservation that is not open"))
    }

    fn total(&self, fact: &StoredFact, event: &Event) -> Result<Money, ProjectionError> {
        let prices = self.prices.get(&fact.show).ok_or_else(|| contradiction(fact, "is about a show that was never scheduled"))?;
        prices.total(event.seats()).ok_or_else(|| contradiction(fact, "names a seat that the show has not"))
    }
}

fn contradiction(fact: &StoredFact, what: &str) -> ProjectionError {
    ProjectionError::Contradiction { show: fact.show.to_string(), what: format!("position {} {what}", fact.position) }
}
