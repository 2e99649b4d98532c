//! What a buyer is going to do, drawn before he comes.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What people are like.
#[derive(Debug, Clone)]
pub struct Habits {
    pub users: u32,
    /// How many of them open a live stream.
    pub watchers: u32,
    pub party_max: u32,
    pub best_available_share: f64,
    pub checkout_share: f64,
    pub release_share: f64,
    /// The mean time between holding and deciding.
    pub dither: Duration,
    pub seed: u64,
}

/// How somebody who holds seats means to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    CheckOut,
    Release,
    WalkAway,
}

/// One buyer's mind.
#[derive(Debug, Clone, PartialEq)]
pub struct Mind {
    pub party: u32,
    pub takes_best_available: bool,
    pub dither: Duration,
    pub intent: Intent,
    /// Whether he opens a live stream.
    pub watches: bool,
    /// Whether he sends what was answered once more, as a browser does whose answer got lost.
    pub repeats: bool,
}

/// How often people come alone, in twos, in threes, …: most come in twos. Beyond the list as often as its last.
const PARTY_WEIGHTS: [u32; 6] = [3, 8, 3, 4, 1, 1];
/// One in so many sends acknowledged commands once more.
const REPEATS_ONE_IN: u32 = 50;
/// Spreads neighbouring numbers over all seeds.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Dice for one buyer and one purpose: the same each time, and independent of the order in which buyers have their turn.
pub fn dice(seed: u64, number: u32, purpose: u32) -> StdRng {
    let word = (u64::from(number) << 32) | u64::from(purpose);
    StdRng::seed_from_u64(seed ^ word.wrapping_add(1).wrapping_mul(GOLDEN))
}

/// An exponentially distributed number.
pub fn exponential(dice: &mut StdRng, mean: f64) -> f64 {
    -mean * (1.0 - dice.random::<f64>()).ln()
}

impl Mind {
    /// The mind of the buyer of this number.
    pub fn of(number: u32, habits: &Habits) -> Self {
        let mut dice = dice(habits.seed, number, 0);
        let fate = dice.random::<f64>();
        let intent = match () {
            () if fate < habits.checkout_share => Intent::CheckOut,
            () if fate < habits.checkout_share + habits.release_share => Intent::Release,
            () => Intent::WalkAway,
        };
        Self {
            party: party(&mut dice, habits.party_max),
            takes_best_available: dice.random_bool(habits.best_available_share),
            dither: Duration::from_secs_f64(exponential(&mut dice, habits.dither.as_secs_f64())),
            intent,
            watches: is_watcher(number, habits),
            repeats: dice.random_range(0..REPEATS_ONE_IN) == 0,
        }
    }
}

/// Watchers are spread evenly over all who come.
fn is_watcher(number: u32, habits: &Habits) -> bool {
    let before = |number: u32| u64::from(number) * u64::from(habits.watchers) / u64::from(habits.users);
    before(number + 1) > before(number)
}

fn party(dice: &mut StdRng, party_max: u32) -> u32 {
    let weight = |size: u32| PARTY_WEIGHTS[(size as usize - 1).min(PARTY_WEIGHTS.len() - 1)];
    let mut left = dice.random_range(0..(1..=party_max).map(weight).sum());
    (1..party_max)
        .find(|&size| {
            let is_it = left < weight(size);
            left = left.saturating_sub(weight(size));
            is_it
        })
        .unwrap_or(party_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habits() -> Habits {
        Habits {
            users: 10_000,
            watchers: 300,
            party_max: 4,
            best_available_share: 0.25,
            checkout_share: 0.6,
            release_share: 0.3,
            dither: Duration::from_secs(10),
            seed: 5,
        }
    }

    #[test]
    fn many_minds_are_what_the_habits_say() {
        let habits = habits();
        let minds: Vec<Mind> = (0..habits.users).map(|number| Mind::of(number, &habits)).collect();
        let share = |is: &dyn Fn(&Mind) -> bool| minds.iter().filter(|mind| is(mind)).count() as f64 / minds.len() as f64;
        assert!((share(&|mind| mind.intent == Intent::CheckOut) - 0.6).abs() < 0.02);
        assert!((share(&|mind| mind.intent == Intent::WalkAway) - 0.1).abs() < 0.02);
        assert!((share(&|mind| mind.takes_best_available) - 0.25).abs() < 0.02);
        assert!((share(&|mind| mind.party == 2) - 8.0 / 18.0).abs() < 0.02, "most come in twos");
        assert!(minds.iter().all(|mind| (1..=4).contains(&mind.party)));
        assert_eq!(minds.iter().filter(|mind| mind.watches).count(), 300);
        let dither = minds.iter().map(|mind| mind.dither.as_secs_f64()).sum::<f64>() / minds.len() as f64;
        assert!((dither - 10.0).abs() < 0.5, "{dither}");
        assert_eq!(minds[17], Mind::of(17, &habits), "a mind does not depend on who had his turn before");
    }

    #[test]
    fn everybody_may_come_alone_or_in_crowds() {
        let alone = Habits { party_max: 1, ..habits() };
        assert!((0..1_000).all(|number| Mind::of(number, &alone).party == 1));
        let crowds = Habits { party_max: 50, ..habits() };
        assert!((0..10_000).any(|number| Mind::of(number, &crowds).party == 50));
    }
}
