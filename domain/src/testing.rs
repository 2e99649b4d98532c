//! A hall for tests and measurements. Only with the feature `testing`.

use crate::plan::{Currency, Money, Plan, Row, Section};
use crate::time::Timestamp;

/// A plan of one section `S`, priced 100 cents, with rows `A`, `B`, … of so many seats. Holds run for ten minutes, ten seats
/// at a time.
pub fn plan(row_seats: &[u32]) -> Plan {
    Plan {
        title: "Hamlet".into(),
        description: String::new(),
        starts_at: Timestamp::default(),
        on_sale_at: None,
        hold_seconds: 600,
        max_seats_per_reservation: 10,
        waiting_room: None,
        sections: vec![section("S", 100, row_seats)],
    }
}

/// A section with rows `A`, `B`, … of so many seats, each for so many cents.
pub fn section(name: &str, cents: i64, row_seats: &[u32]) -> Section {
    let price = Money { amount: cents, currency: Currency::parse("EUR").expect("an ISO 4217 code") };
    let rows = ('A'..).zip(row_seats).map(|(name, &seats)| Row { name: name.into(), seats }).collect();
    Section { name: name.into(), ring: None, price, rows }
}
