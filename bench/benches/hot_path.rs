//! The steps of a hold, one by one: `cargo bench -p fullhouse-bench`. `bench/instructions` counts them all together.

use divan::{Bencher, black_box};
use fullhouse_bench::hall;
use fullhouse_bench::sale::Sale;
use fullhouse_domain::{Command, Event, SeatIndex, SeatStatus, Show, Timestamp, Wanted, decide};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::http::{CompactSeatsBody, Counts, statuses_text};
use fullhouse_schemas::stream::{change_message, seats_message};

fn main() {
    divan::main();
}

/// Rows of 100 seats: small and large halls.
const ROWS: [u32; 3] = [10, 100, 1_000];
const ROW_SEATS: u32 = 100;

fn stored_hold() -> (Sale, Event, StoredFact) {
    let sale = Sale::default();
    let event = sale.decide(&Sale::command(7)).remove(0);
    let row = sale.row(sale.encode(&event));
    (sale, event, row)
}

fn last_row(show: &Show) -> Wanted {
    let row = show.chart().seats() / ROW_SEATS - 1;
    Wanted::Seats(vec![format!("S-{row}-1"), format!("S-{row}-2")])
}

#[divan::bench(args = ROWS)]
fn decide_by_label(bencher: Bencher<'_, '_>, rows: u32) {
    let show = hall::half_full(rows, ROW_SEATS);
    let command = hall::hold(hall::reservation("r1"), last_row(&show));
    bencher.bench_local(|| decide(black_box(&show), black_box(&command), Timestamp::default()));
}

#[divan::bench(args = ROWS)]
fn decide_best_available(bencher: Bencher<'_, '_>, rows: u32) {
    let show = hall::half_full(rows, ROW_SEATS);
    let command = hall::hold(hall::reservation("r1"), Wanted::BestAvailable { count: 2, section: None });
    bencher.bench_local(|| decide(black_box(&show), black_box(&command), Timestamp::default()));
}

/// The state is that of a hall where holds come and go: each hold is released at once, and the release is folded too.
#[divan::bench(args = ROWS)]
fn evolve_hold_and_release(bencher: Bencher<'_, '_>, rows: u32) {
    let mut show = hall::half_full(rows, ROW_SEATS);
    let mut number = 0;
    let now = Timestamp::default();
    let held = decide(&show, &hall::hold(hall::reservation("r"), last_row(&show)), now).expect("the seats are free");
    bencher.bench_local(|| {
        number += 1;
        let next = hall::reservation(&format!("r{number}"));
        for event in &held {
            let Event::SeatsHeld { subject, seats, expires_at, .. } = event else { continue };
            let (subject, seats, expires_at) = (subject.clone(), seats.clone(), *expires_at);
            let event = Event::SeatsHeld { reservation: next.clone(), subject, seats: seats.clone(), expires_at };
            show.evolve(&event, now).expect("the seats are free");
            show.evolve(&Event::HoldReleased { reservation: next.clone(), seats }, now).expect("the hold is open");
        }
    });
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (sale, event, _) = stored_hold();
    bencher.bench_local(|| sale.encode(black_box(&event)));
}

#[divan::bench]
fn canonical_bytes(bencher: Bencher<'_, '_>) {
    let (_, _, row) = stored_hold();
    bencher.bench_local(|| black_box(&row).canonical_bytes());
}

#[divan::bench]
fn row_hash(bencher: Bencher<'_, '_>) {
    let (_, _, row) = stored_hold();
    bencher.bench_local(|| black_box(&row).row_hash());
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let (_, _, row) = stored_hold();
    bencher.bench_local(|| fullhouse_schemas::facts::decode(black_box(&row)));
}

/// A frame of so many changed seats.
#[divan::bench(args = [2, 100, 1_000])]
fn frame_of_changes(bencher: Bencher<'_, '_>, changed: SeatIndex) {
    let show = hall::empty(100, ROW_SEATS);
    let changes: Vec<(SeatIndex, SeatStatus)> = (0..changed).map(|seat| (seat, SeatStatus::Pending)).collect();
    bencher.bench_local(|| change_message(show.chart(), 7, Counts::of_show(&show), black_box(&changes)));
}

/// A frame of the whole map, with so many rows of 100 seats.
#[divan::bench(args = ROWS)]
fn frame_of_the_whole_map(bencher: Bencher<'_, '_>, rows: u32) {
    let show = hall::half_full(rows, ROW_SEATS);
    let statuses: Vec<SeatStatus> = (0..show.chart().seats()).map(|seat| show.seat_status(seat)).collect();
    let counts = Counts::of_show(&show);
    bencher.bench_local(|| {
        seats_message(&CompactSeatsBody { position: 7, counts, statuses: statuses_text(black_box(&statuses)), queue: None })
    });
}

/// Everything that the sequencer and the log do for a hold in memory, in a hall that fills.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn a_thousand_holds(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(Sale::default).bench_local_values(|mut sale| {
        (0..1_000).for_each(|number| sale.hold(number, true));
        sale
    });
}

/// The command alone, so that it can be taken off [`a_thousand_holds`].
#[divan::bench]
fn a_command() -> Command {
    Sale::command(black_box(7))
}
