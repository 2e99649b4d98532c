//! The search is compared with a search that looks at every choice in the hall.

use proptest::prelude::*;

use super::*;
use crate::plan::{Plan, Section};
use crate::testing;

fn hall(sections: &[(Option<u32>, &[u32])]) -> Chart {
    let sections = sections.iter().enumerate();
    let sections = sections.map(|(at, (ring, rows))| Section { ring: *ring, ..testing::section(&format!("S{at}"), 100, rows) });
    Chart::new(&Plan { sections: sections.collect(), ..testing::plan(&[]) })
}

/// Every choice in the scope, judged one by one: the rule of this module's documentation, taken literally.
fn best_of_all(free: &FreeSeats, chart: &Chart, count: u32, section: Option<u32>) -> Option<Vec<SeatIndex>> {
    let ranking = match section {
        Some(section) => &free.hall.section_rankings[section as usize],
        None => &free.hall.hall_ranking,
    };
    let is_free = |seat: SeatIndex| {
        let row = &free.hall.rows[chart.row_of(seat) as usize];
        let bit = (seat - row.first) as usize;
        free.words[row.words_from + bit / 64] >> (bit % 64) & 1 == 1
    };
    let mut choices = Vec::new();
    for (rank, ranked) in ranking.iter().enumerate() {
        let row = chart.rows()[ranked.row as usize];
        for start in 0..(row.seats + 1).saturating_sub(count) {
            if !(start..start + count).all(|number| is_free(row.first + number)) {
                continue;
            }
            let alone = |number: Option<u32>, beyond: Option<u32>| {
                let free_at = |number: Option<u32>| number.is_some_and(|number| number < row.seats && is_free(row.first + number));
                free_at(number) && !free_at(beyond)
            };
            let untidy = alone(start.checked_sub(1), start.checked_sub(2)) || alone(Some(start + count), Some(start + count + 1));
            choices.push((untidy, ranked.cost(start, count), rank, start, row.first));
        }
    }
    choices.into_iter().min().map(|(_, _, _, start, first)| (first + start..first + start + count).collect())
}

#[test]
fn an_empty_hall_offers_the_middle_of_the_front_row() {
    let chart = hall(&[(None, &[10, 12])]);
    assert_eq!(FreeSeats::all(&chart).best(2, None), Some(vec![4, 5]));
    assert_eq!(FreeSeats::all(&chart).best(4, None), Some(vec![3, 4, 5, 6]));
}

#[test]
fn no_single_seat_is_left_alone_when_another_row_can_avoid_it() {
    let chart = hall(&[(None, &[3, 5])]);
    let free = FreeSeats::all(&chart);
    // Two of the front row's three would leave one; two at the end of the second row's five leave three.
    assert_eq!(free.best(2, None), Some(vec![3, 4]));
}

#[test]
fn a_single_seat_is_left_alone_rather_than_nobody_served() {
    let chart = hall(&[(None, &[3])]);
    assert_eq!(FreeSeats::all(&chart).best(2, None), Some(vec![0, 1]));
}

#[test]
fn rows_are_not_joined_and_sections_keep_to_themselves() {
    let chart = hall(&[(Some(1), &[2]), (Some(1), &[2])]);
    let free = FreeSeats::all(&chart);
    assert_eq!(free.best(3, None), None);
    assert_eq!(free.best(2, Some(1)), Some(vec![2, 3]));
}

proptest! {
    #[test]
    fn the_search_finds_what_looking_at_every_choice_finds(
        rows in proptest::collection::vec(proptest::collection::vec(1..90u32, 1..6), 1..4),
        rings in proptest::collection::vec(proptest::option::of(0..2u32), 4),
        taken in proptest::collection::vec((any::<prop::sample::Index>(), 1..12u32), 0..60),
        count in 1..12u32,
        in_section in any::<prop::sample::Index>(),
    ) {
        let sections: Vec<(Option<u32>, &[u32])> = rows.iter().zip(&rings).map(|(rows, ring)| (*ring, rows.as_slice())).collect();
        let chart = hall(&sections);
        let mut free = FreeSeats::all(&chart);
        for (start, length) in taken {
            let start = start.index(chart.seats() as usize) as u32;
            let seats: Vec<SeatIndex> = (start..(start + length).min(chart.seats())).collect();
            free.take(&seats);
        }
        let section = in_section.index(rows.len()) as u32;
        prop_assert_eq!(free.best(count, None), best_of_all(&free, &chart, count, None));
        prop_assert_eq!(free.best(count, Some(section)), best_of_all(&free, &chart, count, Some(section)));
    }

    #[test]
    fn giving_back_undoes_taking(seats in proptest::collection::hash_set(0..200u32, 1..80)) {
        let chart = hall(&[(None, &[70, 70, 60])]);
        let seats: Vec<SeatIndex> = seats.into_iter().collect();
        let mut free = FreeSeats::all(&chart);
        free.take(&seats);
        free.give_back(&seats);
        prop_assert_eq!(free.words, FreeSeats::all(&chart).words);
        prop_assert_eq!(free.hall_tree, FreeSeats::all(&chart).hall_tree);
    }
}
