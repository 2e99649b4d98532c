//! Given what happened, when a command comes, then these events follow: the rules as sentences.

mod stage;

use fullhouse_domain::{Event, Refusal, ReservationStatus, SeatStatus};
use stage::{AT_600, Stage, at, checkout, expire, expired, held, hold, hold_best, plan, release, released, reserved, taken};

#[test]
fn a_customer_holds_free_seats_for_ten_minutes() {
    Stage::given([]).when(at(0), hold("r1", "ann", &["S-A-1", "S-A-2"])).then([held("r1", "ann", &[0, 1], AT_600)]);
}

#[test]
fn nobody_else_gets_a_held_seat_and_the_refusal_names_every_one() {
    Stage::given([(at(0), held("r1", "ann", &[0, 1], AT_600))])
        .when(at(1), hold("r2", "bob", &["S-A-3", "S-A-1", "S-A-2"]))
        .then_refused(taken(&[("S-A-1", SeatStatus::Pending), ("S-A-2", SeatStatus::Pending)]));
}

#[test]
fn a_sold_seat_is_reported_as_reserved() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600)), (at(1), reserved("r1", &[0], "pay-1"))])
        .when(at(2), hold("r2", "bob", &["S-A-1"]))
        .then_refused(taken(&[("S-A-1", SeatStatus::Reserved)]));
}

#[test]
fn the_holder_too_is_refused_a_second_hold_of_his_seat() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600))])
        .when(at(1), hold("r2", "ann", &["S-A-1"]))
        .then_refused(taken(&[("S-A-1", SeatStatus::Pending)]));
}

#[test]
fn the_holder_checks_out_before_the_end() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600))]).when(at(599), checkout("r1", "ann", "pay-1")).then([reserved(
        "r1",
        &[0],
        "pay-1",
    )]);
}

#[test]
fn checking_out_again_changes_nothing() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600)), (at(1), reserved("r1", &[0], "pay-1"))])
        .when(at(700), checkout("r1", "ann", "pay-2"))
        .then([]);
}

#[test]
fn at_its_very_end_a_hold_can_not_be_checked_out_even_when_no_timer_ran() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600))])
        .when(at(600), checkout("r1", "ann", "pay-1"))
        .then_refused(Refusal::HoldExpired);
}

#[test]
fn at_its_very_end_the_seats_go_to_the_next_customer_even_when_no_timer_ran() {
    Stage::given([(at(0), held("r1", "ann", &[0, 1], AT_600))])
        .when(at(600), hold("r2", "bob", &["S-A-2", "S-A-3"]))
        .then([expired("r1", &[0, 1]), held("r2", "bob", &[1, 2], at(1200))]);
}

#[test]
fn a_hold_does_not_expire_early() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600))])
        .when(at(599), expire("r1"))
        .then_refused(Refusal::HoldStillRuns { expires_at: AT_600 });
}

#[test]
fn a_hold_expires_once() {
    let given = [(at(0), held("r1", "ann", &[0], AT_600))];
    Stage::given(given.clone()).when(at(600), expire("r1")).then([expired("r1", &[0])]);
    Stage::given(given).and(at(600), expired("r1", &[0])).when(at(601), expire("r1")).then([]);
}

#[test]
fn a_released_seat_is_free_and_the_hold_is_over() {
    let stage = Stage::given([(at(0), held("r1", "ann", &[0], AT_600)), (at(1), released("r1", &[0]))]);
    stage.when(at(2), hold("r2", "bob", &["S-A-1"])).then([held("r2", "bob", &[0], at(602))]);
    stage.when(at(2), checkout("r1", "ann", "p")).then_refused(Refusal::HoldReleased);
    stage.when(at(2), release("r1", "ann")).then([]);
}

#[test]
fn a_sold_reservation_can_not_be_released() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600)), (at(1), reserved("r1", &[0], "p"))])
        .when(at(2), release("r1", "ann"))
        .then_refused(Refusal::AlreadyReserved);
}

#[test]
fn an_expired_hold_can_not_be_released() {
    Stage::given([(at(0), held("r1", "ann", &[0], AT_600))]).when(at(600), release("r1", "ann")).then_refused(Refusal::HoldExpired);
}

#[test]
fn somebody_elses_reservation_does_not_exist() {
    let stage = Stage::given([(at(0), held("r1", "ann", &[0], AT_600))]);
    stage.when(at(1), checkout("r1", "bob", "p")).then_refused(Refusal::UnknownReservation);
    stage.when(at(1), release("r1", "bob")).then_refused(Refusal::UnknownReservation);
    stage.when(at(1), checkout("r9", "ann", "p")).then_refused(Refusal::UnknownReservation);
}

#[test]
fn what_was_asked_for_must_make_sense() {
    let stage = Stage::given([]);
    stage.when(at(0), hold("r1", "ann", &[])).then_refused(Refusal::NoSeats);
    stage.when(at(0), hold("r1", "ann", &["S-A-1", "S-A-1"])).then_refused(Refusal::DuplicateSeats(vec!["S-A-1".into()]));
    for unknown in ["S-A-0", "S-A-01", "S-A-+1", "S-A-11", "S-Z-1", "U-A-1", "S-A-", "", "S-A-99999999999"] {
        stage.when(at(0), hold("r1", "ann", &["S-A-1", unknown])).then_refused(Refusal::UnknownSeats(vec![unknown.into()]));
    }
    stage
        .when(at(0), hold("r1", "ann", &["S-A-1", "S-A-2", "S-A-3", "S-A-4", "S-A-5"]))
        .then_refused(Refusal::TooManySeats { asked: 5, max: 4 });
    stage.when(at(0), hold_best("r1", "ann", 5, None)).then_refused(Refusal::TooManySeats { asked: 5, max: 4 });
    stage.when(at(0), hold_best("r1", "ann", 0, None)).then_refused(Refusal::NoSeats);
    stage.when(at(0), hold_best("r1", "ann", 1, Some("Moon"))).then_refused(Refusal::UnknownSection("Moon".into()));
}

#[test]
fn seats_are_not_sold_before_the_sale_opens() {
    let mut plan = plan();
    plan.on_sale_at = Some(at(50));
    let stage = Stage::given_plan(plan);
    stage.when(at(49), hold("r1", "ann", &["S-A-1"])).then_refused(Refusal::NotYetOnSale(at(50)));
    stage.when(at(50), hold("r1", "ann", &["S-A-1"])).then([held("r1", "ann", &[0], at(650))]);
}

#[test]
fn the_best_seats_are_chosen_for_the_customer() {
    Stage::given([]).when(at(0), hold_best("r1", "ann", 2, None)).then([held("r1", "ann", &[4, 5], AT_600)]);
    Stage::given([]).when(at(0), hold_best("r1", "ann", 2, Some("T"))).then([held("r1", "ann", &[24, 25], AT_600)]);
}

#[test]
fn the_best_seats_may_be_those_of_a_hold_that_has_ended() {
    Stage::given([(at(0), held("r1", "ann", &[4, 5], AT_600))])
        .when(at(600), hold_best("r2", "bob", 2, None))
        .then([expired("r1", &[4, 5]), held("r2", "bob", &[4, 5], at(1200))]);
}

#[test]
fn seats_set_aside_are_not_chosen_but_can_be_named() {
    let mut stage = Stage::given([]);
    stage.show.set_aside(&[4, 5]);
    stage.when(at(0), hold_best("r1", "ann", 2, None)).then([held("r1", "ann", &[14, 15], AT_600)]);
    stage.when(at(0), hold("r1", "ann", &["S-A-5"])).then([held("r1", "ann", &[4], AT_600)]);
    stage.show.put_back();
    stage.when(at(0), hold_best("r1", "ann", 2, None)).then([held("r1", "ann", &[4, 5], AT_600)]);
}

#[test]
fn seats_set_aside_are_not_chosen_even_when_their_last_hold_has_lapsed() {
    let mut stage = Stage::given([(at(0), held("r1", "ann", &[4, 5], AT_600))]);
    stage.show.set_aside(&[4, 5]);
    stage.when(at(600), hold_best("r2", "bob", 2, None)).then([held("r2", "bob", &[14, 15], at(1200))]);
}

#[test]
fn no_adjacent_seats_are_left() {
    let mut stage = Stage::given([]);
    stage.show.set_aside(&(0..30).filter(|seat| seat % 2 == 0).collect::<Vec<_>>());
    stage.when(at(0), hold_best("r1", "ann", 2, None)).then_refused(Refusal::NoAdjacentSeats { count: 2 });
}

#[test]
fn a_plan_with_faults_is_refused_with_all_of_them() {
    let mut plan = plan();
    plan.title = " ".into();
    plan.hold_seconds = 0;
    plan.sections[1].name = "S".into();
    plan.sections[1].rows[0].seats = 0;
    let refusal = fullhouse_domain::decide_schedule(None, &plan).expect_err("it has four faults and more");
    let Refusal::FaultyPlan(faults) = refusal else { panic!("{refusal:?}") };
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["title", "hold_seconds", "sections[1].name", "sections[1].rows[0].seats", "sections[1].rows[0].name"]);
}

#[test]
fn rows_that_would_share_labels_are_refused() {
    let mut plan = plan();
    plan.sections[0].name = "A-B".into();
    plan.sections[0].rows[0].name = "C".into();
    plan.sections[1].name = "A".into();
    plan.sections[1].rows[0].name = "B-C".into();
    assert!(matches!(fullhouse_domain::decide_schedule(None, &plan), Err(Refusal::FaultyPlan(faults)) if faults.len() == 1));
}

#[test]
fn folding_gives_each_reservation_its_status() {
    let stage = Stage::given([
        (at(0), held("r1", "ann", &[0], AT_600)),
        (at(0), held("r2", "bob", &[1], AT_600)),
        (at(0), held("r3", "cat", &[2], AT_600)),
        (at(1), reserved("r1", &[0], "pay-1")),
        (at(2), released("r2", &[1])),
    ]);
    let status = |id: &str| stage.show.reservation(&stage::reservation(id)).map(|reservation| (reservation.status, reservation.position));
    assert_eq!(status("r1"), Some((ReservationStatus::Reserved, 5)));
    assert_eq!(status("r2"), Some((ReservationStatus::Released, 6)));
    assert_eq!(status("r3"), Some((ReservationStatus::Pending, 4)));
    let seats: Vec<SeatStatus> = (0..4).map(|seat| stage.show.seat_status(seat)).collect();
    assert_eq!(seats, [SeatStatus::Reserved, SeatStatus::Available, SeatStatus::Pending, SeatStatus::Available]);
}

#[test]
fn a_history_that_the_rules_can_not_have_made_is_noticed() {
    use fullhouse_domain::show::Breach;
    let breach = |events: Vec<(fullhouse_domain::Timestamp, Event)>| {
        let mut show = Stage::given([]).show;
        events.iter().find_map(|(at, event)| show.evolve(event, *at).err())
    };
    let hold = (at(0), held("r1", "ann", &[0], AT_600));
    assert_eq!(breach(vec![hold.clone(), (at(1), held("r2", "bob", &[0], AT_600))]), Some(Breach::SeatOwnedTwice(0)));
    assert_eq!(breach(vec![hold.clone(), (at(600), reserved("r1", &[0], "p"))]), Some(Breach::CheckedOutLate(stage::reservation("r1"))));
    assert_eq!(breach(vec![hold.clone(), (at(599), expired("r1", &[0]))]), Some(Breach::ExpiredEarly(stage::reservation("r1"))));
    assert_eq!(breach(vec![hold.clone(), (at(1), released("r1", &[1]))]), Some(Breach::SeatsDiffer(stage::reservation("r1"))));
    assert_eq!(breach(vec![(at(1), released("r1", &[0]))]), Some(Breach::UnknownReservation(stage::reservation("r1"))));
    assert_eq!(breach(vec![(at(1), held("r1", "ann", &[99], AT_600))]), Some(Breach::UnknownSeat(99)));
}
