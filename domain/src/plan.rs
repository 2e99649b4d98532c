//! What an organizer asks for when scheduling a show.

use std::collections::HashSet;
use std::time::Duration;

use crate::refusal::PlanFault;
use crate::time::Timestamp;

/// The most seats that one show may have.
pub const SEATS_MAX: u32 = 100_000;
/// The most seats that one row may have. It bounds the work of looking for adjacent seats in a row.
pub const ROW_SEATS_MAX: u32 = 1_000;
/// The most seats that one reservation may ever ask for. [`crate::seating`] keeps runs of free seats up to 63 long.
pub const RESERVATION_SEATS_MAX: u32 = 50;
/// The longest that a show may hold seats for a customer: a week.
pub const HOLD_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;
/// The most people that a waiting room may let in at a time.
pub const ACTIVE_MAX: u32 = 100_000;
/// The longest title, section or row name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 80;
/// The longest description, in characters.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 10_000;
/// The highest price of a seat, in minor units. A reservation's total stays far from overflow.
pub const PRICE_MAX: i64 = 1_000_000_000_000;

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Takes three capital ASCII letters.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("parse accepts only ASCII")
    }
}

/// An amount of money in minor units (cents, for euros).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// What they are units of.
    pub currency: Currency,
}

/// A show, as its organizer describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What people read on the poster.
    pub title: String,
    /// Free text.
    pub description: String,
    /// When the show begins.
    pub starts_at: Timestamp,
    /// Before this instant no seat is held. `None` puts the show on sale at once.
    pub on_sale_at: Option<Timestamp>,
    /// How long seats are held for a customer, in seconds.
    pub hold_seconds: u32,
    /// How many seats one reservation may have.
    pub max_seats_per_reservation: u32,
    /// A limit on how many people may shop at a time, when the organizer expects a crowd.
    pub waiting_room: Option<WaitingRoom>,
    /// The hall, from the stage outwards.
    pub sections: Vec<Section>,
}

/// How many people may shop at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingRoom {
    /// People, not seats.
    pub max_active: u32,
    /// How long somebody who was let in has to show himself, in seconds.
    pub take_up_seconds: u32,
    /// How long he may hold nothing, in seconds.
    pub idle_seconds: u32,
    /// How long he may shop, in seconds from when he was let in.
    pub session_seconds: u32,
    /// SHA-256 of the seed that the order of those who come before the sale will be drawn with. Nothing, when there is none: then
    /// they are served in the order in which they came.
    pub seed_sha256: Option<[u8; 32]>,
}

impl WaitingRoom {
    /// Unless the organizer says otherwise.
    pub const TAKE_UP_SECONDS: u32 = 60;
    /// Unless the organizer says otherwise.
    pub const IDLE_SECONDS: u32 = 300;
    /// Unless the organizer says otherwise.
    pub const SESSION_SECONDS: u32 = 1_200;

    /// A room for so many people, with the usual times.
    pub fn of(max_active: u32) -> Self {
        Self {
            max_active,
            take_up_seconds: Self::TAKE_UP_SECONDS,
            idle_seconds: Self::IDLE_SECONDS,
            session_seconds: Self::SESSION_SECONDS,
            seed_sha256: None,
        }
    }
}

/// A part of the hall whose seats have one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Unique within the show.
    pub name: String,
    /// Which ring around the stage the section stands on: sections of one ring stand side by side. A section without a
    /// ring stands on one of its own, behind the section before it.
    pub ring: Option<u32>,
    /// The price of each of its seats.
    pub price: Money,
    /// From the stage outwards.
    pub rows: Vec<Row>,
}

/// One row of seats, numbered from 1, from left to right as seen from the hall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Unique within its section.
    pub name: String,
    /// How many seats it has.
    pub seats: u32,
}

impl Plan {
    /// How long seats are held.
    pub fn hold_duration(&self) -> Duration {
        Duration::from_secs(self.hold_seconds.into())
    }

    /// Every fault of the plan, so that an organizer can mend them in one go.
    pub fn faults(&self) -> Vec<PlanFault> {
        let mut faults = Vec::new();
        check_name(&mut faults, "title", &self.title);
        if self.description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
            faults.push(PlanFault::new("description", format!("is longer than {DESCRIPTION_CHARACTERS_MAX} characters")));
        }
        check_range(&mut faults, "hold_seconds", self.hold_seconds, HOLD_SECONDS_MAX);
        check_range(&mut faults, "max_seats_per_reservation", self.max_seats_per_reservation, RESERVATION_SEATS_MAX);
        if let Some(room) = &self.waiting_room {
            faults.extend(max_active_faults(room.max_active));
            check_range(&mut faults, "waiting_room.take_up_seconds", room.take_up_seconds, HOLD_SECONDS_MAX);
            check_range(&mut faults, "waiting_room.idle_seconds", room.idle_seconds, HOLD_SECONDS_MAX);
            check_range(&mut faults, "waiting_room.session_seconds", room.session_seconds, HOLD_SECONDS_MAX);
            if room.session_seconds < room.take_up_seconds {
                faults.push(PlanFault::new("waiting_room.session_seconds", "must not be less than take_up_seconds"));
            }
        }
        if self.sections.is_empty() {
            faults.push(PlanFault::new("sections", "has no section"));
        }
        self.check_sections(&mut faults);
        faults
    }

    fn check_sections(&self, faults: &mut Vec<PlanFault>) {
        let mut sections = HashSet::new();
        let mut rows = HashSet::new();
        let mut seats: u64 = 0;
        for (at, section) in self.sections.iter().enumerate() {
            let path = format!("sections[{at}]");
            check_name(faults, &format!("{path}.name"), &section.name);
            if !sections.insert(&section.name) {
                faults.push(PlanFault::new(format!("{path}.name"), "is the name of an earlier section too"));
            }
            if !(0..=PRICE_MAX).contains(&section.price.amount) {
                faults.push(PlanFault::new(format!("{path}.price.amount"), format!("must be 0 to {PRICE_MAX}")));
            }
            if section.price.currency != self.sections[0].price.currency {
                faults.push(PlanFault::new(format!("{path}.price.currency"), "differs from the first section's: a show has one currency"));
            }
            if section.rows.is_empty() {
                faults.push(PlanFault::new(format!("{path}.rows"), "has no row"));
            }
            for (row_at, row) in section.rows.iter().enumerate() {
                let path = format!("{path}.rows[{row_at}]");
                check_name(faults, &format!("{path}.name"), &row.name);
                check_range(faults, &format!("{path}.seats"), row.seats, ROW_SEATS_MAX);
                // `A-B` with row `C` and `A` with row `B-C` would give two seats one label.
                if !rows.insert(format!("{}-{}", section.name, row.name)) {
                    faults.push(PlanFault::new(format!("{path}.name"), "gives its seats the labels of an earlier row"));
                }
                seats += u64::from(row.seats);
            }
        }
        if seats > u64::from(SEATS_MAX) {
            faults.push(PlanFault::new("sections", format!("has {seats} seats; a show may have {SEATS_MAX}")));
        }
    }
}

/// What is wrong with a waiting room's limit.
pub(crate) fn max_active_faults(max_active: u32) -> Vec<PlanFault> {
    let mut faults = Vec::new();
    check_range(&mut faults, "waiting_room.max_active", max_active, ACTIVE_MAX);
    faults
}

fn check_name(faults: &mut Vec<PlanFault>, path: &str, name: &str) {
    if name.trim().is_empty() || name.trim() != name {
        faults.push(PlanFault::new(path, "must not be empty, nor begin or end with a space"));
    }
    if name.chars().count() > NAME_CHARACTERS_MAX {
        faults.push(PlanFault::new(path, format!("is longer than {NAME_CHARACTERS_MAX} characters")));
    }
    if name.chars().any(char::is_control) {
        faults.push(PlanFault::new(path, "has a control character"));
    }
}

fn check_range(faults: &mut Vec<PlanFault>, path: &str, value: u32, max: u32) {
    if !(1..=max).contains(&value) {
        faults.push(PlanFault::new(path, format!("must be 1 to {max}")));
    }
}
