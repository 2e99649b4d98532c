//! A snapshot and the fold of the rest are the fold of everything; and what no history can have come to is not believed.

mod stage;

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::{
    Candidate, Command, Event, InLine, Plan, Reservation, ReservationStatus, RoomSnapshot, Show, ShowSnapshot, SnapshotFault, Timestamp,
    Wanted, decide,
};
use proptest::prelude::*;
use stage::{AT_600, Stage, at, checkout, expire, held, hold_best, plan, release, released, reservation, reserved, subject};

fn first(plan: Plan) -> Event {
    Event::ShowScheduled(Box::new(plan))
}

/// A show whose sale begins after a minute, with a waiting room.
fn plan_with_room() -> Plan {
    let rules = WaitingRoom { idle_seconds: 90, ..WaitingRoom::of(3) };
    Plan { waiting_room: Some(rules), on_sale_at: Some(at(60)), ..plan() }
}

fn restored(show: &Show) -> Show {
    Show::restore(&first(show.plan().clone()), show.snapshot()).expect("what was folded is believed")
}

fn in_line(number: u64) -> InLine {
    InLine { entry: number, member: [number as u8; 16], subject: subject(&format!("p{number}")) }
}

#[derive(Debug, Clone)]
enum Step {
    Hold {
        who: u64,
        first: u32,
        count: u32,
    },
    HoldBest {
        who: u64,
        count: u32,
    },
    Checkout(prop::sample::Index),
    Release(prop::sample::Index),
    Expire(prop::sample::Index),
    Open,
    Come(u64),
    Admit {
        numbers: Vec<u64>,
        taken_up: Vec<u64>,
    },
    Leave(u64),
    Limit(u32, bool),
    Wait(i64),
    /// From here on, one of the two goes on from a snapshot.
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (1..12u64, any::<prop::sample::Index>());
    let numbers = proptest::collection::vec(who.clone(), 0..6);
    prop_oneof![
        4 => (who.clone(), 1..=28u32, 1..=3u32).prop_map(|(who, first, count)| Step::Hold { who, first, count }),
        4 => (who.clone(), 1..=4u32).prop_map(|(who, count)| Step::HoldBest { who, count }),
        3 => which.clone().prop_map(Step::Checkout),
        2 => which.clone().prop_map(Step::Release),
        2 => which.prop_map(Step::Expire),
        1 => Just(Step::Open),
        2 => who.clone().prop_map(Step::Come),
        5 => (numbers.clone(), numbers).prop_map(|(numbers, taken_up)| Step::Admit { numbers, taken_up }),
        1 => who.prop_map(Step::Leave),
        1 => (1..5u32, any::<bool>()).prop_map(|(limit, is_paused)| Step::Limit(limit, is_paused)),
        3 => prop_oneof![Just(1), Just(59), Just(90), Just(300), Just(600)].prop_map(Step::Wait),
        2 => Just(Step::Snapshot),
    ]
}

/// The command of a step; nothing, when there is no reservation to end, or when it is no command.
fn command(step: &Step, number: usize, show: &Show) -> Option<Command> {
    let of = |which: &prop::sample::Index| {
        let reservations = show.reservations();
        let Reservation { id, subject, .. } = reservations.get(which.index(reservations.len().max(1)))?;
        Some((id.as_str().rsplit('.').next()?.to_owned(), subject.as_str().to_owned()))
    };
    let hold = |who: u64, wanted| {
        let (reservation, subject) = (reservation(&format!("r{number}")), in_line(who).subject);
        Some(Command::HoldSeats { reservation, subject, wanted, pass: show.room().map(|_| who) })
    };
    match step {
        Step::Hold { who, first, count } => {
            let labels = (*first..first + count).map(|seat| show.chart().label((seat - 1) % 30)).collect();
            hold(*who, Wanted::Seats(labels))
        }
        Step::HoldBest { who, count } => hold(*who, Wanted::BestAvailable { count: *count, section: None }),
        Step::Checkout(which) => of(which).map(|(id, who)| checkout(&id, &who, "paid")),
        Step::Release(which) => of(which).map(|(id, who)| release(&id, &who)),
        Step::Expire(which) => of(which).map(|(id, _)| expire(&id)),
        Step::Open => Some(Command::OpenRoom { members: (1..4).map(|who| in_line(who).member).collect(), seed: None, last_entry: 4 }),
        Step::Come(number) => Some(Command::TakePlace(in_line(*number))),
        Step::Admit { numbers, taken_up } => {
            let candidates = numbers.iter().map(|&number| Candidate { number, subject: in_line(number).subject }).collect();
            Some(Command::AdmitShoppers { candidates, taken_up: taken_up.clone() })
        }
        Step::Leave(number) => Some(Command::LeaveRoom(in_line(*number))),
        Step::Limit(limit, is_paused) => Some(Command::ChangeRoom { max_active: Some(*limit), is_paused: Some(*is_paused) }),
        Step::Wait(_) | Step::Snapshot => None,
    }
}

/// Everything that can be seen of a show.
fn check_equal(one: &Show, other: &Show, now: Timestamp) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.snapshot(), other.snapshot());
    prop_assert_eq!(one.room(), other.room());
    prop_assert_eq!((one.available(), one.pending(), one.plan()), (other.available(), other.pending(), other.plan()));
    prop_assert!(one.lapsed(now).eq(other.lapsed(now)));
    for seat in 0..one.chart().seats() {
        prop_assert_eq!((one.seat_status(seat), one.owner(seat)), (other.seat_status(seat), other.owner(seat)));
    }
    for Reservation { id, .. } in one.reservations() {
        prop_assert_eq!(one.numbered_reservation(id), other.numbered_reservation(id));
    }
    // Which seats are the best shows which are free, and in which runs.
    for count in 1..=4 {
        let best = hold_best("best", "ann", count, None);
        prop_assert_eq!(decide(one, &best, now), decide(other, &best, now));
    }
    Ok(())
}

fn both_agree(plan: Plan, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut whole = Stage::given_plan(plan).show;
    let mut resumed = restored(&whole);
    let mut now = 0;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Wait(seconds) => now += seconds,
            Step::Snapshot => {
                resumed = restored(&whole);
                check_equal(&whole, &resumed, at(now))?;
            }
            _ => {}
        }
        let Some(command) = command(step, number, &whole) else { continue };
        let decided = decide(&whole, &command, at(now));
        prop_assert_eq!(&decide(&resumed, &command, at(now)), &decided);
        for event in decided.unwrap_or_default() {
            prop_assert_eq!(whole.evolve(&event, at(now)), Ok(()));
            prop_assert_eq!(resumed.evolve(&event, at(now)), Ok(()));
        }
    }
    check_equal(&whole, &resumed, at(now))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn from_a_snapshot_on_everything_goes_on_as_from_the_beginning(steps in proptest::collection::vec(step(), 1..80)) {
        both_agree(plan(), &steps)?;
    }

    #[test]
    fn the_same_with_a_waiting_room(steps in proptest::collection::vec(step(), 1..120)) {
        both_agree(plan_with_room(), &steps)?;
    }
}

/// Seats 0 and 1 sold, 2 held, 3 given up again.
fn snapshot() -> ShowSnapshot {
    let stage = Stage::given([
        (at(0), held("r1", "ann", &[0, 1], AT_600)),
        (at(1), held("r2", "bob", &[2], AT_600)),
        (at(2), held("r3", "cat", &[3], AT_600)),
        (at(3), reserved("r1", &[0, 1], "paid")),
        (at(4), released("r3", &[3])),
    ]);
    stage.show.snapshot()
}

fn check_fault(change: impl FnOnce(&mut ShowSnapshot), fault: SnapshotFault) {
    let mut changed = snapshot();
    change(&mut changed);
    assert_eq!(Show::restore(&first(plan()), changed).map(drop), Err(fault));
}

#[test]
fn what_no_history_can_have_come_to_is_not_believed() {
    let of = |id| SnapshotFault::Reservation(reservation(id));
    check_fault(|changed| changed.position = 5, SnapshotFault::Position);
    check_fault(|changed| changed.position = 7, SnapshotFault::Position);
    check_fault(|changed| drop(changed.reservations.pop()), SnapshotFault::Position);
    check_fault(|changed| changed.reservations[2].seats = [30].into(), SnapshotFault::UnknownSeat(30));
    check_fault(|changed| changed.reservations[1].seats = [1].into(), SnapshotFault::SeatOwnedTwice(1));
    check_fault(|changed| changed.reservations[1].seats = [4, 4].into(), SnapshotFault::SeatOwnedTwice(4));
    check_fault(|changed| changed.reservations[1].id = reservation("r1"), SnapshotFault::ReservationReused(reservation("r1")));
    check_fault(|changed| changed.reservations[0].payment_reference = None, of("r1"));
    check_fault(|changed| changed.reservations[2].payment_reference = Some("paid".into()), of("r3"));
    check_fault(|changed| changed.reservations[0].changed_at = AT_600, of("r1"));
    check_fault(|changed| changed.reservations[2].status = ReservationStatus::Expired, of("r3"));
    check_fault(|changed| changed.reservations[1].position = 7, of("r2"));
    check_fault(|changed| changed.reservations[1].position = 1, of("r2"));
    let another = Stage::given_plan(plan_with_room()).show.snapshot().room;
    check_fault(|changed| changed.room = another, SnapshotFault::Room);
    assert_eq!(Show::restore(&released("r3", &[3]), snapshot()).map(drop), Err(SnapshotFault::NotScheduled));
}

fn check_room_fault(change: impl FnOnce(&mut RoomSnapshot)) {
    let admitted = |numbers: &[u64]| {
        let candidates = numbers.iter().map(|&number| Candidate { number, subject: in_line(number).subject }).collect();
        Command::AdmitShoppers { candidates, taken_up: vec![] }
    };
    let mut show = Stage::given_plan(Plan { on_sale_at: None, ..plan_with_room() }).show;
    for (seconds, command) in [(0, admitted(&[1, 2])), (1, Command::LeaveRoom(in_line(1))), (2, admitted(&[3, 4]))] {
        for event in decide(&show, &command, at(seconds)).expect("it is allowed") {
            show.evolve(&event, at(seconds)).expect("a decision breaks no rule");
        }
    }
    let mut changed = show.snapshot();
    change(changed.room.as_mut().expect("the show has one"));
    assert_eq!(Show::restore(&first(show.plan().clone()), changed).map(drop), Err(SnapshotFault::Room));
}

#[test]
fn nor_is_a_room_that_no_history_can_have_come_to() {
    check_room_fault(|room| room.serving = u64::MAX);
    check_room_fault(|room| room.used.clear());
    check_room_fault(|room| room.admitted += 1);
    check_room_fault(|room| (room.admitted, room.ended) = (u64::MAX, u64::MAX));
    check_room_fault(|room| room.turns[0].number = 9);
    check_room_fault(|room| room.turns[1] = room.turns[0].clone());
    check_room_fault(|room| room.turns[1].subject = room.turns[0].subject.clone());
    check_room_fault(|room| room.turns[0].ends_at = at(9_999));
    check_room_fault(|room| room.turns.reverse());
    check_room_fault(|room| room.outcomes_known = 65);
    check_room_fault(|room| room.marks.reverse());
}
