//! The free seats of a show, arranged so that the best adjacent ones are found without looking at the whole hall.
//!
//! "Best" is decided in this order:
//!
//! 1. no single free seat is left alone beside the chosen ones, where any row of the hall allows that;
//! 2. the chosen seats' middle is nearest to the middle of the front row (of the hall, or of the section asked for),
//!    measured along the rows and away from the stage;
//! 3. the row nearer to the front, then the seats further left.
//!
//! How it works: the rows are ranked once by how near their best seat could ever be. A tree over that ranking holds in
//! each node which lengths of free runs exist below it, so a search skips full rows and stops at the first row that
//! can't beat what was found. The work depends on how many rows lie between the front and the best free seats and on
//! the length of rows, not on the number of seats.

use std::sync::Arc;

use crate::chart::{Chart, SeatIndex};
use crate::layout::{RowPlace, SEAT_PITCH};
use crate::row::{self, RunLengths};

/// The free seats of one show.
#[derive(Debug, Clone)]
pub struct FreeSeats {
    hall: Arc<Hall>,
    /// The rows' bits, one after another, each row beginning a word.
    words: Vec<u64>,
    hall_tree: RunTree,
    section_trees: Vec<RunTree>,
}

/// What does not change about the rows.
#[derive(Debug)]
struct Hall {
    rows: Vec<HallRow>,
    row_of_seat: Vec<u32>,
    hall_ranking: Vec<RankedRow>,
    section_rankings: Vec<Vec<RankedRow>>,
}

#[derive(Debug)]
struct HallRow {
    first: SeatIndex,
    seats: u32,
    words_from: usize,
    words_to: usize,
    section: u32,
    rank_in_hall: usize,
    rank_in_section: usize,
}

/// A row's place in a ranking, seen from the middle of that ranking's front.
#[derive(Debug, Clone, Copy)]
struct RankedRow {
    row: u32,
    depth: i64,
    left: i64,
    /// No choice in this row can cost less.
    cost_min: i64,
}

/// A choice of adjacent seats. The order of the members is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    cost: i64,
    rank: usize,
    start: u32,
}

impl FreeSeats {
    /// All seats of the chart, free.
    pub fn all(chart: &Chart) -> Self {
        let hall = Arc::new(Hall::new(chart));
        let mut words = vec![0; hall.rows.last().map_or(0, |row| row.words_to)];
        for row in &hall.rows {
            for seat in 0..row.seats as usize {
                words[row.words_from + seat / 64] |= 1 << (seat % 64);
            }
        }
        let lengths = |ranking: &[RankedRow]| -> Vec<RunLengths> {
            ranking
                .iter()
                .map(|ranked| row::run_lengths(hall.rows[ranked.row as usize].words(&words), hall.rows[ranked.row as usize].seats))
                .collect()
        };
        let hall_tree = RunTree::new(&lengths(&hall.hall_ranking));
        let section_trees = hall.section_rankings.iter().map(|ranking| RunTree::new(&lengths(ranking))).collect();
        Self { hall, words, hall_tree, section_trees }
    }

    /// Marks the seats as taken.
    pub fn take(&mut self, seats: &[SeatIndex]) {
        self.set(seats, false);
    }

    /// Marks the seats as free.
    pub fn give_back(&mut self, seats: &[SeatIndex]) {
        self.set(seats, true);
    }

    fn set(&mut self, seats: &[SeatIndex], free: bool) {
        for (at, &seat) in seats.iter().enumerate() {
            let row_number = self.hall.row_of_seat[seat as usize];
            let row = &self.hall.rows[row_number as usize];
            let bit = (seat - row.first) as usize;
            let word = &mut self.words[row.words_from + bit / 64];
            if free {
                *word |= 1 << (bit % 64);
            } else {
                *word &= !(1 << (bit % 64));
            }
            // Seats of one row mostly come together; its runs are counted once.
            let row_continues = seats.get(at + 1).is_some_and(|&next| self.hall.row_of_seat[next as usize] == row_number);
            if !row_continues {
                let lengths = row::run_lengths(row.words(&self.words), row.seats);
                self.hall_tree.set(row.rank_in_hall, lengths);
                self.section_trees[row.section as usize].set(row.rank_in_section, lengths);
            }
        }
    }

    /// The best `count` free seats side by side, in the section if one is given.
    pub fn best(&self, count: u32, section: Option<u32>) -> Option<Vec<SeatIndex>> {
        let (ranking, tree) = match section {
            Some(section) => (&self.hall.section_rankings[section as usize], &self.section_trees[section as usize]),
            None => (&self.hall.hall_ranking, &self.hall_tree),
        };
        let choice =
            self.search(ranking, tree, count, Tidiness::LeavesNoSingleSeat).or_else(|| self.search(ranking, tree, count, Tidiness::Any))?;
        let first = self.hall.rows[ranking[choice.rank].row as usize].first + choice.start;
        Some((first..first + count).collect())
    }

    fn search(&self, ranking: &[RankedRow], tree: &RunTree, count: u32, tidiness: Tidiness) -> Option<Choice> {
        let wanted = match tidiness {
            Tidiness::LeavesNoSingleSeat => row::fits_tidily(count),
            Tidiness::Any => row::fits(count),
        };
        let mut best: Option<Choice> = None;
        let mut next = tree.next(0, wanted);
        while let Some(rank) = next {
            let ranked = &ranking[rank];
            if best.is_some_and(|best| best.cost <= ranked.cost_min) {
                break;
            }
            let row = &self.hall.rows[ranked.row as usize];
            let choices = row::runs(row.words(&self.words), row.seats)
                .flat_map(|run| starts(run, count, ranked))
                .filter(|&(run, start)| tidiness.allows(run, start, count))
                .map(|(_, start)| Choice { cost: ranked.cost(start, count), rank, start });
            best = choices.chain(best).min();
            next = tree.next(rank + 1, wanted);
        }
        best
    }
}

#[derive(Debug, Clone, Copy)]
enum Tidiness {
    LeavesNoSingleSeat,
    Any,
}

impl Tidiness {
    fn allows(self, (run_start, run_end): (u32, u32), start: u32, count: u32) -> bool {
        match self {
            Tidiness::LeavesNoSingleSeat => start - run_start != 1 && run_end - (start + count) != 1,
            Tidiness::Any => true,
        }
    }
}

/// The starts within a run that can be the best one: the run's ends, and those around the row's middle. The cost grows
/// to both sides of the middle, and at most two starts of a run leave a single seat alone.
fn starts(run: (u32, u32), count: u32, ranked: &RankedRow) -> impl Iterator<Item = ((u32, u32), u32)> {
    let (run_start, run_end) = run;
    let last = run_end.checked_sub(count).filter(|&last| last >= run_start);
    let middle = -ranked.left / SEAT_PITCH - i64::from(count) / 2;
    last.into_iter().flat_map(move |last| {
        let around = (middle - 3..=middle + 3).map(move |start| start.clamp(run_start.into(), last.into()) as u32);
        let near_ends = [run_start, (run_start + 2).min(last), last, last.saturating_sub(2).max(run_start)];
        around.chain(near_ends).map(move |start| (run, start))
    })
}

impl RankedRow {
    /// The squared distance of the choice's middle, counted twice to stay whole when the middle lies between two seats.
    fn cost(&self, start: u32, count: u32) -> i64 {
        self.distance_squared(start + (count - 1) / 2) + self.distance_squared(start + count / 2)
    }

    fn distance_squared(&self, number: u32) -> i64 {
        let aside = self.left + i64::from(number) * SEAT_PITCH;
        aside * aside + self.depth * self.depth
    }
}

impl HallRow {
    fn words<'a>(&self, words: &'a [u64]) -> &'a [u64] {
        &words[self.words_from..self.words_to]
    }
}

impl Hall {
    fn new(chart: &Chart) -> Self {
        let mut words_from = 0;
        let mut rows: Vec<HallRow> = Vec::with_capacity(chart.rows().len());
        for row in chart.rows() {
            let words_to = words_from + row.seats.div_ceil(64) as usize;
            rows.push(HallRow {
                first: row.first,
                seats: row.seats,
                words_from,
                words_to,
                section: row.section,
                rank_in_hall: 0,
                rank_in_section: 0,
            });
            words_from = words_to;
        }
        let numbered = || chart.row_places().iter().enumerate();
        let hall_ranking = rank(chart, numbered().map(|(row, place)| (row, place.depth, place.left_in_hall)));
        let mut rows_of_section: Vec<Vec<(usize, &RowPlace)>> = vec![Vec::new(); chart.sections().len()];
        numbered().for_each(|(row, place)| rows_of_section[rows[row].section as usize].push((row, place)));
        let section_rankings = rows_of_section
            .into_iter()
            .map(|members| {
                let front = members.first().map_or(0, |(_, place)| place.depth);
                rank(chart, members.into_iter().map(|(row, place)| (row, place.depth - front, place.left_in_section)))
            })
            .collect::<Vec<_>>();
        for (rank, ranked) in hall_ranking.iter().enumerate() {
            rows[ranked.row as usize].rank_in_hall = rank;
        }
        for (rank, ranked) in section_rankings.iter().flat_map(|ranking| ranking.iter().enumerate()) {
            rows[ranked.row as usize].rank_in_section = rank;
        }
        let row_of_seat = (0..chart.seats()).map(|seat| chart.row_of(seat)).collect();
        Self { rows, row_of_seat, hall_ranking, section_rankings }
    }
}

fn rank(chart: &Chart, rows: impl Iterator<Item = (usize, i64, i64)>) -> Vec<RankedRow> {
    let mut ranking: Vec<RankedRow> = rows
        .map(|(row, depth, left)| {
            let mut ranked = RankedRow { row: row as u32, depth, left, cost_min: 0 };
            let seats = 0..chart.rows()[row].seats;
            ranked.cost_min = 2 * seats.map(|number| ranked.distance_squared(number)).min().unwrap_or(0);
            ranked
        })
        .collect();
    ranking.sort_by_key(|ranked| (ranked.cost_min, ranked.depth, ranked.row));
    ranking
}

/// A tree over a ranking; each node is the union of the run lengths below it. Eight children share a line of the cache, so a
/// hundred times the rows cost two levels more.
#[derive(Debug, Clone, PartialEq)]
struct RunTree {
    /// From the leaves to the root.
    levels: Vec<Vec<RunLengths>>,
}

/// How many children a node of [`RunTree`] has.
const CHILDREN: usize = 8;

impl RunTree {
    fn new(lengths: &[RunLengths]) -> Self {
        let mut levels = vec![lengths.to_vec()];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks(CHILDREN).map(union).collect();
            levels.push(above);
        }
        Self { levels }
    }

    fn set(&mut self, rank: usize, lengths: RunLengths) {
        self.levels[0][rank] = lengths;
        let mut node = rank;
        for level in 1..self.levels.len() {
            node /= CHILDREN;
            let union = union(self.children(level, node).1);
            if std::mem::replace(&mut self.levels[level][node], union) == union {
                break;
            }
        }
    }

    /// The children of a node, and the number of the first one.
    fn children(&self, level: usize, node: usize) -> (usize, &[RunLengths]) {
        let below = &self.levels[level - 1];
        let first = node * CHILDREN;
        (first, &below[first..below.len().min(first + CHILDREN)])
    }

    /// The first rank at or after `from` with one of the wanted run lengths.
    fn next(&self, from: usize, wanted: RunLengths) -> Option<usize> {
        let mut at = from;
        // Climb until a sibling to the right of where we came from has what is wanted.
        for (level, nodes) in self.levels.iter().enumerate() {
            let siblings_end = nodes.len().min((at / CHILDREN + 1) * CHILDREN);
            if let Some(found) = (at..siblings_end).find(|&node| nodes[node] & wanted != 0) {
                return Some(self.descend(level, found, wanted));
            }
            at = at / CHILDREN + 1;
        }
        None
    }

    /// The leftmost leaf below a node that has what is wanted.
    fn descend(&self, level: usize, node: usize, wanted: RunLengths) -> usize {
        (1..=level).rev().fold(node, |node, level| {
            let (first, children) = self.children(level, node);
            first + children.iter().position(|lengths| lengths & wanted != 0).unwrap_or(0)
        })
    }
}

fn union(lengths: &[RunLengths]) -> RunLengths {
    lengths.iter().fold(0, |union, lengths| union | lengths)
}

#[cfg(test)]
#[path = "seating_tests.rs"]
mod tests;
