//! When people arrive. Their instants are fixed before the first request is sent: a server that is slow does not make them come later, as it would
//! if each waited for the one before (an open loop).

use std::time::Duration;

use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// The shape of a crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Independently of one another, evenly over the time
    Poisson,
    /// Half of them within the first fiftieth of the time, the others evenly over the whole
    Spike,
}

/// So many of the people of a spike are there when the sale opens.
const SPIKE_SHARE: f64 = 0.5;
/// So much of the time the spike takes.
const SPIKE_TIME_SHARE: f64 = 0.02;

impl Arrivals {
    /// The instants, counted from the start, in order. `users` points thrown evenly into a time are what a Poisson process looks like when it is
    /// known how many came.
    pub fn instants(self, users: u32, over: Duration, seed: u64) -> Vec<Duration> {
        let mut dice = StdRng::seed_from_u64(seed);
        let in_spike = match self {
            Arrivals::Poisson => 0,
            Arrivals::Spike => (f64::from(users) * SPIKE_SHARE) as u32,
        };
        let mut instants: Vec<Duration> = (0..users)
            .map(|user| {
                let end = if user < in_spike { over.mul_f64(SPIKE_TIME_SHARE) } else { over };
                end.mul_f64(dice.random::<f64>())
            })
            .collect();
        instants.sort_unstable();
        instants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn gaps(instants: &[Duration]) -> (f64, f64) {
        let gaps: Vec<f64> = instants.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn everybody_arrives_in_order_within_the_time_and_a_seed_says_when() {
        for shape in [Arrivals::Poisson, Arrivals::Spike] {
            for (users, seed) in [(1, 1), (2, 9), (1_000, 3), (10_000, 4)] {
                let instants = shape.instants(users, MINUTE, seed);
                assert_eq!(instants.len(), users as usize);
                assert!(instants.is_sorted() && instants.iter().all(|instant| *instant < MINUTE));
                assert_eq!(instants, shape.instants(users, MINUTE, seed));
                assert_ne!(instants, shape.instants(users, MINUTE, seed + 1));
            }
        }
    }

    #[test]
    fn gaps_of_a_poisson_process_are_as_wide_as_they_vary() {
        for seed in 0..20 {
            let (mean, deviation) = gaps(&Arrivals::Poisson.instants(20_000, MINUTE, seed));
            assert!((mean - 0.003).abs() < 0.000_1, "{mean}");
            assert!((deviation / mean - 1.0).abs() < 0.05, "seed {seed}: {}", deviation / mean);
        }
    }

    #[test]
    fn half_of_a_spike_is_there_at_once() {
        let instants = Arrivals::Spike.instants(10_000, MINUTE, 7);
        let early = instants.iter().filter(|instant| **instant < MINUTE.mul_f64(SPIKE_TIME_SHARE)).count();
        assert!((5_000..5_250).contains(&early), "{early}");
        assert!(instants.iter().any(|instant| *instant > MINUTE.mul_f64(0.9)), "and others come until the end");
    }
}
