//! The envelope of a stored fact.

use std::borrow::Cow;
use std::fmt;

use fullhouse_domain::{SeatIndex, ShowId, Subject, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::hex;
use crate::time::Instant;

/// What kind of fact, independent of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// See [`fullhouse_domain::Event::ShowScheduled`].
    ShowScheduled,
    /// See [`fullhouse_domain::Event::SeatsHeld`].
    SeatsHeld,
    /// See [`fullhouse_domain::Event::SeatsReserved`].
    SeatsReserved,
    /// See [`fullhouse_domain::Event::HoldReleased`].
    HoldReleased,
    /// See [`fullhouse_domain::Event::HoldExpired`].
    HoldExpired,
    /// See [`fullhouse_domain::RoomEvent::Changed`].
    RoomChanged,
    /// See [`fullhouse_domain::RoomEvent::LineDrawn`].
    LineDrawn,
    /// See [`fullhouse_domain::RoomEvent::Opened`].
    RoomOpened,
    /// See [`fullhouse_domain::RoomEvent::Moved`].
    RoomMoved,
    /// See [`fullhouse_domain::RoomEvent::Closed`].
    RoomClosed,
    /// See [`crate::facts::people`]. The only kind that is about no show.
    PersonForgotten,
}

impl FactKind {
    /// All of them.
    pub const ALL: [FactKind; 11] = [
        FactKind::ShowScheduled,
        FactKind::SeatsHeld,
        FactKind::SeatsReserved,
        FactKind::HoldReleased,
        FactKind::HoldExpired,
        FactKind::RoomChanged,
        FactKind::LineDrawn,
        FactKind::RoomOpened,
        FactKind::RoomMoved,
        FactKind::RoomClosed,
        FactKind::PersonForgotten,
    ];

    /// The name that is stored. It must never change.
    pub const fn as_str(self) -> &'static str {
        match self {
            FactKind::ShowScheduled => "show_scheduled",
            FactKind::SeatsHeld => "seats_held",
            FactKind::SeatsReserved => "seats_reserved",
            FactKind::HoldReleased => "hold_released",
            FactKind::HoldExpired => "hold_expired",
            FactKind::RoomChanged => "room_changed",
            FactKind::LineDrawn => "line_drawn",
            FactKind::RoomOpened => "room_opened",
            FactKind::RoomMoved => "room_moved",
            FactKind::RoomClosed => "room_closed",
            FactKind::PersonForgotten => "person_forgotten",
        }
    }

    /// The kind of this stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Names one command. Sent again with the same id, it gets the outcome of the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub [u8; 16]);

impl fmt::Display for CommandId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(hex::encode_into(&self.0, &mut [0; 32]))
    }
}

impl Serialize for CommandId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A fact that is to be appended: what is known before the log gives it its positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFact {
    /// What kind.
    pub kind: FactKind,
    /// The version of `data`.
    pub version: u16,
    /// A JSON object.
    pub data: String,
    /// The seats whose status it changes, or the waiting room ([`fullhouse_domain::ROOM`]); conflicts between commands are found by
    /// them.
    pub touches: Vec<SeatIndex>,
}

/// A fact as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFact {
    /// 1, 2, 3, … without a gap over the whole log.
    pub log_position: u64,
    /// Whose fact it is. For what is about no show it names another stream: [`crate::facts::people::register`].
    pub show: ShowId,
    /// 1, 2, 3, … without a gap within the show.
    pub position: u64,
    /// What kind. Kinds that this version does not know stop a reader: nothing is ever skipped.
    pub kind: FactKind,
    /// The version of `data`.
    pub version: u16,
    /// By the clock of the log.
    pub recorded_at: Timestamp,
    /// The command that caused it.
    pub command_id: CommandId,
    /// Who sent that command; nobody, when a timer did.
    pub subject: Option<Subject>,
    /// A JSON object.
    pub data: String,
    /// The seats whose status it changes.
    pub touches: Vec<SeatIndex>,
}

/// The fact as consumers and auditors see it, to be read back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine<'a> {
    log_position: u64,
    event_id: &'a str,
    position: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    version: u16,
    recorded_at: Instant,
    command_id: &'a str,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl StoredFact {
    /// Whether it is a part of a show's history. Folds of shows pass over everything else.
    pub fn is_of_a_show(&self) -> bool {
        self.kind != FactKind::PersonForgotten
    }

    /// Reads canonical bytes back, and nothing else than those. What the fact touches is not in them, and stays empty.
    pub fn from_canonical(line: &str) -> Result<Self, String> {
        let read: ReadLine<'_> = serde_json::from_str(line).map_err(|error| format!("it is not a fact: {error}"))?;
        let is_not = |what: &str, text: &str| format!("`{text}` is not {what}");
        let subject = match read.subject {
            Some(text) => Some(Subject::parse(&text).ok_or_else(|| is_not("a subject", &text))?),
            None => None,
        };
        let fact = Self {
            log_position: read.log_position,
            show: ShowId::parse(read.event_id).ok_or_else(|| is_not("a show id", read.event_id))?,
            position: read.position,
            kind: FactKind::parse(read.kind).ok_or_else(|| is_not("a kind of fact that this release knows", read.kind))?,
            version: read.version,
            recorded_at: read.recorded_at.0,
            command_id: CommandId(hex::decode(read.command_id).ok_or_else(|| is_not("a command's id", read.command_id))?),
            subject,
            data: read.data.get().to_owned(),
            touches: Vec::new(),
        };
        if fact.canonical_bytes() == line.as_bytes() { Ok(fact) } else { Err("it is not written as facts are written".into()) }
    }

    /// The canonical bytes: one JSON object without spaces, as in the history and in exports. The order of the members is a part of
    /// them. They are written here by hand, because every fact is hashed by them whenever it is read.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        const ENVELOPE: usize = 256;
        let Self { log_position, show, position, kind, version, recorded_at, command_id, subject, data, .. } = self;
        let mut bytes = Vec::with_capacity(ENVELOPE + 2 * show.as_str().len() + data.len());
        let mut number = itoa::Buffer::new();
        bytes.extend_from_slice(br#"{"log_position":"#);
        bytes.extend_from_slice(number.format(*log_position).as_bytes());
        bytes.extend_from_slice(br#","event_id":""#);
        bytes.extend_from_slice(show.as_str().as_bytes());
        bytes.extend_from_slice(br#"","position":"#);
        bytes.extend_from_slice(number.format(*position).as_bytes());
        bytes.extend_from_slice(br#","type":""#);
        bytes.extend_from_slice(kind.as_str().as_bytes());
        bytes.extend_from_slice(br#"","version":"#);
        bytes.extend_from_slice(number.format(*version).as_bytes());
        bytes.extend_from_slice(br#","recorded_at":""#);
        Instant(*recorded_at).write(&mut bytes);
        bytes.extend_from_slice(br#"","command_id":""#);
        bytes.extend_from_slice(hex::encode_into(&command_id.0, &mut [0; 32]).as_bytes());
        bytes.extend_from_slice(br#"","subject":"#);
        let subject = subject.as_ref().map(Subject::as_str);
        serde_json::to_writer(&mut bytes, &subject).expect("memory takes whatever is written");
        bytes.extend_from_slice(br#","data":"#);
        bytes.extend_from_slice(data.as_bytes());
        bytes.push(b'}');
        bytes
    }

    /// SHA-256 over everything that the log keeps of the fact: the canonical bytes, then the touched seats. It is stored beside the fact, so that a fact that was changed in place is noticed by whoever reads it.
    pub fn row_hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.canonical_bytes()).chain_update(self.touches_bytes()).finalize().into()
    }

    /// The stored form of the touched seats: 4 bytes each, little endian.
    pub fn touches_bytes(&self) -> Vec<u8> {
        self.touches.iter().flat_map(|seat| seat.to_le_bytes()).collect()
    }
}
