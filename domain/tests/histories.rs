//! Random histories of commands, compared with a model so simple that it can be trusted (promises P1 and P4).

mod stage;

use std::collections::HashMap;

use fullhouse_domain::{Command, Event, Refusal, Show, Timestamp, Wanted, decide};
use proptest::prelude::*;
use stage::{Stage, at, checkout, expire, hold, hold_best, release, reservation, subject};

const PEOPLE: [&str; 3] = ["ann", "bob", "cat"];

/// What the model knows of a reservation.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Held { who: String, seats: Vec<String>, until: i64 },
    Sold { who: String, seats: Vec<String> },
    Over,
}

/// A box office that keeps a list on paper.
#[derive(Default)]
struct Paper {
    reservations: HashMap<String, Known>,
}

impl Paper {
    fn owner_of(&self, seat: &str, now: i64) -> Option<&str> {
        self.reservations.iter().find_map(|(id, known)| match known {
            Known::Held { seats, until, .. } if now < *until => seats.iter().any(|held| held == seat).then_some(id.as_str()),
            Known::Sold { seats, .. } => seats.iter().any(|sold| sold == seat).then_some(id.as_str()),
            Known::Held { .. } | Known::Over => None,
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Hold { who: usize, first: u32, count: u32 },
    HoldBest { who: usize, count: u32 },
    Checkout { who: usize, which: prop::sample::Index },
    Release { who: usize, which: prop::sample::Index },
    Expire { which: prop::sample::Index },
    Wait { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    prop_oneof![
        4 => (who.clone(), 1..=10u32, 1..=4u32).prop_map(|(who, first, count)| Step::Hold { who, first, count }),
        2 => (who.clone(), 1..=4u32).prop_map(|(who, count)| Step::HoldBest { who, count }),
        3 => (who.clone(), any::<prop::sample::Index>()).prop_map(|(who, which)| Step::Checkout { who, which }),
        2 => (who, any::<prop::sample::Index>()).prop_map(|(who, which)| Step::Release { who, which }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::Expire { which }),
        3 => prop_oneof![Just(1), Just(299), Just(300), Just(599), Just(600)].prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// Runs a command on the show, folds what follows, and says what was decided.
fn run(show: &mut Show, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let decided = decide(show, command, now);
    for event in decided.as_deref().unwrap_or_default() {
        show.evolve(event, now).expect("a decision never breaks a promise");
    }
    decided
}

fn labels(first: u32, count: u32) -> Vec<String> {
    (first..first + count).map(|number| format!("S-A-{}", (number - 1) % 10 + 1)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_a_list_on_paper(steps in proptest::collection::vec(step(), 1..80)) {
        let mut show = Stage::given([]).show;
        let mut paper = Paper::default();
        let mut now = 0;
        for (number, step) in steps.into_iter().enumerate() {
            let new = format!("r{number}");
            let pick = |which: prop::sample::Index| -> Option<String> {
                let count = show.reservations().len();
                (count > 0).then(|| show.reservations()[which.index(count)].id.as_str().rsplit('.').next().unwrap_or_default().to_owned())
            };
            match step {
                Step::Wait { seconds } => now += seconds,
                Step::Hold { who, first, count } => {
                    let wanted = labels(first, count);
                    let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
                    let decided = run(&mut show, &hold(&new, PEOPLE[who], &names), at(now));
                    let taken: Vec<&String> = wanted.iter().filter(|seat| paper.owner_of(seat, now).is_some()).collect();
                    match decided {
                        Ok(_) => {
                            prop_assert!(taken.is_empty(), "{taken:?} were held twice");
                            paper.reservations.insert(new, Known::Held { who: PEOPLE[who].into(), seats: wanted, until: now + 600 });
                        }
                        Err(Refusal::SeatsTaken(conflicts)) => {
                            let named: Vec<&String> = conflicts.iter().map(|conflict| &conflict.seat).collect();
                            prop_assert_eq!(named, taken);
                        }
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Step::HoldBest { who, count } => {
                    if let Ok(events) = run(&mut show, &hold_best(&new, PEOPLE[who], count, None), at(now)) {
                        let Some(Event::SeatsHeld { seats, .. }) = events.last() else { panic!("{events:?}") };
                        prop_assert!(seats.windows(2).all(|pair| pair[1] == pair[0] + 1));
                        let seats: Vec<String> = seats.iter().map(|&seat| show.chart().label(seat)).collect();
                        for seat in &seats {
                            prop_assert_eq!(paper.owner_of(seat, now), None);
                        }
                        paper.reservations.insert(new, Known::Held { who: PEOPLE[who].into(), seats, until: now + 600 });
                    }
                }
                Step::Checkout { who, which } => if let Some(id) = pick(which) {
                    let decided = run(&mut show, &checkout(&id, PEOPLE[who], "p"), at(now));
                    let known = paper.reservations[&id].clone();
                    match known {
                        Known::Held { who: holder, seats, until } if holder == PEOPLE[who] && now < until => {
                            prop_assert_eq!(decided.map(|events| events.len()), Ok(1));
                            paper.reservations.insert(id, Known::Sold { who: holder, seats });
                        }
                        Known::Sold { who: holder, .. } if holder == PEOPLE[who] => prop_assert_eq!(decided, Ok(vec![])),
                        _ => prop_assert!(decided.is_err()),
                    }
                },
                Step::Release { who, which } => if let Some(id) = pick(which) {
                    let decided = run(&mut show, &release(&id, PEOPLE[who]), at(now));
                    if decided.is_ok_and(|events| !events.is_empty()) {
                        paper.reservations.insert(id, Known::Over);
                    }
                },
                Step::Expire { which } => if let Some(id) = pick(which) {
                    let decided = run(&mut show, &expire(&id), at(now));
                    if let Known::Held { until, .. } = paper.reservations[&id] {
                        prop_assert_eq!(decided.is_ok(), now >= until, "a hold expires at its end and not before");
                    }
                },
            }
            every_seat_agrees(&show, &paper, now)?;
        }
    }
}

/// A seat that the paper gives to somebody has that owner in the show; a seat that is free on paper has no owner whose
/// hold still runs.
fn every_seat_agrees(show: &Show, paper: &Paper, now: i64) -> Result<(), TestCaseError> {
    for seat in 0..show.chart().seats() {
        let label = show.chart().label(seat);
        let running = show.owner(seat).filter(|owner| !show.lapsed(at(now)).any(|lapsed| lapsed.id == owner.id));
        let owner = running.map(|owner| owner.id.clone());
        prop_assert_eq!(owner, paper.owner_of(&label, now).map(reservation), "{}", label);
    }
    Ok(())
}

#[test]
fn the_same_wanted_seats_by_two_people_go_to_one_of_them() {
    let mut show = Stage::given([]).show;
    let wanted = || Wanted::Seats(vec!["S-A-1".into()]);
    let commands =
        ["r1", "r2"].map(|id| Command::HoldSeats { reservation: reservation(id), subject: subject("ann"), wanted: wanted(), pass: None });
    assert!(run(&mut show, &commands[0], at(0)).is_ok());
    assert!(run(&mut show, &commands[1], at(0)).is_err());
}
