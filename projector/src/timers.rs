//! Expiry timers: a projection of the open holds, ordered by their end.
//!
//! A due hold is only reported. The command side decides whether it has really ended, so a timer that fires early, late,
//! twice or never can't sell or keep a seat wrongly. A report may get lost, so it is repeated until a fact ends the hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use fullhouse_domain::{Event, ReservationId, Timestamp};
use fullhouse_eventstore::Log;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// When a due hold that was reported is reported again, if nothing has come of it.
const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// The longest sleep. The clock may be set while a timer sleeps; this bounds how long that goes unnoticed.
const SLEEP_MAX: Duration = Duration::from_millis(250);
/// How many due holds are taken at a time.
const DUE_MAX: usize = 1_000;

/// Gauge: open holds.
pub const OPEN_HOLDS: &str = "fullhouse_open_holds";
/// Gauge: how long the longest overdue hold has been over, in seconds; 0 when none is.
pub const OVERDUE_SECONDS: &str = "fullhouse_overdue_hold_seconds";

/// The open holds.
#[derive(Debug)]
pub struct Timers {
    holds: Mutex<Holds>,
    next: watch::Sender<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct Holds {
    /// When each open hold ends, and when it is to be reported next.
    open: HashMap<ReservationId, Open>,
    /// By the instant of the next report, then by number: many holds end at one instant, and their names take longer to compare.
    queue: BTreeMap<(Timestamp, u64), ReservationId>,
    /// The number of the hold that was opened last.
    numbered: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    number: u64,
    ends_at: Timestamp,
    report_at: Timestamp,
}

impl Default for Timers {
    fn default() -> Self {
        Self { holds: Mutex::default(), next: watch::channel(None).0 }
    }
}

impl Timers {
    /// Takes the next fact into account.
    pub(crate) fn apply(&self, event: &Event) {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::ShowScheduled(_) | Event::Room(_) => {}
            Event::SeatsHeld { reservation, expires_at, .. } => holds.open(reservation, *expires_at),
            Event::SeatsReserved { reservation, .. } | Event::HoldReleased { reservation, .. } | Event::HoldExpired { reservation, .. } => {
                holds.end(reservation);
            }
        }
    }

    /// Wakes the reporter when the next hold that is due is another one than before.
    pub(crate) fn announce(&self) {
        let next = self.holds.lock().unwrap_or_else(PoisonError::into_inner).queue.first_key_value().map(|((at, _), _)| *at);
        self.next.send_if_modified(|known| std::mem::replace(known, next) != next);
    }

    fn take_due(&self, now: Timestamp) -> Vec<ReservationId> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        metrics::gauge!(OPEN_HOLDS).set(holds.open.len() as f64);
        let mut due = Vec::new();
        while due.len() < DUE_MAX
            && let Some(first) = holds.queue.first_entry().filter(|first| first.key().0 <= now)
        {
            due.push(first.remove());
        }
        let mut overdue = Duration::ZERO;
        for id in &due {
            overdue = overdue.max(holds.open.get(id).map_or(Duration::ZERO, |open| open.ends_at.until(now)));
            holds.report_next(id, now + REPEAT_AFTER);
        }
        metrics::gauge!(OVERDUE_SECONDS).set(overdue.as_secs_f64());
        due
    }

    fn sleep_from(&self, now: Timestamp) -> Duration {
        let holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.queue.first_key_value().map_or(SLEEP_MAX, |((at, _), _)| now.until(*at).min(SLEEP_MAX))
    }
}

impl Holds {
    fn open(&mut self, id: &ReservationId, ends_at: Timestamp) {
        self.numbered += 1;
        let open = Open { number: self.numbered, ends_at, report_at: ends_at };
        if let Some(before) = self.open.insert(id.clone(), open) {
            self.queue.remove(&(before.report_at, before.number));
        }
        self.queue.insert((ends_at, self.numbered), id.clone());
    }

    fn end(&mut self, id: &ReservationId) {
        if let Some(open) = self.open.remove(id) {
            self.queue.remove(&(open.report_at, open.number));
        }
    }

    fn report_next(&mut self, id: &ReservationId, at: Timestamp) {
        if let Some(open) = self.open.get_mut(id) {
            open.report_at = at;
            self.queue.insert((at, open.number), id.clone());
        }
    }
}

/// Reports due holds, by the clock of the log, until `stop`.
pub async fn run(timers: Arc<Timers>, log: Log, due: mpsc::Sender<ReservationId>, stop: CancellationToken) {
    let reporting = async {
        let mut next = timers.next.subscribe();
        loop {
            for reservation in timers.take_due(log.now()) {
                if due.send(reservation).await.is_err() {
                    return;
                }
            }
            let sleep = timers.sleep_from(log.now());
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                changed = next.changed() => if changed.is_err() { return },
            }
        }
    };
    stop.run_until_cancelled(reporting).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use fullhouse_domain::{ShowId, Subject};

    fn id(name: &str) -> ReservationId {
        ReservationId::of_show(&ShowId::parse("local-a").expect("plain"), name).expect("plain")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn holds(open: &[(&str, i64)]) -> Timers {
        let timers = Timers::default();
        for &(name, ends) in open {
            let subject = Subject::parse("ann").expect("visible");
            timers.apply(&Event::SeatsHeld { reservation: id(name), subject, seats: vec![], expires_at: at(ends) });
        }
        timers
    }

    #[test]
    fn holds_are_due_at_their_end_and_not_before() {
        let timers = holds(&[("late", 20), ("soon", 10)]);
        assert_eq!(timers.take_due(at(9)), []);
        assert_eq!(timers.sleep_from(at(0)), SLEEP_MAX);
        assert_eq!(timers.take_due(at(10)), [id("soon")]);
        assert_eq!(timers.take_due(at(20)), [id("soon"), id("late")]);
    }

    #[test]
    fn a_due_hold_is_reported_again_until_a_fact_ends_it() {
        let timers = holds(&[("r", 10)]);
        assert_eq!(timers.take_due(at(10)), [id("r")]);
        assert_eq!(timers.take_due(at(10)), []);
        assert_eq!(timers.take_due(at(11)), [id("r")]);
        timers.apply(&Event::HoldExpired { reservation: id("r"), seats: vec![] });
        assert_eq!(timers.take_due(at(99)), []);
        assert!(timers.holds.lock().expect("unpoisoned").queue.is_empty());
    }

    #[test]
    fn a_hold_that_was_checked_out_or_released_is_never_due() {
        let timers = holds(&[("sold", 10), ("released", 10)]);
        timers.apply(&Event::SeatsReserved { reservation: id("sold"), seats: vec![], payment_reference: String::new() });
        timers.apply(&Event::HoldReleased { reservation: id("released"), seats: vec![] });
        assert_eq!(timers.take_due(at(10)), []);
    }
}
