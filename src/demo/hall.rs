//! A hall of 2,000 seats on four rings around the stage, in five price bands.

use fullhouse_domain::plan::{Row, Section};
use fullhouse_domain::{Currency, Money, Plan};
use fullhouse_schemas::time::Instant;

/// Wide enough for a family, and too few to empty a row.
const MAX_SEATS: u32 = 8;

/// The first and the last row's seats of a block; the rows between grow evenly, as they do in a wedge.
struct Block {
    name: &'static str,
    ring: u32,
    price: i64,
    rows: &'static [u32],
}

const BLOCKS: [Block; 12] = [
    Block { name: "Stalls Left", ring: 1, price: 9_500, rows: &[10, 11, 12, 13, 14, 15, 16, 17] },
    Block { name: "Stalls Centre", ring: 1, price: 12_000, rows: &[20, 21, 22, 23, 24, 25, 26, 27] },
    Block { name: "Stalls Right", ring: 1, price: 9_500, rows: &[10, 11, 12, 13, 14, 15, 16, 17] },
    Block { name: "Terrace Left", ring: 2, price: 7_500, rows: &[14, 15, 16, 17, 18, 19, 20, 21, 22] },
    Block { name: "Terrace Centre", ring: 2, price: 7_500, rows: &[26, 27, 28, 29, 30, 31, 32, 33, 34] },
    Block { name: "Terrace Right", ring: 2, price: 7_500, rows: &[14, 15, 16, 17, 18, 19, 20, 21, 22] },
    Block { name: "Circle Left", ring: 3, price: 5_000, rows: &[16, 17, 18, 19, 20, 21, 22, 23] },
    Block { name: "Circle Centre", ring: 3, price: 5_000, rows: &[30, 31, 32, 33, 34, 35, 36, 37] },
    Block { name: "Circle Right", ring: 3, price: 5_000, rows: &[16, 17, 18, 19, 20, 21, 22, 23] },
    Block { name: "Gallery Left", ring: 4, price: 2_800, rows: &[15, 16, 17, 18, 19, 20] },
    Block { name: "Gallery Centre", ring: 4, price: 2_800, rows: &[33, 34, 35, 36, 37, 37] },
    Block { name: "Gallery Right", ring: 4, price: 2_800, rows: &[15, 16, 17, 18, 19, 20] },
];

/// The example event.
pub fn plan() -> Plan {
    let currency = Currency::parse("EUR").expect("an ISO 4217 code");
    let section = |block: &Block| Section {
        name: block.name.into(),
        ring: Some(block.ring),
        price: Money { amount: block.price, currency },
        rows: ('A'..).zip(block.rows).map(|(name, &seats)| Row { name: name.into(), seats }).collect(),
    };
    Plan {
        title: "The Tempest".into(),
        description: "An example event. Nothing here costs anything.".into(),
        starts_at: Instant::parse("2030-01-31T19:30:00Z").expect("an instant").0,
        on_sale_at: None,
        hold_seconds: 600,
        max_seats_per_reservation: MAX_SEATS,
        waiting_room: None,
        sections: BLOCKS.iter().map(section).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_hall_has_2000_seats_in_five_price_bands_and_no_fault() {
        let plan = plan();
        assert_eq!(plan.faults(), []);
        assert_eq!(plan.sections.iter().flat_map(|section| &section.rows).map(|row| row.seats).sum::<u32>(), 2_000);
        assert_eq!(plan.sections.iter().map(|section| section.price.amount).collect::<BTreeSet<_>>().len(), 5);
    }
}
