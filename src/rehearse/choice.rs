//! Which seats somebody wants. Everybody wants the front and the middle, so most people want the same seats, and get in one another's way as
//! people do.
//!
//! Of the rows that look as if there were room, from the stage outwards, one is drawn from an exponential distribution with an eighth of them as its
//! mean; the place in the row is the mean of two even throws, which is most often the middle. From there the nearest seats side by side that look
//! free are taken; where a row has none, the next one outwards is looked at, and after the last one the front again. As the front fills up, the crowd
//! moves back.

use rand::RngExt;
use rand::rngs::StdRng;

use super::hall::{Hall, Picture, Seat};
use super::mind::exponential;

/// The mean of the rows that people want, as a share of those with room.
const FRONT_SHARE: f64 = 0.125;

/// So many free-looking seats side by side, or nothing when there are none anywhere.
pub fn choose(hall: &Hall, picture: &Picture, party: u32, dice: &mut StdRng) -> Option<Vec<Seat>> {
    let rows: Vec<usize> = (0..hall.rows().len()).filter(|&row| picture.free_in(row) >= party).collect();
    let wanted = exponential(dice, rows.len() as f64 * FRONT_SHARE) as usize;
    let place = f64::midpoint(dice.random::<f64>(), dice.random::<f64>());
    let first = if wanted < rows.len() { wanted } else { dice.random_range(0..rows.len().max(1)) };
    let (nearer, farther) = rows.split_at(first.min(rows.len()));
    farther.iter().chain(nearer).find_map(|&row| in_row(hall, picture, row, party, place))
}

/// The seats of a row that are nearest to a place between 0, its beginning, and 1, its end.
fn in_row(hall: &Hall, picture: &Picture, row: usize, party: u32, place: f64) -> Option<Vec<Seat>> {
    let seats = &hall.rows()[row];
    let wanted = seats.start as f64 + place * f64::from(seats.len() as u32 + 1 - party);
    let mut side_by_side = 0;
    let mut nearest: Option<(f64, Seat)> = None;
    for seat in seats.clone() {
        side_by_side = if picture.is_free(seat) { side_by_side + 1 } else { 0 };
        if side_by_side >= party {
            let start = seat + 1 - party;
            let distance = (f64::from(start) - wanted).abs();
            if nearest.is_none_or(|(least, _)| distance < least) {
                nearest = Some((distance, start));
            }
        }
    }
    nearest.map(|(_, start)| (start..start + party).collect())
}

#[cfg(test)]
mod tests {
    use super::super::hall::tests::{hall, picture};
    use super::*;
    use rand::SeedableRng;

    /// Whether so many seats side by side look free, found in the plainest way.
    fn is_possible(hall: &Hall, picture: &Picture, party: u32) -> bool {
        let row = |row: &std::ops::Range<Seat>| {
            let row: Vec<bool> = row.clone().map(|seat| picture.is_free(seat)).collect();
            row.windows(party as usize).any(|seats| seats.iter().all(|&is_free| is_free))
        };
        hall.rows().iter().any(row)
    }

    #[test]
    fn what_is_chosen_looks_free_and_stands_side_by_side_and_is_found_when_there_is_any() {
        let mut dice = StdRng::seed_from_u64(11);
        for _ in 0..3_000 {
            let rows: Vec<u32> = (0..dice.random_range(1..6)).map(|_| dice.random_range(1..9)).collect();
            let hall = hall(&rows);
            let crowded = dice.random::<f64>();
            let statuses: String = (0..hall.seats()).map(|_| if dice.random_bool(crowded) { 'p' } else { 'a' }).collect();
            let picture = picture(&hall, &statuses);
            let party = dice.random_range(1..5);
            let chosen = choose(&hall, &picture, party, &mut dice);
            assert_eq!(chosen.is_some(), is_possible(&hall, &picture, party), "{party} of {statuses} in {rows:?}");
            let Some(seats) = chosen else { continue };
            assert_eq!(seats.len(), party as usize);
            assert!(seats.iter().all(|&seat| picture.is_free(seat)));
            assert!(hall.rows().iter().any(|row| seats.iter().all(|seat| row.contains(seat))), "one row");
            assert!(seats.windows(2).all(|pair| pair[0] + 1 == pair[1]), "side by side");
        }
    }

    #[test]
    fn everybody_wants_the_front_and_the_middle() {
        let hall = hall(&[40; 40]);
        let picture = picture(&hall, &"a".repeat(1_600));
        let mut dice = StdRng::seed_from_u64(3);
        let chosen: Vec<Seat> = (0..4_000).filter_map(|_| choose(&hall, &picture, 1, &mut dice)).flatten().collect();
        let front = chosen.iter().filter(|&&seat| seat < 400).count() as f64 / chosen.len() as f64;
        assert!((0.8..0.92).contains(&front), "in the first quarter: {front}");
        let middle = chosen.iter().filter(|&&seat| (10..30).contains(&(seat % 40))).count() as f64 / chosen.len() as f64;
        assert!((0.7..0.8).contains(&middle), "in the middle half: {middle}");
        assert!(chosen.iter().any(|&seat| seat >= 1_200), "somebody sits at the back");
    }
}
