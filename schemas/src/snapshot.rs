//! The stored bytes of a show's snapshot.
//!
//! A version, a checksum of all that follows, then the members in [postcard's format](https://postcard.jamesmunns.com/wire-format):
//! numbers take as many bytes as they need, and nothing is named. A hall that was sold over and over has hundreds of thousands of
//! reservations, and whoever reads them is waited for.
//!
//! A snapshot can be thrown away, so there is no upcasting: one of another version is not read. What is written has a frozen sample
//! in `samples/` all the same, so that it can't change without a new version.

use fullhouse_domain::{MemberHash, Reservation, ReservationId, ReservationStatus, RoomSnapshot, ShowSnapshot, Subject, Timestamp, Turn};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version that is written and read. Raise it with every change to these bytes, **and to what the domain folds facts to**: a
/// snapshot of an earlier fold must not be gone on from.
pub const VERSION: u16 = 1;

const VERSION_BYTES: usize = size_of::<u16>();
const CHECKSUM_BYTES: usize = 32;
const HEADER_BYTES: usize = VERSION_BYTES + CHECKSUM_BYTES;
/// No reservation takes fewer bytes, so there can't be more of them than this allows.
const RESERVATION_BYTES_MIN: usize = 8;

/// Why bytes are no snapshot.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSnapshot {
    /// Another release wrote them.
    #[error("it is of version {0}, and this release reads version {VERSION}")]
    OtherVersion(u16),
    /// They are cut off, or were changed.
    #[error("its checksum differs")]
    Checksum,
    /// They are as somebody wrote them, and say nothing that can be.
    #[error("it is not written as snapshots are")]
    Malformed,
}

#[derive(Serialize, Deserialize)]
struct StoredShow {
    position: u64,
    recorded_at: i64,
    /// So many reservations follow, then the room.
    reservations: u32,
}

#[derive(Serialize, Deserialize)]
struct StoredReservation<'a> {
    id: &'a str,
    subject: &'a str,
    seats: Vec<u32>,
    status: StoredStatus,
    expires_at: i64,
    changed_at: i64,
    position: u64,
    payment_reference: Option<&'a str>,
}

/// Their order is what is stored.
#[derive(Serialize, Deserialize)]
enum StoredStatus {
    Pending,
    Reserved,
    Released,
    Expired,
}

#[derive(Serialize, Deserialize)]
struct StoredRoom<'a> {
    max_active: u32,
    is_paused: bool,
    is_open: bool,
    is_closed: bool,
    serving: u64,
    used: Vec<u64>,
    #[serde(borrow)]
    turns: Vec<StoredTurn<'a>>,
    drawn: Vec<MemberHash>,
    seed: Option<[u8; 32]>,
    last_entry: u64,
    outcomes: u64,
    outcomes_known: u32,
    admitted: u64,
    ended: u64,
    marks: Vec<(i64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredTurn<'a> {
    subject: &'a str,
    number: u64,
    admitted_at: i64,
    is_taken_up: bool,
    ends_at: i64,
    active_at: i64,
}

/// The bytes of a snapshot.
pub fn encode(snapshot: &ShowSnapshot) -> Vec<u8> {
    let ShowSnapshot { position, recorded_at, reservations, room } = snapshot;
    let count = reservations.len().try_into().expect("reservations are numbered with 32 bits");
    let mut bytes = vec![0; HEADER_BYTES];
    bytes = append(bytes, &StoredShow { position: *position, recorded_at: recorded_at.as_micros(), reservations: count });
    for reservation in reservations {
        bytes = append(bytes, &StoredReservation::of(reservation));
    }
    bytes = append(bytes, &room.as_ref().map(StoredRoom::of));
    let checksum = Sha256::digest(&bytes[HEADER_BYTES..]);
    bytes[..VERSION_BYTES].copy_from_slice(&VERSION.to_le_bytes());
    bytes[VERSION_BYTES..HEADER_BYTES].copy_from_slice(&checksum);
    bytes
}

fn append(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("memory takes whatever is written")
}

/// What bytes say. Whether that can be is for the domain to find out.
pub fn decode(bytes: &[u8]) -> Result<ShowSnapshot, UnreadableSnapshot> {
    let (version, rest) = bytes.split_first_chunk::<VERSION_BYTES>().ok_or(UnreadableSnapshot::Checksum)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION {
        return Err(UnreadableSnapshot::OtherVersion(version));
    }
    let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or(UnreadableSnapshot::Checksum)?;
    if Sha256::digest(rest).as_slice() != checksum {
        return Err(UnreadableSnapshot::Checksum);
    }
    decode_members(rest).ok_or(UnreadableSnapshot::Malformed)
}

fn decode_members(bytes: &[u8]) -> Option<ShowSnapshot> {
    let (StoredShow { position, recorded_at, reservations: count }, mut rest) = postcard::take_from_bytes(bytes).ok()?;
    let mut reservations = Vec::with_capacity((count as usize).min(rest.len() / RESERVATION_BYTES_MIN));
    for _ in 0..count {
        let (stored, after) = postcard::take_from_bytes::<StoredReservation<'_>>(rest).ok()?;
        reservations.push(stored.into_reservation()?);
        rest = after;
    }
    let (room, rest) = postcard::take_from_bytes::<Option<StoredRoom<'_>>>(rest).ok()?;
    let room = match room {
        Some(stored) => Some(stored.into_room()?),
        None => None,
    };
    let recorded_at = Timestamp::from_micros(recorded_at);
    rest.is_empty().then_some(ShowSnapshot { position, recorded_at, reservations, room })
}

impl<'a> StoredReservation<'a> {
    fn of(reservation: &'a Reservation) -> Self {
        let Reservation { id, subject, seats, status, expires_at, changed_at, position, payment_reference } = reservation;
        Self {
            id: id.as_str(),
            subject: subject.as_str(),
            seats: seats.to_vec(),
            status: StoredStatus::of(*status),
            expires_at: expires_at.as_micros(),
            changed_at: changed_at.as_micros(),
            position: *position,
            payment_reference: payment_reference.as_deref(),
        }
    }

    fn into_reservation(self) -> Option<Reservation> {
        Some(Reservation {
            id: ReservationId::parse(self.id)?,
            subject: Subject::parse(self.subject)?,
            seats: self.seats.into(),
            status: self.status.into_status(),
            expires_at: Timestamp::from_micros(self.expires_at),
            changed_at: Timestamp::from_micros(self.changed_at),
            position: self.position,
            payment_reference: self.payment_reference.map(Into::into),
        })
    }
}

impl StoredStatus {
    fn of(status: ReservationStatus) -> Self {
        match status {
            ReservationStatus::Pending => Self::Pending,
            ReservationStatus::Reserved => Self::Reserved,
            ReservationStatus::Released => Self::Released,
            ReservationStatus::Expired => Self::Expired,
        }
    }

    fn into_status(self) -> ReservationStatus {
        match self {
            Self::Pending => ReservationStatus::Pending,
            Self::Reserved => ReservationStatus::Reserved,
            Self::Released => ReservationStatus::Released,
            Self::Expired => ReservationStatus::Expired,
        }
    }
}

impl<'a> StoredRoom<'a> {
    fn of(room: &'a RoomSnapshot) -> Self {
        Self {
            max_active: room.max_active,
            is_paused: room.is_paused,
            is_open: room.is_open,
            is_closed: room.is_closed,
            serving: room.serving,
            used: room.used.clone(),
            turns: room.turns.iter().map(StoredTurn::of).collect(),
            drawn: room.drawn.clone(),
            seed: room.seed,
            last_entry: room.last_entry,
            outcomes: room.outcomes,
            outcomes_known: room.outcomes_known,
            admitted: room.admitted,
            ended: room.ended,
            marks: room.marks.iter().map(|(at, ended)| (at.as_micros(), *ended)).collect(),
        }
    }

    fn into_room(self) -> Option<RoomSnapshot> {
        Some(RoomSnapshot {
            max_active: self.max_active,
            is_paused: self.is_paused,
            is_open: self.is_open,
            is_closed: self.is_closed,
            serving: self.serving,
            used: self.used,
            turns: self.turns.into_iter().map(StoredTurn::into_turn).collect::<Option<_>>()?,
            drawn: self.drawn,
            seed: self.seed,
            last_entry: self.last_entry,
            outcomes: self.outcomes,
            outcomes_known: self.outcomes_known,
            admitted: self.admitted,
            ended: self.ended,
            marks: self.marks.into_iter().map(|(at, ended)| (Timestamp::from_micros(at), ended)).collect(),
        })
    }
}

impl<'a> StoredTurn<'a> {
    fn of(turn: &'a Turn) -> Self {
        let Turn { subject, number, admitted_at, is_taken_up, ends_at, active_at } = turn;
        Self {
            subject: subject.as_str(),
            number: *number,
            admitted_at: admitted_at.as_micros(),
            is_taken_up: *is_taken_up,
            ends_at: ends_at.as_micros(),
            active_at: active_at.as_micros(),
        }
    }

    fn into_turn(self) -> Option<Turn> {
        Some(Turn {
            subject: Subject::parse(self.subject)?,
            number: self.number,
            admitted_at: Timestamp::from_micros(self.admitted_at),
            is_taken_up: self.is_taken_up,
            ends_at: Timestamp::from_micros(self.ends_at),
            active_at: Timestamp::from_micros(self.active_at),
        })
    }
}
