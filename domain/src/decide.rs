//! The decisions: from a command and the state to events, or to a refusal.

use std::collections::HashSet;
use std::time::Duration;

use crate::chart::SeatIndex;
use crate::command::{Command, Wanted};
use crate::event::Event;
use crate::id::{ReservationId, Subject};
use crate::plan::Plan;
use crate::planted::{Bug, is_planted};
use crate::refusal::{Conflict, Refusal};
use crate::room;
use crate::show::{Reservation, ReservationStatus, SeatStatus, Show};
use crate::time::Timestamp;

/// Decides whether a show can be scheduled as planned.
pub fn decide_schedule(existing: Option<&Show>, plan: &Plan) -> Result<Vec<Event>, Refusal> {
    if existing.is_some() {
        return Err(Refusal::AlreadyScheduled);
    }
    let faults = plan.faults();
    if !faults.is_empty() {
        return Err(Refusal::FaultyPlan(faults));
    }
    Ok(vec![Event::ShowScheduled(Box::new(plan.clone()))])
}

/// Decides a command on the state of its show at the instant `now`.
///
/// No events mean that what was asked for is so already: the caller may answer as if it had just happened.
pub fn decide(show: &Show, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::HoldSeats { reservation, subject, wanted, pass } => {
            check_sale(show, subject, *pass, now)?;
            hold_seats(show, reservation, subject, wanted, now)
        }
        Command::Checkout { reservation, subject, payment_reference } => checkout(show, reservation, subject, payment_reference, now),
        Command::ReleaseHold { reservation, subject } => release_hold(show, reservation, subject, now),
        Command::ExpireHold { reservation } => expire_hold(show, reservation, now),
        Command::OpenRoom { members, seed, last_entry } => room::open(show, members, *seed, *last_entry, now),
        Command::AdmitShoppers { candidates, taken_up } => room::admit(show, candidates, taken_up, now),
        Command::TakePlace(candidate) => room::take_place(show, candidate, now),
        Command::LeaveRoom(candidate) => room::leave(show, candidate),
        Command::ChangeRoom { max_active, is_paused } => room::change(show, *max_active, *is_paused),
    }
}

/// Whether seats are sold at all now, and to this person.
fn check_sale(show: &Show, subject: &Subject, pass: Option<u64>, now: Timestamp) -> Result<(), Refusal> {
    if let Some(on_sale_at) = show.plan().on_sale_at.filter(|&on_sale_at| now < on_sale_at) {
        return Err(Refusal::NotYetOnSale(on_sale_at));
    }
    show.room().map_or(Ok(()), |room| room.check_pass(subject, pass, now))
}

fn hold_seats(show: &Show, reservation: &ReservationId, subject: &Subject, wanted: &Wanted, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    if show.reservation(reservation).is_some() {
        return Err(Refusal::ReservationExists);
    }
    let by = if is_planted(Bug::ExpireEarly) { now + Duration::from_secs(2) } else { now };
    let seats = match wanted {
        Wanted::Seats(labels) => free_seats_of_labels(show, labels, by)?,
        Wanted::BestAvailable { count, section } => best_available(show, *count, section.as_deref(), by)?,
    };
    // A hold that has ended keeps nobody out, even when nothing has recorded its end yet.
    let mut events = expirations(&seats, show);
    events.push(Event::SeatsHeld {
        reservation: reservation.clone(),
        subject: subject.clone(),
        seats,
        expires_at: now + show.plan().hold_duration(),
    });
    Ok(events)
}

fn free_seats_of_labels(show: &Show, labels: &[String], now: Timestamp) -> Result<Vec<SeatIndex>, Refusal> {
    check_count(show, labels.len())?;
    let mut seen = HashSet::new();
    let twice: Vec<String> = labels.iter().filter(|label| !seen.insert(label.as_str())).cloned().collect();
    if !twice.is_empty() {
        return Err(Refusal::DuplicateSeats(twice));
    }
    let found: Vec<Option<SeatIndex>> = labels.iter().map(|label| show.chart().seat(label)).collect();
    let unknown: Vec<String> = labels.iter().zip(&found).filter(|(_, seat)| seat.is_none()).map(|(label, _)| label.clone()).collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownSeats(unknown));
    }
    let seats: Vec<SeatIndex> = found.into_iter().flatten().collect();
    let conflicts: Vec<Conflict> = seats.iter().filter_map(|&seat| conflict(show, seat, now)).collect();
    if conflicts.is_empty() { Ok(seats) } else { Err(Refusal::SeatsTaken(conflicts)) }
}

fn check_count(show: &Show, asked: usize) -> Result<(), Refusal> {
    let max = show.plan().max_seats_per_reservation;
    match asked {
        0 => Err(Refusal::NoSeats),
        _ if asked > max as usize => Err(Refusal::TooManySeats { asked, max }),
        _ => Ok(()),
    }
}

fn conflict(show: &Show, seat: SeatIndex, now: Timestamp) -> Option<Conflict> {
    let owner = show.owner(seat)?;
    if has_lapsed(owner, now) {
        return None;
    }
    Some(Conflict { seat: show.chart().label(seat), status: show.seat_status(seat) })
}

/// A hold runs up to, but not including, its end.
fn has_lapsed(reservation: &Reservation, now: Timestamp) -> bool {
    reservation.status == ReservationStatus::Pending && reservation.expires_at <= now
}

fn best_available(show: &Show, count: u32, section: Option<&str>, now: Timestamp) -> Result<Vec<SeatIndex>, Refusal> {
    check_count(show, count as usize)?;
    let section = match section {
        Some(name) => Some(show.chart().section(name).ok_or_else(|| Refusal::UnknownSection(name.into()))?),
        None => None,
    };
    let seats = if show.lapsed(now).next().is_none() {
        show.free().best(count, section)
    } else {
        // The copy is rare: timers free these seats moments after their hold ends.
        show.free_at(now).best(count, section)
    };
    seats.ok_or(Refusal::NoAdjacentSeats { count })
}

/// The ends of the lapsed holds that still own some of these seats; each is named once.
fn expirations(seats: &[SeatIndex], show: &Show) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for owner in seats.iter().filter_map(|&seat| show.owner(seat)) {
        let expired = Event::HoldExpired { reservation: owner.id.clone(), seats: owner.seats.to_vec() };
        if !events.contains(&expired) {
            events.push(expired);
        }
    }
    events
}

fn checkout(show: &Show, id: &ReservationId, subject: &Subject, payment_reference: &str, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let reservation = reservation_of(show, id, subject)?;
    match reservation.status {
        ReservationStatus::Reserved => Ok(vec![]),
        ReservationStatus::Released => Err(Refusal::HoldReleased),
        ReservationStatus::Expired => Err(Refusal::HoldExpired),
        ReservationStatus::Pending if has_lapsed(reservation, now) => Err(Refusal::HoldExpired),
        ReservationStatus::Pending => Ok(vec![Event::SeatsReserved {
            reservation: id.clone(),
            seats: reservation.seats.to_vec(),
            payment_reference: payment_reference.into(),
        }]),
    }
}

fn release_hold(show: &Show, id: &ReservationId, subject: &Subject, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let reservation = reservation_of(show, id, subject)?;
    match reservation.status {
        ReservationStatus::Released => Ok(vec![]),
        ReservationStatus::Reserved => Err(Refusal::AlreadyReserved),
        ReservationStatus::Expired => Err(Refusal::HoldExpired),
        ReservationStatus::Pending if has_lapsed(reservation, now) => Err(Refusal::HoldExpired),
        ReservationStatus::Pending => Ok(vec![Event::HoldReleased { reservation: id.clone(), seats: reservation.seats.to_vec() }]),
    }
}

/// Somebody else's reservation does not exist for the one who asks.
fn reservation_of<'a>(show: &'a Show, id: &ReservationId, subject: &Subject) -> Result<&'a Reservation, Refusal> {
    show.reservation(id).filter(|reservation| reservation.subject == *subject).ok_or(Refusal::UnknownReservation)
}

fn expire_hold(show: &Show, id: &ReservationId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let reservation = show.reservation(id).ok_or(Refusal::UnknownReservation)?;
    match reservation.status {
        // Timers may fire twice, or late: the hold is over either way.
        ReservationStatus::Reserved | ReservationStatus::Released | ReservationStatus::Expired => Ok(vec![]),
        ReservationStatus::Pending if has_lapsed(reservation, now) => {
            Ok(vec![Event::HoldExpired { reservation: id.clone(), seats: reservation.seats.to_vec() }])
        }
        ReservationStatus::Pending => Err(Refusal::HoldStillRuns { expires_at: reservation.expires_at }),
    }
}

impl SeatStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            SeatStatus::Available => "available",
            SeatStatus::Pending => "pending",
            SeatStatus::Reserved => "reserved",
        }
    }
}
