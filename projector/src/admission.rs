//! Letting people in: a projection of the waiting rooms that says when something is due.
//!
//! Each server reports who is there ([`RoomReport`]). From the reports and the rooms, as the log tells of them, this finds who
//! is next and orders it; a command server decides, on the newest state, so two that do this at once, or one that is behind,
//! let nobody in who may not be. An order that gets lost is given again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fullhouse_domain::{Room, ShowId, Timestamp};
use fullhouse_eventstore::Log;
use fullhouse_schemas::room_messages::{PersonData, Plain, RoomOrder, RoomReport};
use fullhouse_views::{LiveShow, LiveViews};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Gauge, by show: how many turns run.
pub const ACTIVE: &str = "fullhouse_queue_active_shoppers";
/// Gauge, by show: the highest number that was let in.
pub const SERVING: &str = "fullhouse_queue_serving_number";
/// Counter: orders that were given, by kind.
pub const ORDERS: &str = "fullhouse_queue_orders_total";

/// How often the rooms are looked at.
const BEAT: Duration = Duration::from_millis(100);
/// So long every server is listened to before the first order is given: each reports several times in that while.
pub const HEAR_FIRST: Duration = Duration::from_millis(500);
/// What a server reported counts for so long. It reports several times in that while.
const REPORT_LASTS: Duration = Duration::from_millis(1_500);
/// An order that nothing has come of is given again after so long.
const REPEAT_AFTER: Duration = Duration::from_millis(500);
/// How many shows are looked up at a time.
const LOOKED_UP: usize = 1_000;

/// Looks after all waiting rooms until `stop`. At first it only listens for `hear_first`: whoever reports a little later may have
/// somebody with a lower number.
pub async fn run(
    log: Log,
    views: Arc<LiveViews>,
    mut reports: mpsc::Receiver<RoomReport>,
    orders: mpsc::Sender<RoomOrder>,
    hear_first: Duration,
    stop: CancellationToken,
) {
    let mut admission = Admission::default();
    let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + hear_first, BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let admitting = async {
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => admission.take(report),
                    None => return,
                },
                _ = beat.tick() => for order in admission.due(&views, log.now()) {
                    if orders.send(order).await.is_err() {
                        return;
                    }
                },
            }
        }
    };
    stop.run_until_cancelled(admitting).await;
}

#[derive(Default)]
struct Admission {
    /// By show and server, with the instant of arrival.
    reports: HashMap<ShowId, HashMap<u64, (Instant, RoomReport)>>,
    rooms: Vec<Watched>,
    looked_up_to: u64,
}

/// A show with a waiting room.
struct Watched {
    show: Arc<LiveShow>,
    /// At which position of the show the last order was given, and when.
    ordered: Option<(u64, Instant)>,
}

impl Admission {
    fn take(&mut self, report: RoomReport) {
        let of_show = self.reports.entry(report.show.0.clone()).or_default();
        of_show.insert(report.server, (Instant::now(), report));
    }

    fn due(&mut self, views: &LiveViews, now: Timestamp) -> Vec<RoomOrder> {
        self.look_up(views);
        for of_show in self.reports.values_mut() {
            of_show.retain(|_, (arrived, _)| arrived.elapsed() < REPORT_LASTS);
        }
        self.reports.retain(|_, of_show| !of_show.is_empty());
        self.rooms.retain(|watched| watched.show.room().is_some_and(|room| !room.is_closed()));
        let reports = &self.reports;
        let due = |watched: &mut Watched| watched.due(reports.get(watched.show.id()), now);
        self.rooms.iter_mut().filter_map(due).collect()
    }

    fn look_up(&mut self, views: &LiveViews) {
        loop {
            let shows = views.shows_after(self.looked_up_to, LOOKED_UP);
            let Some((last, _)) = shows.last() else { return };
            self.looked_up_to = *last;
            let with_rooms = shows.into_iter().filter(|(_, show)| show.room().is_some());
            self.rooms.extend(with_rooms.map(|(_, show)| Watched { show, ordered: None }));
        }
    }
}

impl Watched {
    fn due(&mut self, reports: Option<&HashMap<u64, (Instant, RoomReport)>>, now: Timestamp) -> Option<RoomOrder> {
        let (position, counts) = {
            let view = self.show.view();
            (view.position(), view.counts())
        };
        if self.ordered.is_some_and(|(at, given)| at == position && given.elapsed() < REPEAT_AFTER) {
            return None;
        }
        let id = Plain(self.show.id().clone());
        let room = self.show.room()?;
        metrics::gauge!(ACTIVE, "event_id" => id.0.to_string()).set(f64::from(room.active(now)));
        metrics::gauge!(SERVING, "event_id" => id.0.to_string()).set(room.serving() as f64);
        let order = if let Some(draws_at) = room.draws_at() {
            (draws_at <= now).then_some(RoomOrder::Open { show: id })
        } else {
            let slots = if counts.available > 0 { room.slots_at(now) } else { 0 };
            let candidates = merge(reports, &room, slots as usize, now);
            let taken_up = taken_up(reports, &room);
            let is_sold_out = counts.available == 0 && counts.pending == 0;
            let is_due = !candidates.is_empty() || !taken_up.is_empty() || room.is_due(is_sold_out, now);
            is_due.then_some(RoomOrder::Admit { show: id, candidates, taken_up })
        };
        drop(room);
        if let Some(order) = &order {
            let kind = if matches!(order, RoomOrder::Open { .. }) { "open" } else { "admit" };
            metrics::counter!(ORDERS, "kind" => kind).increment(1);
            self.ordered = Some((position, Instant::now()));
        }
        order
    }
}

/// The next people of all servers, the lowest numbers first. Where a server has more people than it named, nobody is taken whose
/// number is beyond those that it named: somebody with a lower one may be there.
fn merge(reports: Option<&HashMap<u64, (Instant, RoomReport)>>, room: &Room, slots: usize, now: Timestamp) -> Vec<PersonData> {
    let reports = || reports.into_iter().flat_map(HashMap::values).map(|(_, report)| report);
    let known_up_to = reports().filter(|report| !report.is_whole).filter_map(|report| Some(report.waiting.last()?.number)).min();
    let mut people: Vec<PersonData> = reports()
        .flat_map(|report| &report.waiting)
        .filter(|person| room.is_waiting(person.number) && room.turn_of(&person.subject.0, now).is_none())
        .filter(|person| known_up_to.is_none_or(|last| person.number <= last))
        .cloned()
        .collect();
    people.sort_by_key(|person| person.number);
    people.dedup_by_key(|person| person.number);
    people.truncate(slots);
    people
}

fn taken_up(reports: Option<&HashMap<u64, (Instant, RoomReport)>>, room: &Room) -> Vec<u64> {
    let named = reports.into_iter().flat_map(HashMap::values).flat_map(|(_, report)| &report.let_in);
    let mut numbers: Vec<u64> = named.copied().filter(|number| room.is_let_in(*number)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use fullhouse_domain::plan::WaitingRoom;
    use fullhouse_domain::{Candidate, Event, RoomEvent, Subject, testing};

    fn subject(number: u64) -> Subject {
        Subject::parse(&format!("p{number}")).expect("visible")
    }

    fn report(server: u64, waiting: &[u64], is_whole: bool, let_in: &[u64]) -> RoomReport {
        let waiting = waiting.iter().map(|&number| PersonData { number, subject: Plain(subject(number)) }).collect();
        let show = Plain(ShowId::parse("local-a").expect("plain"));
        RoomReport { server, show, waiting, is_whole, let_in: let_in.to_vec() }
    }

    fn views(max_active: u32) -> LiveViews {
        let views = LiveViews::default();
        let plan = fullhouse_domain::Plan { waiting_room: Some(WaitingRoom::of(max_active)), ..testing::plan(&[9]) };
        views.add(ShowId::parse("local-a").expect("plain"), plan, 1, Timestamp::default());
        views.reached(1);
        views
    }

    fn moved(views: &LiveViews, position: u64, admitted: &[u64]) {
        let admitted = admitted.iter().map(|&number| Candidate { number, subject: subject(number) }).collect();
        let event = Event::Room(RoomEvent::Moved { admitted, taken_up: vec![], ended: vec![] });
        let show = views.show(&ShowId::parse("local-a").expect("plain")).expect("it was added");
        show.apply([(position, Timestamp::default(), &event)].into_iter()).expect("it is next");
    }

    fn numbers(orders: &[RoomOrder]) -> (Vec<u64>, Vec<u64>) {
        match orders {
            [RoomOrder::Admit { candidates, taken_up, .. }] => (candidates.iter().map(|person| person.number).collect(), taken_up.clone()),
            [] => (vec![], vec![]),
            others => panic!("{others:?}"),
        }
    }

    #[tokio::test]
    async fn nobody_is_let_in_before_every_server_has_had_time_to_report() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = Log::Sqlite(fullhouse_eventstore::sqlite::SqliteLog::open(folder.path()).expect("a new log"));
        let (report_sender, reports) = mpsc::channel(9);
        let (order_sender, mut orders) = mpsc::channel(9);
        tokio::spawn(run(log, Arc::new(views(3)), reports, order_sender, HEAR_FIRST, CancellationToken::new()));
        report_sender.send(report(1, &[5], true, &[])).await.expect("it listens");
        // The quicker server must not win: the other one has somebody with a lower number.
        tokio::time::sleep(HEAR_FIRST / 2).await;
        report_sender.send(report(2, &[2], true, &[])).await.expect("it listens");
        let first = orders.recv().await.expect("an order");
        assert_eq!(numbers(&[first]), (vec![2, 5], vec![]));
    }

    #[test]
    fn the_lowest_numbers_of_all_servers_are_next_as_far_as_they_are_known() {
        let views = views(3);
        let mut admission = Admission::default();
        assert_eq!(admission.due(&views, Timestamp::default()), []);
        admission.take(report(1, &[2, 5, 9], true, &[]));
        admission.take(report(2, &[3, 4], false, &[]));
        admission.take(report(2, &[3], false, &[]));
        assert_eq!(numbers(&admission.due(&views, Timestamp::default())), (vec![2, 3], vec![]), "4 may stand behind 3 at server 2");
        assert_eq!(admission.due(&views, Timestamp::default()), [], "it was ordered");
        moved(&views, 2, &[2, 3]);
        admission.take(report(2, &[], true, &[3]));
        assert_eq!(numbers(&admission.due(&views, Timestamp::default())), (vec![5], vec![3]));
    }
}
