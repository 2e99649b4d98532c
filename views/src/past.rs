//! The seat map as it was: folded from a snapshot on.
//!
//! What a fact does to seats follows from its kind and from what it touches, so its data need not be read.

use fullhouse_domain::{Chart, SeatStatus, Timestamp};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::http::Counts;

use crate::seat_view::{Inconsistency, SeatView};

/// A snapshot is made every so many positions. So many facts are read in a few milliseconds.
pub const SNAPSHOT_EVERY: u64 = 8_192;
/// Seats whose statuses share a byte.
const SEATS_PER_BYTE: usize = 4;

/// Seats and counts as they were at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct PastMap {
    position: u64,
    recorded_at: Timestamp,
    counts: Counts,
    statuses: Vec<SeatStatus>,
}

impl PastMap {
    /// The map right after the show was scheduled.
    pub fn scheduled(chart: &Chart, recorded_at: Timestamp) -> Self {
        let seats = chart.seats();
        let counts = Counts { available: seats, pending: 0, reserved: 0 };
        Self { position: 1, recorded_at, counts, statuses: vec![SeatStatus::Available; seats as usize] }
    }

    /// The map that a view shows.
    pub fn of(view: &SeatView) -> Self {
        Self { position: view.position(), recorded_at: view.recorded_at(), counts: view.counts(), statuses: view.statuses().to_vec() }
    }

    /// Takes the next fact into account. After an error the map is not to be used.
    pub fn apply(&mut self, fact: &StoredFact) -> Result<(), Inconsistency> {
        if fact.position != self.position + 1 {
            return Err(Inconsistency::Gap { expected: self.position + 1, found: fact.position });
        }
        let status = match fact.kind {
            FactKind::ShowScheduled | FactKind::PersonForgotten => return Err(Inconsistency::Impossible(fact.position)),
            FactKind::SeatsHeld => Some(SeatStatus::Pending),
            FactKind::SeatsReserved => Some(SeatStatus::Reserved),
            FactKind::HoldReleased | FactKind::HoldExpired => Some(SeatStatus::Available),
            FactKind::RoomChanged | FactKind::LineDrawn | FactKind::RoomOpened | FactKind::RoomMoved | FactKind::RoomClosed => None,
        };
        for (seat, status) in fact.touches.iter().filter_map(|&seat| Some((seat, status?))) {
            let there = self.statuses.get_mut(seat as usize).ok_or(Inconsistency::Impossible(fact.position))?;
            *self.counts.of(std::mem::replace(there, status)) -= 1;
            *self.counts.of(status) += 1;
        }
        (self.position, self.recorded_at) = (fact.position, fact.recorded_at);
        Ok(())
    }

    /// The position of the last fact that was folded.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When that fact was recorded.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Seats by status.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Every seat's status, in chart order.
    pub fn statuses(&self) -> &[SeatStatus] {
        &self.statuses
    }
}

/// The maps at some positions of a show's history, in little space.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// In the order of positions.
    kept: Vec<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    position: u64,
    recorded_at: Timestamp,
    counts: Counts,
    seats: usize,
    packed: Box<[u8]>,
}

impl Snapshots {
    /// Takes one, if the view is where one is due.
    pub fn take(&mut self, view: &SeatView) {
        if view.position().is_multiple_of(SNAPSHOT_EVERY) {
            self.kept.push(Snapshot::of(view));
        }
    }

    /// The last one at a position or before it.
    pub fn before_position(&self, position: u64) -> Option<PastMap> {
        self.before(|snapshot| snapshot.position <= position)
    }

    /// The last one that was recorded at an instant or before it.
    pub fn before_instant(&self, at: Timestamp) -> Option<PastMap> {
        self.before(|snapshot| snapshot.recorded_at <= at)
    }

    fn before(&self, is_before: impl Fn(&Snapshot) -> bool) -> Option<PastMap> {
        let behind = self.kept.partition_point(is_before);
        behind.checked_sub(1).map(|index| self.kept[index].unpack())
    }
}

impl Snapshot {
    fn of(view: &SeatView) -> Self {
        let statuses = view.statuses();
        let pack = |four: &[SeatStatus]| four.iter().rev().fold(0, |byte, status| byte << 2 | code(*status));
        Self {
            position: view.position(),
            recorded_at: view.recorded_at(),
            counts: view.counts(),
            seats: statuses.len(),
            packed: statuses.chunks(SEATS_PER_BYTE).map(pack).collect(),
        }
    }

    fn unpack(&self) -> PastMap {
        let status = |seat: usize| status_of(self.packed[seat / SEATS_PER_BYTE] >> (2 * (seat % SEATS_PER_BYTE)) & 3);
        let statuses = (0..self.seats).map(status).collect();
        PastMap { position: self.position, recorded_at: self.recorded_at, counts: self.counts, statuses }
    }
}

fn code(status: SeatStatus) -> u8 {
    match status {
        SeatStatus::Available => 0,
        SeatStatus::Pending => 1,
        SeatStatus::Reserved => 2,
    }
}

fn status_of(code: u8) -> SeatStatus {
    match code {
        0 => SeatStatus::Available,
        1 => SeatStatus::Pending,
        _ => SeatStatus::Reserved,
    }
}
