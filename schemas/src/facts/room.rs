//! Facts about a waiting room.

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::{Candidate, MemberHash, RoomEvent, Subject, TurnEnd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{from_json, to_json};
use crate::fact::FactKind;
use crate::hex;

/// See [`WaitingRoom`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct WaitingRoomData {
    pub max_active: u32,
    pub take_up_seconds: u32,
    pub idle_seconds: u32,
    pub session_seconds: u32,
    /// 64 digits.
    pub seed_sha256: Option<String>,
}

/// `room_changed`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct RoomChanged {
    pub max_active: u32,
    pub is_paused: bool,
}

/// `line_drawn`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineDrawn {
    /// See [`crate::draw::member_hash`]; 32 digits each, in the order in which they are served.
    pub members: Vec<String>,
}

/// `room_opened`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct RoomOpened {
    /// 64 digits.
    pub seed: Option<String>,
    pub last_entry: u64,
}

/// `room_moved`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct RoomMoved {
    pub admitted: Vec<AdmittedData>,
    pub taken_up: Vec<u64>,
    pub ended: Vec<TurnEndedData>,
}

/// Somebody who was let in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct AdmittedData {
    pub number: u64,
    pub subject: String,
}

/// A turn, or a place in the line, that is over.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct TurnEndedData {
    pub number: u64,
    /// `not_taken_up`, `idle`, `session_over` or `left`.
    pub reason: String,
}

/// `room_closed`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomClosed {}

const TURN_ENDS: [(TurnEnd, &str); 4] =
    [(TurnEnd::NotTakenUp, "not_taken_up"), (TurnEnd::Idle, "idle"), (TurnEnd::SessionOver, "session_over"), (TurnEnd::Left, "left")];

pub(super) fn encode(event: &RoomEvent) -> (FactKind, String) {
    match event {
        RoomEvent::Changed { max_active, is_paused } => {
            (FactKind::RoomChanged, to_json(&RoomChanged { max_active: *max_active, is_paused: *is_paused }))
        }
        RoomEvent::LineDrawn { members } => {
            (FactKind::LineDrawn, to_json(&LineDrawn { members: members.iter().map(|member| hex::encode(member)).collect() }))
        }
        RoomEvent::Opened { seed, last_entry } => {
            (FactKind::RoomOpened, to_json(&RoomOpened { seed: seed.map(|seed| hex::encode(&seed)), last_entry: *last_entry }))
        }
        RoomEvent::Moved { admitted, taken_up, ended } => {
            let admitted = admitted.iter().map(|one| AdmittedData { number: one.number, subject: one.subject.to_string() }).collect();
            let ended = ended.iter().map(|&(number, why)| TurnEndedData { number, reason: word_of(why).into() }).collect();
            (FactKind::RoomMoved, to_json(&RoomMoved { admitted, taken_up: taken_up.clone(), ended }))
        }
        RoomEvent::Closed => (FactKind::RoomClosed, to_json(&RoomClosed {})),
    }
}

fn word_of(why: TurnEnd) -> &'static str {
    TURN_ENDS.iter().find(|(end, _)| *end == why).map_or("left", |(_, word)| word)
}

pub(super) fn decode(kind: FactKind, data: &str) -> Result<RoomEvent, String> {
    Ok(match kind {
        FactKind::RoomChanged => {
            let RoomChanged { max_active, is_paused } = from_json(data)?;
            RoomEvent::Changed { max_active, is_paused }
        }
        FactKind::LineDrawn => {
            let members = from_json::<LineDrawn>(data)?.members.iter().map(|text| member(text)).collect::<Result<_, _>>()?;
            RoomEvent::LineDrawn { members }
        }
        FactKind::RoomOpened => {
            let RoomOpened { seed, last_entry } = from_json(data)?;
            RoomEvent::Opened { seed: seed.as_deref().map(digest).transpose()?, last_entry }
        }
        FactKind::RoomMoved => {
            let RoomMoved { admitted, taken_up, ended } = from_json(data)?;
            let admitted = admitted.into_iter().map(AdmittedData::into_candidate).collect::<Result<_, _>>()?;
            let ended = ended.into_iter().map(TurnEndedData::into_end).collect::<Result<_, _>>()?;
            RoomEvent::Moved { admitted, taken_up, ended }
        }
        FactKind::RoomClosed => {
            let RoomClosed {} = from_json(data)?;
            RoomEvent::Closed
        }
        FactKind::ShowScheduled
        | FactKind::SeatsHeld
        | FactKind::SeatsReserved
        | FactKind::HoldReleased
        | FactKind::HoldExpired
        | FactKind::PersonForgotten => {
            return Err("it is not about a waiting room".into());
        }
    })
}

impl AdmittedData {
    fn into_candidate(self) -> Result<Candidate, String> {
        let subject = Subject::parse(&self.subject).ok_or_else(|| format!("`{}` is not a subject", self.subject))?;
        Ok(Candidate { number: self.number, subject })
    }
}

impl TurnEndedData {
    fn into_end(self) -> Result<(u64, TurnEnd), String> {
        let found = TURN_ENDS.iter().find(|(_, word)| *word == self.reason);
        found.map(|(end, _)| (self.number, *end)).ok_or_else(|| format!("`{}` is no reason for a turn to end", self.reason))
    }
}

impl From<WaitingRoom> for WaitingRoomData {
    fn from(room: WaitingRoom) -> Self {
        let WaitingRoom { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256 } = room;
        Self { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256: seed_sha256.map(|digest| hex::encode(&digest)) }
    }
}

impl WaitingRoomData {
    pub(super) fn into_room(self) -> Result<WaitingRoom, String> {
        let Self { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256 } = self;
        let seed_sha256 = seed_sha256.as_deref().map(digest).transpose()?;
        Ok(WaitingRoom { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256 })
    }
}

fn digest(text: &str) -> Result<[u8; 32], String> {
    hex::decode(text).ok_or_else(|| format!("`{text}` is not a SHA-256 in 64 digits"))
}

fn member(text: &str) -> Result<MemberHash, String> {
    hex::decode(text).ok_or_else(|| format!("`{text}` is not a hash in 32 digits"))
}
