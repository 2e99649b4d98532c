//! What deciding a hold costs in a small and in a large hall.

use std::time::Instant;

use clap::Args;
use fullhouse_bench::hall;
use fullhouse_domain::{Command, Show, Wanted};

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
        let mut shows = HALLS.map(|seats| hall::half_full(seats / ROW_SEATS, ROW_SEATS));
        let mut nanoseconds: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..settings.rounds {
            for (show, measured) in shows.iter_mut().zip(&mut nanoseconds) {
                measured.push(hold_and_release(show, settings.holds, is_choice));
            }
        }
        let [small, large] = nanoseconds.map(|mut measured| crate::commands::median(&mut measured));
        println!("{name}: {small:.0} ns with {} seats, {large:.0} ns with {} seats, {:.2} times", HALLS[0], HALLS[1], large / small);
    }
    Ok(())
}

fn hold_and_release(show: &mut Show, holds: u32, is_choice: bool) -> f64 {
    let rows = show.chart().seats() / ROW_SEATS;
    let began = Instant::now();
    for number in 0..holds {
        let reservation = hall::reservation(&format!("r{}-{number}", show.reservations().len()));
        let wanted = if is_choice {
            Wanted::BestAvailable { count: 2, section: None }
        } else {
            // The corners at the back are free in both halls.
            let (row, seat) = (rows - 1 - number % (rows / 10), 1 + 2 * (number % 4));
            Wanted::Seats(vec![format!("S-{row}-{seat}"), format!("S-{row}-{}", seat + 1)])
        };
        hall::fold(show, &hall::hold(reservation.clone(), wanted));
        hall::fold(show, &Command::ReleaseHold { reservation, subject: hall::ann() });
    }
    began.elapsed().as_nanos() as f64 / f64::from(holds)
}
