//! The work of holds and nothing else, for a counter of instructions: `bench/instructions` runs it.

use anyhow::ensure;
use clap::Args;
use fullhouse_bench::sale::{HOLDS_MAX, Sale};

#[derive(Args)]
pub struct Settings {
    /// Holds that are decided, encoded, hashed and folded
    #[arg(long)]
    holds: u32,
    /// Leaves the hash of the row out
    #[arg(long)]
    unhashed: bool,
}

/// Does the work.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    ensure!(settings.holds <= HOLDS_MAX, "the hall has room for {HOLDS_MAX} holds");
    let mut sale = Sale::default();
    (0..settings.holds).for_each(|number| sale.hold(number, !settings.unhashed));
    Ok(())
}
