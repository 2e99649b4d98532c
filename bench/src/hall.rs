//! Halls, empty or half full.

use fullhouse_domain::{Command, ReservationId, Show, ShowId, Subject, Timestamp, Wanted, decide, decide_schedule, testing};

/// How many seats are held at once while a hall is filled.
const FILLED_AT_ONCE: u32 = 50;

/// A hall of one section `S` with rows `0`, `1`, …, all of it free.
pub fn empty(rows: u32, row_seats: u32) -> Show {
    let mut plan = testing::plan(&vec![row_seats; rows as usize]);
    plan.max_seats_per_reservation = FILLED_AT_ONCE;
    for (number, row) in (0..).zip(&mut plan.sections[0].rows) {
        row.name = format!("{number}");
    }
    let events = decide_schedule(None, &plan).expect("a plan without faults");
    Show::schedule(&events[0], Timestamp::default()).expect("a show")
}

/// A hall whose front half is taken, row by row, so that the best seats have to be looked for. Rows have a multiple of 50 seats.
pub fn half_full(rows: u32, row_seats: u32) -> Show {
    let mut show = empty(rows, row_seats);
    for row in 0..rows / 2 {
        for first in (1..row_seats).step_by(FILLED_AT_ONCE as usize) {
            let labels = (first..first + FILLED_AT_ONCE).map(|number| format!("S-{row}-{number}")).collect();
            fold(&mut show, &hold(reservation(&format!("sold{row}-{first}")), Wanted::Seats(labels)));
        }
    }
    show
}

/// A hold of Ann's.
pub fn hold(reservation: ReservationId, wanted: Wanted) -> Command {
    Command::HoldSeats { reservation, subject: ann(), wanted, pass: None }
}

/// Decides a command that nothing stands in the way of, and folds what comes of it.
pub fn fold(show: &mut Show, command: &Command) {
    let events =
        std::hint::black_box(decide(show, std::hint::black_box(command), Timestamp::default()).expect("nothing stands in the way"));
    events.iter().for_each(|event| show.evolve(event, Timestamp::default()).expect("a decision never breaks a promise"));
}

/// The show's id.
pub fn show_id() -> ShowId {
    ShowId::parse("local-bench").expect("plain")
}

/// A reservation in it.
pub fn reservation(suffix: &str) -> ReservationId {
    ReservationId::of_show(&show_id(), suffix).expect("plain")
}

/// Who holds.
pub fn ann() -> Subject {
    Subject::parse("ann").expect("visible")
}
