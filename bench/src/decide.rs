//! What deciding a hold costs in a small and in a large hall.

use std::hint::black_box;
use std::time::Instant;

use clap::Args;
use fullhouse_domain::{Command, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide, decide_schedule, testing};

/// Seats in a row, in both halls.
const ROW_SEATS: u32 = 100;
const HALLS: [u32; 2] = [1_000, 100_000];

#[derive(Args)]
pub struct Settings {
    /// Holds that are decided, folded and released, in each hall and round
    #[arg(long, default_value_t = 200_000)]
    holds: u32,
    /// How often each hall is measured, in turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Prints nanoseconds for each hold, and the ratio of the halls.
pub fn measure(settings: &Settings) -> anyhow::Result<()> {
    for (name, is_choice) in [("by label", false), ("best available", true)] {
        let mut shows = HALLS.map(half_full);
        let mut nanoseconds: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..settings.rounds {
            for (show, measured) in shows.iter_mut().zip(&mut nanoseconds) {
                measured.push(hold_and_release(show, settings.holds, is_choice)?);
            }
        }
        let [small, large] = nanoseconds.map(|mut measured| crate::commands::median(&mut measured));
        println!("{name}: {small:.0} ns with {} seats, {large:.0} ns with {} seats, {:.2} times", HALLS[0], HALLS[1], large / small);
    }
    Ok(())
}

/// A hall whose front half is taken, row by row, so that the best seats have to be looked for.
fn half_full(seats: u32) -> Show {
    let mut plan = testing::plan(&vec![ROW_SEATS; (seats / ROW_SEATS) as usize]);
    plan.max_seats_per_reservation = 50;
    for (number, row) in (0..).zip(&mut plan.sections[0].rows) {
        row.name = format!("{number}");
    }
    let events = decide_schedule(None, &plan).expect("a plan without faults");
    let mut show = Show::schedule(&events[0], Timestamp::default()).expect("a show");
    for row in 0..seats / ROW_SEATS / 2 {
        for first in [1, 51] {
            let labels = (first..first + 50).map(|number| format!("S-{row}-{number}")).collect();
            let hold = Command::HoldSeats {
                reservation: id(&format!("sold{row}-{first}")),
                subject: ann(),
                wanted: Wanted::Seats(labels),
                pass: None,
            };
            fold(&mut show, &hold);
        }
    }
    show
}

fn hold_and_release(show: &mut Show, holds: u32, is_choice: bool) -> anyhow::Result<f64> {
    let rows = show.chart().seats() / ROW_SEATS;
    let began = Instant::now();
    for number in 0..holds {
        let reservation = id(&format!("r{}-{number}", show.reservations().len()));
        let wanted = if is_choice {
            Wanted::BestAvailable { count: 2, section: None }
        } else {
            // The corners at the back are free in both halls.
            let (row, seat) = (rows - 1 - number % (rows / 10), 1 + 2 * (number % 4));
            Wanted::Seats(vec![format!("S-{row}-{seat}"), format!("S-{row}-{}", seat + 1)])
        };
        fold(show, &Command::HoldSeats { reservation: reservation.clone(), subject: ann(), wanted, pass: None });
        fold(show, &Command::ReleaseHold { reservation, subject: ann() });
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(holds))
}

fn fold(show: &mut Show, command: &Command) {
    let events = black_box(decide(show, black_box(command), Timestamp::default()).expect("nothing stands in the way"));
    events.iter().for_each(|event| show.evolve(event, Timestamp::default()).expect("a decision never breaks a promise"));
}

fn id(suffix: &str) -> ReservationId {
    ReservationId::of_show(&ShowId::parse("local-bench").expect("plain"), suffix).expect("plain")
}

fn ann() -> Subject {
    Subject::parse("ann").expect("visible")
}
