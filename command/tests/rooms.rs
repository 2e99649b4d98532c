//! A waiting room under several sequencers on one log: its limit holds at every position, and holds need a running turn,
//! whoever decides.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, Outcome, Sequencer};
use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::{Candidate, Command, InLine, Plan, Refusal, ReservationId, ShowId, Subject, Wanted, testing};
use fullhouse_eventstore::Log;
use fullhouse_eventstore::sqlite::SqliteLog;
use tokio_util::sync::CancellationToken;

const MAX_ACTIVE: u32 = 5;
const PEOPLE: u64 = 200;

fn show_id() -> ShowId {
    ShowId::parse("local-a").unwrap()
}

fn subject(number: u64) -> Subject {
    Subject::parse(&format!("p{number}")).unwrap()
}

fn of(number: u64, command: Command) -> Submission {
    Submission::of_server(show_id(), Some(subject(number)), "test", Action::Command(command))
}

fn admit(numbers: impl Iterator<Item = u64>) -> Submission {
    let candidates: Vec<Candidate> = numbers.map(|number| Candidate { number, subject: subject(number) }).collect();
    let taken_up = candidates.iter().map(|candidate| candidate.number).collect();
    Submission::of_server(show_id(), None, "test", Action::Command(Command::AdmitShoppers { candidates, taken_up }))
}

fn schedule(max_active: u32) -> Submission {
    let plan = Plan { waiting_room: Some(WaitingRoom::of(max_active)), ..testing::plan(&[1_000]) };
    Submission::of_server(show_id(), None, "test", Action::Schedule(Box::new(plan)))
}

/// Holds a seat with the pass of this number; says whether that went well.
async fn hold(sequencer: &Sequencer, number: u64) -> Option<ReservationId> {
    let reservation = ReservationId::of_show(&show_id(), &format!("{:x}", rand::random::<u64>())).unwrap();
    let wanted = Wanted::BestAvailable { count: 1, section: None };
    match sequencer
        .submit(of(number, Command::HoldSeats { reservation, subject: subject(number), wanted, pass: Some(number) }))
        .await
        .unwrap()
    {
        Outcome::Held(claimed) => Some(claimed.reservation.id),
        Outcome::Refused { refusal: Refusal::PassRequired, .. } => None,
        other => panic!("{other:?}"),
    }
}

/// Everybody is let in by whoever looks after the room, buys or leaves in his turn, at either sequencer.
async fn shop(sequencers: Arc<[Sequencer; 2]>, next: Arc<AtomicU64>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number > PEOPLE {
            return;
        }
        let sequencer = &sequencers[number as usize % 2];
        let reservation = loop {
            match hold(sequencer, number).await {
                Some(reservation) => break reservation,
                None => tokio::task::yield_now().await,
            }
        };
        let ending = if number.is_multiple_of(3) {
            Command::LeaveRoom(InLine { entry: number, member: [0; 16], subject: subject(number) })
        } else {
            Command::Checkout { reservation, subject: subject(number), payment_reference: "p".into() }
        };
        sequencers[(number as usize + 1) % 2].submit(of(number, ending)).await.unwrap();
        // At the same position or later, no server lets him hold again.
        assert_eq!(hold(&sequencers[(number as usize + 1) % 2], number).await, None, "{number} held after his turn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_decide_the_limit_holds_at_every_position_and_everybody_has_his_turn() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let sequencers =
        Arc::new([(); 2].map(|()| Sequencer::start(log.clone(), support::snapshots(folder.path()), CancellationToken::new()).0));
    assert!(matches!(sequencers[0].submit(schedule(MAX_ACTIVE)).await, Ok(Outcome::Scheduled(_))));

    // Two of them let people in at once, each by both sequencers.
    let stop = CancellationToken::new();
    let admitting = (0..2).map(|which: usize| {
        let (sequencers, stop) = (sequencers.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                for sequencer in [&sequencers[which], &sequencers[1 - which]] {
                    sequencer.submit(admit(1..=PEOPLE)).await.unwrap();
                }
            }
        })
    });
    let admitting: Vec<_> = admitting.collect();
    let next = Arc::new(AtomicU64::new(1));
    let shopping: Vec<_> = (0..2 * MAX_ACTIVE).map(|_| tokio::spawn(shop(sequencers.clone(), next.clone()))).collect();
    for task in shopping {
        task.await.unwrap();
    }
    stop.cancel();
    for task in admitting {
        task.await.unwrap();
    }

    // The fold refuses a history in which more are in than may be, or somebody holds without a turn.
    let mut most = 0;
    let show = support::replay(&log, |show| most = most.max(show.room().unwrap().active(show.recorded_at()))).await;
    assert_eq!((most, show.room().unwrap().admitted()), (MAX_ACTIVE, PEOPLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_buys_and_holds_at_the_same_moment_holds_before_he_has_bought_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let sequencers = [(); 2].map(|()| Sequencer::start(log.clone(), support::snapshots(folder.path()), CancellationToken::new()).0);
    sequencers[0].submit(schedule(1)).await.unwrap();
    for number in 1..=PEOPLE {
        sequencers[0].submit(admit(number..=number)).await.unwrap();
        let reservation = hold(&sequencers[number as usize % 2], number).await.expect("it is his turn");
        let buying = Command::Checkout { reservation, subject: subject(number), payment_reference: "p".into() };
        // Now by the same sequencer, in one batch, now by two.
        let (buyer, holder) = (&sequencers[0], &sequencers[number as usize % 2]);
        let (bought, ..) = futures::join!(buyer.submit(of(number, buying)), hold(holder, number), hold(holder, number));
        assert!(matches!(bought, Ok(Outcome::CheckedOut(_))), "{bought:?}");
    }
    // It fails where somebody holds after his turn.
    support::replay(&log, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_leaves_keeps_nobody_of_another_show_waiting_until_all_have_left() {
    const LEAVING: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let log = Log::Sqlite(SqliteLog::open(folder.path()).unwrap());
    let sequencer = Sequencer::start(log, support::snapshots(folder.path()), CancellationToken::new()).0;
    sequencer.submit(schedule(1)).await.unwrap();
    let other = ShowId::parse("local-b").unwrap();
    sequencer.submit(Submission::of_server(other.clone(), None, "test", Action::Schedule(Box::new(testing::plan(&[10]))))).await.unwrap();

    let left = Arc::new(AtomicU64::new(0));
    let leaving = (1..=LEAVING).map(|number| {
        let (sequencer, left) = (sequencer.clone(), left.clone());
        tokio::spawn(async move {
            let leave = Command::LeaveRoom(InLine { entry: number, member: [0; 16], subject: subject(number) });
            sequencer.submit_when_there_is_room(of(number, leave)).await.unwrap();
            left.fetch_add(1, Ordering::Relaxed);
        })
    });
    let leaving: Vec<_> = leaving.collect();
    while left.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    for number in 0..10 {
        let reservation = ReservationId::of_show(&other, &format!("r{number}")).unwrap();
        let wanted = Wanted::BestAvailable { count: 1, section: None };
        let hold = Action::Command(Command::HoldSeats { reservation, subject: subject(1), wanted, pass: None });
        let held = sequencer.submit(Submission::of_server(other.clone(), Some(subject(1)), "test", hold)).await.unwrap();
        assert!(matches!(held, Outcome::Held(_)), "{held:?}");
    }
    assert!(left.load(Ordering::Relaxed) < LEAVING / 2, "ten holds, one after the other, were answered before most had left");
    for task in leaving {
        task.await.unwrap();
    }
}
