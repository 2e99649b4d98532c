//! The waiting room as sentences, and as histories that keep its promises whatever people do.

mod stage;

use std::collections::{HashMap, HashSet};

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::show::Breach;
use fullhouse_domain::{Candidate, Command, Event, InLine, Place, Plan, Refusal, Room, RoomEvent, Show, TurnEnd, Wanted, decide};
use proptest::prelude::*;
use stage::{AT_600, Stage, at, checkout, held, plan, release, reservation, reserved, subject};

fn plan_with_room(max_active: u32) -> Plan {
    Plan { waiting_room: Some(WaitingRoom::of(max_active)), ..plan() }
}

fn candidate(number: u64) -> Candidate {
    Candidate { number, subject: subject(&format!("p{number}")) }
}

fn in_line(entry: u64) -> InLine {
    InLine { entry, member: [0; 16], subject: subject(&format!("p{entry}")) }
}

fn admit(numbers: &[u64]) -> Command {
    Command::AdmitShoppers { candidates: numbers.iter().map(|&number| candidate(number)).collect(), taken_up: vec![] }
}

fn seen(numbers: &[u64]) -> Command {
    Command::AdmitShoppers { candidates: vec![], taken_up: numbers.to_vec() }
}

fn moved(admitted: &[u64], taken_up: &[u64], ended: &[(u64, TurnEnd)]) -> Event {
    let admitted = admitted.iter().map(|&number| candidate(number)).collect();
    Event::Room(RoomEvent::Moved { admitted, taken_up: taken_up.to_vec(), ended: ended.to_vec() })
}

fn hold_with_pass(number: u64, label: &str) -> Command {
    let wanted = Wanted::Seats(vec![label.into()]);
    Command::HoldSeats {
        reservation: reservation(&format!("r{number}")),
        subject: subject(&format!("p{number}")),
        wanted,
        pass: Some(number),
    }
}

fn room(stage: &Stage) -> &Room {
    stage.show.room().expect("the show has one")
}

fn place(stage: &Stage, number: u64, seconds: i64) -> Place {
    room(stage).place(&in_line(number), at(seconds))
}

#[test]
fn as_many_as_may_are_let_in_the_lowest_numbers_first() {
    Stage::given_plan(plan_with_room(2)).when(at(0), admit(&[3, 1, 2])).then([moved(&[1, 2], &[], &[])]);
}

#[test]
fn people_who_are_not_there_are_passed_over_and_come_first_when_they_are_back() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[2], &[2], &[]));
    stage.when(at(1), admit(&[1, 3])).then([]);
    let stage = stage.and(at(2), moved(&[], &[], &[(2, TurnEnd::Left)]));
    stage.when(at(3), admit(&[3, 1])).then([moved(&[1], &[], &[])]);
}

#[test]
fn without_a_pass_of_his_own_running_turn_nobody_holds_seats() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[1], &[]));
    let hold_as = |who: &str, pass| {
        let wanted = Wanted::Seats(vec!["S-A-1".into()]);
        Command::HoldSeats { reservation: reservation("r"), subject: subject(who), wanted, pass }
    };
    stage.when(at(1), hold_as("p1", Some(1))).then([held("r", "p1", &[0], at(601))]);
    for (who, pass) in [("p1", None), ("p1", Some(2)), ("p2", Some(1)), ("p2", Some(2)), ("p2", None)] {
        stage.when(at(1), hold_as(who, pass)).then_refused(Refusal::PassRequired);
    }
    stage.when(at(1_200), hold_as("p1", Some(1))).then_refused(Refusal::PassRequired);
}

#[test]
fn a_show_without_a_waiting_room_asks_nobody_for_a_pass() {
    Stage::given([]).when(at(0), hold_with_pass(7, "S-A-1")).then([held("r7", "p7", &[0], AT_600)]);
    Stage::given([]).when(at(0), admit(&[1])).then_refused(Refusal::NoWaitingRoom);
}

#[test]
fn who_does_not_show_himself_within_a_minute_loses_his_turn_and_the_next_one_gets_it() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[], &[]));
    stage.when(at(59), admit(&[2])).then([]);
    stage.when(at(60), admit(&[2])).then([moved(&[2], &[], &[(1, TurnEnd::NotTakenUp)])]);
    assert_eq!(place(&stage, 1, 60), Place::Over { number: Some(1) });
}

#[test]
fn who_shows_himself_stays_until_the_end_of_his_session() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[], &[]));
    stage.when(at(59), seen(&[1])).then([moved(&[], &[1], &[])]);
    stage.when(at(60), seen(&[1])).then([moved(&[], &[], &[(1, TurnEnd::NotTakenUp)])]);
    let stage = stage.and(at(59), moved(&[], &[1], &[])).and(at(300), held("r1", "p1", &[0], at(2_000)));
    stage.when(at(1_199), admit(&[2])).then([]);
    stage.when(at(1_200), admit(&[2])).then([moved(&[2], &[], &[(1, TurnEnd::SessionOver)])]);
    stage.when(at(1_999), checkout("r1", "p1", "paid")).then([reserved("r1", &[0], "paid")]);
}

#[test]
fn who_holds_nothing_for_five_minutes_loses_his_turn() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[1], &[]));
    stage.when(at(299), admit(&[2])).then([]);
    stage.when(at(300), admit(&[2])).then([moved(&[2], &[], &[(1, TurnEnd::Idle)])]);
    let holding = stage.and(at(200), held("r1", "p1", &[0], at(800)));
    holding.when(at(700), admit(&[2])).then([]);
    holding.when(at(750), release("r1", "p1")).then([stage::released("r1", &[0])]);
    holding.and(at(750), stage::released("r1", &[0])).when(at(1_050), admit(&[2])).then([moved(&[2], &[], &[(1, TurnEnd::Idle)])]);
}

#[test]
fn a_checkout_frees_the_place_and_ends_the_pass() {
    let stage = Stage::given_plan(plan_with_room(1))
        .and(at(0), moved(&[1], &[1], &[]))
        .and(at(1), held("r1", "p1", &[0], at(601)))
        .and(at(2), reserved("r1", &[0], "paid"));
    stage.when(at(3), hold_with_pass(1, "S-A-2")).then_refused(Refusal::PassRequired);
    stage.when(at(3), admit(&[2])).then([moved(&[2], &[], &[])]);
    assert_eq!(place(&stage, 1, 3), Place::Over { number: Some(1) });
}

#[test]
fn whoever_comes_when_nobody_waits_is_let_in_at_once() {
    let stage = Stage::given_plan(plan_with_room(2));
    stage.when(at(0), Command::TakePlace(in_line(1))).then([moved(&[1], &[], &[])]);
    stage.when(at(0), Command::TakePlace(in_line(2))).then([]);
    let full = stage.and(at(0), moved(&[1, 2], &[1], &[]));
    full.when(at(1), Command::TakePlace(in_line(3))).then([]);
    full.when(at(1), Command::TakePlace(in_line(2))).then([moved(&[], &[2], &[])]);
    full.when(at(1), Command::TakePlace(in_line(1))).then([]);
}

#[test]
fn leaving_ends_the_turn_or_the_waiting_for_good() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[1], &[]));
    stage.when(at(1), Command::LeaveRoom(in_line(1))).then([moved(&[], &[], &[(1, TurnEnd::Left)])]);
    stage.when(at(1), Command::LeaveRoom(in_line(2))).then([moved(&[], &[], &[(2, TurnEnd::Left)])]);
    stage.when(at(1), Command::LeaveRoom(InLine { subject: subject("eve"), ..in_line(1) })).then([]);
    let left = stage.and(at(1), moved(&[], &[], &[(1, TurnEnd::Left), (2, TurnEnd::Left)]));
    left.when(at(2), Command::LeaveRoom(in_line(1))).then([]);
    left.when(at(2), hold_with_pass(1, "S-A-1")).then_refused(Refusal::PassRequired);
    left.when(at(2), admit(&[1, 2, 3])).then([moved(&[3], &[], &[])]);
}

#[test]
fn nobody_is_let_in_while_it_is_paused_nor_beyond_a_new_limit() {
    let change = |max_active, is_paused| Command::ChangeRoom { max_active, is_paused };
    let changed = |max_active, is_paused| Event::Room(RoomEvent::Changed { max_active, is_paused });
    let stage = Stage::given_plan(plan_with_room(3)).and(at(0), moved(&[1, 2], &[1, 2], &[]));
    stage.when(at(1), change(Some(1), None)).then([changed(1, false)]);
    stage.when(at(1), change(None, Some(true))).then([changed(3, true)]);
    stage.when(at(1), change(Some(3), Some(false))).then([]);
    assert!(matches!(decide(&stage.show, &change(Some(0), None), at(1)), Err(Refusal::FaultyPlan(_))));
    let smaller = stage.and(at(1), changed(1, false));
    smaller.when(at(2), admit(&[3])).then([]);
    let one = smaller.and(at(2), moved(&[], &[], &[(1, TurnEnd::Left)]));
    one.when(at(3), admit(&[3])).then([]);
    let paused = one.and(at(3), changed(3, true));
    paused.when(at(4), admit(&[3])).then([]);
    paused.and(at(4), changed(3, false)).when(at(5), admit(&[3, 4, 5])).then([moved(&[3, 4], &[], &[])]);
}

#[test]
fn nobody_is_let_in_when_no_seat_is_free_and_all_are_sent_home_when_all_are_sold() {
    let everything = |event: fn(&[u32]) -> Event| event(&(0..30).collect::<Vec<_>>());
    let stage = Stage::given_plan(plan_with_room(2))
        .and(at(0), moved(&[1], &[1], &[]))
        .and(at(1), everything(|seats| held("r1", "p1", seats, at(601))));
    stage.when(at(2), admit(&[2])).then([]);
    let sold = stage.and(at(2), everything(|seats| reserved("r1", seats, "paid")));
    sold.when(at(3), admit(&[2])).then([Event::Room(RoomEvent::Closed)]);
    let closed = sold.and(at(3), Event::Room(RoomEvent::Closed));
    closed.when(at(4), admit(&[2])).then([]);
    assert_eq!(place(&closed, 2, 4), Place::SoldOut { number: 2 });
}

#[test]
fn fewer_are_let_in_when_holds_time_out_rather_than_sell() {
    let mut stage = Stage::given_plan(plan_with_room(10)).and(at(0), moved(&[1], &[1], &[]));
    for step in 0..64 {
        let id = format!("h{step}");
        stage = stage.and(at(0), held(&id, "p1", &[0], at(0))).and(at(0), stage::expired(&id, &[0]));
    }
    assert_eq!(room(&stage).pace_limit(), 5, "none was bought");
    for step in 0..32 {
        let id = format!("b{step}");
        stage = stage.and(at(0), moved(&[], &[], &[])).and(at(0), held(&id, "p1", &[0], at(0))).and(at(0), stage::released(&id, &[0]));
    }
    assert_eq!(room(&stage).pace_limit(), 5, "giving seats back is neither");
}

#[test]
fn the_order_of_those_who_come_before_the_sale_is_drawn_and_later_ones_follow() {
    let before = Plan { on_sale_at: Some(at(100)), ..plan_with_room(1) };
    let member = |byte: u8| [byte; 16];
    let open = |members: Vec<[u8; 16]>| Command::OpenRoom { members, seed: Some([9; 32]), last_entry: 5 };
    let stage = Stage::given_plan(before);
    assert_eq!(room(&stage).number(&in_line(1)), None);
    stage.when(at(50), admit(&[1])).then([]);
    stage.when(at(99), open(vec![])).then_refused(Refusal::NotYetOnSale(at(100)));
    let drawn = Event::Room(RoomEvent::LineDrawn { members: vec![member(3), member(1), member(2)] });
    let opened = Event::Room(RoomEvent::Opened { seed: Some([9; 32]), last_entry: 5 });
    stage.when(at(100), open(vec![member(3), member(1), member(2)])).then([drawn.clone(), opened.clone()]);
    let stage = stage.and(at(100), drawn).and(at(100), opened);
    let number = |entry, byte| room(&stage).number(&InLine { member: member(byte), ..in_line(entry) });
    assert_eq!([number(1, 1), number(2, 2), number(3, 3), number(6, 6)], [Some(2), Some(3), Some(1), Some(6)]);
    let place = |entry, byte| room(&stage).place(&InLine { member: member(byte), ..in_line(entry) }, at(101));
    assert_eq!(place(4, 4), Place::Over { number: None }, "he left before the draw");
    // The number that he was given when he joined is another's now, and none of his.
    for entry in 1..=5 {
        let gone = InLine { member: member(9), ..in_line(entry) };
        stage.when(at(101), Command::LeaveRoom(gone.clone())).then([]);
        stage.when(at(101), Command::TakePlace(gone)).then([]);
    }
    assert!(matches!(place(6, 6), Place::Waiting { number: 6, ahead: 3, .. }), "nobody stands in the gap");
    stage.when(at(101), open(vec![])).then([]);
}

#[test]
fn whoever_holds_something_has_taken_up_his_turn_though_nobody_saw_him() {
    let stage = Stage::given_plan(plan_with_room(1)).and(at(0), moved(&[1], &[], &[]));
    assert!(!room(&stage).is_due(false, at(1)));
    let stage = stage.and(at(1), held("r1", "p1", &[0], at(601)));
    assert!(room(&stage).is_due(false, at(1)));
    stage.when(at(1), admit(&[])).then([moved(&[], &[1], &[])]);
}

#[test]
fn the_wait_is_foretold_from_turns_that_ended_and_not_from_how_fast_the_room_was_filled() {
    let twenty: Vec<u64> = (1..=20).collect();
    let full = Stage::given_plan(plan_with_room(20)).and(at(0), moved(&twenty, &twenty, &[]));
    let estimate = |stage: &Stage, seconds| match place(stage, 60, seconds) {
        Place::Waiting { ahead: 39, estimate, .. } | Place::Waiting { ahead: 34, estimate, .. } => estimate.expect("it is not paused"),
        other => panic!("{other:?}"),
    };
    let unknown = estimate(&full, 20);
    assert_eq!((unknown.seconds, unknown.low, unknown.high), (None, 0, 2_400), "twice a whole session at most");
    let gone: Vec<(u64, TurnEnd)> = (1..=5).map(|number| (number, TurnEnd::Left)).collect();
    let moving = full.and(at(100), moved(&[], &[], &gone)).and(at(100), moved(&[21, 22, 23, 24, 25], &[], &[]));
    assert_eq!(estimate(&moving, 100).seconds, Some(700), "five turns ended in 100 s, and 35 more have to");
}

#[test]
fn a_sale_that_began_before_the_show_was_scheduled_is_open_at_once() {
    let stage = Stage::given_plan(Plan { on_sale_at: Some(at(0)), ..plan_with_room(1) });
    assert!(room(&stage).is_open() && room(&stage).draws_at().is_none());
}

#[test]
fn histories_that_break_the_rules_of_the_room_are_noticed() {
    let breaks = |events: &[Event]| {
        let mut show = Stage::given_plan(plan_with_room(1)).show;
        events.iter().find_map(|event| show.evolve(event, at(0)).err())
    };
    let cases: [&[Event]; 5] = [
        &[moved(&[1, 2], &[], &[])],
        &[moved(&[1], &[], &[]), moved(&[1], &[], &[])],
        &[held("r1", "p1", &[0], AT_600)],
        &[Event::Room(RoomEvent::Opened { seed: None, last_entry: 0 })],
        &[Event::Room(RoomEvent::Closed), moved(&[1], &[], &[])],
    ];
    for events in cases {
        assert!(matches!(breaks(events), Some(Breach::Room(_))), "{events:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Come(u64),
    Admit(Vec<u64>),
    Seen(Vec<u64>),
    Hold(u64),
    Checkout(u64),
    Leave(u64),
    Limit(u32),
    Pause(bool),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let number = 1..20u64;
    prop_oneof![
        3 => number.clone().prop_map(Step::Come),
        6 => proptest::collection::vec(number.clone(), 0..8).prop_map(Step::Admit),
        4 => proptest::collection::vec(number.clone(), 0..8).prop_map(Step::Seen),
        6 => number.clone().prop_map(Step::Hold),
        3 => number.clone().prop_map(Step::Checkout),
        2 => number.prop_map(Step::Leave),
        1 => (1..5u32).prop_map(Step::Limit),
        1 => any::<bool>().prop_map(Step::Pause),
        3 => prop_oneof![Just(1), Just(59), Just(60), Just(299), Just(1_200)].prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The fold itself checks the limit and the turns of those who hold; here a list on paper says who may be in at most.
    #[test]
    fn whatever_people_do_each_number_gets_one_turn_and_the_limit_holds(steps in proptest::collection::vec(step(), 1..120)) {
        let mut show: Show = Stage::given_plan(plan_with_room(3)).show;
        let (mut now, mut turns, mut limit) = (0, HashMap::<u64, i64>::new(), 3);
        let mut used = HashSet::new();
        for (at_step, step) in steps.into_iter().enumerate() {
            let command = match step {
                Step::Wait(seconds) => { now += seconds; continue }
                Step::Come(number) => Command::TakePlace(in_line(number)),
                Step::Admit(numbers) => admit(&numbers),
                Step::Seen(numbers) => seen(&numbers),
                Step::Hold(number) => {
                    let wanted = Wanted::BestAvailable { count: 1, section: None };
                    let id = reservation(&format!("r{at_step}"));
                    Command::HoldSeats { reservation: id, subject: subject(&format!("p{number}")), wanted, pass: Some(number) }
                }
                Step::Checkout(number) => {
                    let his = show.reservations().iter().rev().find(|reservation| reservation.subject == subject(&format!("p{number}")));
                    let Some(his) = his else { continue };
                    Command::Checkout { reservation: his.id.clone(), subject: his.subject.clone(), payment_reference: "p".into() }
                }
                Step::Leave(number) => Command::LeaveRoom(in_line(number)),
                Step::Limit(max_active) => Command::ChangeRoom { max_active: Some(max_active), is_paused: None },
                Step::Pause(is_paused) => Command::ChangeRoom { max_active: None, is_paused: Some(is_paused) },
            };
            let before = show.room().expect("a room").active(at(now));
            let decided = decide(&show, &command, at(now));
            if let (Command::HoldSeats { pass: Some(number), .. }, Ok(_)) = (&command, &decided) {
                prop_assert!(turns.get(number).is_some_and(|end| now < *end), "{} held without a turn", number);
            }
            for event in decided.unwrap_or_default() {
                if let Event::Room(RoomEvent::Moved { admitted, ended, taken_up }) = &event {
                    for (number, _) in ended { turns.remove(number); used.insert(*number); }
                    prop_assert!(admitted.is_sorted());
                    for candidate in admitted {
                        prop_assert!(used.insert(candidate.number), "{} was let in twice", candidate.number);
                        turns.insert(candidate.number, now + 60);
                    }
                    for number in taken_up { turns.entry(*number).and_modify(|end| *end = (*end - 60 + 1_200).max(*end)); }
                }
                if let Event::Room(RoomEvent::Changed { max_active, .. }) = &event { limit = *max_active; }
                if let Event::SeatsReserved { reservation, .. } = &event {
                    let buyer = show.reservation(reservation).map(|found| found.subject.clone());
                    turns.retain(|number, _| buyer != Some(subject(&format!("p{number}"))));
                }
                prop_assert_eq!(show.evolve(&event, at(now)), Ok(()));
            }
            let active = show.room().expect("a room").active(at(now));
            prop_assert_eq!(active as usize, turns.values().filter(|end| now < **end).count());
            prop_assert!(active <= before.max(limit), "{} are in, {} may be", active, limit);
        }
    }
}
