//! The sequencer on a real log: alone, beside another one on the same log, and under more than it can bear.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, Outcome, Rejected, Sequencer};
use fullhouse_domain::{Command, Refusal, ReservationId, ReservationStatus, Show, ShowId, Subject, Wanted, testing};
use fullhouse_eventstore::sqlite::SqliteLog;
use fullhouse_eventstore::{Fingerprint, Log};
use fullhouse_schemas::CommandId;
use tokio_util::sync::CancellationToken;

fn show_id() -> ShowId {
    ShowId::parse("local-a").unwrap()
}

struct Office {
    folder: tempfile::TempDir,
    log: Log,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
        Self { folder, log }
    }

    /// Nobody else can write the log until this is dropped.
    fn locked(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.folder.path().join("log.sqlite")).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }

    fn sequencer(&self) -> Sequencer {
        Sequencer::start(self.log.clone(), support::snapshots(self.folder.path()), CancellationToken::new()).0
    }

    async fn with_show(seats: u32) -> (Self, Sequencer) {
        let office = Self::new();
        let sequencer = office.sequencer();
        let scheduled = sequencer.submit(unkeyed(Action::Schedule(Box::new(testing::plan(&[seats]))))).await;
        assert!(matches!(scheduled, Ok(Outcome::Scheduled(_))), "{scheduled:?}");
        (office, sequencer)
    }

    /// Folds the whole log; a breach of the rules fails.
    async fn replayed(&self) -> Show {
        support::replay(&self.log, |_| {}).await
    }
}

fn unkeyed(action: Action) -> Submission {
    Submission::of_server(show_id(), Subject::parse("ann"), "test", action)
}

fn keyed(key: u64, action: Action) -> Submission {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&key.to_be_bytes());
    Submission { command_id: CommandId(id), is_keyed: true, fingerprint: Fingerprint([1; 16]), ..unkeyed(action) }
}

fn hold(labels: &[&str]) -> Action {
    hold_wanted(Wanted::Seats(labels.iter().map(|&label| label.into()).collect()))
}

fn hold_wanted(wanted: Wanted) -> Action {
    let reservation = ReservationId::of_show(&show_id(), &format!("{:x}", rand::random::<u64>())).unwrap();
    Action::Command(Command::HoldSeats { reservation, subject: Subject::parse("ann").unwrap(), wanted, pass: None })
}

fn best(count: u32) -> Action {
    hold_wanted(Wanted::BestAvailable { count, section: None })
}

fn release(reservation: &ReservationId) -> Action {
    Action::Command(Command::ReleaseHold { reservation: reservation.clone(), subject: Subject::parse("ann").unwrap() })
}

fn checkout(reservation: &ReservationId) -> Action {
    let (reservation, subject) = (reservation.clone(), Subject::parse("ann").unwrap());
    Action::Command(Command::Checkout { reservation, subject, payment_reference: "p".into() })
}

fn held(outcome: Result<Outcome, Rejected>) -> ReservationId {
    match outcome {
        Ok(Outcome::Held(claimed)) => claimed.reservation.id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_many_who_want_the_same_seat_at_once_one_gets_it_and_the_others_are_told_where_it_was_taken() {
    let (_office, sequencer) = Office::with_show(10).await;
    let outcomes = futures::future::join_all((0..100).map(|_| sequencer.submit(unkeyed(hold(&["S-A-1"]))))).await;
    let mut winners = 0;
    for outcome in outcomes {
        match outcome.unwrap() {
            Outcome::Held(_) => winners += 1,
            Outcome::Refused { refusal: Refusal::SeatsTaken(_), position: 2 } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn best_available_at_once_gives_each_his_own_seats_without_a_refusal() {
    let (office, sequencer) = Office::with_show(1_000).await;
    let outcomes = futures::future::join_all((0..400).map(|_| sequencer.submit(unkeyed(best(2))))).await;
    outcomes.into_iter().for_each(|outcome| drop(held(outcome)));
    assert_eq!(office.replayed().await.reservations().len(), 400);
}

#[tokio::test]
async fn refusals_are_answered_however_busy_the_show_is() {
    let (office, sequencer) = Office::with_show(100).await;
    held(sequencer.submit(unkeyed(hold(&["S-A-1"]))).await);
    // Here, where each of its batches may have a refusal in it, and at another server.
    let business = [sequencer.clone(), office.sequencer(), office.sequencer()].map(|busy| {
        tokio::spawn(async move {
            loop {
                let id = held(busy.submit(unkeyed(best(1))).await);
                busy.submit(unkeyed(release(&id))).await.unwrap();
            }
        })
    });
    let mut last = 2;
    for _ in 0..200 {
        let refused = tokio::time::timeout(Duration::from_secs(10), sequencer.submit(unkeyed(hold(&["S-A-1"])))).await.expect("in time");
        let Ok(Outcome::Refused { refusal: Refusal::SeatsTaken(_), position }) = refused else { panic!("{refused:?}") };
        assert!(position >= last, "it never goes back: {position} after {last}");
        last = position;
    }
    for task in business {
        assert!(!task.is_finished(), "the show is busy all the time");
        task.abort();
    }
}

#[tokio::test]
async fn past_its_capacity_the_excess_is_refused_at_once_and_what_was_taken_is_done() {
    let (office, sequencer) = Office::with_show(1_000).await;
    // They arrive faster than they can be decided.
    let outcomes = futures::future::join_all((0..10_000).map(|_| sequencer.submit(unkeyed(best(1))))).await;
    let overloaded = outcomes.iter().filter(|outcome| matches!(outcome, Err(Rejected::Overloaded))).count();
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Held(_)))).count();
    assert!((1..=10_000 - 1_024).contains(&overloaded), "{overloaded}");
    assert_eq!(done, 1_000);
    // In order: those who came first were not the ones turned away.
    assert!(outcomes[..1_024].iter().all(Result::is_ok));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Rejected::Overloaded))), "each has its answer");
    assert_eq!(office.replayed().await.reservations().len(), 1_000);
}

#[tokio::test]
async fn of_a_slow_log_fewer_commands_may_wait() {
    let (office, sequencer) = Office::with_show(1_000).await;
    // Somebody else has the file locked, so that a batch takes long: 0.6 s at least, however late it begins.
    let slow = office.locked();
    let first = tokio::spawn({
        let sequencer = sequencer.clone();
        async move { sequencer.submit(unkeyed(best(1))).await }
    });
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    drop(slow);
    held(first.await.unwrap());

    // At 512 commands in 0.6 s, 853 wait a second. Those of a batch do not wait any more.
    let slow = office.locked();
    let mut all = std::pin::pin!(futures::future::join_all((0..4_000).map(|_| sequencer.submit(unkeyed(best(1))))));
    assert!(futures::poll!(&mut all).is_pending());
    drop(slow);
    let outcomes = all.await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Rejected::Overloaded))).count();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Rejected::Overloaded))), "each has its answer");
    assert!((512..=853 + 512).contains(&(4_000 - refused)), "{} were taken", 4_000 - refused);
}

#[tokio::test]
async fn a_choice_is_refused_only_where_the_seats_are_taken() {
    for _ in 0..20 {
        let (_office, sequencer) = Office::with_show(40).await;
        let outcomes = futures::future::join_all((0..60).map(|_| sequencer.submit(unkeyed(best(1))))).await;
        let mut held = 0;
        for outcome in outcomes {
            match outcome.unwrap() {
                Outcome::Held(_) => held += 1,
                // The show was scheduled at position 1, and 40 holds follow.
                Outcome::Refused { refusal, position } => assert_eq!(position, 41, "{refusal:?}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(held, 40);
    }
}

#[tokio::test]
async fn a_show_that_does_not_exist_is_refused_until_it_does() {
    let office = Office::new();
    let sequencer = office.sequencer();
    let refused = sequencer.submit(unkeyed(best(1))).await;
    assert!(matches!(refused, Ok(Outcome::Refused { refusal: Refusal::UnknownShow, position: 0 })), "{refused:?}");
    sequencer.submit(unkeyed(Action::Schedule(Box::new(testing::plan(&[10]))))).await.unwrap();
    held(sequencer.submit(unkeyed(best(1))).await);
}

#[tokio::test]
async fn after_stop_what_was_taken_is_answered_and_nothing_more_is_taken() {
    let office = Office::new();
    let stop = CancellationToken::new();
    let (sequencer, running) = Sequencer::start(office.log.clone(), support::snapshots(office.folder.path()), stop.clone());
    sequencer.submit(unkeyed(Action::Schedule(Box::new(testing::plan(&[100]))))).await.unwrap();
    let taken = futures::future::join_all((0..50).map(|_| sequencer.submit(unkeyed(best(1)))));
    let (taken, ()) = tokio::join!(taken, async { stop.cancel() });
    taken.into_iter().for_each(|outcome| drop(held(outcome)));
    running.await.unwrap();
    assert_eq!(sequencer.submit(unkeyed(best(1))).await.unwrap_err(), Rejected::Closing);
    assert!(!sequencer.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sequencers_on_one_log_are_as_right_as_one() {
    let (office, first) = Office::with_show(60).await;
    let second = office.sequencer();
    let shoppers: Vec<_> = (0..16)
        .map(|number| {
            let sequencers = [first.clone(), second.clone()];
            tokio::spawn(async move {
                let mut last: HashMap<ReservationId, ReservationStatus> = HashMap::new();
                for step in 0..60_usize {
                    // Each command may go to either; a reservation is ended through the one that did not make it.
                    let (one, other) = (&sequencers[(number + step) % 2], &sequencers[(number + step + 1) % 2]);
                    let wish = if step % 3 == 0 { best(2) } else { hold(&[&format!("S-A-{}", (number * 7 + step * 5) % 60 + 1)]) };
                    let id = match one.submit(unkeyed(wish)).await.unwrap() {
                        Outcome::Held(claimed) => claimed.reservation.id,
                        Outcome::Refused { .. } => continue,
                        unexpected => panic!("{unexpected:?}"),
                    };
                    if step % 20 == 7 {
                        assert!(matches!(other.submit(unkeyed(checkout(&id))).await, Ok(Outcome::CheckedOut(_))));
                        last.insert(id, ReservationStatus::Reserved);
                    } else {
                        assert!(matches!(other.submit(unkeyed(release(&id))).await, Ok(Outcome::Ended)));
                        last.insert(id, ReservationStatus::Released);
                    }
                }
                last
            })
        })
        .collect();
    let mut told = HashMap::new();
    for shopper in shoppers {
        told.extend(shopper.await.unwrap());
    }
    let show = office.replayed().await;
    assert!(show.reservations().len() > 100, "only {} holds", show.reservations().len());
    assert_eq!(show.reservations().len(), told.len());
    for (id, status) in told {
        assert_eq!(show.reservation(&id).map(|reservation| reservation.status), Some(status));
    }
}

#[tokio::test]
async fn a_key_gets_its_first_outcome_from_another_sequencer_too() {
    let (office, first) = Office::with_show(10).await;
    let second = office.sequencer();
    let id = held(first.submit(keyed(1, best(2))).await);
    let sold = first.submit(keyed(2, checkout(&id))).await;
    assert_eq!(held(second.submit(keyed(1, best(2))).await), id);
    let (Ok(Outcome::CheckedOut(sold)), Ok(Outcome::CheckedOut(again))) = (sold, second.submit(keyed(2, checkout(&id))).await) else {
        panic!()
    };
    assert_eq!(sold.reservation, again.reservation);
    let other_request = Submission { fingerprint: Fingerprint([2; 16]), ..keyed(1, best(3)) };
    assert!(matches!(second.submit(other_request).await, Ok(Outcome::KeyReused)));
    let unknown = || keyed(3, hold(&["S-Z-1"]));
    let (Ok(Outcome::RefusedAs(refused)), Ok(Outcome::RefusedAs(again))) = (first.submit(unknown()).await, second.submit(unknown()).await)
    else {
        panic!()
    };
    assert_eq!(refused, again);
}

#[tokio::test]
async fn what_one_sequencer_appended_the_other_decides_on() {
    let (office, first) = Office::with_show(10).await;
    let second = office.sequencer();
    // The second one reads the show before the first one changes it.
    held(second.submit(unkeyed(hold(&["S-A-10"]))).await);
    for seat in 1..=5 {
        held(first.submit(unkeyed(hold(&[&format!("S-A-{seat}")]))).await);
    }
    let refused = second.submit(unkeyed(hold(&["S-A-3"]))).await;
    assert!(matches!(refused, Ok(Outcome::Refused { refusal: Refusal::SeatsTaken(_), position: 7 })), "{refused:?}");
    held(second.submit(unkeyed(hold(&["S-A-6"]))).await);
    assert_eq!(office.replayed().await.reservations().len(), 7);
}

#[tokio::test]
async fn a_show_that_is_warmed_beforehand_is_as_right_as_one_that_is_not() {
    let (office, first) = Office::with_show(10).await;
    held(first.submit(unkeyed(hold(&["S-A-1"]))).await);
    let second = office.sequencer();
    second.warm(show_id()).await;
    second.warm(ShowId::parse("local-nothing").unwrap()).await;
    let refused = second.submit(unkeyed(hold(&["S-A-1"]))).await;
    assert!(matches!(refused, Ok(Outcome::Refused { refusal: Refusal::SeatsTaken(_), position: 2 })), "{refused:?}");
}
