//! Bodies of the waiting room.

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::{MemberHash, Place, Room, ShowId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::Counts;
use crate::time::Instant;
use crate::{draw, hex};

/// A limit of shoppers at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitingRoomBody {
    /// People, not seats.
    #[schema(minimum = 1, maximum = 100_000, example = 500)]
    pub max_active: u32,
    /// Somebody who was let in and does not show himself for so long loses his turn.
    #[serde(default = "usual_take_up", skip_serializing_if = "is_usual_take_up")]
    #[schema(minimum = 1, maximum = 604800, default = 60)]
    pub take_up_seconds: u32,
    /// Somebody who holds nothing for so long loses his turn.
    #[serde(default = "usual_idle", skip_serializing_if = "is_usual_idle")]
    #[schema(minimum = 1, maximum = 604800, default = 300)]
    pub idle_seconds: u32,
    /// So long after he was let in, a turn is over in any case.
    #[serde(default = "usual_session", skip_serializing_if = "is_usual_session")]
    #[schema(minimum = 1, maximum = 604800, default = 1200)]
    pub session_seconds: u32,
}

fn usual_take_up() -> u32 {
    WaitingRoom::TAKE_UP_SECONDS
}

fn usual_idle() -> u32 {
    WaitingRoom::IDLE_SECONDS
}

fn usual_session() -> u32 {
    WaitingRoom::SESSION_SECONDS
}

fn is_usual_take_up(seconds: &u32) -> bool {
    *seconds == WaitingRoom::TAKE_UP_SECONDS
}

fn is_usual_idle(seconds: &u32) -> bool {
    *seconds == WaitingRoom::IDLE_SECONDS
}

fn is_usual_session(seconds: &u32) -> bool {
    *seconds == WaitingRoom::SESSION_SECONDS
}

impl From<WaitingRoom> for WaitingRoomBody {
    fn from(room: WaitingRoom) -> Self {
        let WaitingRoom { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256: _ } = room;
        Self { max_active, take_up_seconds, idle_seconds, session_seconds }
    }
}

impl From<WaitingRoomBody> for WaitingRoom {
    /// A room that has published no seed yet.
    fn from(body: WaitingRoomBody) -> Self {
        let WaitingRoomBody { max_active, take_up_seconds, idle_seconds, session_seconds } = body;
        Self { max_active, take_up_seconds, idle_seconds, session_seconds, seed_sha256: None }
    }
}

/// The body of `PUT /events/{event_id}/waiting-room`. What is absent stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRoomBody {
    /// How many may shop at a time from now on. Nobody is sent out: a lower limit is reached as people leave.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    pub max_active: Option<u32>,
    /// Whether nobody is let in for the moment. Whoever is in stays in.
    #[serde(default)]
    pub is_paused: Option<bool>,
}

/// Where somebody stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct QueueBody {
    /// Send it as `Queue-Ticket`, or as `ticket` of the stream. Not in the stream's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Your number. Null before the order is drawn.
    pub number: Option<u64>,
    /// The highest number that was let in so far.
    pub serving: u64,
    /// How many people are before you at most; some may have gone away. Null before the order is drawn.
    pub ahead: Option<u64>,
    /// How long you will wait, from how fast the line moves. Null while nobody can know.
    pub estimated_wait_seconds: Option<u64>,
    /// In nine cases of ten the wait is within these.
    pub estimated_wait_range: Option<WaitRangeBody>,
    /// `waiting`; `admitted`: there is a `pass`; `sold_out`; `over`: the turn has ended, join again for a new number.
    #[schema(example = "waiting")]
    pub state: String,
    /// Send it as `Queue-Pass` with `POST /reserve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    /// When the turn ends at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pass_expires_at: Option<Instant>,
    /// How many seats nobody has.
    pub seats_left: u32,
    /// Whether nobody is let in for the moment.
    pub is_paused: bool,
    /// When the sale opens and the order is drawn; only before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub draws_at: Option<Instant>,
}

/// A range of waiting times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitRangeBody {
    /// Seconds.
    pub low: u64,
    /// Seconds.
    pub high: u64,
}

impl QueueBody {
    /// What is to be told to somebody who stands there, but for his ticket and his pass.
    pub fn new(room: &Room, place: &Place, seats_left: u32) -> Self {
        let mut body = Self {
            ticket: None,
            number: None,
            serving: room.serving(),
            ahead: Some(0),
            estimated_wait_seconds: None,
            estimated_wait_range: None,
            state: "waiting".into(),
            pass: None,
            pass_expires_at: None,
            seats_left,
            is_paused: room.is_paused(),
            draws_at: room.draws_at().map(Instant),
        };
        match place {
            Place::BeforeDraw => body.ahead = None,
            Place::Waiting { number, ahead, estimate } => {
                body.number = Some(*number);
                body.ahead = Some(*ahead);
                // While no seat is free nobody is let in, and nobody knows for how long.
                let estimate = estimate.filter(|_| seats_left > 0);
                body.estimated_wait_seconds = estimate.and_then(|estimate| estimate.seconds);
                body.estimated_wait_range = estimate.map(|estimate| WaitRangeBody { low: estimate.low, high: estimate.high });
            }
            Place::Admitted(turn) => {
                body.number = Some(turn.number);
                body.state = "admitted".into();
                body.estimated_wait_seconds = Some(0);
                body.pass_expires_at = Some(Instant(turn.ends_at));
            }
            Place::Over { number } => {
                body.number = *number;
                body.state = "over".into();
            }
            Place::SoldOut { number } => {
                body.number = Some(*number);
                body.state = "sold_out".into();
            }
        }
        body
    }
}

/// What the map of a show says of its waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueSummaryBody {
    /// Whether whoever comes now has to wait. `POST /events/{event_id}/queue` joins the line.
    pub is_full: bool,
    /// The highest number that was let in so far.
    pub serving: u64,
    /// How many are shopping.
    pub active: u32,
    /// How many may at a time.
    pub max_active: u32,
    /// Whether nobody is let in for the moment.
    pub is_paused: bool,
    /// `before_sale`, `open` or `sold_out`.
    #[schema(example = "open")]
    pub state: String,
}

impl QueueSummaryBody {
    /// The waiting room at an instant.
    pub fn new(room: &Room, counts: Counts, now: Timestamp) -> Self {
        let state = match () {
            () if room.is_closed() || counts.available == 0 && counts.pending == 0 => "sold_out",
            () if room.is_open() => "open",
            () => "before_sale",
        };
        Self {
            is_full: counts.available == 0 || room.slots_at(now) == 0,
            serving: room.serving(),
            active: room.active(now),
            max_active: room.rules().max_active,
            is_paused: room.is_paused(),
            state: state.into(),
        }
    }
}

/// The waiting room of a show.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RoomBody {
    /// Whose it is.
    pub event_id: String,
    /// The position that this is true at.
    pub position: u64,
    /// What the map of the show says of it too.
    #[serde(flatten)]
    pub summary: QueueSummaryBody,
    /// How many people were let in, ever.
    pub admitted: u64,
    /// How many seats nobody has.
    pub seats_left: u32,
    /// SHA-256 of the seed that the order is drawn with, in 64 digits. Null for a show that is on sale from the beginning.
    pub seed_sha256: Option<String>,
    /// When the sale opens and the order is drawn; only before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub draws_at: Option<Instant>,
}

impl RoomBody {
    /// The room of a show at a position and an instant.
    pub fn new(show: &ShowId, room: &Room, position: u64, counts: Counts, now: Timestamp) -> Self {
        Self {
            event_id: show.to_string(),
            position,
            summary: QueueSummaryBody::new(room, counts, now),
            admitted: room.admitted(),
            seats_left: counts.available,
            seed_sha256: room.rules().seed_sha256.map(|digest| hex::encode(&digest)),
            draws_at: room.draws_at().map(Instant),
        }
    }
}

/// A drawn order, with all that is needed to check it: see [`crate::draw`] for how.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawBody {
    /// The show.
    pub event_id: String,
    /// Published when the show was scheduled.
    pub seed_sha256: String,
    /// 64 digits.
    pub seed: String,
    /// How many people were in it.
    pub members: u64,
    /// SHA-256 over all members, ascending.
    pub members_sha256: String,
    /// A hash of each person, 32 digits, in the order in which they were served.
    pub order: Vec<String>,
}

impl DrawBody {
    /// A drawn order, with the seed and what was published of it. For a long one this takes a while.
    pub fn new(show: &ShowId, published: &[u8; 32], seed: &[u8; 32], drawn: &[MemberHash]) -> Self {
        Self {
            event_id: show.to_string(),
            seed_sha256: hex::encode(published),
            seed: hex::encode(seed),
            members: drawn.len() as u64,
            members_sha256: hex::encode(&draw::members_sha256(drawn)),
            order: drawn.iter().map(|member| hex::encode(member)).collect(),
        }
    }

    /// Checks the draw against the digest that was published.
    pub fn verify(&self) -> Result<(), String> {
        let published = hex::decode(&self.seed_sha256).ok_or("`seed_sha256` is not 64 digits")?;
        let seed = hex::decode(&self.seed).ok_or("`seed` is not 64 digits")?;
        let place = |(at, text): (usize, &String)| hex::decode(text).ok_or_else(|| format!("place {} of `order` is not 32 digits", at + 1));
        let order = self.order.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>()?;
        if self.members != order.len() as u64 || self.members_sha256 != hex::encode(&draw::members_sha256(&order)) {
            return Err("`members` or `members_sha256` is not that of `order`".into());
        }
        draw::verify(&published, &seed, &order).map_err(|unfair| unfair.to_string())
    }
}
